//! One companion, without a network: when it is asked what, and what is told of what it says.
//!
//! It is asked for a `hello` as soon as there is a link, and ever again. If it answers, all its rooms are asked for,
//! page by page, and from then on it tells of changes by itself. Each word of it bears a number, so what was lost is
//! missed, and then all rooms are asked for anew (docs/companion.md, Numbers).

mod listing;

use std::time::Duration;

use tokio::time::Instant;

use self::listing::Listing;
use super::super::event::{CompanionEvent, LinkEvent, Mute};
use super::super::stanza::{CompanionStanza, HelloStanza, Payload, RoomStanza, RoomsStanza};
use super::read::{self, Read};
use super::{About, Answer, Ask, Do, Unanswered, abilities};
use crate::address::RoomJid;
use crate::address::tenant::Services;
use crate::meeting::RoomEvent;

/// How often it is asked for a `hello`: that finds what was lost last, and a module that somebody has loaded.
const HELLO_AGAIN: Duration = Duration::from_secs(30);
/// How long until it is asked again after it has not answered in time.
const AFTER_SILENCE: Duration = Duration::from_secs(5);
/// How long until it is asked again what it has refused, and between two lists of all rooms in one epoch.
const ASK_AGAIN: Duration = Duration::from_secs(2);
/// Longest word of its own, in bytes: an epoch, a version, a page. They have at most 50.
const MAX_WORD: usize = 200;

/// What was last told of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Nothing,
    Answers,
    /// It is of no use, for want of an ability.
    Unfit(&'static str),
    Silent,
}

/// What it has said of itself in its last `hello`, and what has come since.
#[derive(Debug)]
struct Known {
    epoch: String,
    /// The number of its last push.
    seq: u64,
    mute: Option<Mute>,
    /// The list of all rooms, until it is complete.
    listing: Option<Listing>,
}

/// The epoch and the number that an element bears.
type Numbers = (String, u64);

/// What passes between us and one companion.
#[derive(Debug)]
pub(super) struct Course {
    service: String,
    services: Services,
    told: Told,
    /// None before its first `hello`, and since something came from an epoch of which we know nothing yet.
    known: Option<Known>,
    /// The epoch of one that answers and is of no use: what it pushes is passed over.
    unfit: Option<String>,
    /// When it is asked for a `hello`; none while it is.
    hello_at: Option<Instant>,
    /// The last `hello` was not answered in time, or the last page.
    hello_missed: bool,
    page_missed: bool,
    /// Which list of all rooms it is; an answer to an earlier one tells nothing.
    list: u64,
    /// When the last one was begun.
    listed_at: Option<Instant>,
    todo: Vec<Do>,
}

impl Course {
    pub(super) fn new(service: String, services: Services, now: Instant) -> Self {
        Self {
            service,
            services,
            told: Told::Nothing,
            known: None,
            unfit: None,
            hello_at: Some(now),
            hello_missed: false,
            page_missed: false,
            list: 0,
            listed_at: None,
            todo: Vec::new(),
        }
    }

    pub(super) fn service(&self) -> &str {
        &self.service
    }

    pub(super) fn answers(&self) -> bool {
        self.told == Told::Answers
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let page_at = self.listing().and_then(|listing| listing.at);
        self.hello_at.into_iter().chain(page_at).min()
    }

    pub(super) fn expire(&mut self, now: Instant) -> Vec<Do> {
        if self.hello_at.is_some_and(|at| at <= now) {
            self.ask_hello();
        }
        self.ask_page(now);
        std::mem::take(&mut self.todo)
    }

    /// It has said something by itself.
    pub(super) fn pushed(&mut self, said: &CompanionStanza, now: Instant) -> Vec<Do> {
        match said {
            CompanionStanza::Hello(hello) => match numbers(hello.epoch.as_ref(), hello.seq.as_ref()) {
                Some(numbers) => self.introduced(hello, numbers, true, now),
                None => self.todo.push(Do::Malformed),
            },
            CompanionStanza::Room(room) => {
                if self.follow(numbers(room.epoch.as_ref(), room.seq.as_ref()), true, now) {
                    self.picture(room);
                }
            }
            CompanionStanza::Gone { epoch, seq, jid } => {
                if self.follow(numbers(epoch.as_ref(), seq.as_ref()), true, now) {
                    match read::name(jid.as_deref(), &self.service) {
                        Some(room) => self.over(room),
                        None => self.todo.push(Do::Malformed),
                    }
                }
            }
            CompanionStanza::Bye => self.silent("it was unloaded"),
            CompanionStanza::Rooms(_) => self.todo.push(Do::Malformed),
        }
        std::mem::take(&mut self.todo)
    }

    /// What became of something that it was asked.
    pub(super) fn answered(&mut self, about: About, answer: Answer, now: Instant) -> Vec<Do> {
        match about {
            About::Hello => self.hello_answered(answer, now),
            About::Page(list) => self.page_answered(list, answer, now),
            About::Picture(room) => self.picture_answered(room, answer, now),
        }
        std::mem::take(&mut self.todo)
    }

    fn hello_answered(&mut self, answer: Answer, now: Instant) {
        let was_missed = std::mem::take(&mut self.hello_missed);
        self.hello_at = Some(after(now, HELLO_AGAIN));
        match answer {
            Ok(payload) => {
                let hello = said(payload, |said| match said {
                    CompanionStanza::Hello(hello) => Some(hello),
                    _ => None,
                });
                let introduced =
                    hello.and_then(|hello| Some((numbers(hello.epoch.as_ref(), hello.seq.as_ref())?, hello)));
                match introduced {
                    Some((numbers, hello)) => self.introduced(&hello, numbers, false, now),
                    None => self.silent("its answer cannot be understood"),
                }
            }
            Err(Unanswered::TimedOut) if was_missed => self.silent("it does not answer"),
            Err(Unanswered::TimedOut) => {
                self.hello_missed = true;
                self.hello_at = Some(after(now, AFTER_SILENCE));
            }
            // It is there, and has much to do.
            Err(Unanswered::Error { refused: Some(why) }) if why == "too-many" => {
                self.hello_at = Some(after(now, ASK_AGAIN));
            }
            Err(Unanswered::Error { refused: Some(_) }) => self.silent("it fails"),
            Err(Unanswered::Error { refused: None }) => {
                self.silent("the module is not loaded on this conference service");
            }
        }
    }

    fn page_answered(&mut self, list: u64, answer: Answer, now: Instant) {
        let was_missed = std::mem::take(&mut self.page_missed);
        match answer {
            Ok(payload) => {
                let page = said(payload, |said| match said {
                    CompanionStanza::Rooms(page) => Some(page),
                    _ => None,
                });
                let read = page
                    .and_then(|page| Some((numbers(page.epoch.as_ref(), page.seq.as_ref())?, page)))
                    .filter(|(_, page)| page.next.as_ref().is_none_or(|next| is_word(next)));
                match read {
                    Some((numbers, page)) => self.page(list, numbers, page, now),
                    None => {
                        self.todo.push(Do::Malformed);
                        self.ask_page_after(list, ASK_AGAIN, now);
                    }
                }
            }
            Err(Unanswered::TimedOut) if was_missed => self.silent("it does not answer"),
            Err(Unanswered::TimedOut) => {
                self.page_missed = true;
                self.ask_page_after(list, AFTER_SILENCE, now);
            }
            // It has begun another list meanwhile.
            Err(Unanswered::Error { refused: Some(why) }) if why == "bad" => {
                if list == self.list {
                    self.list_anew(true, now);
                }
            }
            Err(Unanswered::Error { .. }) => self.ask_page_after(list, ASK_AGAIN, now),
        }
    }

    fn picture_answered(&mut self, room: RoomJid, answer: Answer, now: Instant) {
        match answer {
            Ok(payload) => {
                let picture = said(payload, |said| match said {
                    CompanionStanza::Room(picture) => Some(picture),
                    _ => None,
                });
                match picture.filter(|picture| picture.jid.as_deref() == Some(room.as_str())) {
                    Some(picture) => {
                        if self.follow(numbers(picture.epoch.as_ref(), picture.seq.as_ref()), false, now) {
                            self.picture(&picture);
                        }
                    }
                    None => self.todo.push(Do::Malformed),
                }
            }
            Err(Unanswered::Error { refused: Some(why) }) if why == "no-room" && self.known.is_some() => {
                self.over(room);
            }
            Err(_) => {}
        }
    }

    /// A `hello`, asked for or not. Whether people can be told by it may change within an epoch; then everything is told
    /// anew, because that belongs to what is told first.
    fn introduced(&mut self, hello: &HelloStanza, (epoch, seq): Numbers, is_push: bool, now: Instant) {
        let mute = match abilities::read(hello) {
            Ok(mute) => mute,
            Err(why) => return self.is_unfit(epoch, why),
        };
        self.unfit = None;
        match &mut self.known {
            Some(known) if known.epoch == epoch && known.mute == mute => {
                let is_lost = known.seq != seq;
                known.seq = seq;
                if is_push || is_lost {
                    self.list_anew(true, now);
                }
            }
            _ => {
                let version = hello.version.clone().filter(|version| is_word(version)).unwrap_or_default();
                self.known = Some(Known { epoch, seq, mute, listing: None });
                self.told = Told::Answers;
                self.tell(CompanionEvent::Answers { version, mute });
                self.list_anew(false, now);
            }
        }
    }

    /// Whether what bears these numbers is of the epoch that we know. If anything was lost before it, all rooms are
    /// asked for; if it is of another epoch, a `hello` first.
    fn follow(&mut self, numbers: Option<Numbers>, is_push: bool, now: Instant) -> bool {
        let Some((epoch, seq)) = numbers else {
            self.todo.push(Do::Malformed);
            return false;
        };
        match &mut self.known {
            Some(known) if known.epoch == epoch => {
                let expected = known.seq.saturating_add(u64::from(is_push));
                known.seq = seq;
                if seq != expected {
                    self.list_anew(true, now);
                }
                true
            }
            _ if self.unfit.as_ref() == Some(&epoch) => false,
            _ => {
                self.known = None;
                if self.hello_at.is_some() {
                    self.ask_hello();
                }
                false
            }
        }
    }

    /// It has drawn a room.
    fn picture(&mut self, stanza: &RoomStanza) {
        match read::room(stanza, &self.service, &self.services) {
            Read::Room(room, picture) => {
                if self.listing_mut().is_none_or(|listing| listing.see(&room)) {
                    self.tell_room(room, RoomEvent::Pictured(picture));
                }
            }
            Read::Brewery => {}
            Read::Malformed => self.todo.push(Do::Malformed),
        }
    }

    fn over(&mut self, room: RoomJid) {
        if self.services.occupant(room.as_str()).is_none() {
            return;
        }
        if let Some(listing) = self.listing_mut() {
            listing.forget(&room);
        }
        self.tell_room(room, RoomEvent::Over);
    }

    fn page(&mut self, list: u64, numbers: Numbers, page: RoomsStanza, now: Instant) {
        // Of an earlier list nothing is read.
        if list != self.list {
            return;
        }
        // What was lost before this page has begun another list.
        let is_known = self.follow(Some(numbers), false, now);
        if !is_known || list != self.list {
            return;
        }
        for room in &page.rooms {
            self.picture(room);
        }
        let Some(known) = &mut self.known else { return };
        match (page.next, &mut known.listing) {
            (Some(next), Some(listing)) => listing.turn_to(next, now),
            (None, listing) => {
                if let Some(listing) = listing.take() {
                    self.tell(CompanionEvent::Listed { rooms: listing.into_rooms() });
                }
            }
            (Some(_), None) => {}
        }
        self.ask_page(now);
    }

    /// Asks for all rooms; `pauses`: not at once after the last time, as what is lost may be lost again and again.
    fn list_anew(&mut self, pauses: bool, now: Instant) {
        self.list = self.list.wrapping_add(1);
        let earliest = self.listed_at.filter(|_| pauses).map_or(now, |at| after(at, ASK_AGAIN).max(now));
        if let Some(known) = &mut self.known {
            known.listing = Some(Listing::new(earliest));
        }
        self.ask_page(now);
    }

    fn ask_page(&mut self, now: Instant) {
        let list = self.list;
        let Some(page) = self.listing_mut().and_then(|listing| listing.due(now)) else { return };
        if page.is_none() {
            self.listed_at = Some(now);
        }
        self.ask(Ask::Rooms { after: page }, About::Page(list));
    }

    /// The same page again, if it is still wanted.
    fn ask_page_after(&mut self, list: u64, pause: Duration, now: Instant) {
        if list == self.list
            && let Some(listing) = self.listing_mut()
        {
            listing.at = Some(after(now, pause));
        }
    }

    fn ask_hello(&mut self) {
        self.hello_at = None;
        self.ask(Ask::Hello, About::Hello);
    }

    /// It is not there, or not any more. Told once.
    fn silent(&mut self, why: &'static str) {
        self.unfit = None;
        self.is_of_no_use(Told::Silent, why);
    }

    /// It answers, and lacks what is needed; as good as not there. Told once.
    fn is_unfit(&mut self, epoch: String, why: &'static str) {
        self.unfit = Some(epoch);
        self.is_of_no_use(Told::Unfit(why), why);
    }

    fn is_of_no_use(&mut self, told: Told, why: &'static str) {
        self.known = None;
        self.page_missed = false;
        if self.told != told {
            self.told = told;
            self.todo.push(Do::GiveUp { service: self.service.clone() });
            self.tell(CompanionEvent::Silent { why });
        }
    }

    fn listing(&self) -> Option<&Listing> {
        self.known.as_ref()?.listing.as_ref()
    }

    fn listing_mut(&mut self) -> Option<&mut Listing> {
        self.known.as_mut()?.listing.as_mut()
    }

    fn ask(&mut self, ask: Ask, about: About) {
        self.todo.push(Do::Ask { service: self.service.clone(), ask, about });
    }

    fn tell(&mut self, event: CompanionEvent) {
        self.todo.push(Do::Tell(LinkEvent::Companion { service: self.service.clone(), event }));
    }

    fn tell_room(&mut self, room: RoomJid, event: RoomEvent) {
        self.todo.push(Do::Tell(LinkEvent::Room { room, event }));
    }
}

/// What an answer says, if it is what was asked for.
fn said<T>(payload: Vec<Payload>, mut take: impl FnMut(CompanionStanza) -> Option<T>) -> Option<T> {
    payload.into_iter().find_map(|payload| match payload {
        Payload::Companion(said) => take(said),
        _ => None,
    })
}

fn numbers(epoch: Option<&String>, seq: Option<&String>) -> Option<Numbers> {
    let epoch = epoch.filter(|epoch| is_word(epoch))?;
    Some((epoch.clone(), seq?.parse().ok()?))
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_WORD
}

fn after(now: Instant, time: Duration) -> Instant {
    now.checked_add(time).unwrap_or(now)
}

#[cfg(test)]
mod tests;
