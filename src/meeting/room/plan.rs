//! What a room wants of its occupancy: what it has to do for itself, and how often to look.

use super::Room;
use crate::config::StopWhen;
use crate::meeting::context::Policy;
use crate::meeting::event::State;
use crate::meeting::io::Roles;
use crate::meeting::manual::ManualOrder;
use crate::meeting::occupancy::{Errand, Plan};
use crate::meeting::polling::Pace;

impl Room {
    pub(super) fn plan(&self, is_unsettled: bool, policy: Policy<'_>) -> Plan {
        let (state, errand) = (self.recording.state(), self.recording.errand());
        let visit = errand != Errand::None;
        let needs_moderator = policy.start.min_moderators > 0 && self.hand() != Some(ManualOrder::Record);
        let pace = match state {
            _ if !policy.record || self.trial.is_some() => Pace::Ebbing,
            _ if !self.roster.has_focus() || self.alone.is_there() => Pace::Steady,
            _ if visit && self.occupancy.is_unwelcome() => Pace::Ebbing,
            _ if visit => Pace::Eager,
            State::Backoff => Pace::Steady,
            State::Waiting if self.recording.is_pausing() => Pace::Steady,
            State::Settling | State::Waiting | State::Starting | State::Pending | State::Stopping => {
                Pace::Eager
            }
            State::Recording if self.recording.is_unneeded() => Pace::Steady,
            // Nobody would say that its people have left, or have come anew.
            _ if is_unsettled || !self.vouched => Pace::Steady,
            State::Idle | State::Recording | State::Held => Pace::Ebbing,
        };
        let which = match state {
            _ if self.occupancy.is_resident() || visit || !self.roster.has_focus() => Roles::Both,
            // A recorder that nobody is with is a participant.
            _ if self.roster.people() == 0 || is_unsettled => Roles::Both,
            State::Recording if policy.stop.when != StopWhen::Never => Roles::Both,
            State::Starting | State::Pending | State::Recording | State::Held => Roles::Participants,
            _ if needs_moderator && self.roster.moderators() == 0 => Roles::Moderators,
            _ => Roles::Both,
        };
        Plan {
            record: policy.record,
            errand,
            busy: self.recording.awaits_answer(),
            stopping: self.recording.awaits_stop(),
            needs_moderator,
            pace,
            is_settled: state == State::Recording && policy.stop.when == StopWhen::Never,
            which,
        }
    }
}
