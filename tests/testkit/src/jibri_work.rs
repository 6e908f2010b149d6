//! Jibri over XMPP: what reaches it goes to the model, and what that decides is carried out.

use crate::behaviour::{Behaviour, JibriOptions, Started};
use crate::client::{Client, Inbox};
use crate::config::BREWERY;
use crate::focus::focus_jid;
use crate::login::Login;
use crate::manners::Manners;
use crate::occupancy::Occupancy;
use crate::room::RoomView;
use crate::xml::{Node, bare, ns};
use crate::{LONG, lock};
use model::jibri::{Input, Output};
use model::{Busy, Course, Health, IDLE, JibriSettings, Reply, Report, Stage, Status, Step};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

/// What a process exits with that aborts.
const CRASHED: i32 = 134;
/// How long Chrome waits for the conference.
const PATIENCE: Duration = Duration::from_secs(15);

/// A start, and the IQ that it came in.
#[derive(Debug)]
pub(crate) struct Task {
    started: Started,
    iq: Node,
}

pub(crate) type Work = Arc<Task>;

pub(crate) struct Inner {
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
    pub(crate) options: Mutex<JibriOptions>,
    pub(crate) state: Mutex<State>,
    pub(crate) news: watch::Sender<u64>,
    pub(crate) client: Mutex<Option<Client>>,
    pub(crate) tasks: Mutex<Vec<JoinHandle<()>>>,
    acting: Mutex<()>,
    began: Instant,
    chrome: Mutex<Option<Chrome>>,
}

/// The browser of a recording.
struct Chrome {
    task: JoinHandle<()>,
    /// The recorder once it is in its room, or about to be, and what its presence carries.
    seat: Option<(Arc<Occupancy>, Vec<Node>)>,
}

pub(crate) struct State {
    pub(crate) model: model::Jibri<Work>,
    /// What the process is to exit with when it is idle, if anything.
    pub(crate) exit_when_idle: Option<i32>,
    /// What it has exited with, so to speak.
    pub(crate) exited: Option<i32>,
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
    pub(crate) fn new(name: &str, address: SocketAddr, options: JibriOptions) -> Inner {
        // What stays of a dead Jibri, and for how long, is up to the real Prosody.
        let settings = JibriSettings { stale: Duration::ZERO, seat: None, ..JibriSettings::default() };
        let model = model::Jibri::new(settings);
        let state = State { model, exit_when_idle: None, exited: None, starts: Vec::new(), stops: 0 };
        Inner {
            name: name.into(),
            address,
            options: Mutex::new(options),
            state: Mutex::new(state),
            news: watch::Sender::new(0),
            client: Mutex::default(),
            tasks: Mutex::default(),
            acting: Mutex::default(),
            began: Instant::now(),
            chrome: Mutex::default(),
        }
    }

    /// It meets these, and does what follows.
    pub(crate) fn meets(self: &Arc<Self>, inputs: impl IntoIterator<Item = Input<Work>>) {
        // What follows from one thing is done before the next is met.
        let _acting = lock(&self.acting);
        let outputs = {
            let options = lock(&self.options).clone();
            let mut state = lock(&self.state);
            let settings = &mut state.model.settings;
            settings.empty_timeout = options.empty_timeout;
            settings.look_every = settings.look_every.min(options.empty_timeout / 4);
            settings.single_use = options.single_use;
            settings.misses_starts = options.misses_starts;
            let mut outputs = Vec::new();
            for input in inputs {
                outputs.extend(state.model.handle(self.began.elapsed(), input));
            }
            // A process that waits for this to exit does so before it shows itself idle.
            if state.exit_when_idle.is_some() && state.model.job().is_none() {
                state.exited = state.exit_when_idle.take();
                outputs.retain(|output| !matches!(output, Output::Shows(_)));
            }
            outputs
        };
        outputs.into_iter().for_each(|output| self.does(output));
        self.tell();
    }

    /// From now until the model does something by itself, if it will.
    pub(crate) fn due(&self) -> Option<Duration> {
        Some(lock(&self.state).model.next_deadline()?.saturating_sub(self.began.elapsed()))
    }

    fn does(self: &Arc<Self>, output: Output<Work>) {
        match output {
            Output::Appears => {
                self.send(&Node::presence(&self.occupancy()).child(Node::new("x", ns::MUC)));
            }
            Output::Vanishes => {}
            Output::Shows(status) => {
                self.send(&Node::presence(&self.occupancy()).child(jibri_status(status)));
            }
            Output::Answers(work, reply) => {
                let says = match reply {
                    Reply::Pending => Node::new("jibri", ns::JIBRI).attr("status", "pending"),
                    Reply::Busy => off(Some("busy")),
                    Reply::Error => off(Some("error")),
                };
                self.send(&work.iq.result().child(says));
            }
            Output::Enters(work) => {
                let mut chrome = lock(&self.chrome);
                *chrome = Some(Chrome { task: tokio::spawn(self.clone().sits(work)), seat: None });
            }
            Output::ShowsSession(work) => {
                let mut chrome = lock(&self.chrome);
                if let Some((occupancy, extras)) = chrome.as_mut().and_then(|chrome| chrome.seat.as_mut()) {
                    extras.push(Node::new("session_id", "").with_text(&work.started.session_id));
                    extras.push(Node::new("mode", "").with_text(&work.started.mode));
                    occupancy.set_extras(extras.clone());
                }
            }
            Output::Leaves(_) => {
                if let Some(occupancy) = self.end_chrome() {
                    self.goes(occupancy);
                }
            }
            Output::Reports(work, report) => {
                let says = match report {
                    Report::On => Node::new("jibri", ns::JIBRI).attr("status", "on"),
                    Report::Off { failed } => off(failed.then_some("error")),
                };
                let id = uuid::Uuid::new_v4().to_string();
                self.send(&Node::iq("set", work.iq.from()).attr("id", &id).child(says));
            }
            Output::Dies => self.is_gone(),
        }
    }

    /// Takes one request after the other: while Chrome is starting, everything else waits.
    pub(crate) async fn work(self: Arc<Self>, mut queue: mpsc::UnboundedReceiver<Node>) {
        while let Some(iq) = queue.recv().await {
            self.unlocked().await;
            let Some(jibri) = iq.find_ns("jibri", ns::JIBRI) else { continue };
            if bare(iq.from()) != BREWERY {
                self.send(&iq.error("auth", "forbidden", None));
                continue;
            }
            match jibri.get("action") {
                Some("start") => self.take_work(&iq, jibri),
                Some("stop") => {
                    lock(&self.state).stops += 1;
                    self.meets([Input::Stop]);
                    self.send(&iq.result().child(off(None)));
                }
                _ => self.send(&iq.error("modify", "bad-request", None)),
            }
        }
    }

    fn take_work(self: &Arc<Self>, iq: &Node, jibri: &Node) {
        let value = |name| jibri.get_or_empty(name).to_owned();
        let started = Started {
            at: Instant::now(),
            session_id: value("session_id"),
            room: value("room"),
            mode: value("recording_mode"),
            app_data: jibri.get("app_data").map(String::from),
        };
        lock(&self.state).starts.push(started.clone());
        let options = lock(&self.options).clone();
        let mut course = course(options.behaviour, options.finalize);
        if !readable(started.app_data.as_deref()) {
            course.launch = Some((Duration::ZERO, Step::Fails));
        }
        self.meets([Input::Start(Arc::new(Task { started, iq: iq.clone() }), course)]);
    }

    /// Its Chrome in the room, for as long as it is let.
    async fn sits(self: Arc<Self>, work: Work) {
        let occupancy = match self.enter(&work).await {
            Ok(occupancy) => occupancy,
            Err(_) if self.has_this_chrome() => return self.meets([Input::PutOut]),
            // Ended meanwhile; another may be there.
            Err(_) => return,
        };
        self.meets([Input::Entered]);
        let alone = |view: &RoomView| view.occupants.keys().all(|nick| *nick == view.nick || nick == "focus");
        let mut was = false;
        loop {
            let changed = |view: &RoomView| !view.inside || alone(view) != was;
            let _ = occupancy.until(LONG, "of other company", changed).await;
            if occupancy.look(|view| !view.inside) {
                return self.meets([Input::PutOut]);
            }
            was = occupancy.look(alone);
            lock(&self.state).model.alone = was;
        }
    }

    /// Chrome joins, and only then shows which session it belongs to.
    async fn enter(&self, work: &Work) -> crate::Result<Arc<Occupancy>> {
        let options = lock(&self.options).clone();
        let login = Login::account("recorder", &options.recorder_domain, None);
        let (client, inbox) = Client::connect(self.address, &login, Manners::default()).await?;
        // As every client does; where nobody is it makes a meeting of its own (docs/jitsi.md 13.2.5).
        let conference = Node::new("conference", ns::FOCUS).attr("room", &work.started.room);
        let _ = client.request(Node::iq("set", &focus_jid()).child(conference), PATIENCE).await;
        let nick = format!("{:08x}", rand::random::<u32>());
        let mut extras = vec![
            Node::new("nick", ns::NICK).with_text("Recorder"),
            Node::new("stats-id", "").with_text(&self.name),
        ];
        if options.recorder_features {
            let feature = Node::new("feature", "").attr("var", "http://jitsi.org/protocol/jibri");
            extras.push(Node::new("features", "").child(feature));
        }
        let occupancy = Occupancy::enter(client, inbox, &work.started.room, &nick, extras.clone(), false);
        let occupancy = Arc::new(occupancy);
        match &mut *lock(&self.chrome) {
            Some(chrome) if chrome.task.id() == tokio::task::id() => {
                chrome.seat = Some((occupancy.clone(), extras));
            }
            _ => {
                occupancy.leave();
                return Err("ended on its way into the room".into());
            }
        }
        occupancy.until_inside().await?;
        Ok(occupancy)
    }

    pub(crate) fn has_chrome(&self) -> bool {
        lock(&self.chrome).is_some()
    }

    /// Says that it leaves, and ends when that has gone out: who only breaks off keeps its seat for a minute.
    fn goes(&self, occupancy: Arc<Occupancy>) {
        occupancy.leave();
        tokio::spawn(async move { occupancy.client().close().await });
    }

    pub(crate) fn loses_meeting(&self) {
        if let Some(occupancy) = self.end_chrome() {
            lock(&self.state).model.alone = true;
            self.goes(occupancy);
        }
    }

    /// Whether the Chrome whose task this is has not been ended.
    fn has_this_chrome(&self) -> bool {
        lock(&self.chrome).as_ref().is_some_and(|chrome| chrome.task.id() == tokio::task::id())
    }

    /// However far it is; gives the recorder, if it is in its room.
    fn end_chrome(&self) -> Option<Arc<Occupancy>> {
        let chrome = lock(&self.chrome).take()?;
        chrome.task.abort();
        Some(chrome.seat?.0)
    }

    /// Without a goodbye.
    pub(crate) fn kill_chrome(&self) {
        if let Some(occupancy) = self.end_chrome() {
            occupancy.client().abort();
        }
    }

    /// Until nobody holds the lock; never, if the launch of Chrome hangs.
    pub(crate) async fn unlocked(&self) {
        self.until(|state| !state.model.is_launching()).await;
    }

    /// Until this holds of it.
    pub(crate) async fn until(&self, holds: impl Fn(&State) -> bool) {
        let mut news = self.news.subscribe();
        while !holds(&lock(&self.state)) && news.changed().await.is_ok() {}
    }

    /// The session that is on.
    pub(crate) fn recording(&self) -> Option<String> {
        let state = lock(&self.state);
        let (work, _) = state.model.job().filter(|(_, stage)| *stage == Stage::On)?;
        Some(work.started.session_id.clone())
    }

    /// The process is gone, without a goodbye.
    pub(crate) fn is_gone(&self) {
        lock(&self.state).exited = Some(CRASHED);
        self.disconnect();
    }

    pub(crate) fn disconnect(&self) {
        if let Some(client) = lock(&self.client).take() {
            client.abort();
        }
        self.kill_chrome();
        self.tell();
        // Last: this may be one of them.
        lock(&self.tasks).drain(..).for_each(|task| task.abort());
    }

    pub(crate) fn occupancy(&self) -> String {
        format!("{BREWERY}/{}", self.name)
    }

    pub(crate) fn send(&self, node: &Node) {
        let client = lock(&self.client).clone();
        if let Some(client) = client {
            client.send(node);
        }
    }

    pub(crate) fn tell(&self) {
        self.news.send_modify(|n| *n += 1);
    }
}

/// What becomes of a start by this behaviour.
fn course(behaviour: Behaviour, finalizes: Duration) -> Course {
    let (mut course, now) = (Course { finalizes, ..Course::WORKS }, Duration::ZERO);
    match behaviour {
        Behaviour::Healthy { launch, join } => {
            (course.launch, course.page) = (Some((launch, Step::Works)), Some((join, Step::Works)));
        }
        Behaviour::FailStart => course.launch = Some((now, Step::Fails)),
        Behaviour::StickStart => course.launch = Some((now, Step::Sticks)),
        Behaviour::HangStart => course.launch = None,
        Behaviour::FailJoin(after) => course.page = Some((after, Step::Fails)),
        Behaviour::PendingForever => course.page = None,
        Behaviour::Crash(after) => course.page = Some((after, Step::Crashes)),
        Behaviour::FailSystem(after) => course.page = Some((after, Step::Breaks)),
        Behaviour::FailAfter(after) => course.records = Some((after, Step::Fails)),
        Behaviour::EndsByItself(after) => course.records = Some((after, Step::Works)),
        Behaviour::CrashRecording(after) => course.records = Some((after, Step::Crashes)),
        Behaviour::Busy => {}
    }
    course
}

fn jibri_status(status: Status) -> Node {
    let busy = if status.busy == IDLE.busy { "idle" } else { "busy" };
    let health = if status.health == Health::Healthy { "healthy" } else { "unhealthy" };
    Node::new("jibri-status", ns::JIBRI)
        .child(Node::new("busy-status", ns::JIBRI).attr("status", busy))
        .child(Node::new("health-status", ns::HEALTH).attr("status", health))
}

/// As its health port says it.
pub(crate) fn busy_status(status: Status) -> &'static str {
    match status.busy {
        Busy::Idle => "IDLE",
        Busy::Expired => "EXPIRED",
        Busy::Busy | Busy::Undefined => "BUSY",
    }
}

/// Jibri knows one key of `app_data`, an object, and chokes on anything else.
fn readable(app_data: Option<&str>) -> bool {
    let Some(app_data) = app_data else { return true };
    let Ok(serde_json::Value::Object(keys)) = serde_json::from_str(app_data) else { return false };
    keys.iter().all(|(key, value)| key == "file_recording_metadata" && value.is_object())
}

/// `off`, with a reason if it is a failure.
fn off(reason: Option<&str>) -> Node {
    let off = Node::new("jibri", ns::JIBRI).attr("status", "off").attr_opt("failure_reason", reason);
    if reason.is_some() { off.attr("should_retry", "true") } else { off }
}
