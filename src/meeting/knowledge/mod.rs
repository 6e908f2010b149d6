//! What is known of the meeting in one room. Inputs change it and nothing else does. What is not known is a reason to look,
//! never a guess.
//!
//! [`meeting`] says which meeting it is, [`picture`] who is there now, [`recorders`] which of Jibri's accounts stand for a
//! recording. Focus's word, and whose stop it tells of, is here.

mod meeting;
mod picture;
mod recorders;

pub(super) use meeting::{Company, Gap, Meeting, Told};
pub(super) use picture::Picture;
pub(super) use recorders::{Outlook, Recorders, SHOWS_WITHIN};

use std::collections::VecDeque;

use super::identity::Who;
use super::io::{AttemptId, ConferenceId, RecordingStatus, SessionId};
use super::roster::Roster;
use crate::address::Nick;
use crate::config::Mode;
use crate::jibri::RecordedBy;
use crate::time::Time;

/// So many stops of ours are known besides the last one: of more than one session focus does not tell.
const MOST_STOPS: usize = 3;

/// What is known of one meeting.
#[derive(Debug, Default)]
pub(super) struct Knowledge {
    /// Which one it is.
    pub(super) meeting: Meeting,
    /// Jibri's accounts in the room.
    pub(super) recorders: Recorders,
    /// What focus's presence says; none when focus is not there, has said nothing, or is not heard.
    jicofo_status: Option<RecordingStatus>,
    /// The word that has been taken in; focus repeats it in every presence.
    taken_in: Option<RecordingStatus>,
    /// The last session that was known, and one whose stop binds nobody who is there.
    last_session: Option<SessionId>,
    void: Option<SessionId>,
    /// Stops of ours, as focus will tell of them.
    our_stops: VecDeque<OurStop>,
    /// When the Jibri of this recording has stopped, maybe because the meeting is over, and whether it is gone.
    pub(super) jibri_stopped: Option<(Time, bool)>,
    /// What is known of the Jibri whose recorder is there.
    pub(super) recorded_by: RecordedBy,
}

#[derive(Debug)]
struct OurStop {
    initiator: Nick,
    /// What its sender was called right after: he may have changed his nickname before it arrived.
    renamed: Option<Nick>,
    /// Which session it has ended is for focus to say: the one that was meant may have been replaced unseen.
    session: Option<SessionId>,
    meant: Option<SessionId>,
    /// Focus has not answered it: it may end whatever is on by then.
    awaited: Option<AttemptId>,
    /// It stands for one before it as well, which went the same way and was not answered.
    repeats: bool,
    /// Something else is on since: what it has ended was before that.
    is_past: bool,
    /// Of that only an account of Jibri's was seen, from outside.
    may_be_last: bool,
    /// Whoever has that nickname was there since then, and may have stopped that as well.
    was_there: bool,
}

impl Knowledge {
    /// `has_past`: the meeting may have begun before we could see it.
    pub(super) fn new(has_past: bool) -> Self {
        Self { meeting: Meeting::new(has_past), ..Self::default() }
    }

    /// The room is gone, and with it what was known of the meeting. It may be said so wrongly: the room goes on then, and
    /// focus goes on telling of our stop.
    pub(super) fn meeting_over(&mut self) {
        let recorders = std::mem::take(&mut self.recorders);
        *self = Self { recorders, our_stops: std::mem::take(&mut self.our_stops), ..Self::new(false) };
    }

    /// Focus's presence says this, and of this conference.
    pub(super) fn focus_says(&mut self, status: Option<RecordingStatus>, conference: Option<ConferenceId>) {
        self.jicofo_status = status;
        self.meeting.is_conference(conference);
    }

    /// Focus is not heard any more.
    pub(super) fn focus_is_not_heard(&mut self) {
        self.jicofo_status = None;
        self.meeting.is_conference(None);
    }

    /// Focus is not there: what it said is gone with its conference. `is_seen_inside`: where it would have been heard.
    pub(super) fn focus_is_gone(&mut self, is_seen_inside: bool) {
        self.taken_in = None;
        if is_seen_inside {
            self.meeting.has_nothing_to_tell();
        }
    }

    /// What focus says.
    pub(super) fn jicofo_status(&self) -> Option<&RecordingStatus> {
        self.jicofo_status.as_ref()
    }

    /// What focus says, if it has not been taken in.
    pub(super) fn news(&self) -> Option<&RecordingStatus> {
        self.jicofo_status.as_ref().filter(|status| self.taken_in.as_ref() != Some(status))
    }

    /// What focus says is known from now on.
    pub(super) fn take_in(&mut self) {
        if let Some(status) = &self.jicofo_status {
            let is_before = self.is_before_what_is_on(status);
            let is_named = |ours: &OurStop| ours.session.is_some() && ours.session == status.session;
            let is_certain = |ours: &OurStop| !ours.is_past || is_named(ours) || self.is_of_another(status);
            // Focus gets them in their order.
            let found =
                self.our_stops.iter().rposition(|ours| ours.is(status, is_before) && is_certain(ours));
            if let Some(ours) = found.and_then(|at| self.our_stops.get_mut(at)) {
                ours.session.clone_from(&status.session);
            }
            self.taken_in = Some(status.clone());
        }
    }

    /// The word that has been taken in.
    pub(super) fn last_status(&self) -> Option<&RecordingStatus> {
        self.taken_in.as_ref()
    }

    /// Focus says what it said before, so it is the same conference.
    pub(super) fn is_told_still(&self) -> bool {
        self.jicofo_status.is_some() && self.jicofo_status == self.taken_in
    }

    /// What focus says, if it says that our kind of recording is on.
    pub(super) fn told_on(&self, mode: Mode) -> Option<&RecordingStatus> {
        self.jicofo_status.as_ref().filter(|status| status.on && status.mode.is_none_or(|told| told == mode))
    }

    /// What focus says to be on instead: it takes one session a meeting (docs/jitsi.md 2).
    pub(super) fn told_instead(&self, mode: Mode) -> Option<Mode> {
        self.jicofo_status.as_ref().filter(|status| status.on)?.mode.filter(|told| *told != mode)
    }

    /// A recorder is in the room that stands for a recording.
    pub(super) fn is_recorded(&self) -> bool {
        self.recorders.records()
    }

    /// From when it can be found out from inside what an account of Jibri's stands for.
    pub(super) fn tells_from(&self) -> Option<Time> {
        self.recorders.tell_from()
    }

    /// A recorder is there that belongs to no session focus has told of: somebody's start under way, or what a restarted
    /// focus has forgotten.
    pub(super) fn has_foreign_recorder(&self) -> bool {
        match &self.jicofo_status {
            None => self.is_recorded(),
            Some(status) => {
                let is_other = |shown: &SessionId| Some(shown) != status.session.as_ref();
                !status.on && self.recorders.sessions().flatten().any(is_other)
            }
        }
    }

    /// The recorders that are there show other sessions than the one that focus tells of.
    pub(super) fn is_of_another(&self, status: &RecordingStatus) -> bool {
        let Some(told) = &status.session else { return false };
        let mut shown = self.recorders.sessions().flatten().peekable();
        shown.peek().is_some() && shown.all(|shown| shown != told)
    }

    /// The session that focus told to be over.
    pub(super) fn over_session(&self) -> Option<&SessionId> {
        self.taken_in.as_ref().filter(|status| !status.on)?.session.as_ref()
    }

    /// Whoever has started or stopped what this word tells of, if it was not us.
    pub(super) fn person_behind<'a>(
        &self,
        status: &'a RecordingStatus,
        our_nick: Option<&Nick>,
    ) -> Option<&'a Nick> {
        let is_ours = |nick: &Nick| our_nick == Some(nick) || self.is_our_stop(status);
        status.initiator.as_ref().filter(|nick| !is_ours(nick))
    }

    /// The person whose stop of our kind of recording focus tells of, if it binds somebody who is there. Whoever ends a live
    /// stream has not objected to the recording, and the other way round.
    pub(super) fn stopped_by(
        &self,
        mode: Mode,
        our_nick: Option<&Nick>,
        roster: &Roster,
    ) -> Option<(&RecordingStatus, &Nick)> {
        let status = self
            .jicofo_status
            .as_ref()
            .filter(|status| !status.on && status.mode.is_none_or(|told| told == mode))?;
        let is_void = self.void.is_some() && self.void == status.session;
        // Whoever is there has stopped it in their meeting, whatever was before it.
        let is_there = |nick: &Nick| roster.who(nick) == Some(Who::Person);
        let nick = self.person_behind(status, our_nick).filter(|nick| !is_void || is_there(nick))?;
        Some((status, nick))
    }

    /// We ask focus to stop this session, if it is known, under this nickname. `awaited`: if it is to be answered.
    pub(super) fn we_stop(&mut self, initiator: Nick, meant: Option<SessionId>, awaited: Option<AttemptId>) {
        // One that went the same way says the same, unless both are under way.
        let is_apart = |ours: &OurStop| ours.initiator != initiator || ours.awaited.is_some();
        let before = self.our_stops.len();
        self.our_stops.retain(|ours| is_apart(ours) || ours.session.is_some());
        let repeats = self.our_stops.len() < before;
        self.our_stops.truncate(MOST_STOPS);
        let meant = meant.or_else(|| self.recorders.session().cloned());
        self.our_stops.push_front(OurStop {
            initiator,
            renamed: None,
            session: None,
            meant,
            awaited,
            repeats,
            is_past: false,
            may_be_last: false,
            was_there: true,
        });
    }

    /// Everybody who is there is known.
    pub(super) fn sees(&mut self, roster: &Roster) {
        for ours in &mut self.our_stops {
            let mut names = std::iter::once(&ours.initiator).chain(&ours.renamed);
            let is_there = names.any(|nick| roster.who(nick) == Some(Who::Person));
            ours.was_there = is_there || ours.is_past && ours.was_there;
        }
    }

    /// Whoever the last stop was sent in the name of bears this nickname right after.
    pub(super) fn sender_bears(&mut self, nick: &Nick) {
        let last = self.our_stops.front_mut();
        if let Some(ours) = last.filter(|ours| ours.session.is_none() && ours.initiator != *nick) {
            ours.renamed = Some(nick.clone());
        }
    }

    /// Focus has answered a stop of ours; or any, as no answer comes any more.
    pub(super) fn our_stop_is_answered(&mut self, answered: Option<AttemptId>) {
        for ours in &mut self.our_stops {
            ours.awaited.take_if(|awaited| answered.is_none_or(|answered| *awaited == answered));
        }
    }

    /// Focus has not carried out this stop of ours. Of one that went the same way before, and was not answered, it may tell
    /// yet.
    pub(super) fn our_stop_is_refused(&mut self, refused: AttemptId) {
        self.our_stops.retain(|ours| ours.awaited != Some(refused) || ours.repeats);
    }

    /// A recording is on: what focus may still tell is the end of the one that was meant. `is_sighted`: as it seems, because
    /// an account of Jibri's has come in.
    pub(super) fn is_on(&mut self, is_sighted: bool) {
        for ours in self.our_stops.iter_mut().filter(|ours| ours.awaited.is_none()) {
            ours.session = ours.session.take().or(ours.meant.take());
            ours.may_be_last = is_sighted && (ours.may_be_last || !ours.is_past);
            ours.is_past = true;
        }
        self.jibri_stopped = None;
        self.recorded_by = RecordedBy::Unknown;
        // What is done to it from now on is done by those who are there.
        self.void = None;
    }

    /// What seemed to be on was an account that records nothing.
    pub(super) fn nothing_was_on(&mut self) {
        for ours in &mut self.our_stops {
            ours.is_past &= !std::mem::take(&mut ours.may_be_last);
        }
    }

    /// It is over; its recorder may stay for a moment.
    pub(super) fn is_over(&mut self, now: Time) {
        self.recorders.are_over(self.jicofo_status.as_ref().and_then(|status| status.session.as_ref()), now);
        self.jibri_stopped = None;
        self.recorded_by = RecordedBy::Unknown;
    }

    /// This session is known, or focus tells of it. Whether that is news.
    pub(super) fn knows_session(&mut self, session: Option<SessionId>) -> bool {
        let told = || self.jicofo_status.as_ref().and_then(|status| status.session.clone());
        let session = session.or_else(told);
        let is_news = session.is_some() && session != self.last_session;
        if is_news {
            self.last_session = session;
        }
        is_news
    }

    /// Entirely different people are there: what was stopped before is nothing to them. What was on when we saw nothing may
    /// have been stopped when they were there.
    pub(super) fn stop_binds_nobody(&mut self) {
        let is_unseen = self.meeting.gap() == Some(Gap::Unseen);
        self.void = if is_unseen { self.over_session() } else { self.last_session.as_ref() }.cloned();
    }

    /// Whoever has stopped something, or was there, is back.
    pub(super) fn stop_binds_again(&mut self) {
        self.void = None;
    }

    fn is_our_stop(&self, status: &RecordingStatus) -> bool {
        let is_before = self.is_before_what_is_on(status);
        self.our_stops.iter().any(|ours| ours.is(status, is_before))
    }

    /// It tells of a stop of ours that was sent before what is on now.
    pub(super) fn is_past_stop(&self, status: &RecordingStatus) -> bool {
        let is_before = self.is_before_what_is_on(status);
        self.our_stops.iter().any(|ours| ours.is_past && ours.is(status, is_before))
    }

    /// A recorder is there, so what is on is not over, and none has shown the session that this word tells of.
    fn is_before_what_is_on(&self, status: &RecordingStatus) -> bool {
        let has_shown = |session| self.recorders.have_shown(session);
        self.is_recorded() && !status.session.as_ref().is_some_and(has_shown)
    }
}

impl OurStop {
    /// `is_before`: this word is not of what is on now, as far as can be seen.
    fn is(&self, status: &RecordingStatus, is_before: bool) -> bool {
        let may_be = match &self.session {
            Some(session) => status.session.as_ref() == Some(session),
            None => is_before || !self.is_past || !self.was_there,
        };
        let is_from = |nick: &Nick| *nick == self.initiator || self.renamed.as_ref() == Some(nick);
        !status.on && status.initiator.as_ref().is_some_and(is_from) && may_be
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::RealJid;
    use crate::meeting::identity::tests::identity;
    use crate::meeting::io::{Affiliation, Listed, Role};
    use crate::meeting::occupancy::Visibility;

    fn roster(names: &[&str]) -> Roster {
        let listed = |name: &&str| Listed {
            nick: Nick::new(name).unwrap(),
            jid: RealJid::new(&format!("{name}@meet.jitsi/1")).ok(),
            role: Role::Moderator,
            affiliation: Affiliation::Owner,
        };
        let mut roster = Roster::default();
        roster.apply_lists(&identity(), &names.iter().map(listed).collect::<Vec<_>>(), 0);
        roster
    }

    /// Others have come, when this session was known, and then focus tells that ada has stopped it.
    fn stopped_for_others(known: &mut Knowledge) {
        known.knows_session(Some(SessionId("s1".into())));
        known.stop_binds_nobody();
        let status = RecordingStatus {
            on: false,
            session: Some(SessionId("s1".into())),
            mode: None,
            failed: false,
            initiator: Nick::new("ada").ok(),
        };
        known.focus_says(Some(status), None);
    }

    #[test]
    fn a_stop_of_before_binds_others_if_whoever_made_it_is_one_of_them() {
        let mut known = Knowledge::new(false);
        stopped_for_others(&mut known);
        assert!(known.stopped_by(Mode::File, None, &roster(&["bob"])).is_none());
        assert!(known.stopped_by(Mode::File, None, &roster(&["bob", "ada"])).is_some());
    }

    fn says(session: &str) -> RecordingStatus {
        RecordingStatus {
            on: false,
            session: Some(SessionId(session.into())),
            mode: None,
            failed: false,
            initiator: Nick::new("ada").ok(),
        }
    }

    #[test]
    fn our_stop_of_a_session_that_we_do_not_know_stays_ours_when_the_next_one_is_on() {
        let mut known = Knowledge::new(false);
        known.we_stop(Nick::new("ada").unwrap(), None, None);
        let listed = Listed {
            nick: Nick::new("rec").unwrap(),
            jid: RealJid::new("recorder@hidden.meet.jitsi/rec").ok(),
            role: Role::Participant,
            affiliation: Affiliation::None,
        };
        let see = |known: &mut Knowledge, all: &[Listed]| {
            let mut roster = Roster::default();
            roster.apply_lists(&identity(), all, 0);
            let outlook = Outlook { mode: Mode::File, awaited: None, is_live: true, must_believe: true };
            known.recorders.update(&roster, Visibility::Outside, outlook, Time::default());
        };
        see(&mut known, &[listed]);
        known.is_on(false);
        known.focus_says(Some(says("s1")), None);
        known.take_in();
        assert_eq!(known.person_behind(&says("s1"), None), None, "it was sent in her name");
        assert!(known.is_past_stop(&says("s1")), "so it says nothing of what is on");
        see(&mut known, &[]);
        assert!(known.person_behind(&says("s2"), None).is_some(), "she has stopped what was on");
    }

    #[test]
    fn two_stops_under_way_in_one_name_end_a_session_each() {
        let mut known = Knowledge::new(false);
        for attempt in [7, 8] {
            known.we_stop(Nick::new("ada").unwrap(), None, Some(AttemptId(attempt)));
        }
        for session in ["s1", "s2"] {
            known.focus_says(Some(says(session)), None);
            assert_eq!(known.person_behind(&says(session), None), None, "{session}");
            known.take_in();
        }
        assert!(known.person_behind(&says("s3"), None).is_some());
    }

    /// The link broke before the first was answered, and focus carries it out all the same.
    #[test]
    fn a_stop_that_nobody_answered_leaves_the_next_one_its_session() {
        let mut known = Knowledge::new(false);
        let s1 = Some(SessionId("s1".into()));
        known.we_stop(Nick::new("ada").unwrap(), s1.clone(), Some(AttemptId(7)));
        known.our_stop_is_answered(None);
        known.is_on(false);
        known.we_stop(Nick::new("ada").unwrap(), s1, Some(AttemptId(8)));
        for session in ["s1", "s2"] {
            known.focus_says(Some(says(session)), None);
            assert_eq!(known.person_behind(&says(session), None), None, "{session}");
            known.take_in();
        }
        assert!(known.person_behind(&says("s3"), None).is_some());
    }

    #[test]
    fn whoever_has_left_before_it_was_on_has_not_stopped_it() {
        let mut known = Knowledge::new(false);
        known.we_stop(Nick::new("ada").unwrap(), None, None);
        known.sees(&roster(&["bob"]));
        known.is_on(false);
        known.sees(&roster(&["bob"]));
        assert_eq!(known.person_behind(&says("s1"), None), None, "it was sent in her name, and she has left");
        assert!(known.is_past_stop(&says("s1")));
        known.sees(&roster(&["bob", "ada"]));
        known.sees(&roster(&["bob"]));
        assert!(known.person_behind(&says("s1"), None).is_some(), "she was back for a moment");
    }

    #[test]
    fn whoever_changes_his_name_while_we_stop_in_it_has_not_stopped_it() {
        let mut known = Knowledge::new(false);
        let (ada, eve) = (Nick::new("ada").unwrap(), Nick::new("eve").unwrap());
        known.we_stop(ada.clone(), None, None);
        known.sender_bears(&ada);
        assert_eq!(known.person_behind(&says("s1"), None), None);
        known.sender_bears(&eve);
        for nick in [ada, eve] {
            let told = RecordingStatus { initiator: Some(nick.clone()), ..says("s1") };
            assert_eq!(known.person_behind(&told, None), None, "{nick}");
        }
        let bob = RecordingStatus { initiator: Nick::new("bob").ok(), ..says("s1") };
        assert!(known.person_behind(&bob, None).is_some());
    }

    #[test]
    fn a_gateway_that_was_taken_for_a_recorder_makes_no_stop_of_ours_a_person_s() {
        let mut known = Knowledge::new(false);
        known.we_stop(Nick::new("ada").unwrap(), None, None);
        known.sees(&roster(&["ada"]));
        known.is_on(true);
        assert!(known.person_behind(&says("s1"), None).is_some(), "she has stopped what came after it");
        known.nothing_was_on();
        assert_eq!(known.person_behind(&says("s1"), None), None);
        known.is_on(false);
        known.nothing_was_on();
        assert!(known.person_behind(&says("s1"), None).is_some(), "focus has told of it");
    }

    #[test]
    fn what_focus_has_refused_to_stop_was_stopped_by_somebody_else() {
        let mut known = Knowledge::new(false);
        let (s1, ada) = (Some(SessionId("s1".into())), Nick::new("ada").unwrap());
        known.we_stop(ada.clone(), s1.clone(), Some(AttemptId(7)));
        known.our_stop_is_refused(AttemptId(7));
        assert!(known.person_behind(&says("s1"), None).is_some());
        // The one before it may have been carried out.
        known.we_stop(ada.clone(), s1.clone(), Some(AttemptId(8)));
        known.our_stop_is_answered(Some(AttemptId(8)));
        known.we_stop(ada, s1, Some(AttemptId(9)));
        known.our_stop_is_refused(AttemptId(9));
        assert_eq!(known.person_behind(&says("s1"), None), None);
    }

    #[test]
    fn our_stop_ends_whatever_is_on_when_focus_gets_it() {
        let mut known = Knowledge::new(false);
        let (meant, attempt) = (Some(SessionId("s1".into())), AttemptId(7));
        known.we_stop(Nick::new("ada").unwrap(), meant, Some(attempt));
        known.is_on(false);
        assert_eq!(known.person_behind(&says("s2"), None), None, "it has replaced the one that was meant");
        known.our_stop_is_answered(Some(attempt));
        known.is_on(false);
        assert_eq!(known.person_behind(&says("s1"), None), None);
        assert!(known.person_behind(&says("s2"), None).is_some(), "no stop of ours is under way");
    }

    #[test]
    fn what_was_stopped_while_nothing_was_seen_may_have_been_theirs() {
        let mut known = Knowledge::new(false);
        known.meeting.link_down();
        stopped_for_others(&mut known);
        assert!(known.stopped_by(Mode::File, None, &roster(&["bob"])).is_some());
        known.take_in();
        known.stop_binds_nobody();
        assert!(known.stopped_by(Mode::File, None, &roster(&["bob"])).is_none(), "they came later");
    }
}
