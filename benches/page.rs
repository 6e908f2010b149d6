//! The status page in headless Chromium with a thousand rooms, beside the same page with one: how soon there is
//! something to see, how soon all of it, and how soon a change is seen.
//!
//! `BENCH_ROOMS` and `BENCH_UPDATES` make a run shorter or harder.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::unreachable,
    dead_code,
    reason = "not the program, and what it shares with the tests is more than it needs"
)]

#[path = "../tests/system/page/browser.rs"]
mod browser;
#[path = "common/quantiles.rs"]
mod quantiles;
#[path = "../tests/system/page/sample.rs"]
mod sample;
#[path = "../tests/system/page/world.rs"]
mod world;

use std::time::{Duration, SystemTime};

use browser::Browser;
use quantiles::Quantiles;
use serde_json::json;
use world::World;

/// Looks each frame, from the start of the document: when all rooms were painted first, and when a cell was painted
/// that says what is waited for. What a callback of a frame finds is painted with that frame, so it is told after it.
const WATCH: &str = r##"
    window.paintedAll = 0; window.seen = new Map(); window.awaited = "";
    const now = () => performance.timeOrigin + performance.now();
    const after = (work) => { const channel = new MessageChannel(); channel.port1.onmessage = work; channel.port2.postMessage(0); };
    const look = () => {
        const body = document.querySelector("#meetings tbody");
        if (!paintedAll && body?.rows.length >= ROOMS) after(() => window.paintedAll ||= performance.now());
        const text = awaited && document.querySelector("#meetings .people bdi")?.textContent;
        if (text && text === awaited && !seen.has(text)) { seen.set(text, 0); after(() => seen.set(text, now())); }
        requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
"##;

struct Figures {
    first: f64,
    all: f64,
    updates: Quantiles,
}

async fn measure(rooms: usize, updates: u32) -> Figures {
    let world = World::start().await;
    let all: Vec<_> = (0..rooms)
        .map(|n| {
            sample::room(&format!("lesson-{n:04}"), if n == 0 { "backoff" } else { "recording" }, 60).into()
        })
        .collect();
    world.board.put_rooms(&all);
    let browser = Browser::start().await;
    let source = WATCH.replace("ROOMS", &rooms.to_string());
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": source })).await;
    let (mut firsts, mut alls) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        browser.open(&world.url).await;
        browser.until("paintedAll && performance.getEntriesByName('first-contentful-paint').length").await;
        let read = "[performance.getEntriesByName('first-contentful-paint')[0].startTime, paintedAll]";
        let read = browser.get(read).await;
        firsts.push(read[0].as_f64().unwrap());
        alls.push(read[1].as_f64().unwrap());
    }
    let mut took = Vec::new();
    for n in 0..updates {
        // The first row, which is in sight; a number that it has not had.
        let text = format!("{} (1)", 1000 + n);
        browser.get(&format!("awaited = {text:?}")).await;
        let mut room = sample::room("lesson-0000", "backoff", 60);
        room.people = 1000 + n;
        let began = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        sample::put(&world.board, room);
        browser.until(&format!("seen.get({text:?})")).await;
        let ended = browser.get(&format!("seen.get({text:?})")).await.as_f64().unwrap();
        took.push(Duration::from_secs_f64((ended / 1e3 - began.as_secs_f64()).max(0.0)));
    }
    Figures {
        first: Quantiles::of_ms(firsts).p50,
        all: Quantiles::of_ms(alls).p50,
        updates: Quantiles::of(&took),
    }
}

fn number(name: &str, default: u32) -> u32 {
    std::env::var(name).map_or(default, |value| value.parse().expect(name))
}

#[tokio::main]
async fn main() {
    let (rooms, updates) = (number("BENCH_ROOMS", 1000), number("BENCH_UPDATES", 50));
    let one = measure(1, updates).await;
    let many = measure(rooms as usize, updates).await;
    println!(
        "the status page in headless Chromium, {rooms} rooms beside 1, median of 5 loads and {updates} updates:"
    );
    println!(
        "  first paint          {:.0} ms beside {:.0} ms, ratio {:.1}   (bound: 1000 ms)",
        many.first,
        one.first,
        many.first / one.first
    );
    println!(
        "  all rooms painted    {:.0} ms beside {:.0} ms, ratio {:.1}",
        many.all,
        one.all,
        many.all / one.all
    );
    println!("  board to screen      {}   (bound: 200 ms)", many.updates);
    println!(
        "  the same with 1      {}; ratio of the medians {:.1}",
        one.updates,
        many.updates.p50 / one.updates.p50
    );
    assert!(many.all < 1000.0, "all rooms are painted after {:.0} ms", many.all);
    assert!(many.updates.p99 < 200.0, "an update takes {}", many.updates);
}
