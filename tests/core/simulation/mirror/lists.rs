//! What role lists show, and other rules make of it.

use std::collections::BTreeSet;

use jibri_autostart::meeting::{Listed, QueryId, Role, Roles, State};

use super::super::plan::{SEC, Terms, Us};
use super::{Mirror, account};

impl Mirror {
    pub(super) fn takes_list(&mut self, query: QueryId, listed: &[Listed], now: Us) {
        let Some((_, which)) = self.asked.filter(|(asked, _)| *asked == query) else { return };
        if which != Roles::Both {
            return;
        }
        let has_focus = listed.iter().any(|l| l.jid.as_ref().is_some_and(|j| j.local() == Some("focus")));
        let others = ["auth.meet.jitsi", "hidden.meet.jitsi", "autostart.meet.jitsi"];
        let is_person = |l: &&Listed| l.jid.as_ref().is_some_and(|j| !others.contains(&j.domain()));
        let people: Vec<&Listed> = listed.iter().filter(is_person).collect();
        self.list = Some(has_focus && !people.is_empty());
        self.listed_at = now;
        let is_of = |l: &Listed, domain: &str| l.jid.as_ref().is_some_and(|j| j.domain() == domain);
        let has_us = listed.iter().any(|l| is_of(l, others[2]));
        self.ghost = !self.listens && self.list == Some(false) && has_us;
        if self.listens {
            return;
        }
        let had_recorder = self.listed_recorder;
        let before = self.listed_recorders.clone();
        let recorders = listed.iter().filter(|l| is_of(l, others[1]));
        self.listed_recorders = recorders.map(|l| l.nick.clone()).collect();
        self.listed_recorder = !self.listed_recorders.is_empty();
        self.shown.retain(|nick| self.listed_recorders.contains(nick));
        self.shown_file.retain(|nick| self.listed_recorders.contains(nick));
        if self.state == Some(State::Held) && !self.listed_recorder {
            self.nothing_to_stop();
        }
        let one_is_gone = !before.is_subset(&self.listed_recorders);
        self.recorder_lost = one_is_gone
            || !self.listed_recorder && had_recorder
            || self.recorder_lost && !self.has_known_recorder();
        self.listed_focus = has_focus;
        self.unknown_past &= !people.is_empty();
        let moderators = people.iter().filter(|l| l.role == Role::Moderator);
        let moderators = moderators.filter_map(|l| l.jid.as_ref()).map(|jid| jid.as_str().to_owned());
        self.listed_moderators = moderators.collect();
        // The two lists are not of one moment: whoever is in both of them has just become the one or the other.
        let shown_as = |sender: &str| {
            let his = people.iter().filter(|l| l.jid.as_ref().is_some_and(|jid| jid.as_str() == sender));
            his.map(|l| l.role).collect::<Vec<_>>()
        };
        if let Some((sender, at)) = &self.sent_as
            && now < at + 3 * SEC
            && shown_as(sender) != [Role::Moderator]
        {
            // He may have left before it arrived.
            self.in_flight = None;
        }
        // Lists do not show who claims to be a machine: people are at most so many, and at least so many.
        let hides = |l: &&&Listed| {
            l.role < Role::Moderator && (self.claimers.contains(&l.nick) || l.nick.as_str() == "phone")
        };
        let surely = people.iter().filter(|l| !hides(l)).filter_map(|l| l.jid.as_ref());
        let surely: BTreeSet<String> = surely.map(|jid| jid.as_str().to_owned()).collect();
        let moderators = self.listed_moderators.len();
        self.listed_most = (people.len(), moderators);
        self.listed_least = (surely.len(), moderators);
        if people.is_empty() && !self.listed_recorder {
            self.forget_order();
        } else if surely.is_empty() || surely.is_disjoint(&self.listed_people) {
            self.manual.doubt();
        }
        self.note_need(surely.len(), moderators, now);
        if self.has_stop_to_bind() {
            let all = people.iter().filter_map(|l| l.jid.as_ref());
            let may_be = all.map(|jid| jid.bare().to_owned()).collect();
            self.bind(may_be, &surely.iter().map(|jid| account(jid)).collect());
        }
        // A gateway is no recorder.
        let has_recorder = self.listed_recorders.iter().any(|nick| nick.as_str().starts_with("rec"));
        if !has_focus || self.visitor && has_recorder {
            (self.in_flight, self.accepted_until) = (None, None);
        }
        if !self.visitor {
            if surely.is_empty() || surely.is_disjoint(&self.listed_people) {
                self.emptied |= surely.is_empty();
                self.others_came();
            }
            self.listed_people = surely;
            return;
        }
        self.want_by_list(now);
        // Somebody has to be there all the time, or it may be another meeting.
        if surely.is_disjoint(&self.listed_people) {
            self.emptied = true;
            self.untold = 0;
        }
        // Who has claimed to be a machine may not have counted before, and is no proof that somebody stayed.
        let known = people.iter().filter(|l| !self.claimers.contains(&l.nick)).filter_map(|l| l.jid.as_ref());
        let known: BTreeSet<String> = known.map(|jid| jid.as_str().to_owned()).collect();
        if known.is_disjoint(&self.listed_people) {
            self.others_came();
        }
        self.listed_people = surely;
    }

    /// What was pending may have gone with the others.
    pub(super) fn others_came(&mut self) {
        self.accepted_until = None;
        self.deserted = true;
    }

    fn want_by_list(&mut self, now: Us) {
        let (people, moderators) = self.listed_most;
        let (wanted, _) = self.wanted(people, moderators);
        self.wanted_since = wanted.then(|| self.wanted_since.unwrap_or(now));
    }

    /// Other rules apply from now on.
    pub fn use_terms(&mut self, terms: Terms, now: Us) {
        if !self.terms.stop.respect_manual {
            self.overlooked.clone_from(&self.last_word);
        }
        self.shortest_pause = self.shortest_pause.min(terms.start.retry_min);
        self.terms = terms;
        if !self.terms.stop.respect_manual {
            self.stop = None;
        }
        self.reconsider(now);
    }

    /// Something else is wanted, with the same people.
    pub fn reconsider(&mut self, now: Us) {
        if self.complete {
            self.conclude(now);
        } else if !self.listens && self.list.is_some() {
            let (people, moderators) = self.listed_least;
            self.note_need(people, moderators, now);
            if self.visitor {
                self.want_by_list(now);
            }
        }
    }
}
