//! While somebody floods us with the names of rooms that do not exist, real meetings are recorded.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use reqwest::{RequestBuilder, StatusCode};
use testkit::{Result, Version, eventually};
use tokio::task::JoinSet;

use super::autostart::Autostart;
use super::discovery::{direct, rest};
use super::{LONG, on_both, world};

on_both! {
    false_events_stall_no_meeting,
    false_invitations_stall_no_meeting,
}

const TOKEN: &str = "t0ken";

/// What Prosody's module sends when somebody comes into a room.
fn joined(http: &reqwest::Client, base: &str, room: &str) -> RequestBuilder {
    http.post(format!("{base}/event-sync/events/occupant/joined")).bearer_auth(TOKEN).json(&serde_json::json!({
        "event_name": "muc-occupant-joined", "room_name": room, "room_jid": format!("{room}@muc.meet.jitsi"),
        "is_breakout": false, "active_occupants_count": 1,
        "occupant": { "occupant_jid": "3f9c01aa@meet.jitsi/Qw1", "joined_at": 1_787_220_000 },
    }))
}

/// Events of one false room after the other, as fast as they are answered, until this is dropped.
struct Flood {
    sent: Arc<AtomicUsize>,
    _senders: JoinSet<()>,
}

impl Flood {
    fn of_events(http: &reqwest::Client, base: &str) -> Self {
        let (sent, mut senders) = (Arc::new(AtomicUsize::new(0)), JoinSet::new());
        for _ in 0..8 {
            let (http, base, sent) = (http.clone(), base.to_owned(), Arc::clone(&sent));
            senders.spawn(async move {
                loop {
                    let name = format!("false-{}", sent.fetch_add(1, Ordering::Relaxed));
                    let answer = joined(&http, &base, &name).send().await.expect("an answer");
                    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
                }
            });
        }
        Self { sent, _senders: senders }
    }

    fn sent(&self) -> usize {
        self.sent.load(Ordering::Relaxed)
    }

    async fn goes_on(&self, events: usize) {
        let enough = self.sent() + events;
        assert!(eventually(LONG, || self.sent() >= enough).await, "{} events", self.sent());
    }
}

/// Meetings that Jicofo lists begin, one after the other, in the middle of it.
async fn false_events_stall_no_meeting(version: Version) -> Result {
    let world = world(version).await?;
    world.jibri("jibri-1").await?;
    let (address, _server) = rest(&world.focus, "127.0.0.1:0".parse()?).await?;
    let url = format!("http://{address}");
    let settings = [
        ("DISCOVERY__JICOFO__URL", url.as_str()),
        ("DISCOVERY__JICOFO__INTERVAL", "100ms"),
        ("HTTP__TOKEN", TOKEN),
    ];
    let autostart = Autostart::start_with(&world.prosody, &[], &settings, &[])?;
    let (http, base) = (reqwest::Client::builder().no_proxy().build()?, autostart.http().await?);
    autostart.logged("linked to Prosody").await?;
    let flood = Flood::of_events(&http, &base);
    flood.goes_on(2_000).await;
    for room in ["r1", "r2"] {
        let ada = world.moderator(room).await?;
        ada.wait_recording("on", LONG).await?;
        flood.goes_on(200).await;
        let full_name = ada.occupancy().room().to_owned();
        ada.leave().await;
        world.focus.until(LONG, "gone from the room", || !world.focus.is_in(&full_name)).await?;
        world.focus.wait_available(1).await?;
    }
    autostart.logged_just("names rooms faster than they can be looked at", 1).await?;
    assert_eq!(autostart.count("no link to Prosody"), 0);
    Ok(())
}

/// Meetings that events alone name begin, while false invitations have yet to be looked at.
async fn false_invitations_stall_no_meeting(version: Version) -> Result {
    const INVITATIONS: usize = 300;
    let world = world(version).await?;
    world.jibri("jibri-1").await?;
    let autostart = Autostart::start_with(&world.prosody, &[], &[("HTTP__TOKEN", TOKEN)], &[])?;
    let (http, base) = (reqwest::Client::builder().no_proxy().build()?, autostart.http().await?);
    autostart.logged("linked to Prosody").await?;
    let eve = world.person("elsewhere").await?;
    let ada = world.moderator("r1").await?;
    for n in 0..INVITATIONS {
        eve.client().send(&direct(&format!("false-{n}@muc.meet.jitsi")));
    }
    autostart.logged("watching a room until").await?;
    assert_eq!(joined(&http, &base, "r1").send().await?.status(), StatusCode::NO_CONTENT);
    ada.wait_recording("on", LONG).await?;
    // Each of the false ones is looked at, and forgotten.
    let forgotten = || autostart.count("forgetting a room");
    assert!(eventually(LONG, || forgotten() == INVITATIONS).await, "{} are forgotten", forgotten());
    assert_eq!(autostart.count("no link to Prosody"), 0);
    Ok(())
}
