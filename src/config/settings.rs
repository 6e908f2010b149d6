//! The settings as the program uses them: plain, validated data, one struct a section of the file.
//!
//! Every field is named as its key in the file; what a key means to an administrator is said in
//! `config/jibri-autostart.toml`. All times are [`Duration`]s; `0` means "off" where the file says so.

use std::path::PathBuf;
use std::time::Duration;

use regex::Regex;

use crate::address::room_name;
use crate::address::{Nick, RealJid, RoomJid};
use crate::config::Secret;

/// Everything the program can be told.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `[xmpp]`: the component link to Prosody.
    pub xmpp: Xmpp,
    /// `[muc]`: the conference services and who is who in them.
    pub muc: Muc,
    /// `[discovery]`: how rooms are found.
    pub discovery: Discovery,
    /// `[start]`: when a room is to be recorded.
    pub start: Start,
    /// `[stop]`: when a recording is to be stopped.
    pub stop: Stop,
    /// `[[rule]]`: exceptions, the first match wins.
    pub rules: Vec<Rule>,
    /// `[jibri]`: the fleet.
    pub jibri: Jibri,
    /// `[recovery]`: restarting Jibris that do not work.
    pub recovery: Recovery,
    /// `[alerts]`: telling people.
    pub alerts: Alerts,
    /// `[recordings]`: what becomes of the files.
    pub recordings: RecordingSettings,
    /// `[standby]`: a second instance.
    pub standby: Standby,
    /// `[http]`: the API and the status page.
    pub http: Http,
    /// `[ledger]`: the history on disk.
    pub ledger: Ledger,
    /// `[log]`: what is written to stderr.
    pub log: Log,
}

/// `[xmpp]`: the XEP-0114 link.
#[derive(Debug, Clone)]
pub struct Xmpp {
    /// `host:port` of Prosody's component listener.
    pub server: String,
    /// The component's own domain.
    pub domain: String,
    /// Local part of the JID the component acts as.
    pub user: String,
    /// The shared secret, from `secret`, `secret_file` or the environment.
    pub secret: Secret,
    /// The file it was read from; `None`: from none.
    pub secret_file: Option<PathBuf>,
    /// Silence after which the link is probed.
    pub ping_interval: Duration,
    /// First, and shortest, delay before another attempt.
    pub reconnect_min: Duration,
    /// Longest delay after attempts that Prosody refuses.
    pub reconnect_max: Duration,
}

/// `[muc]`: the conference services to watch.
#[derive(Debug, Clone)]
pub struct Muc {
    /// Conference services, real names (`muc.meet.jitsi`), never a tenant's virtual ones.
    pub domains: Vec<String>,
    /// The nickname to enter rooms with.
    pub nickname: Nick,
    /// Jicofo's nickname in every room.
    pub focus_nickname: Nick,
    /// Domains whose accounts are machines.
    pub service_domains: Vec<String>,
    /// Accounts of Jibri's browser, bare JIDs.
    pub recorders: Vec<RealJid>,
    /// How the program gets at meetings, and how much of it people there can see.
    pub footprint: FootprintSetting,
    /// When people are told by their clients that they are recorded.
    pub notice: Notice,
    /// With `unseen`: whether a short visit may ask why a recording ended.
    pub peek: bool,
}

/// `muc.footprint`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FootprintSetting {
    /// `companion` where it answers, else `discreet`.
    #[default]
    Auto,
    /// This one.
    Fixed(Footprint),
}

impl FootprintSetting {
    /// What is in effect on a conference service. `unseen` is what the companion does with fewer rights.
    pub const fn in_effect(self, companion_answers: bool) -> Footprint {
        match self {
            Self::Auto | Self::Fixed(Footprint::Unseen) if companion_answers => Footprint::Companion,
            Self::Auto => Footprint::Discreet,
            Self::Fixed(footprint) => footprint,
        }
    }

    /// Whether the companion is used where it answers.
    pub const fn wants_companion(self) -> bool {
        matches!(self.in_effect(true), Footprint::Companion)
    }
}

impl From<Footprint> for FootprintSetting {
    fn from(footprint: Footprint) -> Self {
        Self::Fixed(footprint)
    }
}

/// `muc.notice`: what Jitsi's clients say of a recording, by the room's metadata (docs/jitsi.md 13.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Notice {
    /// At each start and each end.
    #[default]
    Every,
    /// At the first start of a meeting, and when its last recording is over.
    Once,
    /// Never by us.
    Off,
}

/// One way to see a meeting and to act in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Footprint {
    /// Is told, and acts, by a module inside Prosody (docs/companion.md).
    Companion,
    /// Looks in from outside, enters only to act.
    #[default]
    Discreet,
    /// Acts in a moderator's name and never enters.
    Unseen,
    /// Sits in the room.
    Resident,
}

impl Footprint {
    /// Its name in the configuration and in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Companion => "companion",
            Self::Discreet => "discreet",
            Self::Unseen => "unseen",
            Self::Resident => "resident",
        }
    }
}

/// `[discovery]`: where rooms are learned from.
#[derive(Debug, Clone)]
pub struct Discovery {
    /// Rooms always watched.
    pub rooms: Vec<RoomJid>,
    /// How often `disco#items` is asked of every service; zero: never.
    pub disco_interval: Duration,
    /// Whether events of `event_sync_component` are accepted.
    pub event_sync: bool,
    /// `[discovery.jicofo]`.
    pub jicofo: JicofoRest,
}

/// `[discovery.jicofo]`: Jicofo's REST interface.
#[derive(Debug, Clone)]
pub struct JicofoRest {
    /// Base URL; `None`: off.
    pub url: Option<String>,
    /// How often it is asked.
    pub interval: Duration,
}

/// `[start]`: when a room is to be recorded, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Start {
    /// Moderators needed.
    pub min_moderators: u32,
    /// People needed, moderators included.
    pub min_participants: u32,
    /// How long the condition must hold before the first start.
    pub settle: Duration,
    /// What to record to.
    pub mode: Mode,
    /// The stream key of [`Mode::Stream`].
    pub stream_key: Secret,
    /// Handed to Jibri as it is; `None`: the attribute is not sent.
    pub app_data: Option<String>,
    /// How long focus may take to answer a start request.
    pub request_timeout: Duration,
    /// How long an accepted start may take to be on.
    pub pending_timeout: Duration,
    /// First delay of the retry backoff.
    pub retry_min: Duration,
    /// Longest delay of the retry backoff.
    pub retry_max: Duration,
    /// Retries before giving up for this meeting; zero: never give up.
    pub retry_limit: u32,
}

/// `start.mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// A file on the Jibri host.
    File,
    /// A live stream.
    Stream,
}

impl Mode {
    /// Its name in the configuration and on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Stream => "stream",
        }
    }
}

/// `[stop]`: when a recording is to be stopped.
#[derive(Debug, Clone, PartialEq)]
pub struct Stop {
    /// What ends a recording.
    pub when: StopWhen,
    /// How long that must have lasted.
    pub delay: Duration,
    /// Whether a person's stop holds while the meeting lasts.
    pub respect_manual: bool,
}

/// `stop.when`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopWhen {
    /// Recordings are left to end by themselves.
    Never,
    /// No moderator is left.
    NoModerator,
    /// Nobody is left.
    Empty,
}

impl StopWhen {
    /// Its name in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::NoModerator => "no-moderator",
            Self::Empty => "empty",
        }
    }
}

/// `[[rule]]`: overrides for rooms whose name matches.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Compared with the room's name, by [`Rule::is_about`]; made by
    /// [`room_name::pattern`](crate::address::room_name::pattern).
    pub room: Regex,
    /// Whether such rooms are recorded at all.
    pub record: bool,
    /// `[start]` with this rule's overrides applied.
    pub start: Start,
    /// `[stop]` with this rule's overrides applied.
    pub stop: Stop,
}

impl Rule {
    /// Whether it is about this room.
    pub fn is_about(&self, room: &RoomJid) -> bool {
        room_name::is_match(&self.room, room.local())
    }
}

/// `[jibri]`: the fleet.
#[derive(Debug, Clone)]
pub struct Jibri {
    /// The brewery room; `None`: it is not joined.
    pub brewery: Option<RoomJid>,
    /// Whether Jibri's webhooks are accepted.
    pub webhook: bool,
    /// The last segment of the base URL that is given to Jibri, from `webhook_token`, `webhook_token_file` or the
    /// environment. What comes without it is a hint only; if it is empty, all is.
    pub webhook_token: Secret,
    /// The file that it came from.
    pub webhook_token_file: Option<PathBuf>,
    /// How often each health port is asked.
    pub health_interval: Duration,
    /// Failed starts in a row that make an idle Jibri wedged.
    pub wedged_after: u32,
    /// Whether a recording Jibri whose process is gone, by its health port, is given up before Jicofo notices.
    pub fast_failover: bool,
    /// `[[jibri.instance]]`.
    pub instances: Vec<JibriInstance>,
}

/// `[[jibri.instance]]`: one Jibri.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JibriInstance {
    /// Its nickname in the brewery.
    pub name: String,
    /// Its health URL; `None`: not asked.
    pub health_url: Option<String>,
    /// Its `jibriId` in webhooks; the name if not given.
    pub id: String,
}

/// `[recovery]`: restarting Jibris within limits.
#[derive(Debug, Clone)]
pub struct Recovery {
    /// What leads to a restart.
    pub on: Vec<RecoveryTrigger>,
    /// Restarts a Jicofo that has lost the brewery, argv; empty: nothing does.
    pub jicofo_command: Vec<String>,
    /// Not before it has lost it for so long, unless nothing is being recorded.
    pub jicofo_after: Duration,
    /// Recordings after which a Jibri is recycled; zero: never.
    pub recycle_after: u32,
    /// The command, argv; empty: none.
    pub command: Vec<String>,
    /// A URL to POST to; `None`: none.
    pub http: Option<String>,
    /// How long either may take.
    pub timeout: Duration,
    /// Between two restarts of one instance.
    pub cooldown: Duration,
    /// Over the whole fleet.
    pub max_per_hour: u32,
    /// Only says what it would do.
    pub dry_run: bool,
}

/// One of `recovery.on`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecoveryTrigger {
    /// Claims to be idle and does not work.
    Wedged,
    /// Says that it is unhealthy.
    Unhealthy,
    /// Single-use mode, used up.
    Expired,
    /// Has made `recycle_after` recordings.
    Recycle,
    /// What the brewery shows of it is not what it is at.
    Stale,
    /// Is alive, and not in the brewery.
    Detached,
}

/// `[alerts]`: telling people.
#[derive(Debug, Clone)]
pub struct Alerts {
    /// POST target for JSON; may hold a token, hence a secret.
    pub webhook: Secret,
    /// Base URL of an Alertmanager; `None`: off.
    pub alertmanager: Option<String>,
    /// Wanted and not recording for this long is an alert.
    pub start_overdue: Duration,
    /// The link down for this long is an alert.
    pub prosody_down: Duration,
    /// How often a standing alert is repeated.
    pub repeat: Duration,
}

/// `[recordings]`: what becomes of the files.
#[derive(Debug, Clone)]
pub struct RecordingSettings {
    /// Whether reports of their files are due.
    pub expect: Expect,
    /// How long after a Jibri has finished one.
    pub report_within: Duration,
    /// How much of the time that one was on has to be in its files, of 1,000.
    pub min_share: u32,
    /// A Jibri's disk has to have room for so many hours more.
    pub disk_hours: u32,
    /// Where a file can be had: a URL in which `{session_id}` and `{name}` are replaced; `None`: nowhere.
    pub url: Option<String>,
    /// POST target for `recording_ready`; may hold a token, hence a secret.
    pub webhook: Secret,
    /// Its bearer token, from `webhook_token`, `webhook_token_file` or the environment; empty: none.
    pub webhook_token: Secret,
    /// A file that holds it.
    pub webhook_token_file: Option<PathBuf>,
}

/// `recordings.expect`: whether each recording's files are to be reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Expect {
    /// Of a Jibri that has ever reported.
    #[default]
    Auto,
    /// Of every Jibri.
    Always,
    /// Of none.
    Never,
}

/// `[standby]`: a second instance.
#[derive(Debug, Clone)]
pub struct Standby {
    /// The other instance's HTTP address; `None`: none.
    pub peer: Option<String>,
    /// Another instance may have the link, though it cannot be asked.
    pub allowed: bool,
    /// How long it must not have answered.
    pub takeover_after: Duration,
}

/// `[http]`: the API and the status page.
#[derive(Debug, Clone)]
pub struct Http {
    /// Listening address; `None`: off.
    pub listen: Option<std::net::SocketAddr>,
    /// Names that the port may be called by, besides IP addresses and `localhost`; in small letters.
    pub hosts: Vec<String>,
    /// Bearer token, from `token`, `token_file` or the environment; may be empty.
    pub token: Secret,
    /// The file it was read from; `None`: from none.
    pub token_file: Option<PathBuf>,
}

/// `[ledger]`: the history.
#[derive(Debug, Clone)]
pub struct Ledger {
    /// Its file; `None`: in memory.
    pub path: Option<PathBuf>,
    /// How long entries are kept.
    pub keep: Duration,
}

/// `[log]`.
#[derive(Debug, Clone)]
pub struct Log {
    /// The least important level that is written.
    pub level: LogLevel,
    /// How a line looks.
    pub format: LogFormat,
}

/// `log.level`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// Only failures.
    Error,
    /// Also what an administrator should look at.
    Warn,
    /// Also what happened.
    Info,
    /// Also why.
    Debug,
    /// Everything.
    Trace,
}

/// `log.format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    /// Text.
    Text,
    /// One JSON object a line.
    Json,
}
