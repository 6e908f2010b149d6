//! Our place in the brewery: in whenever there is a link, tried again whenever we are out, and everybody listed
//! anew now and then, because nobody tells us of an occupant that was lost in silence.
//!
//! We come after Jicofo: an occupant who is there before it can cost it its own place when Prosody was restarted
//! (docs/jitsi.md 13.2). So we look from outside first, by the address that may be an owner's. We enter with one that is no
//! admin's, so a brewery that is not there is not made by us (docs/jitsi.md 4.1).

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use tokio::time::Instant;

use super::super::outbound::PresenceOut;
use super::super::requests::{id_text, new_id};
use super::read::{self, Read};
use super::{BreweryEvent, NotLetIn};
use crate::address::{Nick, RoomJid};
use crate::doubling::Doubling;
use crate::jibri::Report;
use crate::meeting::{Condition, ListError, Listed, Refusal};

/// How long the room has for its answer.
const ANSWER: Duration = Duration::from_secs(15);
/// How often we look for a room that is not there yet, and for Jicofo in one that is.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// How long we wait for Jicofo where we are not told that it is there.
const WITHOUT_FOCUS: Duration = Duration::from_secs(30);
/// How long until everybody is listed anew.
const LIST_AGAIN: Duration = Duration::from_secs(180);
/// The shortest and the longest time to wait after other refusals.
const REFUSED: Duration = Duration::from_secs(30);
const LONGEST: Duration = Duration::from_secs(300);
/// The shortest time to wait after we were put out.
const PUT_OUT: Duration = Duration::from_secs(1);
/// A stay of this length was a good one, and the next return is quick.
const GOOD_STAY: Duration = Duration::from_secs(60);
/// How many nicknames are tried one after the other.
const NICKS: u8 = 5;
/// Of more occupants than this, the rest is not remembered.
const REMEMBERED: usize = 10_000;

/// What follows from something that has happened.
#[derive(Debug)]
pub(in crate::xmpp) enum Do {
    /// Ask from outside who is in the brewery; answered by [`Occupancy::listed`].
    Look,
    Send(Box<PresenceOut>),
    Tell(BreweryEvent),
}

/// What we wait for.
#[derive(Debug, Clone, Copy)]
enum Wait {
    /// A link.
    Link,
    /// An answer to our look, which comes in any case.
    List,
    /// An answer to our entry, until then.
    Answer(Instant),
    /// The time to list everybody anew, or, outside, to look for Jicofo and enter.
    Entry(Instant),
}

/// What a nickname was told to be.
type Shown = (Option<Report>, usize);

/// The occupancy. It outlives the links.
#[derive(Debug)]
pub(in crate::xmpp) struct Occupancy {
    me: String,
    domain: String,
    room: RoomJid,
    nick: Nick,
    /// Jicofo's nickname there.
    focus: Nick,
    /// Since when there may be a brewery in which Jicofo is not seen.
    without_focus: Option<Instant>,
    /// Nicknames in a row that were taken.
    conflicts: u8,
    wait: Wait,
    inside_since: Option<Instant>,
    shown: HashMap<Nick, Shown>,
    /// Who is listed so far, while those inside are listed anew.
    listed: Option<HashSet<Nick>>,
    /// How long to wait next time, at least.
    pause: Doubling,
    told: Option<NotLetIn>,
}

impl Occupancy {
    /// `user` and `nick` are those by which we enter meetings; here we are somebody else. `focus`: Jicofo's nickname.
    pub(in crate::xmpp) fn new(room: RoomJid, domain: &str, user: &str, nick: &Nick, focus: &Nick) -> Self {
        let local = if user == "brewery" { "fleet" } else { "brewery" };
        Self {
            me: format!("{local}@{domain}/a"),
            domain: domain.to_owned(),
            room,
            nick: Nick::new(&format!("{}_watch", nick.as_str())).unwrap_or_else(|_| nick.clone()),
            focus: focus.clone(),
            without_focus: None,
            conflicts: 0,
            wait: Wait::Link,
            inside_since: None,
            shown: HashMap::new(),
            listed: None,
            pause: Doubling::new(PUT_OUT, LONGEST),
            told: None,
        }
    }

    /// The address from which we speak there.
    pub(in crate::xmpp) fn me(&self) -> &str {
        &self.me
    }

    pub(in crate::xmpp) fn room(&self) -> &RoomJid {
        &self.room
    }

    pub(in crate::xmpp) fn is_inside(&self) -> bool {
        self.inside_since.is_some()
    }

    pub(in crate::xmpp) fn next_deadline(&self) -> Option<Instant> {
        match self.wait {
            Wait::Link | Wait::List => None,
            Wait::Answer(at) | Wait::Entry(at) => Some(at),
        }
    }

    pub(in crate::xmpp) fn link_up(&mut self, now: Instant) {
        self.wait = Wait::Entry(now);
        self.without_focus = None;
        self.pause.reset();
    }

    pub(in crate::xmpp) fn link_down(&mut self) -> Option<BreweryEvent> {
        self.wait = Wait::Link;
        self.lose()
    }

    /// Has everybody listed anew, now; where we are not inside, that is tried again now.
    pub(in crate::xmpp) fn list_again(&mut self, now: Instant) {
        if let Wait::Entry(at) = &mut self.wait {
            *at = now;
        }
    }

    /// Something is to be done because of the time.
    pub(in crate::xmpp) fn expire(&mut self, now: Instant) -> Vec<Do> {
        match self.wait {
            Wait::Entry(at) if at <= now && (self.is_inside() || self.has_waited(now)) => {
                vec![self.enter(now)]
            }
            Wait::Entry(at) if at <= now => {
                self.wait = Wait::List;
                vec![Do::Look]
            }
            Wait::Answer(at) if at <= now => {
                let why = NotLetIn::NoAnswer { room: self.room.clone(), domain: self.domain.clone() };
                self.out(why, now)
            }
            _ => Vec::new(),
        }
    }

    /// Who is in the brewery, seen from outside, or why we are not told.
    pub(in crate::xmpp) fn listed(
        &mut self,
        result: Result<Vec<Listed>, ListError>,
        now: Instant,
    ) -> Vec<Do> {
        if !matches!(self.wait, Wait::List) {
            return Vec::new();
        }
        let waits_again = match result {
            Ok(all) if all.iter().any(|one| one.nick == self.focus) => return vec![self.enter(now)],
            Err(ListError::Gone) => return self.out(NotLetIn::NoRoom { room: self.room.clone() }, now),
            // Only an owner is told (docs/jitsi.md 10.3), and it would be in vain to ask again.
            Err(ListError::Forbidden) => WITHOUT_FOCUS,
            Ok(_) | Err(ListError::TimedOut | ListError::Unwritable | ListError::Other) => LOOK_AGAIN,
        };
        let nevertheless = after(*self.without_focus.get_or_insert(now), WITHOUT_FOCUS);
        self.wait = Wait::Entry(after(now, waits_again).min(nevertheless));
        Vec::new()
    }

    /// Jicofo has had its time.
    fn has_waited(&self, now: Instant) -> bool {
        self.without_focus.is_some_and(|since| after(since, WITHOUT_FOCUS) <= now)
    }

    /// A presence of the brewery has come.
    pub(in crate::xmpp) fn presence(&mut self, read: Read, now: Instant) -> Vec<Do> {
        match read {
            Read::Here { nick, status, items } => self.here(nick, (status, items)),
            // Somebody has made it before Jicofo has: not with us as its owner.
            Read::Own { nick, created: true } => {
                let leave = PresenceOut::leave(&self.me, id_text(new_id()), &self.room, &nick);
                let why = NotLetIn::NoRoom { room: self.room.clone() };
                let mut todo = vec![Do::Send(Box::new(leave))];
                todo.extend(self.out(why, now));
                todo
            }
            Read::Own { nick, created: false } => self.inside(nick, now),
            Read::Left { nick } if self.is_inside() && nick == self.nick => self.put_out(now),
            Read::Left { nick } => {
                self.shown.remove(&nick);
                vec![Do::Tell(BreweryEvent::Left { nick })]
            }
            Read::OwnRename { nick } => {
                self.nick = nick;
                Vec::new()
            }
            Read::Out if self.is_inside() => self.put_out(now),
            Read::Refused { nick, refusal } => self.refused(nick, refusal, now),
            Read::Out | Read::Nothing | Read::Malformed => Vec::new(),
        }
    }

    /// A presence of somebody inside cannot be read: whoever it is, is there.
    pub(in crate::xmpp) fn unreadable(&mut self, from: &str) {
        if let (Some(Some(nick)), Some(listed)) = (read::occupant(from, &self.room), &mut self.listed) {
            listed.insert(nick);
        }
    }

    /// The link is to be closed.
    pub(in crate::xmpp) fn leave(&mut self) -> Option<PresenceOut> {
        let may_be_inside = self.is_inside() || matches!(self.wait, Wait::Answer(_));
        self.wait = Wait::Link;
        may_be_inside.then(|| PresenceOut::leave(&self.me, id_text(new_id()), &self.room, &self.nick))
    }

    fn enter(&mut self, now: Instant) -> Do {
        self.wait = Wait::Answer(after(now, ANSWER));
        self.listed = self.is_inside().then(HashSet::new);
        Do::Send(Box::new(PresenceOut::listen(&self.me, id_text(new_id()), &self.room, &self.nick)))
    }

    fn here(&mut self, nick: Nick, shown: Shown) -> Vec<Do> {
        let is_known = self.shown.get(&nick) == Some(&shown);
        if let Some(listed) = &mut self.listed {
            listed.insert(nick.clone());
            if is_known {
                // It is listed, and has said nothing.
                return Vec::new();
            }
        }
        if self.shown.len() < REMEMBERED || self.shown.contains_key(&nick) {
            self.shown.insert(nick.clone(), shown);
        }
        let (status, items) = shown;
        vec![Do::Tell(BreweryEvent::Presence { nick, status, items })]
    }

    /// Our own presence: it comes last, when everybody has been listed; and whenever something about us changes.
    fn inside(&mut self, nick: Nick, now: Instant) -> Vec<Do> {
        self.nick = nick;
        let is_answer = matches!(self.wait, Wait::Answer(_));
        // An answer may come too late, and is as good.
        if self.is_inside() && !is_answer {
            return Vec::new();
        }
        let mut todo = Vec::new();
        if let Some(listed) = self.listed.take() {
            let gone: Vec<Nick> = self.shown.keys().filter(|nick| !listed.contains(*nick)).cloned().collect();
            for nick in gone {
                self.shown.remove(&nick);
                todo.push(Do::Tell(BreweryEvent::Left { nick }));
            }
        }
        self.inside_since.get_or_insert(now);
        self.without_focus = None;
        self.wait = Wait::Entry(after(now, LIST_AGAIN));
        self.conflicts = 0;
        self.told = None;
        todo.push(Do::Tell(BreweryEvent::Complete));
        todo
    }

    fn refused(&mut self, nick: Option<Nick>, refusal: Refusal, now: Instant) -> Vec<Do> {
        let is_answer = matches!(self.wait, Wait::Answer(_)) && nick.is_none_or(|nick| nick == self.nick);
        if !is_answer {
            return Vec::new();
        }
        if refusal.condition == Condition::Conflict {
            self.conflicts = self.conflicts.saturating_add(1);
            if let Some(nick) = self.another_nick() {
                self.nick = nick;
                if self.conflicts.checked_rem(NICKS).is_some_and(|rest| rest != 0) {
                    return vec![self.enter(now)];
                }
            }
        }
        let why = NotLetIn::from_refusal(&self.room, refusal);
        self.out(why, now)
    }

    fn another_nick(&self) -> Option<Nick> {
        let stem: String = self.nick.as_str().chars().take(40).filter(char::is_ascii_alphabetic).collect();
        Nick::new(&format!("{stem}{:04}", rand::random::<u16>())).ok()
    }

    /// We are not let in, or not any more.
    fn out(&mut self, why: NotLetIn, now: Instant) -> Vec<Do> {
        let retry_in = if why.is_usual() {
            self.without_focus = None;
            LOOK_AGAIN
        } else {
            self.pause.delay_of_at_least(REFUSED)
        };
        self.wait = Wait::Entry(after(now, retry_in));
        let mut todo: Vec<Do> = self.lose().map(Do::Tell).into_iter().collect();
        if self.told.as_ref() != Some(&why) {
            self.told = Some(why.clone());
            todo.push(Do::Tell(BreweryEvent::NotLetIn { why, retry_in }));
        }
        todo
    }

    /// We were inside and have been removed, or the room is gone.
    fn put_out(&mut self, now: Instant) -> Vec<Do> {
        let stay = self.inside_since.map(|since| now.saturating_duration_since(since));
        if stay.is_some_and(|stay| stay >= GOOD_STAY) {
            self.pause.reset();
        }
        self.wait = Wait::Entry(after(now, self.pause.delay()));
        self.lose().map(Do::Tell).into_iter().collect()
    }

    fn lose(&mut self) -> Option<BreweryEvent> {
        let was_inside = self.inside_since.take().is_some();
        let had_shown = !std::mem::take(&mut self.shown).is_empty();
        self.listed = None;
        (was_inside || had_shown).then_some(BreweryEvent::Lost)
    }
}

fn after(now: Instant, time: Duration) -> Instant {
    now.checked_add(time).unwrap_or(now)
}

#[cfg(test)]
mod tests;
