//! Jibri at work: it takes one request after the other, and shows how it is.

use crate::behaviour::{Behaviour, JibriOptions, Started};
use crate::client::{Client, Inbox};
use crate::config::BREWERY;
use crate::xml::{Node, bare, ns};
use crate::{lock, recording};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Instant;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

/// What a process exits with that aborts.
const CRASHED: i32 = 134;

pub(crate) struct Inner {
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
    pub(crate) options: Mutex<JibriOptions>,
    pub(crate) state: Mutex<State>,
    pub(crate) news: watch::Sender<u64>,
    /// Jibri's one lock: held while Chrome is launched, wanted by starts, stops and shutdowns.
    pub(crate) manager: tokio::sync::Mutex<()>,
    pub(crate) client: Mutex<Option<Client>>,
    pub(crate) tasks: Mutex<Vec<JoinHandle<()>>>,
}

#[derive(Default)]
pub(crate) struct State {
    /// Busy with a recording or its end.
    pub(crate) working: bool,
    pub(crate) unhealthy: bool,
    /// In single-use mode, and used.
    pub(crate) expired: bool,
    /// Chrome's launch hangs, and whoever wants the lock with it.
    pub(crate) hung: bool,
    /// What the process is to exit with when it is idle, if anything.
    pub(crate) exit_when_idle: Option<i32>,
    /// What it has exited with, so to speak.
    pub(crate) exited: Option<i32>,
    /// Whom to tell to stop.
    pub(crate) stop: Option<mpsc::UnboundedSender<()>>,
    /// The session whose recorder is in the room.
    pub(crate) recording: Option<String>,
    pub(crate) published: Option<(bool, bool)>,
    pub(crate) starts: Vec<Started>,
    pub(crate) stops: usize,
}

/// Puts Jicofo's IQs into the queue; others get what Jibri gives them.
pub(crate) async fn sort(mut inbox: Inbox, queue: mpsc::UnboundedSender<Node>) {
    while let Some(received) = inbox.recv().await {
        let node = &received.node;
        if node.is("iq", ns::CLIENT) && node.find_ns("jibri", ns::JIBRI).is_some() {
            let _ = queue.send(node.clone());
        }
    }
}

impl Inner {
    /// Takes one request after the other: while Chrome is starting, everything else waits.
    pub(crate) async fn work(self: Arc<Self>, mut queue: mpsc::UnboundedReceiver<Node>) {
        while let Some(iq) = queue.recv().await {
            self.may_act().await;
            let Some(jibri) = iq.find_ns("jibri", ns::JIBRI) else { continue };
            if bare(iq.from()) != BREWERY {
                self.send(&iq.error("auth", "forbidden", None));
                continue;
            }
            match jibri.get("action") {
                Some("start") => self.take_work(&iq, jibri).await,
                Some("stop") => self.stop(&iq),
                _ => self.send(&iq.error("modify", "bad-request", None)),
            }
            self.tell();
        }
    }

    async fn take_work(self: &Arc<Self>, iq: &Node, jibri: &Node) {
        let options = lock(&self.options).clone();
        let value = |name| jibri.get_or_empty(name).to_owned();
        let started = Started {
            at: Instant::now(),
            session_id: value("session_id"),
            room: value("room"),
            mode: value("recording_mode"),
            app_data: jibri.get("app_data").map(String::from),
        };
        lock(&self.state).starts.push(started.clone());
        self.tell();
        if lock(&self.state).working {
            return self.send(&iq.result().child(off(Some("busy"))));
        }
        if !readable(started.app_data.as_deref()) {
            return self.send(&iq.result().child(off(Some("error"))));
        }
        let launching = self.manager.lock().await;
        match options.behaviour {
            Behaviour::Busy => return self.send(&iq.result().child(off(Some("busy")))),
            Behaviour::FailStart => return self.send(&iq.result().child(off(Some("error")))),
            // Whoever comes next waits behind this one.
            Behaviour::HangStart => {
                lock(&self.state).hung = true;
                return std::future::pending().await;
            }
            Behaviour::Healthy { launch, .. } => tokio::time::sleep(launch).await,
            _ => {}
        }
        drop(launching);
        let (stop, stopped) = mpsc::unbounded_channel();
        {
            let mut state = lock(&self.state);
            state.working = true;
            state.stop = Some(stop);
        }
        self.publish();
        self.send(&iq.result().child(Node::new("jibri", ns::JIBRI).attr("status", "pending")));
        let job = recording::Job { started, jicofo: iq.from().into(), options };
        let task = tokio::spawn(recording::run(self.clone(), job, stopped));
        lock(&self.tasks).push(task);
    }

    fn stop(&self, iq: &Node) {
        let stop = {
            let mut state = lock(&self.state);
            state.stops += 1;
            state.stop.take()
        };
        // Who holds the other end takes the end of this one for the order.
        drop(stop);
        self.send(&iq.result().child(off(None)));
    }

    /// The end of a recording, finalizing included.
    pub(crate) async fn finished(&self) {
        let pause = lock(&self.options).finalize;
        {
            let mut state = lock(&self.state);
            state.recording = None;
            state.stop = None;
        }
        self.tell();
        tokio::time::sleep(pause).await;
        let single_use = lock(&self.options).single_use;
        let exits = {
            let mut state = lock(&self.state);
            state.working = false;
            state.expired |= single_use;
            state.exited = state.exit_when_idle.take();
            state.exited.is_some()
        };
        // A process that waits for this to exit does so before it shows itself idle.
        if !exits {
            self.publish();
        }
        self.tell();
    }

    /// Something in the system is broken, and Jibri never takes that back.
    pub(crate) fn unhealthy(&self) {
        lock(&self.state).unhealthy = true;
        self.publish();
    }

    /// Never, if the launch of Chrome hangs.
    pub(crate) async fn may_act(&self) {
        if lock(&self.state).hung {
            std::future::pending().await
        }
    }

    pub(crate) fn crash(&self) {
        lock(&self.state).exited = Some(CRASHED);
        self.disconnect();
    }

    pub(crate) fn disconnect(&self) {
        if let Some(client) = lock(&self.client).take() {
            client.abort();
        }
        {
            let mut state = lock(&self.state);
            state.recording = None;
            state.stop = None;
        }
        self.tell();
        // Last: this may be one of them.
        lock(&self.tasks).drain(..).for_each(|task| task.abort());
    }

    /// Shows its state in the brewery if it has changed.
    pub(crate) fn publish(&self) {
        let now = {
            let mut state = lock(&self.state);
            let busy = state.working || state.expired || lock(&self.options).behaviour == Behaviour::Busy;
            let now = (busy, state.unhealthy);
            if state.published.replace(now) == Some(now) {
                return;
            }
            now
        };
        let (busy, unhealthy) = now;
        let health = if unhealthy { "unhealthy" } else { "healthy" };
        let status = Node::new("jibri-status", ns::JIBRI)
            .child(Node::new("busy-status", ns::JIBRI).attr("status", if busy { "busy" } else { "idle" }))
            .child(Node::new("health-status", ns::HEALTH).attr("status", health));
        self.send(&Node::presence(&format!("{BREWERY}/{}", self.name)).child(status));
        self.tell();
    }

    /// Tells Jicofo how the recording is.
    pub(crate) fn report(&self, jicofo: &str, report: Node) {
        let id = uuid::Uuid::new_v4().to_string();
        self.send(&Node::iq("set", jicofo).attr("id", &id).child(report));
    }

    fn send(&self, node: &Node) {
        let client = lock(&self.client).clone();
        if let Some(client) = client {
            client.send(node);
        }
    }

    pub(crate) fn tell(&self) {
        self.news.send_modify(|n| *n += 1);
    }
}

/// Jibri knows one key of `app_data`, an object, and chokes on anything else.
fn readable(app_data: Option<&str>) -> bool {
    let Some(app_data) = app_data else { return true };
    let Ok(serde_json::Value::Object(keys)) = serde_json::from_str(app_data) else { return false };
    keys.iter().all(|(key, value)| key == "file_recording_metadata" && value.is_object())
}

/// `off`, with a reason if it is a failure.
pub(crate) fn off(reason: Option<&str>) -> Node {
    let off = Node::new("jibri", ns::JIBRI).attr("status", "off").attr_opt("failure_reason", reason);
    if reason.is_some() { off.attr("should_retry", "true") } else { off }
}
