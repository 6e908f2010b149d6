//! Why a room is in its state, in words. Wherever people are there is a reason, unless the meeting is recorded.

use std::borrow::Cow;

use super::{Room, ZOMBIE_REASON, unlisted_focus_reason};
use crate::lasting::lasting;
use crate::meeting::context::Policy;
use crate::meeting::event::State;
use crate::meeting::manual::ManualOrder;
use crate::meeting::occupancy::{Errand, Visibility};
use crate::meeting::rules::Rules;

/// Why a start that is due is not sent where Jicofo is not.
pub const NO_FOCUS_REASON: &str = "Jicofo is not in the room yet";

impl Room {
    /// `place`: in the queue for a Jibri, from 1, if it waits for one.
    pub(super) fn reason(&self, rules: &Rules, place: Option<usize>) -> Option<Cow<'static, str>> {
        self.recording
            .reason(place)
            .or_else(|| self.occupancy.reason().map(Cow::Borrowed))
            .or_else(|| self.broken().map(Cow::Owned))
            .or_else(|| self.plain_reason(rules))
    }

    /// What keeps it from being recorded, where that is neither the recording's nor our occupant's own.
    fn broken(&self) -> Option<String> {
        if self.zombie == super::Zombie::Yes {
            return Some(ZOMBIE_REASON.to_owned());
        }
        self.roster.unlisted_focus().filter(|_| !self.roster.has_focus()).map(unlisted_focus_reason)
    }

    /// Nothing is wrong: it follows from the rules, or is about to happen.
    fn plain_reason(&self, rules: &Rules) -> Option<Cow<'static, str>> {
        let policy = rules.policy_of(self);
        let reason = match self.state {
            State::Idle if self.occupancy.visibility() == Visibility::Blind => {
                "it is not known now who is there"
            }
            State::Idle if self.roster.people() == 0 => return None,
            State::Idle => return Some(self.unwanted(rules, policy)),
            State::Settling if !self.roster.has_focus() => NO_FOCUS_REASON,
            State::Settling if self.recording.errand() == Errand::Visit => "the room is being entered",
            State::Settling if policy.start.settle > std::time::Duration::ZERO => {
                let settle = lasting(policy.start.settle);
                return Some(format!("the condition has to hold for {settle} first (start.settle)").into());
            }
            State::Settling => "Jicofo is about to be asked for a recording",
            State::Waiting => "waiting for a Jibri",
            State::Starting => "Jicofo has been asked, and looks for a Jibri",
            State::Pending => "a Jibri was found; the recording is not on yet",
            State::Stopping if self.recording.hand() == Some(ManualOrder::Stop) => {
                "stopped by hand; Jicofo has been asked to stop it"
            }
            State::Stopping => "nobody needs the recording any more, and Jicofo has been asked to stop it",
            State::Backoff => "the next try follows soon",
            State::Recording | State::Held => return None,
        };
        Some(reason.into())
    }

    /// People are there, and nothing is to be recorded.
    fn unwanted(&self, rules: &Rules, policy: Policy<'_>) -> Cow<'static, str> {
        let rule = self.rule.and_then(|index| Some((index.checked_add(1)?, rules.rules.get(index)?)));
        if let Some((number, rule)) = rule.filter(|_| !policy.record) {
            return format!("rule {number} ({:?}): record = false", rule.room.as_str()).into();
        }
        if self.recording.hand() == Some(ManualOrder::Stop) {
            return "stopped by hand".into();
        }
        let (start, by) =
            (policy.start, rule.map_or(String::new(), |(number, _)| format!(" (rule {number})")));
        let (moderators, people) = (self.roster.moderators(), self.roster.people());
        if moderators == 0 && start.min_moderators == 1 {
            return format!("no moderator yet{by}").into();
        }
        if moderators < start.min_moderators {
            return format!("needs {} moderators, has {moderators}{by}", start.min_moderators).into();
        }
        if people < start.min_participants {
            let noun = if start.min_participants == 1 { "person" } else { "people" };
            return format!("needs {} {noun}, has {people}{by}", start.min_participants).into();
        }
        "checking who is there".into()
    }
}
