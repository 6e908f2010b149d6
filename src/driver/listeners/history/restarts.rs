//! Restarts of Jibris, and of Jicofo, as entries of the ledger.

use super::{History, MOST_NICK, MOST_TEXT};
use crate::fleet::{Reason, Whom};
use crate::ledger::{Entry, Recovery};
use crate::plain::plain;
use crate::recovery;
use crate::time::Time;

/// Restarts whose end may still be told otherwise.
const RESTARTS: usize = 64;
/// Who is restarted, where it is no Jibri.
pub(super) const JICOFO: &str = "Jicofo";

fn name_of(whom: &Whom) -> &str {
    match whom {
        Whom::Jibri(name) => name.as_str(),
        Whom::Jicofo => JICOFO,
    }
}

impl History {
    /// A restart is begun. Written down at once: should we not live to see its end, it counts all the same.
    pub(in crate::driver) fn restarting(&mut self, now: Time, whom: &Whom, reason: Reason) {
        self.restart(now, name_of(whom), reason, Recovery::RUNNING);
    }

    /// A restart was carried out; what follows from it comes as events.
    pub(in crate::driver) fn restarted(&mut self, whom: &Whom, outcome: &recovery::Outcome) {
        self.output = Some((whom.clone(), outcome.to_string()));
    }

    pub(super) fn has_restarted(&mut self, whom: &Whom) {
        let output = self.output.take().filter(|(of, _)| of == whom).map(|(_, output)| output);
        self.restart_ended(name_of(whom), "restarted", output.as_deref());
    }

    /// What has become of the last restart of this one.
    pub(super) fn restart_ended(&mut self, name: &str, outcome: &str, output: Option<&str>) {
        let instance = plain(name, MOST_NICK);
        let last = self.restarts.iter_mut().rev().find(|(_, restart)| restart.instance == instance);
        let Some((key, restart)) = last else { return };
        outcome.clone_into(&mut restart.outcome);
        restart.output = output.map(|output| plain(output, MOST_TEXT)).or(restart.output.take());
        self.ledger.put(*key, Entry::Recovery(restart.clone()));
    }

    pub(super) fn restart(&mut self, now: Time, name: &str, reason: Reason, outcome: &str) {
        let restart = Recovery {
            instance: plain(name, MOST_NICK),
            trigger: reason.name().to_owned(),
            time: self.wall(now),
            outcome: outcome.to_owned(),
            output: None,
        };
        let key = self.ledger.new_key();
        self.ledger.put(key, Entry::Recovery(restart.clone()));
        if self.restarts.len() >= RESTARTS {
            self.restarts.pop_front();
        }
        self.restarts.push_back((key, restart));
    }
}
