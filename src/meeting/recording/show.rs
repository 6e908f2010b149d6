//! A recording as it can be shown, and asked about.

use std::borrow::Cow;

use super::Recording;
use super::course::{Course, FoundBy, Witness};
use super::decide::Step;
use crate::meeting::answer::StartFailure;
use crate::meeting::context::Ctx;
use crate::meeting::event::{Hold, State};
use crate::meeting::manual::ManualOrder;
use crate::meeting::queue::MOST_PLACES;
use crate::time::Time;

impl Recording {
    pub(in crate::meeting) fn state(&self) -> State {
        match &self.course {
            Course::Nothing if self.held().is_some() => State::Held,
            Course::Nothing if self.wanted_since.is_none() => State::Idle,
            Course::Nothing if self.is_waiting() => State::Waiting,
            Course::Nothing if self.backoff.is_pausing() => State::Backoff,
            Course::Nothing => State::Settling,
            Course::Asked { .. } => State::Starting,
            Course::Found { .. } => State::Pending,
            Course::On { .. } if self.stop.is_under_way() => State::Stopping,
            Course::On { .. } | Course::Gone { .. } => State::Recording,
        }
    }

    /// No Jibri is free for it, or Jicofo says so.
    fn is_waiting(&self) -> bool {
        let is_dozing = self.is_pausing() && self.backoff.wants_jibri() && !self.backoff.is_held_back();
        self.step == Step::NoJibri || is_dozing
    }

    /// A start has failed, and the next one is not due.
    pub(in crate::meeting) fn is_pausing(&self) -> bool {
        self.backoff.is_pausing()
    }

    /// Why a recording that is wanted is missing and will not be there in a moment, in a few words.
    pub(in crate::meeting) fn missing_for(&self, state: State) -> Option<&'static str> {
        self.missing_since.filter(|_| !self.is_left_alone())?;
        match (state, self.held()) {
            (State::Waiting, _) => Some("no Jibri is free"),
            (State::Backoff, _) => Some(self.backoff.last().map_or("starts fail", StartFailure::words)),
            (State::Held, Some(Hold::GaveUp(why))) => Some(why.words()),
            (State::Held, _) => Some("a setting has to be changed"),
            _ => None,
        }
    }

    /// Why nothing is started, while nothing is on or under way.
    pub(super) fn held(&self) -> Option<Hold> {
        let is_idle = self.course == Course::Nothing;
        is_idle.then(|| self.holds.reason(self.ordered_by(ManualOrder::Stop))).flatten()
    }

    /// Tells why nothing is started, if that is news.
    pub(super) fn tell_hold(&mut self, ctx: &mut Ctx<'_>) {
        let held = self.held();
        self.holds.tell(held, ctx);
    }

    /// It is not known whether something is on that would have to be told of, or stopped.
    pub(super) fn may_be_on(&self) -> bool {
        let is_theirs = matches!(self.course, Course::Nothing | Course::Found { by: FoundBy::Others, .. });
        is_theirs && self.known.recorders.is_unknown()
    }

    /// Failed attempts in a row, and the one under way.
    pub(in crate::meeting) fn attempt(&self) -> u32 {
        let under_way = matches!(self.course, Course::Asked { .. } | Course::Found { .. });
        self.backoff.failures().saturating_add(u32::from(under_way))
    }

    /// `place`: in the queue for a Jibri, from 1, if it waits for one.
    pub(in crate::meeting) fn reason(&self, place: Option<usize>) -> Option<Cow<'static, str>> {
        if let Some(hold) = self.held() {
            return Some(hold.to_string().into());
        }
        let last = self.backoff.last();
        let reason = match (&self.course, &self.step) {
            (Course::On { by: Witness::Recorder, .. }, _) => {
                "the recorder is in the room, but Jicofo does not know of it (restarted?)"
            }
            (Course::On { .. }, _) => return self.stop.reason(),
            (Course::Gone { .. }, _) => "the recorder is gone, and Jicofo will be asked why",
            (Course::Asked { .. }, _) => {
                return last.map(|why| format!("asked again; the last start has failed: {why}").into());
            }
            (Course::Found { by: FoundBy::Others, .. }, _) => {
                "somebody else has started a recording or a stream; waiting for it to be on"
            }
            (Course::Found { .. }, _) => return None,
            (Course::Nothing, Step::NobodyToSpeakFor) => {
                "nobody is there in whose name a start could be sent"
            }
            (Course::Nothing, _) if self.wanted_since.is_none() => return None,
            (Course::Nothing, Step::NoJibri) if place.is_some() => {
                return Some(in_queue("no Jibri is free", place));
            }
            (Course::Nothing, _) if self.may_be_on() => {
                "an account of Jibri's is in the room; checking whether it records"
            }
            (Course::Nothing, _) if self.backoff.is_held_back() => {
                "its starts fail; the Jibri is restarted before the next one, to find out whether it or the room is the cause"
            }
            (Course::Nothing, _) if self.unanswered.is_some() => {
                "the last start was given up, and its answer may still come"
            }
            (Course::Nothing, _) => {
                let words = last.map(StartFailure::words)?;
                return Some(if self.is_waiting() { in_queue(words, place) } else { words.into() });
            }
        };
        Some(reason.into())
    }

    /// The same where it is by order that a recording is to come: with whose order that is.
    pub(in crate::meeting) fn by_order(
        &self,
        reason: Option<Cow<'static, str>>,
    ) -> Option<Cow<'static, str>> {
        let is_to_come = self.wanted_since.is_some() && self.held().is_none();
        let is_there = matches!(self.course, Course::On { .. } | Course::Gone { .. });
        let origin = self.ordered_by(ManualOrder::Record).filter(|_| is_to_come && !is_there);
        let Some(origin) = origin else { return reason };
        Some(match reason {
            Some(why) => format!("{why} (to be recorded by order of {origin})").into(),
            None => format!("to be recorded by order of {origin}").into(),
        })
    }

    /// Whether nothing would be lost if it were begun anew.
    pub(in crate::meeting) fn is_blank(&self) -> bool {
        let is_at_rest = self.course == Course::Nothing && self.held().is_none();
        let has_failed = self.backoff.is_pausing() || self.backoff.failures() > 0;
        is_at_rest && self.wanted_since.is_none() && !has_failed && self.hand().is_none()
    }

    /// A request of ours is under way, whose answer comes only while we are inside.
    pub(in crate::meeting) fn awaits_answer(&self) -> bool {
        matches!(self.course, Course::Asked { sender: None, .. }) || self.stop.awaits_answer()
    }

    /// A start request is under way.
    pub(in crate::meeting) fn is_starting(&self) -> bool {
        matches!(self.course, Course::Asked { .. })
    }

    /// Nothing is started for a reason that is nobody's fault, or that is told by itself.
    pub(in crate::meeting) fn is_left_alone(&self) -> bool {
        match self.held() {
            Some(Hold::StoppedBy(_) | Hold::Untold | Hold::Manual(_) | Hold::DryRun | Hold::Instead(_)) => {
                true
            }
            Some(Hold::Misfit(_) | Hold::GaveUp(_)) | None => false,
        }
    }

    /// Since when a recording is wanted and there is none.
    pub(in crate::meeting) fn missing_since(&self) -> Option<Time> {
        self.missing_since
    }

    /// A stop of ours is under way, whose answer comes only while we are inside.
    pub(in crate::meeting) fn awaits_stop(&self) -> bool {
        self.stop.awaits_answer()
    }

    /// Nobody needs the recording that is on, and it will be stopped if that lasts.
    pub(in crate::meeting) fn is_unneeded(&self) -> bool {
        self.stop.is_unneeded()
    }
}

/// It waits for a Jibri, for this reason.
fn in_queue(why: &'static str, place: Option<usize>) -> Cow<'static, str> {
    match place {
        None => why.into(),
        Some(1) => format!("{why}; first in the queue").into(),
        Some(place) if place > MOST_PLACES => {
            format!("{why}; behind {MOST_PLACES} others in the queue").into()
        }
        Some(place) => format!("{why}; place {place} in the queue").into(),
    }
}
