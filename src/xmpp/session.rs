//! A link that is up: commands out, stanzas in, until it fails or is closed. What concerns the brewery and
//! the companions has files of its own.

mod brewery;
mod companion;

use std::time::Duration;

use futures::{SinkExt, StreamExt};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use tokio_xmpp::xmlstream::ReadError;
use xso::AsXml;

use super::brewery::occupancy::Occupancy;
use super::brewery::read::{self, Read};
use super::command::Command;
use super::companion::Companions;
use super::config::Config;
use super::connect::{PING_TIMEOUT, Stanzas};
use super::event::LinkEvent;
use super::failure::Failure;
use super::outbound::{IqOut, PayloadOut, PresenceOut};
use super::requests::{Requests, Settled, id_text, in_name_of, new_id};
use super::stanza::{Inbound, Iq, Presence};
use super::{entity, invitation, muc};
use crate::address::RoomJid;
use crate::meeting::{Action, RoomEvent, Speaker};
use crate::surface::Counters;
use crate::until::until;

/// How long Prosody may take no data.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// Prosody ends the link at a longer stanza, in bytes (`component_stanza_size_limit`, as it comes).
const MOST_STANZA: usize = 512 * 1024;
/// How long a farewell may take.
const FAREWELL: Duration = Duration::from_secs(1);

/// Why a session is over.
#[derive(Debug)]
pub(super) enum End {
    /// The link has failed.
    Failed(Failure),
    /// We are asked to close it.
    Closed,
}

impl From<Failure> for End {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// The state of a link while it is up. All of it but our occupancy of the brewery is forgotten with the link.
pub(super) struct Session<'a> {
    config: &'a Config,
    occupancy: &'a mut Option<Occupancy>,
    counters: &'a Counters,
    events: &'a mpsc::Sender<LinkEvent>,
    stanzas: Stanzas,
    requests: Requests,
    companions: Companions,
}

impl<'a> Session<'a> {
    pub(super) fn new(
        config: &'a Config,
        occupancy: &'a mut Option<Occupancy>,
        counters: &'a Counters,
        events: &'a mpsc::Sender<LinkEvent>,
        stanzas: Stanzas,
    ) -> Self {
        let requests = Requests::new(config.me.clone());
        let companions = Companions::new(config, Instant::now());
        Self { config, occupancy, counters, events, stanzas, requests, companions }
    }

    /// Works until the end.
    pub(super) async fn run(mut self, commands: &mut mpsc::UnboundedReceiver<Command>) -> End {
        if let Some(occupancy) = self.occupancy {
            occupancy.link_up(Instant::now());
        }
        loop {
            let done = tokio::select! {
                read = self.stanzas.next() => self.receive(read).await,
                command = commands.recv() => match command {
                    Some(command) => self.carry_out(command).await,
                    None => return self.say_farewell().await,
                },
                () = until(self.requests.next_deadline()) => self.expire().await,
                () = until(self.occupancy.as_ref().and_then(Occupancy::next_deadline)) => self.mind_seat().await,
                () = until(self.companions.next_deadline()) => self.mind_companions().await,
            };
            if let Err(end) = done {
                return end;
            }
        }
    }

    async fn receive(&mut self, read: Option<Result<Inbound, ReadError>>) -> Result<(), End> {
        let received = &self.counters.received;
        match read {
            Some(Ok(inbound)) => match inbound {
                Inbound::Presence(presence) => {
                    received.presence.add();
                    self.receive_presence(&presence).await
                }
                Inbound::Iq(iq) => {
                    received.iq.add();
                    self.receive_iq(iq).await
                }
                Inbound::Message(message) => {
                    received.message.add();
                    if let Some(todo) = self.companions.message(&message, Instant::now()) {
                        return self.with_companions(todo).await;
                    }
                    match invitation::read(&message, &self.config.services) {
                        Some((sender, room)) => self.tell(LinkEvent::Invited { sender, room }).await,
                        None => Ok(()),
                    }
                }
                Inbound::StreamError(error) => {
                    received.other.add();
                    Err(Failure::from_stream_error(&error, &self.config.xmpp.domain).into())
                }
                Inbound::Unreadable(unreadable) => {
                    self.counters.rejected.unreadable.add();
                    let from = unreadable.from.as_deref();
                    tracing::debug!(?from, "dropped a stanza that cannot be read");
                    if let (Some(occupancy), Some(from)) = (self.occupancy.as_mut(), from) {
                        occupancy.unreadable(from);
                    }
                    let room =
                        from.and_then(|from| self.config.services.occupant(from)).map(|(room, _)| room);
                    self.flag(room).await
                }
                Inbound::Handshake(_) | Inbound::Other(_) => {
                    received.other.add();
                    Ok(())
                }
            },
            Some(Err(ReadError::SoftTimeout)) => self.ping().await,
            Some(Err(ReadError::ParseError(error))) => {
                // Our types take anything, so this is not expected.
                self.counters.rejected.unreadable.add();
                tracing::debug!(error = ?error.to_string(), "dropped a stanza");
                Ok(())
            }
            Some(Err(ReadError::HardError(error))) => {
                let silence = self.config.xmpp.ping_interval.saturating_add(PING_TIMEOUT);
                Err(Failure::on_link(&error, silence).into())
            }
            Some(Err(ReadError::StreamFooterReceived)) | None => Err(Failure::Closed.into()),
        }
    }

    async fn receive_presence(&mut self, presence: &Presence) -> Result<(), End> {
        if let Some(occupancy) = self.occupancy
            && let Some(read) = read::read(presence, occupancy.room(), &self.config.services)
        {
            if matches!(read, Read::Malformed) {
                self.counters.rejected.malformed.add();
            }
            let todo = occupancy.presence(read, Instant::now());
            return self.in_brewery(todo).await;
        }
        match muc::read(presence, &self.config.services) {
            muc::Read::Event(room, event) => self.tell_room(room, event).await,
            muc::Read::Ignored => Ok(()),
            muc::Read::Malformed(room) => {
                self.counters.rejected.malformed.add();
                self.flag(room).await
            }
        }
    }

    async fn receive_iq(&mut self, iq: Iq) -> Result<(), End> {
        match iq.type_.as_deref() {
            Some("get" | "set") => match entity::answer(iq, &self.config.me, &self.config.services) {
                Some(answer) => self.send_iq(&answer).await,
                None => {
                    self.counters.rejected.malformed.add();
                    Ok(())
                }
            },
            Some("result" | "error") => {
                let settled = self.requests.settle(iq, &self.config.services);
                self.conclude(settled).await
            }
            _ => {
                self.counters.rejected.malformed.add();
                Ok(())
            }
        }
    }

    async fn conclude(&mut self, settled: Settled) -> Result<(), End> {
        match settled {
            Settled::Event(event) => self.settled(event).await,
            Settled::Companion { service, about, answer } => {
                let todo = self.companions.answered(&service, about, answer, Instant::now());
                self.with_companions(todo).await
            }
            Settled::Quiet => Ok(()),
            Settled::OutOfBrewery => {
                self.list_brewery();
                Ok(())
            }
            Settled::Stray => {
                self.counters.rejected.stray.add();
                Ok(())
            }
        }
    }

    /// What became of a request of ours is told, but for our own looks into the brewery.
    async fn settled(&mut self, event: LinkEvent) -> Result<(), End> {
        match (event, self.occupancy.as_mut()) {
            (LinkEvent::Room { room, event: RoomEvent::Roles { result, .. } }, Some(occupancy))
                if room == *occupancy.room() =>
            {
                let todo = occupancy.listed(result, Instant::now());
                self.in_brewery(todo).await
            }
            (event, _) => self.tell(event).await,
        }
    }

    async fn carry_out(&mut self, command: Command) -> Result<(), End> {
        match command {
            Command::Act(Action::AskRoles { room, query, which }) => {
                for iq in self.requests.roles(room, query, which) {
                    self.send_iq(&iq).await?;
                }
                Ok(())
            }
            Command::Act(Action::Start { room, attempt, speaker, order, timeout }) => {
                let to = room.occupant(&self.config.focus);
                let payload = PayloadOut::start(&order);
                let iq = match speaker {
                    Speaker::Ourselves => self.requests.start(room, to, attempt, payload, timeout),
                    Speaker::InName(sender) => in_name_of(&sender, to, payload),
                    Speaker::Companion(nick) => {
                        return self.start_by_companion(room, attempt, &nick, &order, timeout).await;
                    }
                };
                self.send_iq(&iq).await
            }
            Command::Act(Action::Stop { room, attempt, speaker, mode, timeout }) => {
                let to = room.occupant(&self.config.focus);
                let payload = PayloadOut::stop(mode);
                let iq = match speaker {
                    Speaker::Ourselves => self.requests.stop(room, to, attempt, payload, timeout),
                    Speaker::InName(sender) => in_name_of(&sender, to, payload),
                    Speaker::Companion(nick) => {
                        return self.stop_by_companion(room, attempt, &nick, mode, timeout).await;
                    }
                };
                self.send_iq(&iq).await
            }
            Command::Act(Action::AskPicture { room }) => self.ask_picture(room).await,
            Command::Act(Action::Notice { room, recording }) => self.notice(&room, recording).await,
            Command::Act(Action::AskForm { room, query }) => {
                let iq = self.requests.form(room, query);
                self.send_iq(&iq).await
            }
            Command::Act(Action::Enter { room, nick, password }) => {
                let id = id_text(new_id());
                let stanza = PresenceOut::enter(&self.config.me, id, &room, &nick, password.as_ref());
                self.counters.sent.presence.add();
                self.send(&stanza).await
            }
            Command::Act(Action::Leave { room, nick }) => {
                let stanza = PresenceOut::leave(&self.config.me, id_text(new_id()), &room, &nick);
                self.counters.sent.presence.add();
                self.send(&stanza).await
            }
            Command::DiscoItems { service } => {
                let iq = self.requests.items(service);
                self.send_iq(&iq).await
            }
            Command::DiscoInfo { service } => {
                let iq = self.requests.info(service);
                self.send_iq(&iq).await
            }
            Command::AskCommands { service } => {
                let iq = self.requests.commands(service);
                self.send_iq(&iq).await
            }
            Command::TrySender { stranger } => {
                let iq = self.requests.sender(stranger);
                self.send_iq(&iq).await
            }
            Command::PingJibri { nick } => self.ping_jibri(nick).await,
            Command::StopJibri { nick } => self.stop_jibri(&nick).await,
            Command::ListBrewery => {
                self.list_brewery();
                Ok(())
            }
        }
    }

    /// A ping through Prosody: an error proves life as well as a result (XEP-0199).
    async fn ping(&mut self) -> Result<(), End> {
        let to = self.config.services.first().unwrap_or(&self.config.xmpp.domain).to_owned();
        let iq = self.requests.ping(to);
        self.send_iq(&iq).await
    }

    async fn expire(&mut self) -> Result<(), End> {
        while let Some(settled) = self.requests.expire(Instant::now()) {
            // A Jibri that could not be reached, because we were put out, is not to blame.
            let is_inside = self.occupancy.as_ref().is_some_and(Occupancy::is_inside);
            if is_inside || !matches!(settled, Settled::Event(LinkEvent::Pinged { .. })) {
                self.conclude(settled).await?;
            }
        }
        Ok(())
    }

    async fn send_iq(&mut self, iq: &IqOut) -> Result<(), End> {
        if is_writable(iq) {
            self.counters.sent.iq.add();
            return self.write(iq).await;
        }
        match self.requests.unwritable(&iq.id) {
            Some(event) => self.tell(event).await,
            None => Ok(()),
        }
    }

    async fn send(&mut self, stanza: &impl AsXml) -> Result<(), End> {
        if is_writable(stanza) { self.write(stanza).await } else { Ok(()) }
    }

    async fn write(&mut self, stanza: &impl AsXml) -> Result<(), End> {
        match timeout(WRITE_TIMEOUT, self.stanzas.send(stanza)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(self.last_words(&error).await),
            Err(_) => Err(Failure::Stuck { after: WRITE_TIMEOUT }.into()),
        }
    }

    /// A connection that cannot be written to may hold the reason still unread.
    async fn last_words(&mut self, error: &std::io::Error) -> End {
        let silence = self.config.xmpp.ping_interval;
        let read = async {
            loop {
                match self.stanzas.next().await {
                    Some(Ok(Inbound::StreamError(error))) => {
                        return Some(Failure::from_stream_error(&error, &self.config.xmpp.domain));
                    }
                    Some(Err(ReadError::StreamFooterReceived)) => return Some(Failure::Closed),
                    Some(Ok(_) | Err(ReadError::ParseError(_))) => {}
                    Some(Err(_)) | None => return None,
                }
            }
        };
        let reason = timeout(FAREWELL, read).await.ok().flatten();
        End::Failed(reason.unwrap_or_else(|| Failure::on_link(error, silence)))
    }

    async fn flag(&self, room: Option<RoomJid>) -> Result<(), End> {
        match room {
            Some(room) => self.tell_room(room, RoomEvent::Unreadable).await,
            None => Ok(()),
        }
    }

    async fn tell_room(&self, room: RoomJid, event: RoomEvent) -> Result<(), End> {
        self.tell(LinkEvent::Room { room, event }).await
    }

    /// Waits while the driver is behind, and with it Prosody. A driver that takes no more events may still have
    /// commands on their way, to leave its rooms: it is their end that ends the session.
    async fn tell(&self, event: LinkEvent) -> Result<(), End> {
        let _ = self.events.send(event).await;
        Ok(())
    }

    /// Closes the stream in good order (RFC 6120, section 4.4).
    async fn say_farewell(&mut self) -> End {
        if let Some(leave) = self.occupancy.as_mut().and_then(Occupancy::leave) {
            self.counters.sent.presence.add();
            if self.send(&leave).await.is_err() {
                return End::Closed;
            }
        }
        if timeout(FAREWELL, self.stanzas.shutdown()).await.is_err() {
            tracing::debug!("Prosody did not take the farewell");
        }
        End::Closed
    }
}

/// A character that XML cannot hold, from the configuration, must not leave half a stanza behind in the writer of
/// the stream.
fn is_writable(stanza: &impl AsXml) -> bool {
    let why = match xso::to_vec(stanza) {
        Ok(bytes) if bytes.len() < MOST_STANZA => return true,
        Ok(bytes) => format!("{} bytes are more than Prosody takes", bytes.len()),
        Err(error) => error.to_string(),
    };
    tracing::warn!(?why, "a stanza cannot be written, and was dropped");
    false
}
