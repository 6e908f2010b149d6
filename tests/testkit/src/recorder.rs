//! Jicofo's recording of one conference: its queue of requests, its session, its search for a Jibri that works.

use crate::focus::Inner;
use crate::focus_options::Fault;
use crate::focus_room::FocusRoom;
use crate::lock;
use crate::xml::{Node, ns, resource};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use tokio::sync::mpsc;

/// What waits in a room's queue. One is done after the other, however long each takes.
pub(crate) enum Job {
    /// `<jibri>` from an occupant.
    FromOccupant(Node, Option<Fault>),
    /// `<jibri>` from the Jibri of our session.
    FromJibri(Node),
    /// A Jibri has left the brewery.
    Offline(String),
    /// A session was pending for too long, at its so-manieth Jibri.
    PendingTimeout(String, u32),
}

/// A session: one recording, by whichever Jibri has it.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) id: String,
    /// The one that has been asked, or that records.
    pub(crate) jibri: Option<String>,
    room: String,
    initiator: String,
    stream: Option<String>,
    app_data: Option<String>,
    /// How many were asked.
    asked: u32,
    retries: i32,
    pub(crate) pending: bool,
}

/// Why no Jibri could be had.
enum NoJibri {
    None,
    AllBusy,
    TooManyFailed,
}

impl Session {
    pub(crate) fn is_stream(&self) -> bool {
        self.stream.is_some()
    }

    pub(crate) fn stop_iq(&self) -> Node {
        jibri_iq(self.jibri.as_deref().unwrap_or_default(), "stop", &self.id)
    }

    fn start_iq(&self, jibri: &str) -> Node {
        let mut iq = jibri_iq(jibri, "start", &self.id);
        if let Some(node) = iq.children.first_mut() {
            let mode = if self.stream.is_some() { "stream" } else { "file" };
            *node = std::mem::take(node)
                .attr("room", &self.room)
                .attr("recording_mode", mode)
                .attr_opt("streamid", self.stream.as_deref())
                .attr_opt("app_data", self.app_data.as_deref());
        }
        iq
    }
}

fn jibri_iq(to: &str, action: &str, session: &str) -> Node {
    let jibri = Node::new("jibri", ns::JIBRI).attr("action", action).attr("session_id", session);
    Node::iq("set", to).attr("id", &uuid::Uuid::new_v4().to_string()).child(jibri)
}

/// The room's queue.
pub(crate) async fn work(focus: Weak<Inner>, room: Weak<FocusRoom>, mut queue: mpsc::UnboundedReceiver<Job>) {
    while let Some(job) = queue.recv().await {
        let (Some(focus), Some(room)) = (focus.upgrade(), room.upgrade()) else { return };
        let recorder = Recorder { focus: &focus, room: &room };
        match job {
            Job::FromOccupant(iq, fault) => {
                let answer = recorder.occupant_asks(&iq).await;
                match fault {
                    Some(Fault::LoseAnswer) => {}
                    Some(Fault::Late(pause)) => {
                        let focus = focus.clone();
                        tokio::spawn(async move {
                            tokio::time::sleep(pause).await;
                            focus.send(&answer);
                        });
                    }
                    _ => focus.answer(&iq, &answer),
                }
            }
            Job::FromJibri(iq) => {
                recorder.jibri_says(iq.from(), iq.find("jibri")).await;
                focus.send(&iq.result());
            }
            Job::Offline(jibri) => {
                let gone = Node::new("jibri", ns::JIBRI)
                    .attr("status", "off")
                    .attr("failure_reason", "error")
                    .attr("should_retry", "true");
                recorder.jibri_says(&jibri, Some(&gone)).await;
            }
            Job::PendingTimeout(id, asked) => {
                let late = |s: &Session| s.id == id && s.asked == asked && s.pending;
                if recorder.session().is_some_and(|session| late(&session)) {
                    recorder.stop(None);
                }
            }
        }
        focus.tell();
    }
}

struct Recorder<'a> {
    focus: &'a Arc<Inner>,
    room: &'a Arc<FocusRoom>,
}

impl Recorder<'_> {
    fn session(&self) -> Option<Session> {
        lock(&self.room.state).session.clone()
    }

    async fn occupant_asks(&self, iq: &Node) -> Node {
        let refuse = |condition, text| iq.error("cancel", condition, text);
        let Some(jibri) = iq.find_ns("jibri", ns::JIBRI) else { return refuse("bad-request", None) };
        if let Some(refusal) = self.refused_by_rights(iq) {
            return refusal;
        }
        match (jibri.get("action"), self.session()) {
            (Some("start"), Some(_)) => {
                refuse("unexpected-request", Some("Recording or live streaming is already enabled"))
            }
            (Some("start"), None) => self.start(iq, jibri).await,
            (Some("stop"), None) => refuse("item-not-found", Some("Unknown session")),
            (Some("stop"), Some(_)) => {
                self.stop(Some(iq.from()));
                iq.result()
            }
            _ => refuse("bad-request", Some("undefined action")),
        }
    }

    fn refused_by_rights(&self, iq: &Node) -> Option<Node> {
        if !lock(&self.focus.options).moderator_checks {
            return None;
        }
        let state = lock(&self.room.state);
        match state.view.occupants.get(resource(iq.from())) {
            None => Some(iq.error("auth", "forbidden", None)),
            Some(sender) if sender.role == "moderator" || sender.affiliation == "owner" => None,
            Some(_) => Some(iq.error("cancel", "not-allowed", None)),
        }
    }

    async fn start(&self, iq: &Node, jibri: &Node) -> Node {
        let stream = jibri.get("streamid").filter(|stream| !stream.trim().is_empty());
        match (stream, jibri.get("recording_mode") == Some("file")) {
            (None, false) => {
                return iq.error("modify", "bad-request", Some("Stream ID is empty or undefined"));
            }
            (Some(_), true) => {
                let text = "Stream ID is provided for a FILE recording.";
                return iq.error("modify", "bad-request", Some(text));
            }
            _ => {}
        }
        let id = uuid::Uuid::new_v4().to_string();
        lock(&self.room.state).session = Some(Session {
            id: id.clone(),
            jibri: None,
            room: self.room.name.clone(),
            initiator: iq.from().into(),
            stream: stream.map(String::from),
            app_data: jibri.get("app_data").map(String::from),
            asked: 0,
            retries: 0,
            pending: true,
        });
        let Err(reason) = self.find_jibri().await else {
            return iq.result().child(Node::new("jibri", ns::JIBRI).attr("session_id", &id));
        };
        lock(&self.room.state).session = None;
        match reason {
            NoJibri::None => iq.error("cancel", "service-unavailable", Some("no Jibris available")),
            NoJibri::AllBusy => iq.error("wait", "resource-constraint", Some("all Jibris are busy")),
            NoJibri::TooManyFailed => {
                iq.error("cancel", "internal-server-error", Some("Internal server error"))
            }
        }
    }

    /// Looks for a Jibri; each attempt nested in one that failed is a failure of its own.
    async fn find_jibri(&self) -> Result<(), NoJibri> {
        let mut attempts = 0;
        let found = self.ask_in_turn(&mut attempts).await;
        if found.is_err() {
            self.focus.failures.fetch_add(attempts, Ordering::AcqRel);
        }
        found
    }

    /// Asks one Jibri after the other until one is pending.
    async fn ask_in_turn(&self, attempts: &mut u64) -> Result<(), NoJibri> {
        let settings = self.focus.settings();
        loop {
            *attempts += 1;
            let jibri = {
                let mut brewery = lock(&self.focus.brewery);
                match brewery.select(settings.select_timeout, settings.failure_timeout) {
                    Some(jibri) => jibri,
                    None if brewery.is_empty() => return Err(NoJibri::None),
                    None => return Err(NoJibri::AllBusy),
                }
            };
            if self.ask(&jibri).await {
                return Ok(());
            }
            lock(&self.focus.brewery).failed(&jibri);
            let Some(session) = &mut lock(&self.room.state).session else {
                return Err(NoJibri::TooManyFailed);
            };
            if settings.num_retries >= 0 && session.retries >= settings.num_retries {
                return Err(NoJibri::TooManyFailed);
            }
            session.retries += 1;
        }
    }

    /// Sends one Jibri the start; true if it answers that it is pending.
    async fn ask(&self, jibri: &str) -> bool {
        let settings = self.focus.settings();
        let session = {
            let mut state = lock(&self.room.state);
            let Some(session) = &mut state.session else { return false };
            session.jibri = Some(jibri.into());
            session.asked += 1;
            session.pending = true;
            session.clone()
        };
        let timeout = Job::PendingTimeout(session.id.clone(), session.asked);
        let room = Arc::downgrade(self.room);
        tokio::spawn(async move {
            tokio::time::sleep(settings.pending_timeout).await;
            if let Some(room) = room.upgrade() {
                room.job(timeout);
            }
        });
        let Some(client) = self.focus.client() else { return false };
        match client.request(session.start_iq(jibri), settings.reply_timeout).await {
            Ok(reply) => reply.find("jibri").is_some_and(|jibri| jibri.get("status") == Some("pending")),
            Err(_) => {
                // It may yet come to life, and nobody would stop it.
                self.focus.send(&session.stop_iq());
                false
            }
        }
    }

    /// A Jibri reports how it is.
    async fn jibri_says(&self, from: &str, jibri: Option<&Node>) {
        let (Some(jibri), Some(session)) = (jibri, self.session()) else { return };
        if session.jibri.as_deref() != Some(from) {
            return;
        }
        let status = jibri.get_or_empty("status");
        if status != "pending"
            && let Some(session) = &mut lock(&self.room.state).session
        {
            session.pending = false;
        }
        let settings = self.focus.settings();
        match (jibri.get("failure_reason"), status) {
            (Some(reason), _) => {
                let may = settings.num_retries < 0 || session.retries < settings.num_retries;
                if may && jibri.get("should_retry") == Some("true") {
                    if let Some(session) = &mut lock(&self.room.state).session {
                        session.retries += 1;
                    }
                    if self.find_jibri().await.is_ok() {
                        return;
                    }
                }
                self.publish("off", None, Some(reason));
                lock(&self.room.state).session = None;
            }
            (None, "off") => {
                self.publish("off", None, None);
                lock(&self.room.state).session = None;
            }
            (None, "on") => self.publish("on", Some(&session.initiator), None),
            _ => {}
        }
    }

    /// Ends the session: the Jibri is told, not asked.
    fn stop(&self, initiator: Option<&str>) {
        if let Some(session) = self.session() {
            self.focus.send(&session.stop_iq());
            self.publish("off", initiator, None);
            lock(&self.room.state).session = None;
        }
    }

    /// Puts the status into our presence, where it stays.
    fn publish(&self, status: &str, initiator: Option<&str>, failure: Option<&str>) {
        {
            let mut state = lock(&self.room.state);
            let Some(session) = &state.session else { return };
            let mode = if session.stream.is_some() { "stream" } else { "file" };
            let node = Node::new("jibri-recording-status", ns::JIBRI)
                .attr("status", status)
                .attr("session_id", &session.id)
                .attr("recording_mode", mode)
                .attr_opt("initiator", initiator)
                .attr_opt("failure_reason", failure);
            state.status = Some(node);
        }
        self.focus.send(&self.room.own_presence());
    }
}
