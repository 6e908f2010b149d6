//! What a seed did, line by line, for whoever has to understand a failure.

use jibri_autostart::meeting::{Action, Input, Presence, RoomEvent};

use super::muc::Kind;
use super::world::{Ev, World};

impl World {
    /// A line about one room; made only if somebody reads it.
    pub fn trace(&mut self, r: usize, line: impl FnOnce() -> String) {
        if self.trace.is_some() {
            self.line(format!("r{r} {}", line()));
        }
    }

    pub fn trace_all(&mut self, line: impl FnOnce() -> String) {
        if self.trace.is_some() {
            self.line(format!("** {}", line()));
        }
    }

    fn line(&mut self, line: String) {
        let now = self.now;
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{:>9.4} {line}", seconds(now)));
        }
    }

    /// What the world does of its own accord.
    pub fn trace_event(&mut self, event: &Ev) {
        if self.trace.is_some() {
            match event {
                Ev::ToUs { .. }
                | Ev::ToServer { .. }
                | Ev::ExtraTick
                | Ev::List
                | Ev::Rumour
                | Ev::SecondList { .. } => {}
                Ev::QueryTimesOut { .. } | Ev::RequestTimesOut { .. } | Ev::Election { .. } => {}
                Ev::Person { .. } if self.calm => {}
                Ev::Person { p } => self.trace(self.people[*p].r, || format!("  person {p} acts")),
                other => self.line(format!("     world: {other:?}")),
            }
        }
    }

    /// What the core is told.
    pub fn trace_input(&mut self, input: &Input, whose: Option<(usize, Option<Kind>)>) {
        if self.trace.is_none() {
            return;
        }
        match (input, whose) {
            (Input::Tick, _) => {}
            (Input::Room { event, .. }, Some((r, about))) => {
                let line = match event {
                    RoomEvent::Presence(presence) => shown(presence),
                    RoomEvent::Roles { query, result: Ok(listed) } => {
                        let all: Vec<String> =
                            listed.iter().map(|l| format!("{} {:?}", l.nick, l.role)).collect();
                        format!("roles {} [{}]", query.0, all.join(", "))
                    }
                    other => format!("{other:?}"),
                };
                let about = about.map_or_else(String::new, |kind| format!(" ({kind:?})"));
                self.line(format!("r{r} <- {line}{about}"));
            }
            (other, _) => self.line(format!("   <- {other:?}")),
        }
    }

    /// What the core does.
    pub fn trace_action(&mut self, action: &Action) {
        if self.trace.is_some() {
            let line = match action {
                Action::AskRoles { room, query, which } => {
                    format!("r{} -> ask {} {which:?}", self.index[room], query.0)
                }
                Action::Enter { room, nick, .. } => format!("r{} -> ENTER as {nick}", self.index[room]),
                Action::AskForm { room, .. } => format!("r{} -> ask for the form", self.index[room]),
                Action::AskPicture { room } => format!("r{} -> ask for a picture", self.index[room]),
                Action::Notice { room, recording } => format!("r{} -> notice {recording}", self.index[room]),
                Action::Leave { room, nick } => format!("r{} -> LEAVE as {nick}", self.index[room]),
                Action::Start { room, attempt, speaker, .. } => {
                    let sender = speaker.sender().map_or_else(String::new, |jid| format!(" as {jid}"));
                    format!("r{} -> START {}{sender}", self.index[room], attempt.0)
                }
                Action::Stop { room, attempt, speaker, .. } => {
                    let sender = speaker.sender().map_or_else(String::new, |jid| format!(" as {jid}"));
                    format!("r{} -> STOP {}{sender}", self.index[room], attempt.0)
                }
            };
            self.line(line);
        }
    }
}

fn shown(presence: &Presence) -> String {
    let mut line = format!("presence {} {:?}", presence.nick, presence.role);
    if presence.own {
        line.push_str(" OWN");
    }
    if presence.created {
        line.push_str(" CREATED");
    }
    if presence.marks.jibri || presence.marks.jigasi {
        line.push_str(" claims to be a machine");
    }
    if let Some(session) = &presence.session {
        line.push_str(&format!(" session {}", session.0));
    }
    if let Some(status) = &presence.recording {
        let on = if status.on { "on" } else { "off" };
        let session = status.session.as_ref().map_or("-", |s| &s.0);
        let by = status.initiator.as_ref().map_or("-", |nick| nick.as_str());
        line.push_str(&format!(" says {on} {session} by {by}{}", if status.failed { " FAILED" } else { "" }));
    }
    line
}

fn seconds(now: u64) -> f64 {
    std::time::Duration::from_micros(now).as_secs_f64()
}
