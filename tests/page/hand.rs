//! Record, stop and release by hand.

use fantoccini::Locator;
use fantoccini::key::Key;

use crate::browser::Browser;
use crate::sample::{put, room};
use crate::stand_in::TOKEN;
use crate::world::World;

const BUTTONS: &str = "document.querySelectorAll('#meetings button').length";

async fn click(browser: &Browser, selector: &str) {
    browser.client.find(Locator::Css(selector)).await.expect(selector).click().await.unwrap();
}

async fn give(browser: &Browser, token: &str) {
    let field = browser.client.find(Locator::Css("#token")).await.unwrap();
    field.send_keys(&format!("{token}{}", char::from(Key::Enter))).await.unwrap();
    browser.until(&format!("{BUTTONS} > 0")).await;
}

async fn told(browser: &Browser, text: &str) {
    browser.until(&format!("document.querySelector('#told-text').textContent.includes({text:?})")).await;
}

#[tokio::test]
async fn a_meeting_is_recorded_stopped_and_released() {
    let world = World::start().await;
    put(&world.board, room("a/ö", "idle", 5));
    let browser = world.browse().await;
    assert_eq!(browser.get(BUTTONS).await, 0);
    let asked = || std::mem::take(&mut *world.stand_in.asked.lock().unwrap());
    give(&browser, TOKEN).await;
    assert_eq!(browser.get("document.querySelector('#token').checkVisibility()").await, false);

    click(&browser, "[aria-label='Record a/ö']").await;
    told(&browser, "Record a/ö: done. It is now: Starting").await;
    let bearer = format!("Bearer {TOKEN}");
    assert_eq!(asked(), [("a/ö@muc.meet.jitsi/record".to_owned(), bearer.clone())]);
    assert_eq!(world.board.room("a/ö@muc.meet.jitsi").unwrap().state, "starting");

    // A stop is asked about first.
    click(&browser, "[aria-label='Stop a/ö']").await;
    assert_eq!(browser.text("#sure-room").await, "a/ö");
    click(&browser, "#sure-no").await;
    assert_eq!(asked(), []);
    assert_eq!(browser.get("document.activeElement.ariaLabel").await, "Stop a/ö");
    click(&browser, "[aria-label='Stop a/ö']").await;
    click(&browser, "#sure-yes").await;
    told(&browser, "Stop a/ö: done. It is now: Held").await;
    assert_eq!(asked(), [("a/ö@muc.meet.jitsi/stop".to_owned(), bearer.clone())]);

    click(&browser, "[aria-label='Release a/ö']").await;
    told(&browser, "It is now: Settling").await;
    assert_eq!(asked(), [("a/ö@muc.meet.jitsi/release".to_owned(), bearer)]);

    // A refusal says why, and what to do.
    put(&world.board, room("a/ö", "recording", 0));
    browser.until("document.querySelector('#meetings tbody').innerText.includes('Recording')").await;
    click(&browser, "[aria-label='Record a/ö']").await;
    told(&browser, "it is recorded already. What to do: stop it first").await;

    // This tab keeps the token, until it is told to forget it.
    browser.client.refresh().await.unwrap();
    browser.until(&format!("{BUTTONS} === 3")).await;
    click(&browser, "#forget").await;
    assert_eq!(browser.get(BUTTONS).await, 0);
    let kept = "Object.values(sessionStorage).concat(Object.values(localStorage), document.cookie).join('')";
    assert_eq!(browser.get(kept).await, "");
    assert_eq!(browser.complaints().await, [""; 0]);
}

#[tokio::test]
async fn a_wrong_token_is_told_and_forgotten() {
    let world = World::start().await;
    put(&world.board, room("lesson", "idle", 5));
    let browser = world.browse().await;
    give(&browser, "wrong").await;
    click(&browser, "[aria-label='Record lesson']").await;
    told(&browser, "wrong or missing token. What to do: take the one of http.token").await;
    assert_eq!(browser.get(BUTTONS).await, 0);
    assert_eq!(browser.get("document.activeElement.id").await, "token");
    assert_eq!(world.board.room("lesson@muc.meet.jitsi").unwrap().state, "idle");
    // One that no header can carry.
    give(&browser, "тайна").await;
    click(&browser, "[aria-label='Record lesson']").await;
    told(&browser, "Record lesson: ").await;
    told(&browser, "no answer").await;
}
