//! What proves that a recording is on, and what refutes it: a recorder's seat may outlive its Jibri, and focus may not know
//! that a session is lost (docs/jitsi.md 13.2.6, 13.2.12). What is refuted is over, and begun anew.

use std::time::Duration;

use super::course::{Course, SHOWS_BY, Witness};
use super::{Recording, since};
use crate::jibri::{Contradiction, RecordedBy, Seat};
use crate::meeting::context::{Ctx, Policy};
use crate::meeting::event::{Ended, Refutation, What};
use crate::meeting::io::SessionId;
use crate::meeting::knowledge::Picture;
use crate::meeting::view::Proof;
use crate::time::Time;

/// A recorder whose line is bad keeps its seat for 66 s (docs/jitsi.md 13.2.6); one whose seat is gone for so long has left.
const HAS_LEFT: Duration = Duration::from_secs(3);

/// A session of which focus may go on saying that it is on, while nothing records it.
#[derive(Debug, Clone)]
pub(super) struct Refuted {
    /// Since when.
    pub(super) at: Time,
    session: Option<SessionId>,
    /// From when it has to be stopped before another start: Jicofo may be moving it to another Jibri.
    stop_from: Time,
    /// Focus was heard since.
    pub(super) is_heard: bool,
}

impl Refuted {
    /// Focus goes on saying that this is on.
    pub(super) fn heard(session: Option<SessionId>, now: Time) -> Self {
        Self { at: now, session, stop_from: now, is_heard: true }
    }

    /// What focus says to be on is this, and it is nothing.
    pub(super) fn is(&self, told: Option<&SessionId>) -> bool {
        self.session.is_none() || told.is_none() || self.session.as_ref() == told
    }

    /// Until when Jicofo has to show that it has moved it.
    pub(super) fn moves_until(&self, now: Time) -> Option<Time> {
        Some(self.stop_from).filter(|from| now < *from)
    }
}

impl Recording {
    /// What is known of the Jibri whose recorder is there.
    pub(in crate::meeting) fn hears_who_records(&mut self, recorded_by: RecordedBy, now: Time) {
        // Its recorder has gone and its Jibri does not record it: focus knows why by now, or in a moment.
        let asks_from = match recorded_by {
            RecordedBy::Against(..) | RecordedBy::Nobody => Some(now),
            RecordedBy::Moves => Some(now.after(HAS_LEFT)),
            RecordedBy::Works(_) | RecordedBy::Unknown => None,
        };
        if let (Some(from), Course::Gone { ask: (at, _), .. }) = (asks_from, &mut self.course) {
            *at = (*at).min(from);
        }
        self.known.recorded_by = recorded_by;
    }

    /// What proves that what is on is recorded.
    pub(in crate::meeting) fn proof(&self, is_inside: bool) -> Option<Proof> {
        let Course::On { .. } = self.course else { return None };
        let is_told = is_inside && self.known.jicofo_status().is_some_and(|status| status.on);
        match &self.known.recorded_by {
            RecordedBy::Against(..) | RecordedBy::Nobody => None,
            _ if is_told => Some(Proof::Focus),
            RecordedBy::Works(_) => Some(Proof::Jibri),
            RecordedBy::Unknown | RecordedBy::Moves => self.known.is_recorded().then_some(Proof::Seat),
        }
    }

    /// Nobody has proven yet that what is on is recorded, and it is time to ask focus.
    pub(super) fn is_to_be_proven(&self, on_since: Time, ctx: &Ctx<'_>, policy: Policy<'_>) -> bool {
        let is_unproven = !matches!(self.known.recorded_by, RecordedBy::Works(_)) && !ctx.dry_run;
        is_unproven && !self.stop.is_under_way() && ctx.is_past(on_since.after(policy.start.pending_timeout))
    }

    /// Ends what is on if nothing records it.
    pub(super) fn refute(&mut self, now: &Picture<'_>, ctx: &mut Ctx<'_>, policy: Policy<'_>) {
        let is_on = matches!(self.course, Course::On { .. } | Course::Gone { .. });
        since(&mut self.unrecorded_since, is_on && !self.known.is_recorded(), ctx.now);
        self.had_recorder |= is_on && self.known.is_recorded();
        if !is_on || self.stop.is_under_way() {
            return;
        }
        let is_told = now.is_inside() && now.focus && self.known.told_on(policy.start.mode).is_some();
        if let Course::On { by, .. } = &mut self.course
            && is_told
            && *by == Witness::Sighted
        {
            *by = Witness::Focus;
        }
        // From outside a recorder that has gone may have been stopped, and focus is asked.
        let is_seen = is_told || now.fresh && self.known.is_recorded() || now.is_inside();
        let why = match &self.known.recorded_by {
            RecordedBy::Against(name, why) if is_seen => Refutation::Jibri(name.clone(), *why),
            RecordedBy::Unknown | RecordedBy::Moves if is_told && self.recorder_has_left(ctx) => {
                Refutation::RecorderLeft
            }
            RecordedBy::Nobody if is_told && !self.known.is_recorded() => Refutation::NoRecorder,
            _ => return,
        };
        let may_move = matches!(why, Refutation::Jibri(_, Contradiction::Gone | Contradiction::Left))
            || self.known.recorded_by == RecordedBy::Moves;
        let stop_from = if may_move { ctx.now.after(SHOWS_BY) } else { ctx.now };
        let session = self.session().cloned();
        self.refuted = Some(Refuted { at: ctx.now, session, stop_from, is_heard: now.is_inside() });
        self.ended(Ended::Refuted(why), ctx);
        self.known.recorders.are_orphans();
    }

    /// Tells whose recorders are inside, if that is news, as long as something is on.
    pub(super) fn tell_recorders(&mut self, now: &Picture<'_>, ctx: &mut Ctx<'_>) {
        if !now.is_inside() || !matches!(self.course, Course::On { .. }) {
            return;
        }
        let seats: Vec<Seat> = now
            .roster
            .recorders()
            .filter_map(|seen| Some(Seat { nick: seen.nick.clone(), jibri: seen.shown?.jibri.clone()? }))
            .collect();
        if self.seated != seats {
            self.seated.clone_from(&seats);
            ctx.tell(What::Recorders(seats));
        }
    }

    /// It has shown the session that focus tells of, and is gone; or one was there, and has been gone for so long that there
    /// would be another one, if Jicofo had moved the session.
    fn recorder_has_left(&self, ctx: &Ctx<'_>) -> bool {
        let session = self.session().or(self.known.jicofo_status().and_then(|word| word.session.as_ref()));
        let was_its = session.is_some_and(|session| self.known.recorders.have_shown(session));
        let lasts = if was_its { HAS_LEFT } else { SHOWS_BY };
        (was_its || self.had_recorder) && self.unrecorded_since.is_some_and(|at| ctx.is_past(at.after(lasts)))
    }

    /// What there is to say against it is to be looked at first.
    pub(super) fn is_doubted(&self) -> bool {
        matches!(self.known.recorded_by, RecordedBy::Against(..)) && self.known.is_recorded()
    }
}
