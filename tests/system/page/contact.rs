//! Contact lost: it is said, and afterwards the page shows what is.

use serde_json::json;

use super::browser::Browser;
use super::sample::{put, room};
use super::world::{LIVE, World};

const NAMES: &str = "[...document.querySelectorAll('#meetings tbody tr')].map(row => row.cells[0].querySelector('bdi bdi').textContent).join()";

#[tokio::test]
async fn is_said_and_then_everything_is_read_again() {
    let mut world = World::start().await;
    put(&world.board, room("stays", "recording", 5));
    put(&world.board, room("goes", "recording", 5));
    let browser = world.browse().await;
    assert_eq!(browser.get(NAMES).await, "goes,stays");
    world.stop();
    browser.until("document.querySelector('#lost').textContent.startsWith('Contact lost since ')").await;
    assert_eq!(browser.get("document.querySelector('#lost').role").await, "alert");
    browser.until("document.title.startsWith('Contact lost')").await;
    // What was known is still there, in grey.
    assert_eq!(browser.get(NAMES).await, "goes,stays");
    let grey = "getComputedStyle(document.querySelector('#meetings')).filter";
    assert_eq!(browser.get(grey).await, "grayscale(1)");

    world.board.forget_room("goes@muc.meet.jitsi");
    put(&world.board, room("comes", "recording", 5));
    world.serve().await;
    browser.until(LIVE).await;
    assert_eq!(browser.get(NAMES).await, "comes,stays");
    assert_eq!(browser.get(grey).await, "none");
    // And it is live again.
    put(&world.board, room("later", "recording", 5));
    browser.until(&format!("{NAMES} === 'comes,later,stays'")).await;
    assert_eq!(browser.complaints().await, [""; 0]);
}

/// A line that is dead and not closed: nothing comes any more, not even that there is no news.
#[tokio::test]
async fn a_dead_line_is_told_from_a_quiet_one() {
    let world = World::start().await;
    let browser = Browser::start().await;
    // Time runs fast for the page, not for the server, which is not asked to say anything for 15 s.
    let fast = "{ const real = setTimeout; window.setTimeout = (work, ms) => real(work, ms > 10_000 ? ms / 50 : ms); }";
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": fast })).await;
    browser.open(&world.url).await;
    browser.until("document.querySelector('#lost').textContent.startsWith('Contact lost')").await;
    browser.until(LIVE).await;
}
