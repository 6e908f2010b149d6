//! Record, stop and release by hand.

use fantoccini::Locator;
use fantoccini::key::Key;

use super::browser::Browser;
use super::sample::{put, room};
use super::world::{TOKEN, World};
use jibri_autostart::meeting::{ManualOrder, NotTaken};

const BUTTONS: &str = "document.querySelectorAll('#meetings button').length";

async fn click(browser: &Browser, selector: &str) {
    browser.client.find(Locator::Css(selector)).await.expect(selector).click().await.unwrap();
}

async fn give(browser: &Browser, token: &str) {
    let field = browser.client.find(Locator::Css("#token")).await.unwrap();
    field.send_keys(&format!("{token}{}", char::from(Key::Enter))).await.unwrap();
}

/// The page says this of the token that was entered, lets it be entered again, and shows no buttons.
async fn refused(browser: &Browser, text: &str) {
    let why = "document.querySelector('#token-wrong').textContent";
    browser.until(&format!("{why}.includes({text:?})")).await;
    assert_eq!(browser.get(BUTTONS).await, 0);
    assert_eq!(browser.get("document.activeElement.id").await, "token");
    assert_eq!(browser.get("document.querySelector('#token').ariaInvalid").await, "true");
    // What is typed next replaces it.
    browser.until("document.querySelector('#token').selectionStart === 0").await;
}

async fn told(browser: &Browser, text: &str) {
    browser.until(&format!("document.querySelector('#told-text').textContent.includes({text:?})")).await;
}

#[tokio::test]
async fn a_meeting_is_recorded_stopped_and_released() {
    let mut world = World::start().await;
    let name = "a/ö@muc.meet.jitsi";
    put(&world.board, room("a/ö", "idle", 5));
    let browser = world.browse().await;
    assert_eq!(browser.get(BUTTONS).await, 0);
    give(&browser, TOKEN).await;
    told(&browser, "The token is accepted").await;
    browser.until(&format!("{BUTTONS} === 3")).await;
    assert_eq!(browser.get("document.querySelector('#token').checkVisibility()").await, false);

    click(&browser, "[aria-label='Record a/ö']").await;
    world.take(name, ManualOrder::Record, "starting").await;
    told(&browser, "Record a/ö: done. It is now: Starting").await;

    // A stop is asked about first.
    click(&browser, "[aria-label='Stop a/ö']").await;
    assert_eq!(browser.text("#sure-room").await, "a/ö");
    click(&browser, "#sure-no").await;
    assert!(world.orders.try_recv().is_err());
    assert_eq!(browser.get("document.activeElement.ariaLabel").await, "Stop a/ö");
    click(&browser, "[aria-label='Stop a/ö']").await;
    click(&browser, "#sure-yes").await;
    world.take(name, ManualOrder::Stop, "held").await;
    told(&browser, "Stop a/ö: done. It is now: Held").await;

    click(&browser, "[aria-label='Release a/ö']").await;
    world.take(name, ManualOrder::Release, "settling").await;
    told(&browser, "It is now: Settling").await;

    // A refusal says why, and what to do.
    for why in [NotTaken::Nobody, NotTaken::NotSeen, NotTaken::DryRun] {
        click(&browser, "[aria-label='Record a/ö']").await;
        world.refuse(name, ManualOrder::Record, why).await;
        told(&browser, &format!("{why}. What to do: {}", why.remedy())).await;
    }

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
async fn a_wrong_token_is_refused_when_it_is_entered() {
    let mut world = World::start().await;
    put(&world.board, room("lesson", "idle", 5));
    let browser = world.browse().await;
    // The last one, no request can carry.
    for wrong in ["wrong", "тайна"] {
        give(&browser, wrong).await;
        refused(&browser, "This token is wrong. Enter the one that http.token").await;
        assert_eq!(browser.get("sessionStorage.length").await, 0);
        browser.get("document.querySelector('#token-wrong').textContent = ''").await;
    }
    give(&browser, TOKEN).await;
    browser.until(&format!("{BUTTONS} === 3")).await;
    assert_eq!(browser.text("#token-wrong").await, "");
    assert!(world.orders.try_recv().is_err());
}

#[tokio::test]
async fn a_token_that_was_changed_meanwhile_is_forgotten() {
    let mut world = World::start().await;
    put(&world.board, room("lesson", "idle", 5));
    let browser = world.browse().await;
    give(&browser, TOKEN).await;
    browser.until(&format!("{BUTTONS} === 3")).await;
    world.stop();
    world.token = "another-one";
    world.serve().await;
    click(&browser, "[aria-label='Record lesson']").await;
    told(&browser, "Record lesson: the token is not accepted any more. Enter it again").await;
    assert_eq!(browser.get(BUTTONS).await, 0);
    assert_eq!(browser.get("document.activeElement.id").await, "token");
    assert!(world.orders.try_recv().is_err());
}

#[tokio::test]
async fn where_the_service_has_no_token_it_says_so() {
    let mut world = World::start().await;
    world.stop();
    world.token = "";
    world.serve().await;
    put(&world.board, room("lesson", "idle", 5));
    let browser = world.browse().await;
    give(&browser, TOKEN).await;
    refused(&browser, "there is no token, so nothing can be changed here. What to do: set http.token").await;
    assert!(world.orders.try_recv().is_err());
}
