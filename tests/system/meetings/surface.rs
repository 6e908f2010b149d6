//! Nothing on the surface can stop the main job: no full disk, no port that somebody else has, no client that never
//! reads. Meetings are recorded, and what is wrong is told.

use std::net::SocketAddr;

use futures::future::try_join_all;
use testkit::{Result, SOON, Version, eventually};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::api::{get, until};
use super::autostart::Autostart;
use super::history::attempts;
use super::small_disk::{SmallDisk, fill};
use super::{LONG, discreetly, on_both, world};

on_both! { the_disk_is_full_and_the_port_taken, clients_never_read }

discreetly! { the_disk_is_full_and_the_port_taken, clients_never_read }

async fn the_disk_is_full_and_the_port_taken(version: Version) -> Result {
    let Some(disk) = SmallDisk::mount()? else { return Ok(()) };
    let filler = disk.0.path().join("filler");
    fill(&filler)?;
    let ledger = disk.0.path().join("ledger.db").display().to_string();
    let other = TcpListener::bind("127.0.0.1:0").await?;
    let listen = other.local_addr()?.to_string();
    let world = world(version).await?;
    world.jibri("jibri-1").await?;
    let settings = [("LEDGER__PATH", ledger.as_str()), ("HTTP__LISTEN", &listen)];
    let mut autostart = Autostart::start_with(&world.prosody, &["r1"], &settings, &[])?;
    autostart.logged("cannot listen for HTTP at").await?;
    autostart.logged("cannot be written").await?;

    let ada = world.moderator("r1").await?;
    ada.wait_recording("on", LONG).await?;
    autostart.logged("recording is on").await?;
    ada.leave().await;
    world.focus.until(LONG, "gone from the room", || !world.focus.is_in("r1")).await?;
    let ben = world.moderator("r1").await?;
    ben.wait_recording("on", LONG).await?;
    autostart.logged_times("recording is on", 2).await?;
    for told in ["cannot listen for HTTP at", "cannot be written"] {
        autostart.logged_just(told, 1).await?;
    }

    // Both are mended: nothing was lost, and it need not be started again.
    drop(other);
    std::fs::remove_file(&filler)?;
    autostart.logged("can be written again").await?;
    let url = autostart.http().await?;
    until(&url, "/api/v1/rooms/r1", |room| room["state"] == "recording").await?;
    until(&url, "/api/v1/history", |history| attempts(history).len() == 2).await?;
    assert!(autostart.terminate().await?.0.success());
    Ok(())
}

/// Asks for the events and takes nothing of them but what the kernel takes for it.
async fn never_reads(address: SocketAddr) -> Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(2048)?;
    let mut stream = socket.connect(address).await?;
    stream.write_all(b"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n").await?;
    Ok(stream)
}

async fn clients_never_read(version: Version) -> Result {
    let world = world(version).await?;
    world.jibri("jibri-1").await?;
    // Each of them is told some 100 KB at once.
    let names: Vec<String> = (0..100).map(|n| format!("{}{n}", "x".repeat(1000))).collect();
    let mut rooms: Vec<&str> = names.iter().map(String::as_str).collect();
    rooms.push("r1");
    let mut autostart = Autostart::start(&world.prosody, &rooms)?;
    let url = autostart.http().await?;
    until(&url, "/api/v1/rooms", |all| all.as_array().is_some_and(|all| all.len() == rooms.len())).await?;
    let address = url.trim_start_matches("http://").parse()?;
    // How many may read at once, and that those who read too slowly are dropped, is tested without Prosody.
    let _asleep = try_join_all((0..256).map(|_| never_reads(address))).await?;

    let ada = world.moderator("r1").await?;
    ada.wait_recording("on", LONG).await?;
    autostart.logged("recording is on").await?;
    until(&url, "/api/v1/rooms/r1", |room| room["state"] == "recording").await?;
    assert_eq!(get(&url, "/api/v1/status").await?["linked"], true);
    let over = ada.stop_recording(SOON).await?;
    assert!(over.is_ok(), "{over:?}");
    assert!(eventually(SOON, || autostart.count("respected until the meeting ends") == 1).await);
    assert!(autostart.terminate().await?.0.success());
    Ok(())
}
