//! Our requests and what became of them: each has an id that nobody can guess, a deadline and one answer,
//! which counts only if it comes from the address asked.

mod read;

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use self::read::{answer, commands, error_of, fields_of, info, items, listed, meeting_of, password_of};
use super::brewery::read::{Echo, echo};
use super::companion::{self, Ask, Unanswered};
use super::event::LinkEvent;
use super::outbound::{IqOut, PayloadOut};
use super::refusal;
use super::stanza::{Iq, NS_COMMANDS, Payload};
use crate::address::tenant::Services;
use crate::address::{Nick, RealJid, RoomJid};
use crate::config::Mode;
use crate::meeting::{Answer, AttemptId, ListError, Listed, QueryId, Roles, RoomEvent};
use crate::schedule::Schedule;

/// How long Prosody has for an answer of its own.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What an answer will be about.
#[derive(Debug)]
enum About {
    /// One half of a role list.
    Roles(u64),
    Start {
        room: RoomJid,
        attempt: AttemptId,
    },
    Stop {
        room: RoomJid,
        attempt: AttemptId,
    },
    Form {
        room: RoomJid,
        query: QueryId,
    },
    Items {
        service: String,
    },
    /// Which kind of service it is.
    Info {
        service: String,
    },
    /// Which commands it has for us.
    Commands {
        service: String,
    },
    /// No request: a stanza to ourselves, and it has come.
    Sender,
    /// What the companion on this service is asked for its own sake.
    Companion {
        service: String,
        about: companion::About,
    },
    /// Any answer will do.
    Ping,
    /// Only an answer of its own will do.
    Jibri {
        brewery: RoomJid,
        nick: Nick,
    },
}

/// A request that has not been answered.
#[derive(Debug)]
struct Open {
    /// The real form of the address asked.
    asked: String,
    about: About,
}

/// The two queries that make up a role list.
#[derive(Debug)]
struct Join {
    room: RoomJid,
    query: QueryId,
    listed: Vec<Listed>,
    /// How many are not answered yet.
    open: usize,
}

/// What an IQ of type `result` or `error` was, or that there is none in time.
#[derive(Debug)]
pub(super) enum Settled {
    /// An answer of which something is to be told.
    Event(LinkEvent),
    /// Something from a companion, or nothing.
    Companion { service: String, about: companion::About, answer: companion::Answer },
    /// An answer of which there is nothing to tell, or not yet.
    Quiet,
    /// The brewery says that we are not inside.
    OutOfBrewery,
    /// The answer to nothing that we asked there.
    Stray,
}

/// All requests that have not been answered.
#[derive(Debug)]
pub(super) struct Requests {
    /// The `from` of all requests.
    me: String,
    open: HashMap<u128, Open>,
    deadlines: Schedule<u128, Instant>,
    joins: HashMap<u64, Join>,
    last_join: u64,
}

/// An id of 128 random bits.
pub(super) fn new_id() -> u128 {
    rand::random()
}

pub(super) fn id_text(id: u128) -> String {
    format!("{id:032x}")
}

fn read_id(text: &str) -> Option<u128> {
    let id = u128::from_str_radix(text, 16).ok()?;
    (id_text(id) == text).then_some(id)
}

impl Settled {
    fn event(self) -> Option<LinkEvent> {
        match self {
            Self::Event(event) => Some(event),
            _ => None,
        }
    }
}

impl Requests {
    pub(super) fn new(me: String) -> Self {
        Self { me, open: HashMap::new(), deadlines: Schedule::default(), joins: HashMap::new(), last_join: 0 }
    }

    /// One or both halves of a role list (docs/jitsi.md 1.5).
    pub(super) fn roles(&mut self, room: RoomJid, query: QueryId, which: Roles) -> Vec<IqOut> {
        self.last_join = self.last_join.wrapping_add(1);
        let join = self.last_join;
        let to = room.as_str().to_owned();
        let roles: &[&str] = match which {
            Roles::Both => &["moderator", "participant"],
            Roles::Moderators => &["moderator"],
            Roles::Participants => &["participant"],
        };
        let open = roles.len();
        self.joins.insert(join, Join { room, query, listed: Vec::new(), open });
        let ask = |role: &&str| {
            self.ask(to.clone(), "get", PayloadOut::role_list(role), TIMEOUT, About::Roles(join))
        };
        roles.iter().map(ask).collect()
    }

    /// A start request to an occupant, the focus, or to the companion, which passes it on.
    pub(super) fn start(
        &mut self,
        room: RoomJid,
        to: String,
        attempt: AttemptId,
        payload: PayloadOut,
        timeout: Duration,
    ) -> IqOut {
        self.ask(to, "set", payload, timeout, About::Start { room, attempt })
    }

    /// A stop request to one of these.
    pub(super) fn stop(
        &mut self,
        room: RoomJid,
        to: String,
        attempt: AttemptId,
        payload: PayloadOut,
        timeout: Duration,
    ) -> IqOut {
        self.ask(to, "set", payload, timeout, About::Stop { room, attempt })
    }

    /// What a companion is asked for its own sake.
    pub(super) fn companion(&mut self, service: String, ask: Ask, about: companion::About) -> IqOut {
        let (to, type_) = (service.clone(), ask.iq_type());
        self.ask(to, type_, PayloadOut::Companion(ask), TIMEOUT, About::Companion { service, about })
    }

    /// Has the companion tell people that they are recorded, or not any more.
    pub(super) fn notice(&mut self, room: &RoomJid, recording: bool) -> IqOut {
        let notice = PayloadOut::Companion(Ask::notice(room, recording));
        self.ask(room.service().to_owned(), "set", notice, TIMEOUT, About::Ping)
    }

    /// Gives up all starts and stops that this service, and so its companion, has been asked for.
    pub(super) fn give_up_speaking(&mut self, service: &str) -> Vec<LinkEvent> {
        let is_one = |open: &Open| {
            open.asked == service && matches!(open.about, About::Start { .. } | About::Stop { .. })
        };
        let ids: Vec<u128> = self.open.iter().filter(|(_, open)| is_one(open)).map(|(id, _)| *id).collect();
        ids.into_iter()
            .filter_map(|id| {
                self.deadlines.clear(&id);
                let open = self.open.remove(&id)?;
                self.give_up(open.about).event()
            })
            .collect()
    }

    /// The form by which an owner sets a room up; it tells the password, and the room's name for the meeting.
    pub(super) fn form(&mut self, room: RoomJid, query: QueryId) -> IqOut {
        let to = room.as_str().to_owned();
        self.ask(to, "get", PayloadOut::OwnerForm, TIMEOUT, About::Form { room, query })
    }

    pub(super) fn items(&mut self, service: String) -> IqOut {
        self.ask(
            service.clone(),
            "get",
            PayloadOut::DiscoItems { node: None },
            TIMEOUT,
            About::Items { service },
        )
    }

    pub(super) fn info(&mut self, service: String) -> IqOut {
        self.ask(service.clone(), "get", PayloadOut::AskInfo, TIMEOUT, About::Info { service })
    }

    /// XEP-0050, section 2.2.
    pub(super) fn commands(&mut self, service: String) -> IqOut {
        let list = PayloadOut::DiscoItems { node: Some(NS_COMMANDS.to_owned()) };
        self.ask(service.clone(), "get", list, TIMEOUT, About::Commands { service })
    }

    /// A stanza from `stranger`, an address that is not ours, to ourselves: the result of nothing, which nobody
    /// answers. Prosody brings it, or closes the link (docs/jitsi.md 10.3).
    pub(super) fn sender(&mut self, stranger: String) -> IqOut {
        let iq = self.ask(stranger.clone(), "result", PayloadOut::Ping, TIMEOUT, About::Sender);
        IqOut { from: stranger, to: self.me.clone(), ..iq }
    }

    pub(super) fn ping(&mut self, to: String) -> IqOut {
        self.ask(to, "get", PayloadOut::Ping, TIMEOUT, About::Ping)
    }

    /// A ping to a Jibri, from whom we are in the brewery.
    pub(super) fn ping_jibri(&mut self, from: &str, brewery: RoomJid, nick: Nick) -> IqOut {
        let iq = self.ask(
            brewery.occupant(&nick),
            "get",
            PayloadOut::Ping,
            TIMEOUT,
            About::Jibri { brewery, nick },
        );
        IqOut { from: from.to_owned(), ..iq }
    }

    /// A stop to a Jibri, from whom we are in the brewery (docs/jitsi.md 13.2.5).
    pub(super) fn stop_jibri(&mut self, from: &str, brewery: &RoomJid, nick: &Nick) -> IqOut {
        let stop = PayloadOut::stop(Mode::File);
        let iq = self.ask(brewery.occupant(nick), "set", stop, TIMEOUT, About::Ping);
        IqOut { from: from.to_owned(), ..iq }
    }

    fn ask(
        &mut self,
        to: String,
        type_: &str,
        payload: PayloadOut,
        timeout: Duration,
        about: About,
    ) -> IqOut {
        let (id, now) = (new_id(), Instant::now());
        self.deadlines.set(&id, now.checked_add(timeout).unwrap_or(now));
        self.open.insert(id, Open { asked: to.clone(), about });
        IqOut { from: self.me.clone(), to, id: id_text(id), type_: type_.to_owned(), payload: Some(payload) }
    }

    /// When the next request is overdue.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.next()
    }

    /// Gives up one request that is overdue; none if no further one is.
    pub(super) fn expire(&mut self, now: Instant) -> Option<Settled> {
        let id = self.deadlines.pop_due(now)?;
        let open = self.open.remove(&id)?;
        Some(self.give_up(open.about))
    }

    /// Gives up a request that could not be written, and tells what is told of one without an answer; but what we
    /// ask for is to blame, and not focus, nor Prosody.
    pub(super) fn unwritable(&mut self, id: &str) -> Option<LinkEvent> {
        let id = read_id(id)?;
        let open = self.open.remove(&id)?;
        self.deadlines.clear(&id);
        match open.about {
            About::Roles(join) => self.fail_roles(join, ListError::Unwritable),
            About::Start { room, attempt } => {
                let answer = Answer::Refused(refusal::unwritable());
                Some(room_event(room, RoomEvent::StartAnswered { attempt, answer }))
            }
            about => self.give_up(about).event(),
        }
    }

    /// What is told of a request that has no answer.
    fn give_up(&mut self, about: About) -> Settled {
        let event = match about {
            About::Roles(join) => self.fail_roles(join, ListError::TimedOut),
            About::Start { room, attempt } => {
                Some(room_event(room, RoomEvent::StartAnswered { attempt, answer: Answer::TimedOut }))
            }
            About::Stop { room, attempt } => {
                Some(room_event(room, RoomEvent::StopAnswered { attempt, answer: Answer::TimedOut }))
            }
            About::Form { room, query } => {
                Some(room_event(room, RoomEvent::Form { query, password: None, meeting: None }))
            }
            About::Items { service } => Some(LinkEvent::Items { service, rooms: None }),
            About::Info { service } => Some(LinkEvent::Info { service, is_conference: None }),
            About::Commands { service } => Some(LinkEvent::Commands { service, has_admins: None }),
            About::Sender => Some(LinkEvent::SenderTried { accepted: false }),
            About::Companion { service, about } => {
                return Settled::Companion { service, about, answer: Err(Unanswered::TimedOut) };
            }
            About::Ping => None,
            About::Jibri { nick, .. } => Some(LinkEvent::Pinged { nick, answered: false }),
        };
        event.map_or(Settled::Quiet, Settled::Event)
    }

    /// Takes an IQ of type `result` or `error`.
    pub(super) fn settle(&mut self, iq: Iq, services: &Services) -> Settled {
        let Some(id) = iq.id.as_deref().and_then(read_id) else { return Settled::Stray };
        let Some(open) = self.open.get(&id) else { return Settled::Stray };
        if iq.from.as_deref().map(|from| services.real(from)).as_deref() != Some(open.asked.as_str()) {
            return Settled::Stray;
        }
        let Some(open) = self.open.remove(&id) else { return Settled::Stray };
        self.deadlines.clear(&id);
        let result =
            if iq.type_.as_deref() == Some("result") { Ok(iq.payload) } else { Err(error_of(&iq.payload)) };
        let event = match open.about {
            About::Ping => None,
            About::Companion { service, about } => {
                let refused = |error| refusal::refused(error).map(str::to_owned);
                let answer = result.map_err(|error| Unanswered::Error { refused: refused(error) });
                return Settled::Companion { service, about, answer };
            }
            About::Jibri { brewery, nick } => {
                let echo = result.map_or_else(|error| echo(error, &brewery), |_| Echo::Answered);
                if echo == Echo::Outside {
                    return Settled::OutOfBrewery;
                }
                Some(LinkEvent::Pinged { nick, answered: echo == Echo::Answered })
            }
            About::Form { room, query } => {
                let fields = result.map(fields_of).unwrap_or_default();
                let (password, meeting) = (password_of(&fields), meeting_of(&fields));
                Some(room_event(room, RoomEvent::Form { query, password, meeting }))
            }
            About::Items { service } => Some(items(service, result.ok(), services)),
            About::Info { service } => Some(info(service, result.ok())),
            About::Commands { service } => Some(commands(service, result.ok())),
            About::Sender => Some(LinkEvent::SenderTried { accepted: true }),
            About::Start { room, attempt } => {
                let answer = answer(result, &open.asked, &room, services);
                Some(room_event(room, RoomEvent::StartAnswered { attempt, answer }))
            }
            About::Stop { room, attempt } => {
                let answer = answer(result, &open.asked, &room, services);
                Some(room_event(room, RoomEvent::StopAnswered { attempt, answer }))
            }
            About::Roles(join) => match result {
                Ok(payload) => self.add_roles(join, payload),
                Err(error) => {
                    let refusal = refusal::read(error, &open.asked, services);
                    self.fail_roles(join, refusal::list_error(&refusal))
                }
            },
        };
        event.map_or(Settled::Quiet, Settled::Event)
    }

    fn add_roles(&mut self, number: u64, payload: Vec<Payload>) -> Option<LinkEvent> {
        let list = payload.into_iter().find_map(|payload| match payload {
            Payload::RoleList { items } => Some(items),
            _ => None,
        });
        let Some(list) = list else { return self.fail_roles(number, ListError::Other) };
        let join = self.joins.get_mut(&number)?;
        join.listed.extend(list.into_iter().filter_map(listed));
        join.open = join.open.saturating_sub(1);
        if join.open > 0 {
            return None;
        }
        let join = self.joins.remove(&number)?;
        Some(room_event(join.room, RoomEvent::Roles { query: join.query, result: Ok(join.listed) }))
    }

    /// The first of two errors decides; an answer to the other query finds nobody waiting.
    fn fail_roles(&mut self, number: u64, error: ListError) -> Option<LinkEvent> {
        let join = self.joins.remove(&number)?;
        Some(room_event(join.room, RoomEvent::Roles { query: join.query, result: Err(error) }))
    }
}

/// A request to focus in an occupant's own name. The answer goes to that occupant's client, which ignores what it has
/// not asked, and never to us (docs/jitsi.md 9).
pub(super) fn in_name_of(sender: &RealJid, to: String, payload: PayloadOut) -> IqOut {
    IqOut {
        from: sender.as_str().to_owned(),
        to,
        id: id_text(new_id()),
        type_: "set".to_owned(),
        payload: Some(payload),
    }
}

fn room_event(room: RoomJid, event: RoomEvent) -> LinkEvent {
    LinkEvent::Room { room, event }
}

#[cfg(test)]
mod tests;
