//! The mirrors are told what the core is told, and what it does.

use jibri_autostart::meeting::{Action, Input};

use super::super::link::us;
use super::super::muc::Kind;
use super::super::plan::SEC;
use super::super::world::World;

impl World {
    /// The mirrors are told what the core is about to be told.
    pub fn before_step(&mut self, input: &Input, whose: Option<(usize, Option<Kind>)>) {
        let now = self.now;
        for mirror in &mut self.mirrors {
            if matches!(input, Input::LinkDown) {
                mirror.out();
                mirror.blind();
                (mirror.in_flight, mirror.accepted_until, mirror.list) = (None, None, None);
                mirror.late = false;
                mirror.entering = None;
                mirror.unwelcome_until = None;
                mirror.stop_in_flight = None;
                mirror.unknown_past = true;
            }
            if matches!(input, Input::SenderRefused) && std::mem::take(&mut mirror.in_names) {
                mirror.in_flight = None;
            }
            mirror.stop_in_flight = mirror.stop_in_flight.filter(|(_, until)| *until > now);
            mirror.in_flight = mirror.in_flight.filter(|(_, until)| *until > now);
            mirror.accepted_until = mirror.accepted_until.filter(|until| *until > now);
        }
        if let (Input::Room { event, .. }, Some((r, about))) = (input, whose) {
            let session = self.rooms[r].conference.as_ref().and_then(|c| c.session.as_ref());
            let mirror = &mut self.mirrors[r];
            mirror.is_under_way = session.is_some_and(|session| !session.on);
            let before = mirror.word().cloned();
            mirror.takes(event, about, now);
            let after = mirror.word();
            // The end of a session ends what was pending.
            if after.is_some() && before.as_ref() != after {
                mirror.accepted_until = None;
                mirror.superseded = true;
            }
            mirror.conclude(now);
        }
    }

    /// The mirrors are told what the core does.
    pub fn mirror_action(&mut self, action: &Action) {
        let now = self.now;
        match action {
            Action::Enter { room, .. } => {
                let mirror = &mut self.mirrors[self.index[room]];
                let needless_since = mirror.needless_since;
                mirror.out();
                // Whoever comes to stop has seen from outside what it is about.
                mirror.needless_since = needless_since;
                mirror.ghost = false;
                mirror.asked = None;
                mirror.listens = true;
                mirror.late = false;
                mirror.entering = Some(now);
                mirror.enters.push_back(now);
                while mirror.enters.front().is_some_and(|at| now > *at + 60 * SEC) {
                    mirror.enters.pop_front();
                }
            }
            Action::Leave { room, .. } => {
                let mirror = &mut self.mirrors[self.index[room]];
                mirror.conclude(now);
                // The core has learned from a list what nobody announced.
                if mirror.hushed {
                    mirror.emptied = true;
                    mirror.others_came();
                }
                mirror.ghost = false;
                mirror.entering = None;
                mirror.out();
                mirror.left_at = Some(now);
            }
            Action::AskPicture { .. } | Action::Notice { .. } => {}
            Action::Start { room, attempt, timeout, speaker, .. } => {
                let sender = speaker.sender();
                let until = now + us(*timeout) + if sender.is_none() { 5 * SEC } else { 0 };
                let mirror = &mut self.mirrors[self.index[room]];
                mirror.in_flight = Some((*attempt, until));
                (mirror.superseded, mirror.deserted) = (false, false);
                mirror.refuted = false;
                mirror.sent_as = sender.map(|jid| (jid.as_str().to_owned(), now));
            }
            Action::Stop { room, attempt, timeout, speaker, .. } => {
                let sender = speaker.sender();
                let patience = if sender.is_none() { us(*timeout) + 5 * SEC } else { 60 * SEC };
                let r = self.index[room];
                if !self.mirrors[r].anew {
                    self.mirrors[r].stop_in_flight = Some((*attempt, now + patience));
                }
                let spoken_for = self.rooms[r].occupants.iter().find(|o| sender == Some(&o.jid));
                self.mirrors[r].stopped_as = spoken_for.map(|o| o.nick.clone());
            }
            Action::AskForm { .. } => {}
            Action::AskRoles { room, query, which } => {
                let mirror = &mut self.mirrors[self.index[room]];
                // It looks from outside again.
                if mirror.is_on_its_way() {
                    mirror.out();
                    mirror.late = true;
                }
                mirror.asked = Some((*query, *which));
            }
        }
    }
}
