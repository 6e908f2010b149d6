//! Discovery: a stand-in for Jicofo's REST interface and a sender of events, both with faults.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "also in what the tests share"
)]

mod event_sync;
mod flood;
mod jicofo;
mod jicofo_stand_in;
mod server;
mod vouching;

use std::time::Duration;

use jibri_autostart::address::RoomJid;
use jibri_autostart::discovery::DiscoveryEvent;
use tokio::sync::mpsc;

/// Longer than any wait in these tests takes on a busy machine.
const LONG: Duration = Duration::from_secs(60);

/// Whatever `future` gives, which it must do in time.
async fn soon<F: Future>(what: &str, future: F) -> F::Output {
    match tokio::time::timeout(LONG, future).await {
        Ok(output) => output,
        Err(_) => panic!("waited in vain for {what}"),
    }
}

/// The next event.
async fn next(events: &mut mpsc::Receiver<DiscoveryEvent>) -> DiscoveryEvent {
    soon("an event", events.recv()).await.expect("the sources live on")
}

fn room(name: &str) -> RoomJid {
    RoomJid::new(&format!("{name}@muc.meet.jitsi")).unwrap()
}
