//! Whether Jicofo takes us for what our presence says, a Jibri, and not for somebody who takes part: it does only for
//! members of its trusted domains (docs/jitsi.md 4.2, 13.1). It shows while we are in a meeting.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::OnceLock;
use std::time::Duration;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::Deserialize;
use tokio::time::sleep;

use super::Finding;
use super::service::Snapshot;
use crate::address::RealJid;
use crate::config::{Footprint, Settings};
use crate::http_client::Client;

const STEP: &str = "trusted";
/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(200);
/// Jicofo's answer waits for members of whom it does not know yet what they can do.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longest answer, in bytes.
const MOST: usize = 16 * 1024 * 1024;
/// Meetings that are looked at.
const MOST_ROOMS: usize = 8;
/// What cannot stand in a segment of a path as it is.
const SEGMENT: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'/')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b']');

/// `GET /debug/conference/ROOM`, as far as it matters (docs/jitsi.md 7).
#[derive(Debug, Deserialize)]
struct Conference {
    chat_room: Option<ChatRoom>,
}

#[derive(Debug, Deserialize)]
struct ChatRoom {
    #[serde(default)]
    members: BTreeMap<String, Member>,
}

#[derive(Debug, Deserialize)]
struct Member {
    #[serde(default)]
    jid: String,
    #[serde(default)]
    is_jibri: bool,
}

/// Jicofo's REST.
pub(super) struct Jicofo<'a> {
    settings: &'a Settings,
    client: Client,
    base: &'a str,
}

impl<'a> Jicofo<'a> {
    /// None if it is not to be asked.
    pub(super) fn of(settings: &'a Settings) -> Option<Self> {
        let base = settings.discovery.jicofo.url.as_deref()?.trim_end_matches('/');
        let client = Client::new(base, PATIENCE).ok()?;
        Some(Self { settings, client, base })
    }

    /// Whether it takes our occupant there for a Jibri; none while we are not there, or it does not say.
    async fn is_trusted_in(&self, room: &str) -> Option<bool> {
        let url = format!("{}/debug/conference/{}", self.base, utf8_percent_encode(room, SEGMENT));
        let answer = self.client.get(&url).await.ok()?;
        let body = answer.body(MOST).await.ok()?;
        us_among(serde_json::from_slice(&body).ok()?, &self.settings.xmpp.domain)
    }

    /// Looks again and again, until the test that has us enter is over.
    pub(super) async fn watch(&self, room: &str, seen: &OnceLock<bool>) -> Infallible {
        loop {
            if let Some(is_trusted) = self.is_trusted_in(room).await {
                // Nobody else writes it.
                let _ = seen.set(is_trusted);
                return std::future::pending().await;
            }
            sleep(LOOK).await;
        }
    }

    /// In the meetings that the running service is in now.
    pub(super) async fn now(&self, snapshot: &Snapshot) -> Option<Finding> {
        let is_resident = snapshot.footprint == Footprint::Resident;
        // A visitor is there for as long as it waits for an answer.
        let waits = |state: &str| ["starting", "stopping"].contains(&state);
        let entered =
            snapshot.rooms.iter().filter(|room| room.people > 0 && is_resident || waits(&room.state));
        for room in entered.take(MOST_ROOMS) {
            if let Some(is_trusted) = self.is_trusted_in(&room.room).await {
                return Some(self.finding(&room.room, is_trusted, snapshot.footprint));
            }
        }
        None
    }

    /// The step.
    pub(super) fn finding(&self, room: &str, is_trusted: bool, footprint: Footprint) -> Finding {
        let domain = &self.settings.xmpp.domain;
        if is_trusted {
            return Finding::ok(STEP, format!("in {room} Jicofo counts us as a Jibri, not as a participant"));
        }
        let found = format!(
            "Jicofo does not trust {domain:?}: in {room} it counts us as a participant, and opens a media session for a \
             person who is alone there"
        );
        let remedy = format!(
            "add {domain:?} to trusted-domains of jicofo.conf, beside the hidden domain (docker-jitsi-meet: \
             JICOFO_TRUSTED_DOMAINS=hidden.meet.jitsi,{domain}), and restart Jicofo"
        );
        match footprint {
            // It may be made the owner, and then nobody is made a moderator (docs/jitsi.md 4.2).
            Footprint::Resident => Finding::fail(STEP, found, remedy),
            Footprint::Companion | Footprint::Discreet | Footprint::Unseen => {
                Finding::warn(STEP, found, remedy)
            }
        }
    }
}

fn us_among(conference: Conference, domain: &str) -> Option<bool> {
    let members = conference.chat_room?.members;
    let is_ours = |member: &&Member| RealJid::new(&member.jid).is_ok_and(|jid| jid.domain() == domain);
    members.values().find(is_ours).map(|us| us.is_jibri)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_occupant_is_found_by_its_domain() {
        let of = |text: &str| {
            serde_json::from_str(text)
                .ok()
                .and_then(|conference| us_among(conference, "autostart.meet.jitsi"))
        };
        let with = |us: &str| {
            format!(
                r#"{{"name":"r1@muc.meet.jitsi","participants":{{}},"chat_room":{{"members":{{
                "3f9c":{{"jid":"3f9c@meet.jitsi/x","is_jibri":false,"role":"OWNER"}},"autostart":{{"jid":{us:?},
                "is_jibri":true,"features":[]}}}}}}}}"#
            )
        };
        assert_eq!(of(&with("autostart@autostart.meet.jitsi/a")), Some(true));
        assert_eq!(of(&with("recorder@hidden.meet.jitsi/a")), None);
        assert_eq!(of(&with("null")), None);
        for none in ["{}", r#"{"chat_room":null}"#, r#"{"chat_room":{}}"#, "[]", "nonsense"] {
            assert_eq!(of(none), None, "{none}");
        }
    }
}
