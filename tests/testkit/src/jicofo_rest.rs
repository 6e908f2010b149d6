//! Jicofo's REST interface, fed by the model of Jicofo.

use crate::focus::Focus;
use crate::http::{Answer, Request, Server};
use crate::{Result, lock, ports};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What is wrong with Jicofo's REST interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RestFault {
    /// It answers this much later.
    Slow(Duration),
    /// It answers with this status.
    Error(u16),
    /// It answers what was true when it was told to be stale.
    Stale,
    /// It takes requests and never answers.
    Silent,
    /// It closes the connection instead of answering.
    Closes,
}

/// The interface; it ends when dropped.
pub struct JicofoRest {
    server: Server,
    shared: Arc<Shared>,
}

struct Shared {
    focus: Focus,
    fault: Mutex<Option<RestFault>>,
    /// What a stale one tells: each path with its answer.
    old: Mutex<Vec<(&'static str, Value)>>,
    asked: Mutex<Vec<String>>,
}

/// Before the name of a conference whose state is asked for; that name as it is, of characters that need no escape.
const CONFERENCE: &str = "/debug/conference/";
/// What else there is to ask for.
const PATHS: [&str; 4] = ["/debug/conferences", "/debug", "/stats", "/about/version"];

impl JicofoRest {
    /// Listens on a free port of loopback.
    pub async fn start(focus: &Focus) -> Result<JicofoRest> {
        let shared = Arc::new(Shared {
            focus: focus.clone(),
            fault: Mutex::default(),
            old: Mutex::default(),
            asked: Mutex::default(),
        });
        let answering = shared.clone();
        let answer = move |request| std::future::ready(answering.answer(request));
        let server = Server::start(ports::loopback(), answer).await?;
        Ok(JicofoRest { server, shared })
    }

    /// Where it is: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.server.address())
    }

    /// What is wrong with it from now on.
    pub fn set_fault(&self, fault: Option<RestFault>) {
        if fault == Some(RestFault::Stale) {
            let now = |path| self.shared.tell(path).map(|answer| (path, answer));
            *lock(&self.shared.old) = PATHS.into_iter().filter_map(now).collect();
        }
        *lock(&self.shared.fault) = fault;
    }

    /// The paths that were asked for so far.
    pub fn asked(&self) -> Vec<String> {
        lock(&self.shared.asked).clone()
    }
}

impl Shared {
    fn answer(&self, request: Request) -> Answer {
        lock(&self.asked).push(request.path.clone());
        if request.method != "GET" {
            return Answer::error(405);
        }
        let path = request.path.split('?').next().unwrap_or_default();
        let fault = lock(&self.fault).clone();
        let known = match fault {
            Some(RestFault::Error(status)) => return Answer::error(status),
            Some(RestFault::Silent) => return Answer::Never,
            Some(RestFault::Closes) => return Answer::Close,
            Some(RestFault::Stale) => {
                lock(&self.old).iter().find(|(old, _)| *old == path).map(|(_, answer)| answer.clone())
            }
            _ => self.tell(path),
        };
        let late = if let Some(RestFault::Slow(late)) = fault { late } else { Duration::ZERO };
        match known {
            Some(body) => Answer::Json { status: 200, body: body.to_string(), late },
            None => Answer::error(404),
        }
    }

    fn tell(&self, path: &str) -> Option<Value> {
        let detector = || if self.focus.records() { self.focus.detector() } else { Value::Null };
        Some(match path {
            "/debug/conferences" => json!(self.focus.rooms()),
            "/debug" => {
                let rooms = self.focus.rooms();
                let people = |room: String| (room.clone(), json!(self.focus.members(&room).len()));
                let manager: serde_json::Map<_, _> = rooms.into_iter().map(people).collect();
                json!({
                    "focus_manager": manager,
                    "bridge_selector": {},
                    "jibri_detector": detector(),
                    "sip_jibri_detector": null,
                })
            }
            "/stats" => {
                let (recordings, streams) = self.focus.sessions_on();
                let all = self.focus.jibris();
                let (asked, people) = self.focus.conferences();
                let available = all.iter().filter(|(_, available)| *available).count();
                json!({
                    "total_conferences_created": asked,
                    "total_participants": people,
                    "conferences": self.focus.rooms().len(),
                    "jibri": {
                        "total_recording_failures": self.focus.recording_failures(),
                        "total_live_streaming_failures": 0,
                        "recording_active": recordings,
                        "live_streaming_active": streams,
                    },
                    "jibri_detector": { "count": all.len(), "available": available },
                })
            }
            // Of one that it does not know the state is empty.
            path if path.starts_with(CONFERENCE) => {
                self.focus.debug(path.trim_start_matches(CONFERENCE)).unwrap_or_else(|| json!({}))
            }
            "/about/version" => json!({ "name": "JiCoFo", "version": "0.0.0", "os": "Linux" }),
            _ => return None,
        })
    }
}
