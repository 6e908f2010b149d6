//! What a link has to do with companions: it carries what they and we say, and has them speak for us
//! (docs/companion.md).

use std::time::Duration;

use tokio::time::Instant;

use super::super::companion::{About, Ask, Do};
use super::super::outbound::PayloadOut;
use super::{End, Session};
use crate::address::{Nick, RoomJid};
use crate::config::Mode;
use crate::meeting::{Answer, AttemptId, Order, RoomEvent, Unsent};

impl Session<'_> {
    /// Something is to be asked of a companion because of the time.
    pub(super) async fn mind_companions(&mut self) -> Result<(), End> {
        let todo = self.companions.expire(Instant::now());
        self.with_companions(todo).await
    }

    pub(super) async fn with_companions(&mut self, todo: Vec<Do>) -> Result<(), End> {
        for one in todo {
            match one {
                Do::Ask { service, ask, about } => {
                    let iq = self.requests.companion(service, ask, about);
                    self.send_iq(&iq).await?;
                }
                Do::GiveUp { service } => {
                    for event in self.requests.give_up_speaking(&service) {
                        self.tell(event).await?;
                    }
                }
                Do::Tell(event) => self.tell(event).await?,
                Do::Malformed => self.counters.rejected.malformed.add(),
            }
        }
        Ok(())
    }

    /// A companion of which we do not know that it answers is not asked: Prosody would say in its stead what Jicofo
    /// says where it has no Jibri.
    pub(super) async fn start_by_companion(
        &mut self,
        room: RoomJid,
        attempt: AttemptId,
        speaker: &Nick,
        order: &Order,
        timeout: Duration,
    ) -> Result<(), End> {
        if !self.companions.answers(room.service()) {
            let answer = Answer::Unsent(Unsent::TooMuch);
            return self.tell_room(room, RoomEvent::StartAnswered { attempt, answer }).await;
        }
        let payload = PayloadOut::Companion(Ask::start(&room, speaker, order));
        let service = room.service().to_owned();
        let iq = self.requests.start(room, service, attempt, payload, timeout);
        self.send_iq(&iq).await
    }

    pub(super) async fn stop_by_companion(
        &mut self,
        room: RoomJid,
        attempt: AttemptId,
        speaker: &Nick,
        mode: Mode,
        timeout: Duration,
    ) -> Result<(), End> {
        if !self.companions.answers(room.service()) {
            let answer = Answer::Unsent(Unsent::TooMuch);
            return self.tell_room(room, RoomEvent::StopAnswered { attempt, answer }).await;
        }
        let payload = PayloadOut::Companion(Ask::stop(&room, speaker, mode));
        let service = room.service().to_owned();
        let iq = self.requests.stop(room, service, attempt, payload, timeout);
        self.send_iq(&iq).await
    }

    pub(super) async fn ask_picture(&mut self, room: RoomJid) -> Result<(), End> {
        if !self.companions.answers(room.service()) {
            return Ok(());
        }
        let service = room.service().to_owned();
        let iq = self.requests.companion(service, Ask::room(&room), About::Picture(room));
        self.send_iq(&iq).await
    }

    pub(super) async fn notice(&mut self, room: &RoomJid, recording: bool) -> Result<(), End> {
        if !self.companions.answers(room.service()) {
            return Ok(());
        }
        let iq = self.requests.notice(room, recording);
        self.send_iq(&iq).await
    }
}
