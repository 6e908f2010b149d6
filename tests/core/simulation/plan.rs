//! What one seed plays: the settings of the core, how many rooms, Jibris and people, and which faults.

use std::time::Duration;

use jibri_autostart::address::{Nick, RealJid, RoomJid};
use jibri_autostart::config::{
    Alerts, Discovery, Expect, Footprint, Http, Jibri, JicofoRest, Ledger, Log, LogFormat, LogLevel, Mode,
    Muc, Notice, RecordingSettings, Recovery, Rule, Secret, Settings, Standby, Start, Stop, StopWhen, Xmpp,
};
use rand::RngExt as _;
use rand::rngs::SmallRng;
use regex::Regex;

/// Microseconds of virtual time.
pub type Us = u64;
pub const MS: Us = 1_000;
pub const SEC: Us = 1_000_000;

pub const MUC: &str = "muc.meet.jitsi";

pub fn secs(s: u64) -> Duration {
    Duration::from_secs(s)
}

/// The settings that every seed starts from; parsing a file is somebody else's test.
pub fn settings() -> Settings {
    let start = Start {
        min_moderators: 1,
        min_participants: 1,
        settle: secs(1),
        mode: Mode::File,
        stream_key: Secret::default(),
        app_data: None,
        request_timeout: secs(100),
        pending_timeout: secs(100),
        retry_min: secs(2),
        retry_max: secs(60),
        retry_limit: 0,
    };
    Settings {
        xmpp: Xmpp {
            server: "localhost:5347".into(),
            domain: "autostart.meet.jitsi".into(),
            user: "autostart".into(),
            secret_file: None,
            secret: Secret::new("s"),
            ping_interval: secs(10),
            reconnect_min: secs(1),
            reconnect_max: secs(30),
        },
        muc: Muc {
            domains: vec![MUC.into()],
            nickname: nick("autostart"),
            focus_nickname: nick("focus"),
            service_domains: vec!["auth.meet.jitsi".into(), "hidden.meet.jitsi".into()],
            recorders: vec![RealJid::new("recorder@hidden.meet.jitsi").unwrap()],
            footprint: Footprint::Resident.into(),
            notice: Notice::Off,
            peek: false,
        },
        discovery: Discovery {
            rooms: vec![],
            disco_interval: secs(10),
            event_sync: false,
            jicofo: JicofoRest { url: None, interval: secs(10) },
        },
        start,
        stop: Stop { when: StopWhen::Never, delay: secs(0), respect_manual: true },
        rules: vec![],
        jibri: Jibri {
            brewery: None,
            webhook: false,
            webhook_token: Secret::default(),
            webhook_token_file: None,
            health_interval: secs(10),
            wedged_after: 3,
            fast_failover: true,
            instances: vec![],
        },
        recovery: Recovery {
            jicofo_command: Vec::new(),
            jicofo_after: Duration::ZERO,
            on: vec![],
            recycle_after: 0,
            command: vec![],
            http: None,
            timeout: secs(10),
            cooldown: secs(60),
            max_per_hour: 1,
            dry_run: false,
        },
        alerts: Alerts {
            webhook: Secret::default(),
            alertmanager: None,
            start_overdue: secs(60),
            prosody_down: secs(60),
            repeat: secs(600),
        },
        recordings: RecordingSettings {
            expect: Expect::Never,
            report_within: secs(600),
            min_share: 900,
            disk_hours: 0,
            url: None,
            webhook: Secret::default(),
            webhook_token: Secret::default(),
            webhook_token_file: None,
        },
        standby: Standby { peer: None, allowed: false, takeover_after: secs(60) },
        http: Http { listen: None, hosts: Vec::new(), token: Secret::default(), token_file: None },
        ledger: Ledger { path: None, keep: secs(600) },
        log: Log { level: LogLevel::Error, format: LogFormat::Text },
    }
}

pub fn nick(text: &str) -> Nick {
    Nick::new(text).unwrap()
}

/// What applies to one room.
#[derive(Debug, Clone)]
pub struct Terms {
    pub record: bool,
    pub start: Start,
    pub stop: Stop,
}

/// What applies to each room by these settings.
fn terms(rooms: &[RoomJid], settings: &Settings) -> Vec<Terms> {
    let terms_of = |room: &RoomJid| match settings.rules.iter().find(|rule| rule.is_about(room)) {
        Some(rule) => Terms { record: rule.record, start: rule.start.clone(), stop: rule.stop.clone() },
        None => Terms { record: true, start: settings.start.clone(), stop: settings.stop.clone() },
    };
    rooms.iter().map(terms_of).collect()
}

#[derive(Debug)]
pub struct Plan {
    pub settings: Settings,
    pub rooms: Vec<RoomJid>,
    pub pinned: Vec<bool>,
    pub terms: Vec<Terms>,
    pub people: usize,
    pub jibris: usize,
    pub jibris_at_end: usize,
    /// How long people and machines misbehave; after it all is well and has to come right.
    pub chaos: Us,
    /// Jicofo's pending-timeout and num-retries.
    pub pending_timeout: Us,
    pub num_retries: u32,
    /// How restless people are: mean time between two deeds of one person.
    pub pace: Us,
    pub link_trouble: Option<Us>,
    pub focus_trouble: Option<Us>,
    pub prosody_trouble: Option<Us>,
    pub jibri_trouble: Option<Us>,
    /// Per mille of requests that focus or Prosody treats badly.
    pub rudeness: u32,
    /// Every Jibri ends by itself, after a short while.
    pub quitters: bool,
    /// Moderators stop whatever is recorded, again and again.
    pub meddlers: bool,
    /// Everybody who enters is made owner (authentication on).
    pub all_owners: bool,
    /// How often rooms are listed, and whether by Jicofo, which knows its own alone.
    pub list_interval: Us,
    pub by_jicofo: bool,
    /// Whether that source is down, late or wrong at times, and how many of the last rooms never exist.
    pub sources_lie: bool,
    pub phantoms: usize,
    /// Other rules, read while it runs.
    pub reloads: Vec<(Settings, Vec<Terms>)>,
    /// Footprint unseen: Prosody does not let us speak in other people's names.
    pub refuses_senders: bool,
    /// The longest way to a recording once all is well.
    pub bound: Us,
}

impl Plan {
    /// It goes inside for a moment only, if at all.
    pub fn is_visitor(&self) -> bool {
        self.settings.muc.footprint != Footprint::Resident.into()
    }

    pub fn new(rng: &mut SmallRng) -> Self {
        let mut settings = settings();
        any_rules(rng, &mut settings);
        settings.muc.footprint = match rng.random_range(0..100) {
            0..45 => Footprint::Discreet,
            45..70 => Footprint::Unseen,
            _ => Footprint::Resident,
        }
        .into();
        settings.muc.peek = rng.random_bool(0.5);
        let count = rng.random_range(1..=5_usize);
        let phantoms = usize::from(rng.random_bool(0.3));
        let rooms: Vec<RoomJid> =
            (0..count + phantoms).map(|i| RoomJid::new(&format!("r{i}@{MUC}")).unwrap()).collect();
        let pinned: Vec<bool> = (0..count + phantoms).map(|i| rng.random_bool(0.6) && i < count).collect();
        settings.discovery.rooms =
            rooms.iter().zip(&pinned).filter(|(_, pinned)| **pinned).map(|(room, _)| room.clone()).collect();
        let reloads = if rng.random_bool(0.4) { rng.random_range(1..=4) } else { 0 };
        let reloads: Vec<(Settings, Vec<Terms>)> = (0..reloads)
            .map(|_| {
                let mut other = settings.clone();
                any_rules(rng, &mut other);
                let terms = terms(&rooms, &other);
                (other, terms)
            })
            .collect();
        let terms = terms(&rooms, &settings);
        let jibris = rng.random_range(1..=6_usize);
        let pending_timeout = rng.random_range(20..=90_u64) * SEC;
        let mut trouble = |chance: f64, least: u64, most: u64| {
            rng.random_bool(chance).then(|| rng.random_range(least..=most) * SEC)
        };
        let (link_trouble, focus_trouble) = (trouble(0.6, 10, 120), trouble(0.5, 20, 200));
        let (prosody_trouble, jibri_trouble) = (trouble(0.2, 60, 300), trouble(0.7, 5, 60));
        // Now and then all the rest is quiet, so that ends can be counted.
        let quitters = rng.random_bool(0.12);
        let pace = [2 * SEC, 10 * SEC, 30 * SEC, 60 * SEC][rng.random_range(0..4_usize)];
        let trouble_of = |trouble: Option<Us>| trouble.filter(|_| !quitters);
        let (link_trouble, focus_trouble) = (trouble_of(link_trouble), trouble_of(focus_trouble));
        let prosody_trouble = trouble_of(prosody_trouble);
        let list_interval = rng.random_range(2..=15_u64) * SEC;
        let all_terms = terms.iter().chain(reloads.iter().flat_map(|(_, terms)| terms));
        let unseen = settings.muc.footprint == Footprint::Unseen.into();
        let bound = all_terms.map(|terms| bound(&terms.start, unseen)).max().unwrap_or(0)
            + pending_timeout
            + list_interval;
        Self {
            settings,
            rooms,
            pinned,
            terms,
            people: count * rng.random_range(1..=4_usize),
            jibris,
            jibris_at_end: jibris.max(if rng.random_bool(0.7) { count + 1 } else { 1 }),
            chaos: rng.random_range(60..=400_u64) * SEC,
            pending_timeout,
            num_retries: rng.random_range(0..=5),
            pace: if quitters { 60 * SEC } else { pace },
            link_trouble,
            focus_trouble,
            prosody_trouble,
            jibri_trouble,
            rudeness: [0, 0, 10, 50][rng.random_range(0..4_usize)],
            meddlers: rng.random_bool(0.15),
            quitters,
            all_owners: rng.random_bool(0.2),
            list_interval,
            by_jicofo: rng.random_bool(0.5),
            sources_lie: rng.random_bool(0.4),
            phantoms,
            reloads,
            refuses_senders: rng.random_bool(0.25),
            bound,
        }
    }
}

/// Looks, a recorder that is gone and cannot be asked after, an entry that went wrong, a kick's longest penalty, a misfit's, an attempt that hangs, a pending
/// one that never comes on, the longest pause, the launch of a Jibri that works, and some slack. In somebody's name
/// the failure of one more attempt is learned from its deadline only.
fn bound(start: &Start, unseen: bool) -> Us {
    let unheard = if unseen { start.request_timeout + start.retry_max } else { secs(0) };
    let own = start.settle + start.request_timeout + start.pending_timeout * 2 + start.retry_max + unheard;
    let fixed = secs(30 + 20 + 70 + 300 + 90 + 30 + 60 + 30);
    u64::try_from((own + fixed).as_micros()).unwrap()
}

/// Random `[start]`, `[stop]` and `[[rule]]`.
fn any_rules(rng: &mut SmallRng, settings: &mut Settings) {
    settings.start = any_start(rng);
    settings.stop = any_stop(rng, 0.75);
    settings.rules.clear();
    if rng.random_bool(0.4) {
        for (room, record) in [("^r1$", false), ("^r[12]$", true)] {
            let (start, stop) = (any_start(rng), any_stop(rng, 0.5));
            settings.rules.push(Rule { room: Regex::new(room).unwrap(), record, start, stop });
        }
    }
}

fn any_stop(rng: &mut SmallRng, respects: f64) -> Stop {
    use StopWhen as W;
    Stop {
        when: [W::Never, W::Never, W::NoModerator, W::NoModerator, W::Empty][rng.random_range(0..5_usize)],
        delay: secs([0, 2, 10, 30][rng.random_range(0..4_usize)]),
        respect_manual: rng.random_bool(respects),
    }
}

fn any_start(rng: &mut SmallRng) -> Start {
    let retry_min = Duration::from_millis(rng.random_range(500..=5_000));
    Start {
        min_moderators: [1, 1, 1, 2, 0][rng.random_range(0..5_usize)],
        min_participants: [1, 1, 2, 3][rng.random_range(0..4_usize)],
        settle: Duration::from_millis([0, 500, 2_000, 10_000][rng.random_range(0..4_usize)]),
        request_timeout: secs([5, 20, 95][rng.random_range(0..3_usize)]),
        pending_timeout: secs([15, 60, 100][rng.random_range(0..3_usize)]),
        retry_min,
        retry_max: retry_min * rng.random_range(1..=12),
        retry_limit: [0, 0, 0, 3, 6][rng.random_range(0..5_usize)],
        ..settings().start
    }
}
