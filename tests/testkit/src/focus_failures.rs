//! What was seen to go wrong in and around Jicofo on the real stack, by name (docs/jitsi.md 13.2, 13.3).

use crate::config::BREWERY;
use crate::focus::Focus;
use crate::recorder::{Asked, jibri_iq};
use crate::room::address;
use crate::xml::{Node, ns};
use crate::{Result, SOON, lock};
use std::sync::Arc;

impl Focus {
    /// Loses the brewery, and goes on listing the Jibris as before: what a restart of Prosody may do to it for good
    /// (docs/jitsi.md 13.2.1). Every start is answered with "all Jibris are busy". Only [`Focus::restart`] helps.
    pub fn lose_brewery(&self) {
        self.is_out_of_brewery(true);
    }

    /// The same in its other form: its entry has failed, so it sees no Jibri, and every start is answered with "no Jibris
    /// available".
    pub fn fail_to_enter_brewery(&self) {
        self.is_out_of_brewery(false);
    }

    fn is_out_of_brewery(&self, keeps_list: bool) {
        lock(&self.inner.model).detector.lose_brewery(keeps_list);
        self.inner.send(&Node::presence(&format!("{BREWERY}/focus")).attr("type", "unavailable"));
        self.inner.tell();
    }

    /// A start in this room was refused after this Jibri had refused it, and stays in Jicofo. When that Jibri goes
    /// offline, the next free one records the room, whether anybody is in it or not: a ghost, which no stop of Jicofo's
    /// reaches (docs/jitsi.md 13.2.5). After `pending_timeout` its Jibri is told to stop, whatever it records by then
    /// (13.2.10).
    pub fn leak_session(&self, room: &str, jibri: &str) {
        let id = uuid::Uuid::new_v4().to_string();
        let asker = Arc::new(Asked::nobody());
        lock(&self.inner.model).leaves_over(address(room), asker, id, format!("{BREWERY}/{jibri}"));
    }

    /// Tells a Jibri to stop a session that it does not have; it does not look at that (docs/jitsi.md 13.2.10).
    pub fn stop_by_mistake(&self, jibri: &str) {
        self.inner.send(&jibri_iq(&format!("{BREWERY}/{jibri}"), "stop", "another-session"));
    }

    /// Prosody forgets a room and tells nobody: Jicofo and people believe that they are in, whatever they send comes back
    /// with `item-not-found`, nothing reaches them, and nobody else gets in (docs/jitsi.md 13.3.4). It ends with
    /// [`Focus::forget_rooms`].
    pub async fn make_zombie(&self, room: &str) -> Result<()> {
        let client = self.inner.client().ok_or("not connected")?;
        let room = address(room);
        client.send(&Node::message(&room, "normal", "!forget this room"));
        let question = Node::iq("get", &room).child(Node::new("query", ns::DISCO_INFO));
        let answer = client.request(question, SOON).await?;
        match answer.condition() {
            Some("item-not-found") => Ok(()),
            _ => Err(format!("{room} is still there: {answer}").into()),
        }
    }
}
