//! Jibri as the brewery sees it: it waits, takes work or fails at it, and says how it is.

use crate::client::{Client, Inbox};
use crate::config::BREWERY;
use crate::login::Login;
use crate::manners::Manners;
use crate::recording;
use crate::xml::{Node, bare, ns};
use crate::{Prosody, Result, SOON, lock};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

/// What a Jibri does with the next start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// Records: Chrome takes this long to launch, and this long to join.
    Healthy {
        /// From the start to `pending`.
        launch: Duration,
        /// From `pending` to `on`.
        join: Duration,
    },
    /// Chrome refuses to start: answers an error and stays idle.
    FailStart,
    /// Chrome hangs while it starts: no answer, idle and healthy, and deaf to all work until [`Jibri::restart`].
    HangStart,
    /// The page does not load: `pending`, busy, then an error.
    FailJoin(Duration),
    /// `pending`, and then nothing.
    PendingForever,
    /// Is gone, with its recorder, this long after `pending`.
    Crash(Duration),
    /// Fails this long after `on`, and says that another should try.
    FailAfter(Duration),
    /// Ends cleanly this long after `on`.
    EndsByItself(Duration),
    /// Says that it is busy, with other people's work.
    Busy,
}

impl Behaviour {
    /// Works, without delay.
    pub const fn healthy() -> Behaviour {
        Behaviour::Healthy { launch: Duration::ZERO, join: Duration::ZERO }
    }

    /// Works, and takes this long for each of its two steps.
    pub const fn slow(each: Duration) -> Behaviour {
        Behaviour::Healthy { launch: each, join: each }
    }
}

/// How a Jibri is set up.
#[derive(Clone, Debug)]
pub struct JibriOptions {
    /// What it does with a start.
    pub behaviour: Behaviour,
    /// How long it goes on recording where nobody is; Jibri's own is 30 s.
    pub empty_timeout: Duration,
    /// How long it stays busy after the end of a recording.
    pub finalize: Duration,
    /// Whether the recorder says by `features` that it is a Jibri.
    pub recorder_features: bool,
    /// Resource of its connection; its name if none.
    pub resource: Option<String>,
}

impl Default for JibriOptions {
    fn default() -> Self {
        JibriOptions {
            behaviour: Behaviour::healthy(),
            empty_timeout: Duration::from_secs(30),
            finalize: Duration::ZERO,
            recorder_features: true,
            resource: None,
        }
    }
}

/// A start that reached a Jibri.
#[derive(Clone, Debug)]
pub struct Started {
    /// When.
    pub at: Instant,
    /// Session.
    pub session_id: String,
    /// Room.
    pub room: String,
    /// What is to be done with the file.
    pub app_data: Option<String>,
}

/// A Jibri. Clones are the same Jibri.
#[derive(Clone)]
pub struct Jibri {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
    pub(crate) options: Mutex<JibriOptions>,
    pub(crate) state: Mutex<State>,
    pub(crate) news: watch::Sender<u64>,
    client: Mutex<Option<Client>>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

#[derive(Default)]
pub(crate) struct State {
    /// Busy with a recording or its end.
    pub(crate) working: bool,
    pub(crate) unhealthy: bool,
    /// Whom to tell to stop.
    pub(crate) stop: Option<mpsc::UnboundedSender<()>>,
    /// The session whose recorder is in the room.
    pub(crate) recording: Option<String>,
    published: Option<(bool, bool)>,
    starts: Vec<Started>,
    stops: usize,
}

impl Jibri {
    /// Logs in, joins the brewery under its name and says that it is idle.
    pub async fn start(prosody: &Prosody, name: &str, options: JibriOptions) -> Result<Jibri> {
        let inner = Inner {
            name: name.into(),
            address: prosody.c2s(),
            options: Mutex::new(options),
            state: Mutex::default(),
            news: watch::Sender::new(0),
            client: Mutex::default(),
            tasks: Mutex::default(),
        };
        let jibri = Jibri { inner: Arc::new(inner) };
        jibri.connect().await?;
        Ok(jibri)
    }

    /// Connects (again) as a new process would: not recording, not hung.
    pub async fn connect(&self) -> Result<()> {
        let resource = lock(&self.inner.options).resource.clone().unwrap_or_else(|| self.inner.name.clone());
        let login = Login::service("jibri", &resource);
        let (client, inbox) = Client::connect(self.inner.address, &login, Manners::of_a_service()).await?;
        *lock(&self.inner.client) = Some(client.clone());
        {
            let mut state = lock(&self.inner.state);
            *state =
                State { starts: std::mem::take(&mut state.starts), stops: state.stops, ..State::default() };
        }
        let seat = self.seat();
        client.send(&Node::presence(&seat).child(Node::new("x", ns::MUC)));
        client.wait_for(|node| node.name == "presence" && node.from() == seat, SOON).await?;
        self.inner.publish();
        let (queue_in, queue) = mpsc::unbounded_channel();
        let tasks = [tokio::spawn(sort(inbox, queue_in)), tokio::spawn(self.inner.clone().work(queue))];
        lock(&self.inner.tasks).extend(tasks);
        Ok(())
    }

    /// Is gone without a goodbye, and its recorder with it.
    pub fn crash(&self) {
        self.inner.crash();
    }

    /// The container restarts: whatever hung is whole again.
    pub async fn restart(&self) -> Result<()> {
        self.crash();
        self.connect().await
    }

    /// What the next start meets.
    pub fn set_behaviour(&self, behaviour: Behaviour) {
        lock(&self.inner.options).behaviour = behaviour;
        self.inner.publish();
    }

    /// Changes the rest of its set-up.
    pub fn configure(&self, change: impl FnOnce(&mut JibriOptions)) {
        change(&mut lock(&self.inner.options));
        self.inner.publish();
    }

    /// Reports that it is healthy or not.
    pub fn set_healthy(&self, healthy: bool) {
        lock(&self.inner.state).unhealthy = !healthy;
        self.inner.publish();
    }

    /// Its name in the brewery.
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// Does it say that it is busy?
    pub fn is_busy(&self) -> bool {
        lock(&self.inner.state).published.is_some_and(|(busy, _)| busy)
    }

    /// The session whose recorder is in its room.
    pub fn recording(&self) -> Option<String> {
        lock(&self.inner.state).recording.clone()
    }

    /// Starts that reached it.
    pub fn starts(&self) -> Vec<Started> {
        lock(&self.inner.state).starts.clone()
    }

    /// How many stops it carried out.
    pub fn stops(&self) -> usize {
        lock(&self.inner.state).stops
    }

    /// Somebody at the machine stops the recording (Jibri's HTTP): a clean end.
    pub fn stop_from_outside(&self) {
        let stop = lock(&self.inner.state).stop.clone();
        if let Some(stop) = stop {
            let _ = stop.send(());
        }
    }

    /// Waits until a condition on it holds.
    pub async fn until(&self, bound: Duration, what: &str, holds: impl Fn(&Jibri) -> bool) -> Result<()> {
        let mut news = self.inner.news.subscribe();
        let wait = async { while !holds(self) && news.changed().await.is_ok() {} };
        let waited = tokio::time::timeout(bound, wait).await;
        waited.map_err(|_| format!("{}: not {what} within {bound:?}", self.inner.name).into())
    }

    /// The connection, if there is one.
    pub fn client(&self) -> Option<Client> {
        lock(&self.inner.client).clone()
    }

    fn seat(&self) -> String {
        format!("{BREWERY}/{}", self.inner.name)
    }
}

/// Puts Jicofo's IQs into the queue; others get what Jibri gives them.
async fn sort(mut inbox: Inbox, queue: mpsc::UnboundedSender<Node>) {
    while let Some(received) = inbox.recv().await {
        let node = &received.node;
        if node.is("iq", ns::CLIENT) && node.find_ns("jibri", ns::JIBRI).is_some() {
            let _ = queue.send(node.clone());
        }
    }
}

impl Inner {
    /// Takes one request after the other: while Chrome is starting, everything else waits.
    async fn work(self: Arc<Self>, mut queue: mpsc::UnboundedReceiver<Node>) {
        while let Some(iq) = queue.recv().await {
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
        match options.behaviour {
            Behaviour::Busy => return self.send(&iq.result().child(off(Some("busy")))),
            Behaviour::FailStart => return self.send(&iq.result().child(off(Some("error")))),
            // Whoever comes next waits behind this one.
            Behaviour::HangStart => return std::future::pending().await,
            Behaviour::Healthy { launch, .. } => tokio::time::sleep(launch).await,
            _ => {}
        }
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
        lock(&self.state).working = false;
        self.publish();
    }

    pub(crate) fn crash(&self) {
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
    fn publish(&self) {
        let now = {
            let mut state = lock(&self.state);
            let busy = state.working || lock(&self.options).behaviour == Behaviour::Busy;
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
