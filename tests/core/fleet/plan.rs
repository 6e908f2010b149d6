//! What one seed plays: which Jibris, with which faults, seen through which sources, used by how many rooms.

use jibri_autostart::config::{RecoveryTrigger, Settings};
use rand::RngExt as _;
use rand::rngs::SmallRng;
use std::time::Duration;

/// Microseconds of virtual time.
pub type Us = u64;
pub const MS: Us = 1_000;
pub const SEC: Us = 1_000_000;

/// The longest way of a presence to us, and of an answer of a health port.
pub const LAG: Us = 2 * SEC;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    None,
    /// Takes its time to launch, as long as Jicofo just tolerates.
    Slow,
    /// Chrome refuses to start: an error at once, idle all along.
    Refuses,
    /// Chrome's launch hangs: no answer, idle all along, and everything later waits on it.
    Hangs,
    /// Turns busy, never gets to record, turns idle.
    PageFails,
    /// Records for some seconds, then fails.
    SessionFails,
    /// ffmpeg has failed.
    Unhealthy,
    /// Single use, used up after one recording.
    SingleUse,
    /// The process dies while it records.
    Crashes,
    /// Works, but its health port is dead.
    HungPort,
    /// Its last presence stays, nothing reaches it.
    HungXmpp,
    /// Started over HTTP: busy, and no room shows its recorder.
    Busy,
    /// Its link is lost while it records, and it is back with its last word, idle by its own.
    StaleBusy,
    /// Its starts fail in a way that leaves it busy, shown as idle.
    StaleIdle,
    /// It leaves the brewery, and is well.
    Detached,
}

impl Fault {
    /// A wedged verdict on one of these is an accusation of somebody good.
    pub fn is_good(self) -> bool {
        matches!(self, Self::None | Self::Slow | Self::SingleUse | Self::Crashes | Self::Busy)
    }

    /// What the brewery shows of it is not what it is at.
    pub fn is_stale(self) -> bool {
        matches!(self, Self::StaleBusy | Self::StaleIdle)
    }

    pub const WEDGED: [Self; 6] =
        [Self::Refuses, Self::Hangs, Self::PageFails, Self::SessionFails, Self::HungPort, Self::HungXmpp];
}

#[derive(Debug, Clone)]
pub struct JibriPlan {
    pub name: String,
    pub configured: bool,
    pub fault: Fault,
    pub fault_at: Us,
    pub twins_from: Option<Us>,
    /// Its presence stays for so long after its process has died.
    pub stale: Us,
    /// So long its recorder does; `None`: for good.
    pub seat: Option<Us>,
    /// It leaves a room in which nobody has been for so long (`default-call-empty-timeout`).
    pub empty: Us,
    /// It is back before anybody has noticed.
    pub quick: bool,
    /// Somebody restarts it when it has died.
    pub restarts_itself: bool,
    pub cured_by_restart: bool,
    pub pingable: bool,
}

#[derive(Debug)]
pub struct Plan {
    pub settings: Settings,
    pub jibris: Vec<JibriPlan>,
    pub rooms: usize,
    /// Rooms that no recorder can enter.
    pub bad_rooms: usize,
    pub brewery: bool,
    pub brewery_trouble: bool,
    pub detector: Option<Us>,
    pub detector_trouble: bool,
    /// When Jicofo loses the brewery, and whether its list stays as it was.
    pub lost: Option<(Us, bool)>,
    /// When Jicofo is killed, and up again by itself.
    pub killed: Vec<Us>,
    pub ports: bool,
    pub port_trouble: bool,
    pub webhook: bool,
    pub num_retries: u32,
    pub manual: f64,
    pub recovery_fails: f64,
    pub recovery_vanishes: f64,
    pub until: Us,
    /// The module in Prosody is loaded, and is loaded and unloaded again and again.
    pub companion: bool,
    pub companion_turns: bool,
    /// Its pictures leave people out.
    pub companion_leaves_out: bool,
    /// The module that is loaded sets no notice.
    pub companion_is_mute: bool,
}

impl Plan {
    pub fn new(rng: &mut SmallRng) -> Self {
        let count = [1, 1, 2, 2, 3, 4, 6, 20][rng.random_range(0..8_usize)];
        let until = 2400 * SEC;
        let trouble = rng.random_range(0.0..0.8);
        let jibris: Vec<JibriPlan> = (0..count).map(|i| any_jibri(rng, i, until, trouble)).collect();
        let ports = rng.random_bool(0.6);
        let mut file = String::from(
            "[xmpp]\ndomain = \"autostart.meet.jitsi\"\nsecret = \"s\"\n[muc]\ndomains = [\"muc.meet.jitsi\"]\n[recovery]\ncommand = [\"true\"]\n",
        );
        file.push_str(&format!("max_per_hour = {}\n", rng.random_range(1..=12_u32)));
        file.push_str(&format!("cooldown = \"{}s\"\n", rng.random_range(30..=400_u32)));
        for jibri in jibris.iter().filter(|jibri| jibri.configured) {
            let name = &jibri.name;
            file.push_str(&format!("[[jibri.instance]]\nname = \"{name}\"\nid = \"id-{name}\"\n"));
        }
        let mut settings = read(&file);
        let recovery = &mut settings.recovery;
        if rng.random_bool(0.7) {
            recovery.on = vec![RecoveryTrigger::Wedged, RecoveryTrigger::Unhealthy, RecoveryTrigger::Expired];
        }
        if rng.random_bool(0.3) {
            recovery.on.push(RecoveryTrigger::Recycle);
            recovery.recycle_after = rng.random_range(1..=4);
        }
        if rng.random_bool(0.7) {
            recovery.on.extend([RecoveryTrigger::Stale, RecoveryTrigger::Detached]);
        }
        if rng.random_bool(0.6) {
            recovery.jicofo_command = vec!["true".to_owned()];
            recovery.jicofo_after = Duration::from_secs(rng.random_range(60..=600));
        }
        recovery.dry_run = rng.random_bool(0.1);
        settings.jibri.wedged_after = rng.random_range(1..=4);
        let brewery = rng.random_bool(0.8);
        let detector = rng.random_bool(0.6).then(|| rng.random_range(1..=5_u64) * SEC);
        if let Some(interval) = detector {
            settings.discovery.jicofo.interval = Duration::from_micros(interval);
        }
        let brewery_trouble = rng.random_bool(0.25);
        // Who does not see the brewery all the time cannot know in time.
        let may_lose = brewery && !brewery_trouble && rng.random_bool(0.15);
        let lost = may_lose.then(|| (rng.random_range(100 * SEC..until / 2), rng.random_bool(0.5)));
        let rooms = rng.random_range(1..=2 * count.min(5) + 1);
        Self {
            settings,
            rooms,
            bad_rooms: if rng.random_bool(0.15) { 1 } else { 0 },
            brewery,
            brewery_trouble,
            lost,
            killed: Vec::new(),
            detector,
            detector_trouble: rng.random_bool(0.3),
            ports,
            port_trouble: rng.random_bool(0.4),
            webhook: rng.random_bool(0.4),
            num_retries: rng.random_range(0..=5),
            manual: [0.0, 0.1, 0.3][rng.random_range(0..3_usize)],
            recovery_fails: 0.1,
            recovery_vanishes: 0.05,
            jibris,
            until,
            companion: false,
            companion_turns: false,
            companion_leaves_out: false,
            companion_is_mute: false,
        }
    }
}

fn any_jibri(rng: &mut SmallRng, i: usize, until: Us, trouble: f64) -> JibriPlan {
    use Fault as F;
    let faults = [
        F::Slow,
        F::Refuses,
        F::Hangs,
        F::PageFails,
        F::SessionFails,
        F::Unhealthy,
        F::SingleUse,
        F::Crashes,
        F::HungPort,
        F::HungXmpp,
        F::Busy,
        F::StaleBusy,
        F::StaleIdle,
        F::Detached,
    ];
    let fault = if rng.random_bool(trouble) { faults[rng.random_range(0..faults.len())] } else { F::None };
    JibriPlan {
        name: format!("jibri-{i}"),
        configured: rng.random_bool(0.9),
        fault,
        fault_at: rng.random_range(0..until / 4),
        twins_from: rng.random_bool(0.03).then(|| rng.random_range(0..until)),
        stale: [0, 0, 30 * SEC][rng.random_range(0..3_usize)],
        seat: Some(0),
        empty: 30 * SEC,
        quick: false,
        restarts_itself: rng.random_bool(0.6),
        cured_by_restart: rng.random_bool(0.85),
        pingable: rng.random_bool(0.8),
    }
}

fn read(file: &str) -> Settings {
    jibri_autostart::config::from_toml(file).unwrap_or_else(|e| panic!("{e:?}\n{file}")).settings
}
