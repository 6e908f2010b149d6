//! The world: virtual time, everything that is under way, and the core in the middle of it.

use std::collections::BTreeMap;
use std::time::Duration;

use jibri_autostart::address::{Nick, RoomJid};
use jibri_autostart::meeting::watchlist::{Report, Watchlist};
use jibri_autostart::meeting::{
    Action, AttemptId, Effect, Input, Listed, Meetings, QueryId, Roles, RoomEvent,
};
use jibri_autostart::time::Time;
use model::{JicofoSettings, jibri, jicofo};
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

use super::companion::Companion;
use super::coverage::Coverage;
use super::focus::{Jicofo, Request, Wish};
use super::guests::Guests;
use super::jibri::{Jibri, Mood, Work, duration};
use super::link::{Link, us};
use super::manual::Admin;
use super::mirror::Mirror;
use super::muc::{Kind, MucRoom};
use super::people::Person;
use super::plan::{MS, Plan, SEC, Us};
use super::sources::Lister;
use super::supply::Shop;

/// Something that happens.
#[derive(Debug)]
pub enum Ev {
    LinkUp,
    LinkBreaks,
    LinkNoticed,
    /// Whether there is a companion is answered; it is loaded, or unloaded.
    CompanionGreets {
        conn: u32,
    },
    CompanionTurns,
    ToServer {
        conn: u32,
        action: Action,
    },
    ToUs {
        conn: u32,
        r: usize,
        event: RoomEvent,
        about: Option<Kind>,
    },
    OurTurn {
        r: usize,
        conn: u32,
        nick: Nick,
        began: Us,
    },
    SecondList {
        r: usize,
        conn: u32,
        query: QueryId,
        which: Roles,
        first: Option<Vec<Listed>>,
    },
    RequestTimesOut {
        r: usize,
        conn: u32,
        attempt: AttemptId,
        wish: Wish,
    },
    QueryTimesOut {
        r: usize,
        conn: u32,
        query: QueryId,
    },
    Person {
        p: usize,
    },
    PersonLeaves {
        p: usize,
    },
    PhoneLeaves {
        r: usize,
    },
    ConferenceWanted {
        r: usize,
    },
    ConferenceEnds {
        r: usize,
        instance: u32,
    },
    Election {
        r: usize,
    },
    Jicofo(jicofo::Input<usize, usize, Request>),
    Jibri {
        j: usize,
        input: jibri::Input<Work>,
    },
    JibriAsked {
        j: usize,
        work: Work,
    },
    JibriBoots {
        j: usize,
    },
    /// The brewery shows that the Jibri of a room has stopped.
    JibriSeenToStop {
        r: usize,
        gone: bool,
    },
    /// What became of a start in somebody's name, as the fleet's figures tell.
    FiguresTell {
        r: usize,
        attempt: AttemptId,
        taken: bool,
    },
    /// A source of rooms lists them.
    List,
    /// An event about a room, true or not.
    Rumour,
    /// An administrator orders something, here or anywhere.
    Order {
        r: Option<usize>,
    },
    /// The rules are read again.
    Reload {
        n: usize,
    },
    ExtraTick,
    FocusRestarts,
    FocusIsBack,
    ProsodyRestarts,
    JibriMood,
    /// The brewery shows a Jibri, which is, or was, at work for this room.
    Shown {
        j: usize,
        free: bool,
        r: Option<usize>,
    },
    SupplyTurns,
    /// A gateway comes into some room, or leaves it.
    Gateway {
        r: Option<usize>,
    },
    Calm,
}

/// What does not hold, by its number in ARCHITECTURE.md.
#[derive(Debug, Clone)]
pub struct Violation {
    pub number: u32,
    pub what: String,
}

pub struct World {
    pub now: Us,
    sequence: u64,
    queue: BTreeMap<(Us, u64), Ev>,
    pub rng: SmallRng,
    pub plan: Plan,
    pub core: Meetings,
    pub watchlist: Watchlist,
    pub index: BTreeMap<RoomJid, usize>,
    pub rooms: Vec<MucRoom>,
    pub mirrors: Vec<Mirror>,
    pub jibris: Vec<Jibri>,
    pub jicofo: Jicofo,
    pub people: Vec<Person>,
    pub link: Link,
    pub companion: Companion,
    pub lister: Lister,
    pub shop: Shop,
    pub admin: Admin,
    pub guests: Guests,
    pub focus_up: bool,
    pub conferences: u32,
    pub sessions: u64,
    /// Recorders that have come into some room.
    pub browsers: u64,
    pub calm: bool,
    /// It is played to its end, whatever happens; and since when nothing is owed.
    stays: bool,
    quiet_since: Option<Us>,
    pub seen: Coverage,
    pub violation: Option<Violation>,
    pub trace: Option<Vec<String>>,
}

impl World {
    pub fn new(seed: u64, with_trace: bool) -> Self {
        let mut rng = SmallRng::seed_from_u64(seed);
        let mut plan = Plan::new(&mut rng);
        let companion = Companion::new(seed, plan.rooms.len(), &mut plan.settings);
        let core = Meetings::new(&plan.settings, false, seed, Time::default());
        let count = plan.rooms.len();
        let visited = count - plan.phantoms;
        let people = (0..plan.people).map(|p| Person::new(p % visited, rng.random_bool(0.6))).collect();
        // Whose checks are the mirrors'.
        let is_mirrored = !companion.plays;
        let (mut shop, mut admin) = (Shop::new(seed, count), Admin::new(seed));
        shop.is_open &= is_mirrored;
        admin.pace = admin.pace.filter(|_| is_mirrored);
        let mut world = Self {
            now: 0,
            sequence: 0,
            queue: BTreeMap::new(),
            core,
            watchlist: Watchlist::new(&plan.settings.muc.domains, &plan.settings.discovery.rooms),
            index: plan.rooms.iter().cloned().enumerate().map(|(i, room)| (room, i)).collect(),
            rooms: (0..count).map(|_| MucRoom::default()).collect(),
            mirrors: plan.terms.iter().map(|terms| Mirror::new(terms.clone(), &plan.settings.muc)).collect(),
            jicofo: Jicofo::new(JicofoSettings {
                pending_timeout: duration(plan.pending_timeout),
                num_retries: Some(plan.num_retries),
                ..Default::default()
            }),
            jibris: (0..plan.jibris).map(|_| Jibri::new(Mood::Good)).collect(),
            people,
            link: Link::default(),
            companion,
            lister: Lister::default(),
            shop,
            admin,
            guests: Guests::new(seed),
            focus_up: true,
            conferences: 0,
            sessions: 0,
            browsers: 0,
            calm: false,
            stays: seed.is_multiple_of(8),
            quiet_since: None,
            seen: Coverage::default(),
            violation: None,
            trace: with_trace.then(Vec::new),
            rng,
            plan,
        };
        world.begin();
        world
    }

    fn begin(&mut self) {
        for p in 0..self.people.len() {
            let comes = self.some(0, self.plan.pace * 2);
            self.after(comes, Ev::Person { p });
        }
        for j in 0..self.jibris.len() {
            self.jibri_boots(j);
            if self.plan.quitters || self.rng.random_bool(0.5) {
                self.jibri_mood(j);
            }
        }
        let up = self.some(0, 5 * SEC);
        self.after(up, Ev::LinkUp);
        self.after(SEC, Ev::List);
        self.after(SEC, Ev::Rumour);
        self.after(SEC, Ev::ExtraTick);
        self.open_shop();
        self.admin_comes();
        self.guests_come();
        self.companion_begins();
        for (trouble, event) in [
            (self.plan.link_trouble, Ev::LinkBreaks),
            (self.plan.focus_trouble, Ev::FocusRestarts),
            (self.plan.prosody_trouble, Ev::ProsodyRestarts),
            (self.plan.jibri_trouble, Ev::JibriMood),
        ] {
            self.again(trouble, event);
        }
        for n in 0..self.plan.reloads.len() {
            let when = self.some(SEC, self.plan.chaos);
            self.after(when, Ev::Reload { n });
        }
        self.after(self.plan.chaos, Ev::Calm);
    }

    /// Trouble comes back at about this distance, until all is calm.
    pub fn again(&mut self, trouble: Option<Us>, event: Ev) {
        if let Some(mean) = trouble.filter(|_| !self.calm) {
            let after = self.some(mean / 4, mean * 2);
            self.after(after, event);
        }
    }

    pub fn some(&mut self, least: Us, most: Us) -> Us {
        self.rng.random_range(least..=most)
    }

    /// Once in so many of a thousand times.
    pub fn chance(&mut self, per_mille: u32) -> bool {
        self.rng.random_range(0..1000) < per_mille
    }

    pub fn at_time(&mut self, at: Us, event: Ev) {
        self.sequence += 1;
        self.queue.insert((at, self.sequence), event);
    }

    pub fn after(&mut self, wait: Us, event: Ev) {
        self.at_time(self.now + wait, event);
    }

    pub fn time(&self) -> Time {
        Time::new(Duration::from_micros(self.now))
    }

    /// Plays until the end, or until something does not hold.
    pub fn run(&mut self) {
        let mut end = Us::MAX;
        let mut ticks_at_once = 0;
        while self.violation.is_none() && self.now < end {
            if self.calm && end == Us::MAX {
                end = self.now + self.plan.bound + 30 * SEC;
            }
            self.models_wake();
            let next = self.queue.first_key_value().map_or(Us::MAX, |((at, _), _)| *at);
            let due = self.core.next_deadline().map_or(Us::MAX, at_us);
            if due <= next {
                ticks_at_once = if due <= self.now { ticks_at_once + 1 } else { 0 };
                self.now = self.now.max(due);
                self.feed(Input::Tick, None);
                if ticks_at_once > 20 {
                    self.fail(3, "the core asks for one Tick after the other, without end".into());
                }
            } else {
                self.now = next;
                if let Some((_, event)) = self.queue.pop_first() {
                    self.happens(event);
                }
            }
            self.watch_jibris();
            self.companion_pushes();
            for r in 0..self.rooms.len() {
                self.check_world(r);
            }
            if self.calm && !self.stays && self.is_quiet() {
                break;
            }
        }
        self.check_sizes();
    }

    /// Nothing has been owed to any room for a while: most seeds end here, and each eighth stays for what may come late.
    fn is_quiet(&mut self) -> bool {
        let is_owed = |room: &MucRoom| {
            room.good_since.or(room.needless_since).or(room.claimed_since).is_some()
                || room.deserted.is_some_and(|at| self.now <= at + 130 * SEC)
        };
        if self.link.server.is_none() || self.rooms.iter().any(is_owed) {
            self.quiet_since = None;
        }
        self.now > *self.quiet_since.get_or_insert(self.now) + 150 * SEC
    }

    /// Jicofo and the Jibris act by themselves when it is time and nothing else happens before.
    fn models_wake(&mut self) {
        let next = self.queue.first_key_value().map(|((at, _), _)| duration(*at));
        let jibris = self.jibris.iter().enumerate().map(|(j, jibri)| (jibri.model.next_deadline(), Some(j)));
        let all = jibris.chain([(self.jicofo.next_deadline(), None)]);
        let Some((at, who)) = all.filter_map(|(at, who)| Some((at?, who))).min() else { return };
        if next.is_none_or(|next| at < next) {
            let at = us(at);
            match who {
                Some(j) => self.at_time(at, Ev::Jibri { j, input: jibri::Input::Tick }),
                None => self.at_time(at, Ev::Jicofo(jicofo::Input::Tick)),
            }
        }
    }

    fn happens(&mut self, event: Ev) {
        self.trace_event(&event);
        match event {
            Ev::LinkUp => self.link_up(),
            Ev::LinkBreaks => {
                if !self.calm {
                    self.link_breaks();
                    self.again(self.plan.link_trouble, Ev::LinkBreaks);
                }
            }
            Ev::LinkNoticed => self.link_noticed(),
            Ev::CompanionGreets { conn } => self.companion_greets(conn),
            Ev::CompanionTurns => self.companion_turns(),
            Ev::ToServer { conn, action } => self.server_takes(conn, action),
            Ev::ToUs { conn, r, event, about } => self.arrives(conn, r, event, about),
            Ev::SecondList { r, conn, query, which, first } => {
                self.second_list(r, conn, query, which, first);
            }
            Ev::OurTurn { r, conn, nick, began } => self.our_turn(r, conn, &nick, began),
            Ev::RequestTimesOut { r, conn, attempt, wish } => self.request_times_out(r, conn, attempt, wish),
            Ev::QueryTimesOut { r, conn, query } => self.query_times_out(r, conn, query),
            Ev::Person { p } => self.person_acts(p),
            Ev::PersonLeaves { p } => self.exit(self.people[p].r, Kind::Person(p)),
            Ev::PhoneLeaves { r } => self.exit(r, Kind::Phone),
            Ev::ConferenceWanted { r } => self.conference_wanted(r),
            Ev::ConferenceEnds { r, instance } => self.conference_ends(r, instance),
            Ev::Election { r } => self.election(r),
            Ev::Jicofo(input) => self.jicofo(input),
            Ev::Jibri { j, input } => self.jibri(j, input),
            Ev::JibriAsked { j, work } => self.jibri_asked(j, work),
            Ev::JibriBoots { j } => self.jibri_boots(j),
            Ev::JibriSeenToStop { r, gone } => {
                self.seen.count("a Jibri seen to stop");
                self.feed_room(r, RoomEvent::JibriStopped { gone }, None);
            }
            Ev::FiguresTell { r, attempt, taken } => {
                if self.mirrors[r].in_flight.is_some_and(|(current, _)| current == attempt) {
                    self.seen.count(if taken {
                        "unseen: seen to be taken"
                    } else {
                        "unseen: seen not to be taken"
                    });
                    self.feed_room(r, RoomEvent::Taken(taken), None);
                }
            }
            Ev::List => self.list(),
            Ev::Rumour => self.rumour(),
            Ev::Order { r } => self.order(r),
            Ev::Reload { n } => self.reload(n),
            Ev::ExtraTick => {
                self.feed(Input::Tick, None);
                let next = self.some(MS, 20 * SEC);
                self.after(next, Ev::ExtraTick);
            }
            Ev::FocusRestarts => {
                if !self.calm {
                    self.focus_restarts();
                    self.again(self.plan.focus_trouble, Ev::FocusRestarts);
                }
            }
            Ev::FocusIsBack => self.focus_is_back(),
            Ev::ProsodyRestarts => {
                if !self.calm {
                    self.prosody_restarts();
                    self.again(self.plan.prosody_trouble, Ev::ProsodyRestarts);
                }
            }
            Ev::JibriMood => {
                if !self.calm {
                    let j = self.rng.random_range(0..self.jibris.len());
                    self.jibri_mood(j);
                    self.again(self.plan.jibri_trouble, Ev::JibriMood);
                }
            }
            Ev::Shown { j, free, r } => self.shown(j, free, r),
            Ev::SupplyTurns => self.supply_turns(),
            Ev::Gateway { r } => self.gateway(r),
            Ev::Calm => {
                self.becomes_calm();
                if self.companion.plays {
                    self.companion_turns();
                }
                self.supply_turns();
            }
        }
    }

    /// Something went wrong here that is not ours to prevent; the time for a recording counts anew.
    pub fn fault(&mut self, r: usize) {
        self.rooms[r].good_since = None;
        self.hinders(r, 60 * SEC);
    }

    /// For a while it is no wonder that a stop does not come.
    pub fn hinders(&mut self, r: usize, wait: Us) {
        self.rooms[r].hindered_until = self.rooms[r].hindered_until.max(self.now + wait);
    }

    pub fn feed_room(&mut self, r: usize, event: RoomEvent, about: Option<Kind>) {
        let room = self.plan.rooms[r].clone();
        self.feed(Input::Room { room, event }, Some((r, about)));
    }

    /// One step of the core, watched.
    pub fn feed(&mut self, input: Input, whose: Option<(usize, Option<Kind>)>) {
        self.trace_input(&input, whose);
        self.before_step(&input, whose);
        self.shop_before(&input);
        let effects = self.core.handle(self.time(), input);
        self.follow(effects);
    }

    /// What comes out of a step of the core.
    pub fn follow(&mut self, effects: Vec<Effect>) {
        let mut found = Vec::new();
        for effect in effects {
            match effect {
                Effect::NoSuchRoom(room) => {
                    if self.rooms[self.index[&room]].exists {
                        self.seen.count("a room on trial is missed");
                    }
                    found.push(Report::NoSuchRoom { room });
                }
                Effect::Proven(room) => {
                    self.seen.count("a room on trial is proven");
                    found.push(Report::Proven { room });
                }
                Effect::Tell(event) => {
                    let r = self.index[&event.room];
                    self.trace(r, || format!("        tells {:?}", event.what));
                    self.check_told(r, &event.what);
                    self.shop_told(r, &event.what);
                }
                Effect::Do(action) => {
                    self.trace_action(&action);
                    self.check_action(&action);
                    self.carry_out(action);
                }
            }
        }
        for r in 0..self.rooms.len() {
            self.check_step(r);
        }
        self.check_line();
        for report in found {
            self.report(report);
        }
        self.tell_supply();
    }

    /// Other rules, from now on.
    fn reload(&mut self, n: usize) {
        self.seen.count("rules reloaded");
        self.trace_all(|| "other rules".into());
        let (settings, terms) = self.plan.reloads[n].clone();
        for (mirror, terms) in self.mirrors.iter_mut().zip(terms) {
            mirror.use_terms(terms, self.now);
        }
        for room in &mut self.rooms {
            room.gave_up = false;
            room.needless_since = None;
        }
        let effects = self.core.use_rules(&settings, self.time());
        self.follow(effects);
    }

    pub fn fail(&mut self, number: u32, what: String) {
        self.violation.get_or_insert(Violation { number, what });
    }
}

pub fn at_us(time: Time) -> Us {
    // Upwards: a Tick must not come before it is due.
    u64::try_from(time.since_start().as_nanos().div_ceil(1000)).unwrap()
}
