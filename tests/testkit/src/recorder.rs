//! Jicofo's recordings, over XMPP: what is asked and reported goes to the model, and what that decides is carried out.

use crate::brewery;
use crate::client::Received;
use crate::config::BREWERY;
use crate::focus::Inner;
use crate::focus_options::{Fault, StartRequest};
use crate::lock;
use crate::xml::{Node, bare, ns, resource};
use model::jicofo::{Input, Output};
use model::{Action, JibriSession, Mode, RecordingStatus, Refusal, Reply, Report, SessionId};
use std::sync::Arc;
use std::time::Duration;

/// A request, and what a test does to its answer.
#[derive(Debug)]
pub(crate) struct Asked {
    iq: Node,
    fault: Option<Fault>,
}

impl Asked {
    /// Of a request that is answered already.
    pub(crate) fn nobody() -> Asked {
        Asked { iq: Node::default(), fault: None }
    }
}

pub(crate) type Asker = Arc<Asked>;
pub(crate) type Model = model::Jicofo<String, String, Asker>;
type Session = JibriSession<String, String, Asker>;

impl Inner {
    /// Jicofo meets something, and does what follows.
    pub(crate) fn meets(self: &Arc<Self>, input: Input<String, String, Asker>) {
        // What follows from one thing is done before the next is met.
        let _acting = lock(&self.acting);
        let outputs = {
            let settings = self.settings();
            let mut model = lock(&self.model);
            model.settings.reply_timeout = settings.reply_timeout;
            model.settings.pending_timeout = settings.pending_timeout;
            model.settings.num_retries = settings.num_retries.try_into().ok();
            model.detector.select_timeout = settings.select_timeout;
            model.detector.failure_timeout = settings.failure_timeout;
            model.handle(self.began.elapsed(), input)
        };
        outputs.into_iter().for_each(|output| self.does(output));
        self.tell();
    }

    fn does(self: &Arc<Self>, output: Output<String, String, Asker>) {
        match output {
            Output::Answer(_, asker, answer) => self.answers(asker, answer),
            Output::Start { jibri, session } => self.asks(jibri, &session),
            Output::Stop { jibri, session } => self.send(&jibri_iq(&jibri, "stop", &session)),
            Output::Publish(room, status) => {
                let room = lock(&self.rooms).get(&room).cloned();
                if let Some(room) = room {
                    lock(&room.state).status = Some(shown(&status));
                    self.send(&room.own_presence());
                }
            }
            Output::NoneFound(tries) => {
                self.failures.fetch_add(tries, std::sync::atomic::Ordering::AcqRel);
            }
            Output::StartFailed { .. } | Output::Waits(_) | Output::Moves(_) => {}
            Output::Stray(_) | Output::LeftOver(_) => {}
        }
    }

    fn answers(self: &Arc<Self>, asker: Asker, answer: Result<Option<SessionId>, Refusal>) {
        let iq = &asker.iq;
        let answer = match answer {
            Ok(Some(id)) => iq.result().child(Node::new("jibri", ns::JIBRI).attr("session_id", &id)),
            Ok(None) => iq.result(),
            Err(why) => refused(iq, why),
        };
        match asker.fault {
            Some(Fault::LoseAnswer) => {}
            Some(Fault::Late(pause)) => {
                let focus = self.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(pause).await;
                    focus.send(&answer);
                });
            }
            _ => self.answer(iq, &answer),
        }
    }

    /// Sends a Jibri the start, and waits for what it says; how long, the model knows.
    fn asks(self: &Arc<Self>, jibri: String, session: &Session) {
        let mut iq = jibri_iq(&jibri, "start", &session.id);
        let request = session.asker.iq.find_ns("jibri", ns::JIBRI);
        let given = |name: &str| request.and_then(|jibri| jibri.get(name));
        if let Some(node) = iq.children.first_mut() {
            *node = std::mem::take(node)
                .attr("room", &session.room)
                .attr("recording_mode", session.mode.name())
                .attr_opt("streamid", given("streamid").filter(|_| session.mode == Mode::Stream))
                .attr_opt("app_data", given("app_data"));
        }
        let Some(client) = self.client() else { return };
        let (focus, id) = (self.clone(), session.id.clone());
        let answer = client.request(iq, self.settings().reply_timeout + Duration::from_secs(1));
        tokio::spawn(async move {
            let Ok(answer) = answer.await else { return };
            let says = answer.find("jibri");
            let reply = match says.map(|says| (says.get_or_empty("status"), says.get("failure_reason"))) {
                Some(("pending", _)) => Reply::Pending,
                Some((_, Some("busy"))) => Reply::Busy,
                _ => Reply::Error,
            };
            focus.meets(Input::Answered(jibri, id, reply));
        });
    }

    /// A presence from the brewery.
    pub(crate) fn brewery_shows(self: &Arc<Self>, presence: &Node) {
        let jibri = presence.from().to_owned();
        match (presence.get("type"), brewery::status(presence)) {
            (Some("unavailable"), _) => self.meets(Input::Offline(jibri)),
            (None, Some(status)) => self.meets(Input::Presence(jibri, status)),
            _ => {}
        }
    }

    /// A Jibri says how its recording is.
    fn jibri_says(self: &Arc<Self>, iq: &Node) {
        let jibri = iq.from().to_owned();
        if lock(&self.model).room_of(&jibri).is_none() {
            return self.send(&iq.error("cancel", "item-not-found", None));
        }
        let says = iq.find_ns("jibri", ns::JIBRI);
        let report = match says.map(|says| says.get_or_empty("status")) {
            Some("on") => Some(Report::On),
            Some("off") => {
                Some(Report::Off { failed: says.is_some_and(|says| says.get("failure_reason").is_some()) })
            }
            _ => None,
        };
        if let Some(report) = report {
            self.meets(Input::Reported(jibri, report));
        }
        self.send(&iq.result());
    }

    /// `<jibri>` from a Jibri or an occupant.
    pub(crate) fn jibri_iq(self: &Arc<Self>, received: &Received) {
        let iq = &received.node;
        let room = bare(iq.from());
        if room == BREWERY {
            return self.jibri_says(iq);
        }
        let jibri = iq.find_ns("jibri", ns::JIBRI);
        let asks = |name: &str| jibri.map_or("", |jibri| jibri.get_or_empty(name));
        let request = StartRequest {
            at: received.at,
            room: room.into(),
            nick: resource(iq.from()).into(),
            iq: iq.clone(),
            answered: None,
        };
        let mut fault = None;
        if asks("action") == "start" {
            lock(&self.requests).push(request);
            fault = self.fault(room);
        } else {
            lock(&self.stops).push(request);
        }
        match &fault {
            Some(Fault::Ignore) => return,
            Some(Fault::Refuse(condition, text)) => {
                return self.send(&iq.error("wait", condition, text.as_deref()));
            }
            _ => {}
        }
        let action = match asks("action") {
            "start" => Mode::of(asks("recording_mode"), asks("streamid"))
                .map(|mode| Action::Start(uuid::Uuid::new_v4().to_string(), mode)),
            "stop" => Ok(Action::Stop),
            _ => Err(Refusal::UndefinedAction),
        };
        // Whoever AUTH's own users are, an IQ that did not come through a room is nobody's.
        let records = lock(&self.options).recording && asks("sipaddress").is_empty();
        let rights = if records { self.rights(room, resource(iq.from())) } else { Err(Refusal::NoRecorder) };
        let (room, by) = (room.to_owned(), iq.from().to_owned());
        let asker = Arc::new(Asked { iq: iq.clone(), fault });
        match rights.and(action) {
            Ok(action) => self.meets(Input::Asked(room, asker, by, action)),
            Err(why) => self.answers(asker, Err(why)),
        }
    }

    /// Whether this occupant may start and stop recordings.
    fn rights(&self, room: &str, nick: &str) -> Result<(), Refusal> {
        let room = lock(&self.rooms).get(room).cloned().ok_or(Refusal::NoRecorder)?;
        if !lock(&self.options).moderator_checks {
            return Ok(());
        }
        let state = lock(&room.state);
        let sender = state.view.occupants.get(nick).ok_or(Refusal::Forbidden)?;
        let may = sender.role == "moderator" || sender.affiliation == "owner";
        if may { Ok(()) } else { Err(Refusal::NotAllowed) }
    }
}

fn refused(iq: &Node, why: Refusal) -> Node {
    let (condition, text) = why.condition();
    let kind = match condition {
        "forbidden" => "auth",
        "bad-request" => "modify",
        "resource-constraint" => "wait",
        _ => "cancel",
    };
    iq.error(kind, condition, text)
}

pub(crate) fn jibri_iq(to: &str, action: &str, session: &str) -> Node {
    let jibri = Node::new("jibri", ns::JIBRI).attr("action", action).attr("session_id", session);
    Node::iq("set", to).attr("id", &uuid::Uuid::new_v4().to_string()).child(jibri)
}

fn shown(status: &RecordingStatus) -> Node {
    Node::new("jibri-recording-status", ns::JIBRI)
        .attr("status", if status.on { "on" } else { "off" })
        .attr("session_id", &status.session)
        .attr("recording_mode", status.mode.name())
        .attr_opt("initiator", status.initiator.as_deref())
        .attr_opt("failure_reason", status.failed.then_some("error"))
}
