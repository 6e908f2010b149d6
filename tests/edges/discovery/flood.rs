//! Floods of false names, in virtual time: whoever is honest is visited at once, and Prosody is not asked more.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use jibri_autostart::address::{Nick, RealJid, RoomJid};
use jibri_autostart::config::from_toml;
use jibri_autostart::meeting::watchlist::{Report, Sender, Source, Watchlist};
use jibri_autostart::meeting::{
    Action, Affiliation, Effect, Input, ListError, Listed, Meetings, QueryId, Role, Roles, RoomEvent,
};
use jibri_autostart::time::Time;

use super::room;

/// How long Prosody takes for an answer.
const ANSWER: Duration = Duration::from_millis(5);
/// How long the link waits for one.
const TIMEOUT: Duration = Duration::from_secs(10);
/// As long as an honest room may wait for its visit.
const BOUND: Duration = Duration::from_secs(2);

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Whoever tells the truth.
fn honest() -> Sender {
    Sender::Host([192, 0, 2, 1].into())
}

/// One of those who do not.
fn flooder(number: u8) -> Sender {
    Sender::Host([198, 51, 100, number].into())
}

/// What there is behind a false name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lie {
    Nothing,
    /// Prosody refuses to answer, or does not.
    Refused,
    Unanswered,
    /// A room with somebody in it, and no focus.
    NoFocus,
}

const LIES: [Lie; 4] = [Lie::Nothing, Lie::Refused, Lie::Unanswered, Lie::NoFocus];

/// The sources, the core, and a Prosody that answers role queries.
struct World {
    now: Duration,
    core: Meetings,
    watchlist: Watchlist,
    lie: Lie,
    honest: BTreeSet<RoomJid>,
    /// Rooms with nobody but focus in them.
    quiet: BTreeSet<RoomJid>,
    answers: BTreeMap<(Duration, u64), Input>,
    named: u64,
    /// When each query was sent, and when each room was visited first.
    queries: Vec<Duration>,
    visited: BTreeMap<RoomJid, Duration>,
}

fn listed(nick: &str, jid: &str) -> Listed {
    Listed {
        nick: Nick::new(nick).unwrap(),
        jid: Some(RealJid::new(jid).unwrap()),
        role: Role::Moderator,
        affiliation: Affiliation::Owner,
    }
}

impl World {
    fn new(lie: Lie) -> Self {
        let toml = "[xmpp]\ndomain = \"autostart.meet.jitsi\"\nsecret = \"s\"\n[muc]\ndomains = [\"muc.meet.jitsi\"]\n";
        let settings = from_toml(toml).unwrap().settings;
        let core = Meetings::new(&settings, false, 1, Time::default());
        let mut world = Self {
            now: Duration::ZERO,
            core,
            watchlist: Watchlist::new(&settings.muc.domains, &[]),
            lie,
            honest: BTreeSet::new(),
            quiet: BTreeSet::new(),
            answers: BTreeMap::new(),
            named: 0,
            queries: Vec::new(),
            visited: BTreeMap::new(),
        };
        world.feed(Input::LinkUp);
        let service = "muc.meet.jitsi".to_owned();
        world.feed(Input::Companion { service, answers: false, can_notify: false });
        world
    }

    fn feed(&mut self, input: Input) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            for effect in self.core.handle(Time::new(self.now), input) {
                let changes = match effect {
                    Effect::Do(Action::AskRoles { room, query, which }) => {
                        self.asked(room, query, which);
                        continue;
                    }
                    Effect::Do(Action::Enter { room, .. }) => {
                        self.visited.entry(room).or_insert(self.now);
                        continue;
                    }
                    Effect::NoSuchRoom(room) => self.watchlist.handle(Report::NoSuchRoom { room }),
                    Effect::Proven(room) => self.watchlist.handle(Report::Proven { room }),
                    Effect::Do(_) | Effect::Tell(_) => continue,
                };
                inputs.extend(changes.into_iter().map(Input::from));
            }
        }
    }

    fn asked(&mut self, room: RoomJid, query: QueryId, which: Roles) {
        self.queries.extend((0..which.queries()).map(|_| self.now));
        let person = listed("ada", "ada@meet.jitsi/1");
        let focus = listed("focus", "focus@auth.meet.jitsi/focus");
        let (after, result) = match self.lie {
            _ if self.honest.contains(&room) => (ANSWER, Ok(vec![focus, person])),
            _ if self.quiet.contains(&room) => (ANSWER, Ok(vec![focus])),
            Lie::Nothing => (ANSWER, Err(ListError::Gone)),
            Lie::Refused => (ANSWER, Err(ListError::Other)),
            Lie::Unanswered => (TIMEOUT, Err(ListError::TimedOut)),
            Lie::NoFocus => (ANSWER, Ok(vec![person])),
        };
        let event = RoomEvent::Roles { query, result };
        self.answers.insert((self.now + after, query.0), Input::Room { room, event });
    }

    fn report(&mut self, report: Report) {
        for change in self.watchlist.handle(report) {
            self.feed(change.into());
        }
    }

    fn named_by(&mut self, source: Source, sender: Sender, room: RoomJid) {
        self.report(Report::Appeared { source, sender, room });
    }

    /// So many false names at this moment, of so many senders.
    fn lies(&mut self, source: Source, number: u64, senders: u8) {
        for _ in 0..number {
            self.named += 1;
            let sender = flooder((self.named % u64::from(senders)) as u8);
            self.named_by(source, sender, room(&format!("false-{}", self.named)));
        }
    }

    /// A real meeting that this source names.
    fn honest(&mut self, source: Source, name: &str) -> RoomJid {
        self.honest_by(source, honest(), name)
    }

    fn honest_by(&mut self, source: Source, sender: Sender, name: &str) -> RoomJid {
        let room = room(name);
        self.honest.insert(room.clone());
        match source {
            Source::Jicofo => {
                let rooms = self.honest.iter().cloned().collect();
                self.report(Report::List { source, service: None, rooms });
            }
            _ => self.named_by(source, sender, room.clone()),
        }
        room
    }

    /// So many rooms that a conference service lists, and in which nothing happens.
    fn quiet(&mut self, number: u64) {
        self.quiet = (0..number).map(|n| room(&format!("quiet-{n}"))).collect();
        let rooms = self.quiet.iter().cloned().collect();
        self.report(Report::List { source: Source::Disco, service: None, rooms });
    }

    fn run_until(&mut self, then: Duration) {
        loop {
            let answer = self.answers.first_key_value().map(|((at, _), _)| *at);
            let tick = self.core.next_deadline().map(|at| at.since_start().max(self.now));
            let Some(next) = answer.into_iter().chain(tick).min().filter(|next| *next <= then) else { break };
            self.now = next;
            let input = match self.answers.first_entry() {
                Some(entry) if entry.key().0 <= next => entry.remove(),
                _ => Input::Tick,
            };
            self.feed(input);
        }
        self.now = then;
    }

    /// Most queries in any second.
    fn busiest(&self) -> usize {
        let within = |from: &Duration| {
            self.queries.iter().filter(|at| *at >= from && **at < *from + Duration::from_secs(1)).count()
        };
        self.queries.iter().step_by(7).map(within).max().unwrap_or(0)
    }
}

/// Honest rooms, one each so many milliseconds, while ten false events come in each millisecond, or none.
#[derive(Clone, Copy)]
struct Flooded {
    honest_by: Source,
    every_ms: u64,
    senders: u8,
    /// Rooms that are known besides, and want to be looked at.
    quiet: u64,
}

/// How long the slowest honest room waits for its visit, and the world.
fn slowest(lie: Lie, each_ms: u64, flooded: Flooded) -> (Duration, World) {
    let mut world = World::new(lie);
    world.quiet(flooded.quiet);
    let mut begun = Vec::new();
    for milli in 1..=5_000 {
        world.lies(Source::Events, each_ms, flooded.senders);
        if milli >= 1_000 && milli % flooded.every_ms == 0 {
            let room = world.honest(flooded.honest_by, &format!("honest-{milli}"));
            begun.push((room, world.now));
        }
        world.run_until(ms(milli));
    }
    world.run_until(ms(5_000) + BOUND);
    let waited = |(room, since): &(RoomJid, Duration)| match world.visited.get(room) {
        Some(at) => *at - *since,
        None => Duration::MAX,
    };
    (begun.iter().map(waited).max().unwrap(), world)
}

#[test]
fn ten_thousand_false_events_a_second_stall_nobody() {
    for lie in LIES {
        let listed = Flooded { honest_by: Source::Jicofo, every_ms: 100, senders: 1, quiet: 0 };
        let (flooded, world) = slowest(lie, 10, listed);
        let (calm, _) = slowest(lie, 0, listed);
        println!("{lie:?}: {flooded:?} beside {calm:?}, {} queries in the busiest second", world.busiest());
        assert!(flooded <= BOUND, "{lie:?}: {flooded:?} beside {calm:?}");
        assert!(world.busiest() <= 90, "{lie:?}: {}", world.busiest());
        // Nothing is kept of them but what waits for its turn.
        assert!(world.core.rooms().count() < world.honest.len() + 20, "{lie:?}");
    }
}

/// Also where events are all there is: the false ones stand in their own senders' way.
#[test]
fn ten_thousand_false_events_a_second_stall_no_other_sender() {
    for (lie, (senders, quiet)) in
        LIES.into_iter().flat_map(|lie| [(lie, (1, 0)), (lie, (5, 0)), (lie, (1, 600))])
    {
        let told = Flooded { honest_by: Source::Events, every_ms: 500, senders, quiet };
        let (waited, world) = slowest(lie, 10, told);
        println!(
            "{lie:?}, {senders}, {quiet}: {waited:?}, {} queries in the busiest second",
            world.busiest()
        );
        assert!(waited <= BOUND, "{lie:?}, {senders}, {quiet}: {waited:?}");
        assert!(world.busiest() <= 90, "{lie:?}: {}", world.busiest());
        let most = world.honest.len() + world.quiet.len() + 20;
        assert!(world.core.rooms().count() < most, "{lie:?}");
    }
}

#[test]
fn six_hundred_false_invitations_stall_nobody_that_events_name() {
    for lie in LIES {
        let mut world = World::new(lie);
        world.lies(Source::Invitation, 600, 1);
        world.run_until(ms(500));
        for n in 0..15 {
            let since = world.now;
            let room = world.honest(Source::Events, &format!("honest-{n}"));
            world.run_until(since + ms(1_000));
            let waited = world.visited.get(&room).map(|at| *at - since);
            assert!(waited.is_some_and(|waited| waited <= BOUND), "{lie:?}, {n}: {waited:?}");
        }
    }
}

/// Whom only events of the same sender name has no better witness than who floods us; when the flood is over he waits
/// no more.
#[test]
fn after_two_hundred_false_events_the_next_event_is_heeded() {
    for lie in [Lie::Nothing, Lie::Refused, Lie::NoFocus] {
        let mut world = World::new(lie);
        for n in 1..=200 {
            world.lies(Source::Events, 1, 1);
            world.run_until(ms(10 * n));
        }
        let since = world.now;
        let room = world.honest_by(Source::Events, flooder(0), "honest");
        world.run_until(since + Duration::from_secs(4));
        let waited = world.visited.get(&room).map(|at| *at - since);
        // Those on trial may exist, and have their time for focus to come.
        let bound = if lie == Lie::NoFocus { Duration::from_millis(3_500) } else { BOUND };
        assert!(waited.is_some_and(|waited| waited <= bound), "{lie:?}: {waited:?}");
    }
}

/// Two looks at what does not exist, and the room is forgotten; nothing of it stays.
#[test]
fn false_names_are_forgotten_after_two_looks() {
    for lie in LIES {
        let mut world = World::new(lie);
        world.lies(Source::Events, 4, 1);
        world.lies(Source::Invitation, 4, 1);
        assert_eq!(world.core.rooms().count(), 8);
        world.run_until(Duration::from_secs(60));
        assert_eq!(world.core.rooms().count(), 0, "{lie:?}");
        assert!(world.watchlist.rooms().is_empty(), "{lie:?}");
        let most = if lie == Lie::NoFocus { 10 } else { 2 };
        assert!(world.queries.len() <= 8 * 2 * most, "{lie:?}: {} queries", world.queries.len());
        // Told again, it is looked at anew, and found if it has come to be.
        let since = world.now;
        let room = world.honest(Source::Events, "false-3");
        world.run_until(since + BOUND);
        assert!(world.visited.contains_key(&room), "{lie:?}");
    }
}

/// Where events are all there is: Jicofo comes into the room some time after the event, and no other event tells.
#[test]
fn focus_that_comes_after_the_event_is_waited_for() {
    for late in [200, 1_000, 3_000, 8_000] {
        let mut world = World::new(Lie::NoFocus);
        let r = room("late");
        world.named_by(Source::Events, honest(), r.clone());
        world.run_until(ms(late));
        world.honest.insert(r.clone());
        world.run_until(ms(late) + Duration::from_secs(4));
        let at = world.visited.get(&r).copied().expect("a visit");
        assert!(at <= ms(late) + ms(late).max(ms(1_000)), "{late} ms: {at:?}");
    }
}
