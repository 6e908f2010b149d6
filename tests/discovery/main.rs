//! Discovery: what the sources say, and what is made of it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "also in what the tests share"
)]

mod vouching;

use jibri_autostart::address::RoomJid;

fn room(name: &str) -> RoomJid {
    RoomJid::new(&format!("{name}@muc.meet.jitsi")).unwrap()
}
