//! `--record-test ROOM`: has the service record a meeting until it is on, and puts everything back.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, sleep};

use super::Finding;
use super::service::{NoService, Service, get, post};
use super::trusted::Jicofo;
use crate::config::Settings;
use crate::surface::Room;

const STEP: &str = "record-test";
/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(200);
/// How long a stop may take to be seen, besides the answer to the request.
const STOPPING: Duration = Duration::from_secs(10);

/// Does it.
pub(super) async fn test(
    settings: &Settings,
    address: Option<SocketAddr>,
    service: &Service,
    room: &str,
) -> Vec<Finding> {
    let (Service::Linked(snapshot), Some(address)) = (service, address) else {
        let found = "the service is not running here with a link, and only the service records";
        return vec![Finding::fail(
            STEP,
            found,
            "start the service (jibri-autostart run) and run this again",
        )];
    };
    if settings.http.token.is_empty() {
        let found = "http.token is not set, so the service takes no orders by hand";
        return vec![Finding::fail(
            STEP,
            found,
            "set http.token or http.token_file, and restart the service",
        )];
    }
    let room = utf8_percent_encode(room, NON_ALPHANUMERIC).to_string();
    let base = format!("http://{address}");
    let manual = Manual { settings, base, room, jicofo: Jicofo::of(settings), trusted: OnceLock::new() };
    let (recorded, full) = manual.test().await;
    let mut findings = vec![recorded];
    if let (Some(jicofo), Some(is_trusted)) = (&manual.jicofo, manual.trusted.get()) {
        findings.push(jicofo.finding(&full, *is_trusted, snapshot.footprint));
    }
    findings
}

/// Ctrl-C, `kill`, and the end of the terminal.
struct End {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl End {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn is_asked_for(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }
}

struct Manual<'a> {
    settings: &'a Settings,
    base: String,
    /// Encoded for a path.
    room: String,
    jicofo: Option<Jicofo<'a>>,
    /// Whether it takes us for a Jibri, once it has seen us in the meeting.
    trusted: OnceLock<bool>,
}

impl Manual<'_> {
    /// The step, and the whole name of the meeting, if there is such a one.
    async fn test(&self) -> (Finding, String) {
        let found = self.look().await;
        let full = found.as_ref().map(|room| room.room.to_string()).unwrap_or_default();
        (self.test_in(found, &full).await, full)
    }

    async fn test_in(&self, found: Result<Room, NoService>, full: &str) -> Finding {
        match found {
            // It is somebody's: not to be stopped.
            Ok(room)
                if !["idle", "settling", "waiting", "backoff", "held"].contains(&room.state.as_str()) =>
            {
                let found = format!("{} is already {}, so it was left alone", room.room, room.state);
                return Finding::warn(STEP, found, "name a meeting that is not being recorded");
            }
            // The release in the end would undo what a person, or an administrator, has ordered.
            Ok(room) if room.state == "held" => {
                let why = room.reason.unwrap_or(room.state);
                let found = format!("{} is held ({why}), so it was left alone", room.room);
                let remedy = "name another meeting, or hand it back first: jibri-autostart release ROOM";
                return Finding::warn(STEP, found, remedy);
            }
            Ok(_) => {}
            Err(trouble) => {
                let remedy = "name a meeting that is going on and watched: jibri-autostart rooms";
                return Finding::fail(STEP, words(trouble), remedy);
            }
        }
        // Whoever has seen enough must not leave the meeting recorded by hand, from the first moment on.
        let mut end = match End::listen() {
            Ok(end) => end,
            Err(error) => {
                let found = format!("cannot listen for signals ({error}), so it could not be ended halfway");
                return Finding::fail(STEP, found, "nothing was started; mend that first");
            }
        };
        if let Err(trouble) = self.order("record").await {
            return Finding::fail(STEP, words(trouble), "nothing was started; mend that first");
        }
        let began = Instant::now();
        let on = tokio::select! {
            on = self.wait_on(began) => on,
            () = end.is_asked_for() => Err("interrupted".to_owned()),
            never = self.watch_jicofo(full) => match never {},
        };
        let took = began.elapsed();
        // Whatever has become of it: what was begun is ended, and the room is the rules' again.
        let stopped = self.order("stop").await;
        if stopped.is_ok() {
            tokio::select! {
                () = self.wait_off() => {}
                () = end.is_asked_for() => {}
            }
        }
        let released = self.order("release").await;
        if let Err(trouble) = stopped.and(released) {
            let remedy = "stop it by hand, then: jibri-autostart release ROOM";
            return Finding::fail(
                STEP,
                format!("could not be put back as it was: {}", words(trouble)),
                remedy,
            );
        }
        match on {
            Ok(()) => {
                Finding::ok(STEP, format!("on after {:.1} s; stopped and released again", took.as_secs_f64()))
            }
            Err(why) => Finding::fail(
                STEP,
                format!("not on within {} s: {why}", took.as_secs()),
                "see the steps above, jibri-autostart jibris, and the logs of Jicofo and the Jibris",
            ),
        }
    }

    async fn look(&self) -> Result<Room, NoService> {
        get(&self.base, &format!("/api/v1/rooms/{}", self.room)).await
    }

    async fn order(&self, order: &str) -> Result<(), NoService> {
        let path = format!("/api/v1/rooms/{}/{order}", self.room);
        let answer: Result<serde_json::Value, NoService> =
            post(&self.base, &path, self.settings.http.token.expose()).await;
        answer.map(drop)
    }

    /// While the service is in the meeting, Jicofo shows what it takes it for.
    async fn watch_jicofo(&self, full: &str) -> Infallible {
        match &self.jicofo {
            Some(jicofo) => jicofo.watch(full, &self.trusted).await,
            None => std::future::pending().await,
        }
    }

    /// The error is the last that was seen of it.
    async fn wait_on(&self, began: Instant) -> Result<(), String> {
        let start = &self.settings.start;
        let longest = start.request_timeout.saturating_add(start.pending_timeout);
        loop {
            let seen = match self.look().await {
                Ok(room) if room.state == "recording" => return Ok(()),
                Ok(room) => room.reason.unwrap_or(room.state),
                Err(trouble) => words(trouble),
            };
            if began.elapsed() > longest {
                return Err(seen);
            }
            sleep(LOOK).await;
        }
    }

    /// A release before the stop has come through would let the rules take the recording over.
    async fn wait_off(&self) {
        let began = Instant::now();
        let longest = self.settings.start.request_timeout.saturating_add(STOPPING);
        while began.elapsed() < longest {
            match self.look().await {
                Ok(room)
                    if !["starting", "pending", "recording", "stopping"].contains(&room.state.as_str()) =>
                {
                    return;
                }
                Ok(_) => sleep(LOOK).await,
                Err(_) => return,
            }
        }
    }
}

fn words(trouble: NoService) -> String {
    match trouble {
        NoService::Fault(fault) => fault.to_string(),
        NoService::Not(why) => why,
    }
}
