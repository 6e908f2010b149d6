//! Situations in which the page is looked at: by axe (`tests/axe.sh`), and by people (`PICTURES=DIRECTORY`, picture.rs).

use jibri_autostart::surface::{Jibri, Link, Room};

use super::browser::Browser;
use super::sample;
use super::world::World;

/// Each by its name.
pub(crate) const SITUATIONS: [&str; 13] = [
    "nothing",
    "day",
    "fifty",
    "thousand",
    "no-jibri-free",
    "no-link",
    "lost-brewery",
    "standby",
    "dry-run",
    "no-contact",
    "token",
    "question",
    "odd-names",
];

/// A world in this situation, and a browser that shows it.
pub(crate) async fn show(situation: &str) -> (World, Browser) {
    let mut world = if situation == "dry-run" { World::start_dry().await } else { World::start().await };
    match situation {
        "nothing" => {}
        "day" | "dry-run" | "no-contact" | "token" | "question" => sample::fill(&mut world).await,
        "fifty" => recorded(&world, 50),
        "thousand" => recorded(&world, 1000),
        "no-jibri-free" => no_jibri_is_free(&world),
        "no-link" => {
            sample::fill(&mut world).await;
            link_is_lost(&world);
        }
        "lost-brewery" => jicofo_has_lost_the_brewery(&world),
        "standby" => {
            let reason = Some("the other instance has the link".to_owned());
            world.board.set_link(Link { linked: false, standby: true, since: sample::ago(3600), reason });
        }
        "odd-names" => odd_names(&world),
        other => panic!("no such situation: {other}"),
    }
    let rooms = world.board.rooms().len();
    let browser = world.browse().await;
    if ["token", "question"].contains(&situation) {
        browser.get(&format!("sessionStorage.setItem('token', '{}')", world.token)).await;
        browser.client.refresh().await.unwrap();
        browser.until("document.querySelector('#meetings button')").await;
    }
    if situation == "question" {
        browser.get("document.querySelector('[aria-label^=\"Stop \"]').click()").await;
        browser.until("document.querySelector('#sure').open").await;
    }
    if situation == "no-contact" {
        world.stop();
        browser.until("document.querySelector('#lost').textContent !== ''").await;
    }
    if situation == "day" {
        browser.until("document.querySelectorAll('#history tbody tr').length === 5").await;
        browser.until("document.querySelectorAll('#recordings tbody tr').length === 5").await;
    }
    browser
        .until(&format!("document.querySelectorAll('#meetings tbody tr').length >= {}", rooms.min(50)))
        .await;
    (world, browser)
}

fn recorded(world: &World, rooms: usize) {
    let jibri = |n: usize| format!("jibri-{n}");
    let of = |n: usize| format!("lesson-{n}");
    for n in 0..rooms {
        sample::put(&world.board, sample::room(&of(n), "recording", 60 * (n as u64 % 90) + 5));
    }
    let jibris = (0..rooms).map(|n| sample::jibri(&jibri(n), "ok", "no problems found", Some(&of(n))));
    world.board.set_jibris(jibris.collect());
}

fn no_jibri_is_free(world: &World) {
    recorded(world, 3);
    for n in 0..35_u64 {
        let why = "no Jibri is free".to_owned();
        let reason = Some(format!("{why}; place {} in the queue", n + 1));
        let room = sample::room(&format!("court-{n}"), "waiting", 600 - n * 7);
        sample::put(
            &world.board,
            Room { place: usize::try_from(n + 1).ok(), not_recorded: Some(why), reason, ..room },
        );
    }
    world.board.set_overdue(35);
    world.board.set_waiting(35);
    let summary = "no Jibri is free: 35 meetings wait for one, since 10 min";
    let alert = sample::alert(
        "no_jibri_free",
        "critical",
        "fleet",
        summary,
        "add Jibris, or end recordings that are not needed",
    );
    world.board.set_alerts(vec![alert], [].into());
}

fn link_is_lost(world: &World) {
    let reason = Some("connection refused (127.0.0.1:5347)".to_owned());
    world.board.set_link(Link { linked: false, standby: false, since: sample::ago(40), reason });
    for room in world.board.rooms() {
        let room =
            Room { seen: false, reason: Some("there is no link to Prosody".to_owned()), ..(*room).clone() };
        sample::put(&world.board, room);
    }
}

fn jicofo_has_lost_the_brewery(world: &World) {
    let why = "Jicofo has lost the brewery";
    let room = sample::room("clinic-2", "backoff", 130);
    let failing =
        Room { attempt: 4, not_recorded: Some(why.to_owned()), reason: Some(why.to_owned()), ..room };
    sample::put(&world.board, failing);
    let idle = |name| Jibri { failures: 0, ..sample::jibri(name, "ok", "no problems found", None) };
    world.board.set_jibris(vec![idle("jibri-1"), idle("jibri-2")]);
    let summary = "Jicofo has lost the brewery: it says that all Jibris are busy, and 2 are idle";
    let remedy = "restart Jicofo; running meetings are interrupted";
    let alert = sample::alert("jicofo_lost_brewery", "critical", "jicofo", summary, remedy);
    world.board.set_alerts(vec![alert], [].into());
}

fn odd_names(world: &World) {
    let long = "a-very-long-name-without-any-end-".repeat(12);
    for (name, state) in [
        (long.as_str(), "recording"),
        ("tenant%2fstaff%20meeting", "backoff"),
        ("\u{5d7}\u{5d3}\u{5e8}-\u{5d9}\u{5e9}\u{5d9}\u{5d1}\u{5d5}\u{5ea}", "recording"),
        ("<b>bold</b>", "idle"),
    ] {
        sample::put(&world.board, sample::room(name, state, 77));
    }
    world.board.set_jibris(vec![sample::jibri(
        &long,
        "ok",
        &"no problems found, and more of it; ".repeat(20),
        None,
    )]);
}
