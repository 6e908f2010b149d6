//! A link under test, and waiting for what it tells.

use std::time::Duration;

use jibri_autostart::address::{Nick, RoomJid};
use jibri_autostart::config::*;
use jibri_autostart::meeting::{
    Action, Answer, AttemptId, Order, Presence, QueryId, Roles, RoomEvent, Speaker,
};
use jibri_autostart::xmpp::{Command, Failure, Link, LinkEvent, spawn};
use testkit::{Prosody, World};
use tokio::sync::mpsc;

/// How long Prosody may take on a busy machine: a deep or wide stanza costs it more than it costs us.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

pub(crate) fn room(name: &str) -> RoomJid {
    RoomJid::new(name).or_else(|_| RoomJid::new(&format!("{name}@muc.meet.jitsi"))).unwrap()
}

pub(crate) fn me() -> Nick {
    Nick::new("autostart").unwrap()
}

/// Settings for a Prosody of the kit; times are such that a test can wait for them.
pub(crate) fn settings(server: String, secret: &str) -> Settings {
    let start = Start {
        min_moderators: 1,
        min_participants: 1,
        settle: Duration::ZERO,
        mode: Mode::File,
        stream_key: Secret::default(),
        app_data: None,
        request_timeout: seconds(95),
        pending_timeout: seconds(100),
        retry_min: seconds(1),
        retry_max: seconds(2),
        retry_limit: 0,
    };
    Settings {
        xmpp: Xmpp {
            server,
            domain: "autostart.meet.jitsi".into(),
            user: "autostart".into(),
            secret_file: None,
            secret: Secret::new(secret),
            ping_interval: seconds(30),
            reconnect_min: Duration::from_millis(100),
            reconnect_max: Duration::from_millis(300),
        },
        muc: Muc {
            domains: vec!["muc.meet.jitsi".into()],
            nickname: me(),
            focus_nickname: Nick::new("focus").unwrap(),
            service_domains: vec!["auth.meet.jitsi".into()],
            recorders: Vec::new(),
            footprint: Footprint::Discreet.into(),
            notice: Notice::Off,
            peek: false,
        },
        discovery: Discovery {
            rooms: Vec::new(),
            disco_interval: Duration::ZERO,
            event_sync: false,
            jicofo: JicofoRest { url: None, interval: seconds(10) },
        },
        start,
        stop: Stop { when: StopWhen::Never, delay: Duration::ZERO, respect_manual: true },
        rules: Vec::new(),
        jibri: Jibri {
            brewery: None,
            webhook: false,
            webhook_token: Secret::default(),
            webhook_token_file: None,
            health_interval: seconds(10),
            wedged_after: 2,
            fast_failover: true,
            instances: Vec::new(),
        },
        recovery: Recovery {
            jicofo_command: Vec::new(),
            jicofo_after: Duration::ZERO,
            on: Vec::new(),
            recycle_after: 0,
            command: Vec::new(),
            http: None,
            timeout: seconds(1),
            cooldown: seconds(1),
            max_per_hour: 1,
            dry_run: true,
        },
        alerts: Alerts {
            webhook: Secret::default(),
            alertmanager: None,
            start_overdue: seconds(1),
            prosody_down: seconds(1),
            repeat: seconds(1),
        },
        recordings: RecordingSettings {
            expect: Expect::Never,
            report_within: seconds(1),
            min_share: 900,
            disk_hours: 0,
            url: None,
            webhook: Secret::default(),
            webhook_token: Secret::default(),
            webhook_token_file: None,
        },
        standby: Standby { peer: None, allowed: false, takeover_after: seconds(1) },
        http: Http { listen: None, hosts: Vec::new(), token: Secret::default(), token_file: None },
        ledger: Ledger { path: None, keep: seconds(1) },
        log: Log { level: LogLevel::Error, format: LogFormat::Text },
    }
}

/// A link and its events.
pub(crate) struct Linked {
    pub(crate) link: Link,
    pub(crate) events: mpsc::Receiver<LinkEvent>,
}

impl Linked {
    pub(crate) fn with(settings: &Settings) -> Linked {
        let (link, events) = spawn(settings);
        Linked { link, events }
    }

    /// Not yet up.
    pub(crate) fn to(prosody: &Prosody) -> Linked {
        Linked::with(&settings(prosody.component().to_string(), prosody.component_secret()))
    }

    /// Up.
    pub(crate) async fn up(world: &World) -> Linked {
        let mut linked = Linked::to(&world.prosody);
        linked.wait_up().await;
        linked
    }

    /// The first event from now on of which `take` makes something; those before it are forgotten.
    pub(crate) async fn wait<T>(&mut self, what: &str, mut take: impl FnMut(LinkEvent) -> Option<T>) -> T {
        self.wait_for(PATIENCE, what, &mut take).await
    }

    pub(crate) async fn wait_for<T>(
        &mut self,
        bound: Duration,
        what: &str,
        mut take: impl FnMut(LinkEvent) -> Option<T>,
    ) -> T {
        let mut seen = Vec::new();
        let found = tokio::time::timeout(bound, async {
            loop {
                let event = self.events.recv().await.expect("the task is gone");
                seen.push(format!("{event:?}"));
                if let Some(found) = take(event) {
                    return found;
                }
            }
        });
        match found.await {
            Ok(found) => found,
            Err(_) => panic!("no {what} within {bound:?}; seen: {seen:#?}"),
        }
    }

    pub(crate) async fn wait_up(&mut self) {
        self.wait("Up", |event| matches!(event, LinkEvent::Up).then_some(())).await;
    }

    pub(crate) async fn wait_down(&mut self) -> Failure {
        self.wait_down_for(PATIENCE).await
    }

    pub(crate) async fn wait_down_for(&mut self, bound: Duration) -> Failure {
        self.wait_for(bound, "Down", |event| match event {
            LinkEvent::Down { failure, .. } => Some(failure),
            _ => None,
        })
        .await
    }

    /// The first event of a room from now on of which `take` makes something; the link must not fail.
    pub(crate) async fn wait_room<T>(
        &mut self,
        name: &str,
        what: &str,
        mut take: impl FnMut(RoomEvent) -> Option<T>,
    ) -> T {
        self.wait(what, |event| match event {
            LinkEvent::Room { room: r, event } if r == room(name) => take(event),
            LinkEvent::Down { failure, .. } => panic!("down: {failure}"),
            _ => None,
        })
        .await
    }

    pub(crate) fn act(&self, action: Action) {
        self.link.send(Command::Act(action));
    }

    /// Enters and waits for our own presence; gives those before it.
    pub(crate) async fn enter(&mut self, name: &str) -> Vec<Presence> {
        self.act(Action::Enter { room: room(name), nick: me(), password: None });
        let mut others = Vec::new();
        let own = self
            .wait_room(name, "own presence", |event| match event {
                RoomEvent::Presence(presence) if presence.own => Some(presence),
                RoomEvent::Presence(presence) => {
                    others.push(presence);
                    None
                }
                RoomEvent::EntryRefused(refusal) => panic!("{refusal:?}"),
                _ => None,
            })
            .await;
        assert!(!own.created && own.nick == me());
        others
    }

    pub(crate) async fn roles(
        &mut self,
        name: &str,
        number: u64,
    ) -> Result<Vec<jibri_autostart::meeting::Listed>, jibri_autostart::meeting::ListError> {
        self.act(Action::AskRoles { room: room(name), query: QueryId(number), which: Roles::Both });
        self.wait_room(name, "role lists", |event| match event {
            RoomEvent::Roles { query, result } if query == QueryId(number) => Some(result),
            _ => None,
        })
        .await
    }

    pub(crate) async fn start(&mut self, name: &str, timeout: Duration) -> Answer {
        self.start_as(Speaker::Ourselves, name, timeout).await
    }

    pub(crate) async fn start_as(&mut self, speaker: Speaker, name: &str, timeout: Duration) -> Answer {
        let order = Order { mode: Mode::File, stream_key: Secret::default(), app_data: None };
        self.act(Action::Start { room: room(name), attempt: AttemptId(1), speaker, order, timeout });
        self.wait_room(name, "answer to a start", |event| match event {
            RoomEvent::StartAnswered { answer, .. } => Some(answer),
            _ => None,
        })
        .await
    }
}
