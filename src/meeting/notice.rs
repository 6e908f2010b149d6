//! The notice by which Jitsi's clients tell people that they are recorded (docs/jitsi.md 13.1). It follows the recording: it
//! stands once focus says that one is on, and not without one, whoever has set it. People's own clients set the same field,
//! a moment before a recording begins or ends; that is waited for, and never fought.

use std::time::Duration;

use super::context::Ctx;
use super::io::Action;
use crate::config::Notice;
use crate::time::Time;

/// A person's client sets it with his request: a recording that it is about is on by then, or will not be. And so long, with
/// `once`, it stays while a recording is begun anew.
const COMES_BY: Duration = Duration::from_secs(120);
/// A person's client takes it back with his request to stop: by then focus says so.
const GOES_BY: Duration = Duration::from_secs(10);
/// What we ask for is shown at once; if it is not, we ask again.
const ASK_AGAIN: Duration = Duration::from_secs(10);

/// What the recording is like.
#[derive(Debug, Clone, Copy)]
pub(super) struct Recorded {
    /// It is on.
    pub(super) is_on: bool,
    /// And focus says so, so that clients speak at once.
    pub(super) is_told: bool,
    /// It is not on, and being begun anew.
    pub(super) is_missing: bool,
}

/// What is known of it.
#[derive(Debug, Default)]
pub(super) struct Notices {
    /// Whether it stands; none if that is not known.
    stands: Option<bool>,
    /// A recording was on while it stood, or it is ours.
    was_true: bool,
    /// We have asked for it, and it has not shown since.
    is_asked_for: bool,
    /// It was taken back before our eyes.
    is_taken_back: bool,
    /// Since when it stands without a recording, or does not stand with one although it did.
    differs_since: Option<Time>,
    /// When we may ask again.
    asked_until: Option<Time>,
}

impl Notices {
    /// The room shows it, or not.
    pub(super) fn shows(&mut self, stands: bool) {
        let before = self.stands.replace(stands);
        if before != Some(stands) {
            // The recording may have ended before our own order shows; what came of it is ours all the same.
            self.was_true |= stands && std::mem::take(&mut self.is_asked_for);
            (self.asked_until, self.differs_since) = (None, None);
            self.is_taken_back = before == Some(true);
        }
    }

    /// The room is not seen now; whether people were told rightly before is remembered.
    pub(super) fn is_not_seen(&mut self) {
        *self = Self { was_true: self.was_true, ..Self::default() };
    }

    /// The room is gone, and whatever was shown in it.
    pub(super) fn is_gone(&mut self) {
        *self = Self::default();
    }

    /// A recording was on when this program ended.
    pub(super) fn remember(&mut self) {
        self.was_true = true;
    }

    /// Sets it, or takes it back, if that is due.
    pub(super) fn follow(&mut self, how: Notice, recorded: Recorded, ctx: &mut Ctx<'_>) {
        let Some(stands) = self.stands.filter(|_| how != Notice::Off && !ctx.dry_run) else { return };
        if stands == recorded.is_on {
            self.was_true = stands;
            self.is_taken_back = false;
            self.differs_since = None;
            return;
        }
        let since = *self.differs_since.get_or_insert(ctx.now);
        let is_due = if recorded.is_on {
            let patience = if self.is_taken_back { GOES_BY } else { Duration::ZERO };
            recorded.is_told && ctx.is_past(since.after(patience))
        } else {
            let is_kept = !self.was_true || how == Notice::Once && recorded.is_missing;
            ctx.is_past(since.after(if is_kept { COMES_BY } else { Duration::ZERO }))
        };
        if is_due && self.asked_until.is_none_or(|until| ctx.is_past(until)) {
            self.asked_until = Some(ctx.now.after(ASK_AGAIN));
            self.is_asked_for = recorded.is_on;
            ctx.wake(ctx.now.after(ASK_AGAIN));
            ctx.act(Action::Notice { room: ctx.room.clone(), recording: recorded.is_on });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use rand::SeedableRng as _;
    use rand::rngs::SmallRng;

    use super::*;
    use crate::address::{Nick, RoomJid};
    use crate::meeting::event::Effect;
    use crate::meeting::queue::Chance;

    const ON: Recorded = Recorded { is_on: true, is_told: true, is_missing: false };
    const OFF: Recorded = Recorded { is_on: false, is_told: false, is_missing: false };
    const MISSING: Recorded = Recorded { is_missing: true, ..OFF };

    /// What is asked for at this second.
    fn asked(notices: &mut Notices, how: Notice, recorded: Recorded, second: u64) -> Option<bool> {
        let (room, nickname) = (RoomJid::new("r1@muc.meet.jitsi").unwrap(), Nick::new("autostart").unwrap());
        let (mut rng, mut next_id, mut effects) = (SmallRng::seed_from_u64(1), 0, Vec::new());
        let mut ctx = Ctx {
            now: Time::new(Duration::from_secs(second)),
            is_unsettled: false,
            alarm: Cell::new(None),
            chance: Chance { is_there: true, change: None },
            room: &room,
            nickname: &nickname,
            dry_run: false,
            rng: &mut rng,
            next_id: &mut next_id,
            effects: &mut effects,
        };
        notices.follow(how, recorded, &mut ctx);
        effects.pop().map(|effect| match effect {
            Effect::Do(Action::Notice { recording, .. }) => recording,
            other => panic!("{other:?}"),
        })
    }

    fn seen(stands: bool) -> Notices {
        let mut notices = Notices::default();
        notices.shows(stands);
        notices
    }

    #[test]
    fn it_follows_the_recording() {
        let mut notices = seen(false);
        assert_eq!(asked(&mut notices, Notice::Every, OFF, 0), None);
        let unheard = Recorded { is_told: false, ..ON };
        assert_eq!(asked(&mut notices, Notice::Every, unheard, 1), None, "clients would say nothing yet");
        assert_eq!(asked(&mut notices, Notice::Every, ON, 2), Some(true));
        assert_eq!(asked(&mut notices, Notice::Every, ON, 3), None, "asked already");
        assert_eq!(asked(&mut notices, Notice::Every, ON, 12), Some(true), "asked in vain");
        notices.shows(true);
        assert_eq!(asked(&mut notices, Notice::Every, ON, 13), None);
        assert_eq!(asked(&mut notices, Notice::Every, MISSING, 14), Some(false), "a restart is heard");
    }

    #[test]
    fn what_shows_only_after_the_recording_has_ended_is_ours() {
        for off_comes_first in [false, true] {
            let mut notices = seen(false);
            assert_eq!(asked(&mut notices, Notice::Every, ON, 0), Some(true));
            if off_comes_first {
                assert_eq!(asked(&mut notices, Notice::Every, OFF, 0), None);
            }
            notices.shows(true);
            assert_eq!(asked(&mut notices, Notice::Every, OFF, 1), Some(false), "{off_comes_first}");
            notices.shows(false);
            assert_eq!(asked(&mut notices, Notice::Every, OFF, 2), None);
            notices.shows(true);
            assert_eq!(asked(&mut notices, Notice::Every, OFF, 3), None, "a person's");
        }
    }

    #[test]
    fn once_stays_while_a_recording_is_begun_anew() {
        let mut notices = seen(true);
        assert_eq!(asked(&mut notices, Notice::Once, ON, 0), None);
        assert_eq!(asked(&mut notices, Notice::Once, MISSING, 1), None);
        assert_eq!(asked(&mut notices, Notice::Once, ON, 9), None);
        assert_eq!(asked(&mut notices, Notice::Once, MISSING, 10), None);
        assert_eq!(asked(&mut notices, Notice::Once, MISSING, 130), Some(false), "nothing comes");
        let mut notices = seen(true);
        asked(&mut notices, Notice::Once, ON, 0);
        assert_eq!(asked(&mut notices, Notice::Once, OFF, 1), Some(false), "it was stopped");
    }

    #[test]
    fn people_who_start_or_stop_are_not_fought() {
        let mut notices = seen(true);
        assert_eq!(asked(&mut notices, Notice::Every, OFF, 0), None, "he has asked for one");
        assert_eq!(asked(&mut notices, Notice::Every, OFF, 119), None);
        assert_eq!(asked(&mut notices, Notice::Every, OFF, 120), Some(false), "it has not come");
        let mut notices = seen(true);
        asked(&mut notices, Notice::Every, ON, 0);
        notices.shows(false);
        assert_eq!(asked(&mut notices, Notice::Every, ON, 1), None, "he has asked for its end");
        assert_eq!(asked(&mut notices, Notice::Every, ON, 11), Some(true), "it goes on");
    }

    #[test]
    fn what_was_left_behind_is_taken_back_at_once() {
        let mut notices = Notices::default();
        notices.remember();
        notices.is_not_seen();
        notices.shows(true);
        assert_eq!(asked(&mut notices, Notice::Every, OFF, 0), Some(false), "it ended while we were away");
        notices.is_gone();
        notices.shows(true);
        assert_eq!(asked(&mut notices, Notice::Every, OFF, 1), None, "another meeting's");
    }

    #[test]
    fn where_people_are_told_otherwise_it_is_left_alone() {
        for recorded in [ON, OFF] {
            assert_eq!(asked(&mut seen(!recorded.is_on), Notice::Off, recorded, 500), None);
            assert_eq!(asked(&mut Notices::default(), Notice::Every, recorded, 500), None, "not seen");
        }
    }
}
