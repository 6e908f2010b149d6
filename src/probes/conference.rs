//! Whose recorders are in a meeting: `GET /debug/conference/ROOM` of Jicofo's REST interface (docs/jitsi.md 7, 13.2.6). Asked
//! only when somebody wants to know, one room after the other.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::mpsc;
use tokio::time::sleep;
use url::Url;

use super::{ProbeLimits, Probed};
use crate::address::{Nick, RoomJid};
use crate::config::JicofoRest;
use crate::http_client::Client;
use crate::jibri::{JibriName, Seat};

/// Rooms that wait for their turn; who finds no place asks again later.
const WAITING: usize = 256;
/// Between two requests.
const APART: Duration = Duration::from_millis(50);
/// The state of a meeting with thousands of people is not longer.
const MOST_ANSWER: usize = 8 * 1024 * 1024;
/// More recorders than this are not in one meeting.
const MOST_RECORDERS: usize = 64;
/// Bytes of a nickname (RFC 7622, section 3.4).
const MOST_NAME: usize = 1023;

/// Has Jicofo asked whose recorders are in a room; [`Probed::Recorders`] tells. Cheap to clone.
#[derive(Debug, Clone)]
pub struct AskRecorders(mpsc::Sender<RoomJid>);

impl AskRecorders {
    /// Asks soon, unless too many rooms wait already.
    pub fn ask(&self, room: RoomJid) {
        let _ = self.0.try_send(room);
    }
}

/// One Jicofo.
pub(super) struct Conferences {
    client: Client,
    base: Url,
    asked: mpsc::Receiver<RoomJid>,
}

impl Conferences {
    /// None if it is not to be asked, or cannot be; the detector tells why.
    pub(super) fn new(rest: &JicofoRest, limits: ProbeLimits) -> Option<(Self, AskRecorders)> {
        let base = rest.url.as_ref()?;
        let client = Client::new(base, limits.detector_time).ok()?;
        let (sender, asked) = mpsc::channel(WAITING);
        Some((Self { client, base: Url::parse(base).ok()?, asked }, AskRecorders(sender)))
    }

    /// Asks, until nobody wants to hear of it any more.
    pub(super) async fn answer(mut self, events: mpsc::Sender<Probed>) {
        while let Some(room) = self.asked.recv().await {
            if let Some(seats) = self.ask(&room).await
                && events.send(Probed::Recorders { room, seats }).await.is_err()
            {
                return;
            }
            sleep(APART).await;
        }
    }

    async fn ask(&self, room: &RoomJid) -> Option<Vec<Seat>> {
        let mut url = self.base.clone();
        url.path_segments_mut().ok()?.pop_if_empty().extend(["debug", "conference", room.as_str()]);
        let answer = self.client.get(url.as_str()).await;
        let answer = answer.inspect_err(|fault| tracing::debug!("Jicofo's conference: {fault}")).ok()?;
        if !answer.status().is_success() {
            return None;
        }
        read(&answer.body(MOST_ANSWER).await.ok()?)
    }
}

/// The recorders among the members whose Jibri is told, in order; none if that is not told, or of none that is there.
fn read(body: &[u8]) -> Option<Vec<Seat>> {
    #[derive(Deserialize)]
    struct State<'a> {
        #[serde(borrow)]
        chat_room: Option<ChatRoom<'a>>,
    }
    #[derive(Deserialize)]
    struct ChatRoom<'a> {
        /// By nickname, each as the text it is: no value, however deep, is ever built.
        #[serde(borrow)]
        members: BTreeMap<String, &'a RawValue>,
    }
    #[derive(Deserialize)]
    struct Member {
        is_jibri: bool,
        #[serde(default)]
        stats_id: Option<String>,
    }
    let state: State<'_> = serde_json::from_slice(body).ok()?;
    let members = state.chat_room?.members;
    let is_name = |name: &str| !name.is_empty() && name != "null" && name.len() <= MOST_NAME;
    let mut is_any = false;
    let seat = |(nick, text): (&String, &&RawValue)| {
        let member = serde_json::from_str::<Member>(text.get()).ok()?;
        is_any |= member.is_jibri;
        let id = member.stats_id.filter(|id| member.is_jibri && is_name(id))?;
        Some(Seat { nick: Nick::new(nick).ok()?, jibri: JibriName::new(&id) })
    };
    let seats: Vec<Seat> = members.iter().filter_map(seat).take(MOST_RECORDERS).collect();
    (!seats.is_empty() || !is_any).then_some(seats)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seats(body: &str) -> Option<Vec<String>> {
        let seats = read(body.as_bytes())?;
        Some(seats.iter().map(|seat| format!("{} {}", seat.nick.as_str(), seat.jibri.as_str())).collect())
    }

    #[test]
    fn reads_whose_recorders_are_among_the_members() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        let body = format!(
            r#"{{"name":"r1@muc.meet.jitsi","deep":{deep},"chat_room":{{"room_jid":"r1@muc.meet.jitsi","members":{{
            "a":{{"role":"OWNER","is_jibri":false,"stats_id":"jibri-0"}},"b":{{"is_jibri":true,"stats_id":"jibri-2"}},
            "c":{{"is_jibri":true,"stats_id":"null"}},"d":{{"is_jibri":true}},"e":{deep},"f":7,
            "g":{{"is_jibri":true,"features":{deep},"stats_id":"jibri-\u0031"}},
            "h":{{"is_jibri":true,"stats_id":"jibri-1"}}}}}}}}"#
        );
        let all = ["b jibri-2", "g jibri-1", "h jibri-1"].map(String::from);
        assert_eq!(seats(&body), Some(all.to_vec()), "each recorder");
        assert_eq!(seats(r#"{"chat_room":{"members":{}}}"#), Some(Vec::new()));
        let nameless = r#"{"chat_room":{"members":{"c":{"is_jibri":true},"p":{"is_jibri":false}}}}"#;
        assert_eq!(seats(nameless), None, "there is one, and nobody says whose");
    }

    #[test]
    fn what_is_not_told_is_not_known() {
        for bad in
            ["", "{}", "[]", "null", "<html>", r#"{"chat_room":null}"#, r#"{"chat_room":{"members":[]}}"#]
        {
            assert_eq!(seats(bad), None, "{bad}");
        }
    }
}
