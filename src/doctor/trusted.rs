//! Whether Jicofo takes us for what our presence says, a Jibri, and not for somebody who takes part: it does only for
//! members of its trusted domains (docs/jitsi.md 4.2, 13.1). It shows while we are in a meeting; else that is said.

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
use crate::config::{Footprint, Settings, StopWhen};
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

/// Where nothing shows it now; none where this program enters no meeting, so that nobody need trust it.
pub(super) fn not_seen(settings: &Settings, footprints: &[Footprint]) -> Option<Finding> {
    if !footprints.iter().any(|footprint| enters(settings, *footprint)) {
        return None;
    }
    let why = match settings.discovery.jicofo.url {
        None => "Jicofo's REST would show it, and discovery.jicofo.url is not set",
        Some(_) => "it shows only while we are in a meeting (--record-test ROOM brings us there)",
    };
    let domain = &settings.xmpp.domain;
    let found = format!(
        "whether Jicofo trusts {domain:?} cannot be seen from here: {why}; see that trusted-domains of its jicofo.conf has it \
         (docker-jitsi-meet: JICOFO_TRUSTED_DOMAINS)"
    );
    Some(Finding::ok(STEP, found))
}

fn enters(settings: &Settings, footprint: Footprint) -> bool {
    match footprint {
        Footprint::Discreet | Footprint::Resident => true,
        Footprint::Unseen => settings.muc.peek,
        // For a stop that no moderator is left to speak for.
        Footprint::Companion => {
            let mut stops = settings.rules.iter().map(|rule| &rule.stop).chain([&settings.stop]);
            stops.any(|stop| stop.when != StopWhen::Never)
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
    fn where_it_cannot_be_seen_that_is_said() {
        let settings = |more: &str| {
            let text = format!(
                "[xmpp]\ndomain = \"autostart.meet.jitsi\"\nsecret = \"s\"\n[muc]\ndomains = [\"muc.meet.jitsi\"]\n{more}"
            );
            crate::config::from_toml(&text).expect("a configuration").settings
        };
        let said = |more: &str, footprint| {
            not_seen(&settings(more), &[footprint]).map(|finding| (finding.verdict, finding.found))
        };
        let (verdict, without) = said("", Footprint::Discreet).expect("it enters");
        assert_eq!(verdict, super::super::Verdict::Ok);
        assert!(
            without.contains("cannot be seen from here") && without.contains("discovery.jicofo.url"),
            "{without}"
        );
        let rest = "[discovery.jicofo]\nurl = \"http://jicofo:8888\"";
        let (_, with) = said(rest, Footprint::Resident).expect("it enters");
        assert!(with.contains("--record-test") && with.contains("JICOFO_TRUSTED_DOMAINS"), "{with}");
        // Who never enters need not be trusted.
        assert_eq!(said("", Footprint::Companion), None);
        assert_eq!(said("peek = false", Footprint::Unseen), None);
        assert!(said("", Footprint::Unseen).is_some());
        assert!(said("[stop]\nwhen = \"no-moderator\"", Footprint::Companion).is_some());
        assert!(said("[[rule]]\nroom = \".\"\nwhen = \"empty\"", Footprint::Companion).is_some());
    }

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
