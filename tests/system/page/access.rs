//! Who can use it: in the dark, on a phone, with a keyboard, with a screen reader.

use std::collections::BTreeMap;

use jibri_autostart::recordings::RecordingState;
use serde_json::{Value, json};

use super::sample;
use super::world::World;

/// The least contrast of any text with what is behind it, and which text that is (WCAG 2, 1.4.3).
const LEAST_CONTRAST: &str = r#"(() => {
    const numbers = (color) => color.match(/[\d.]+/g).map(Number);
    const light = (color) => numbers(color).slice(0, 3)
        .map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
        .reduce((sum, c, n) => sum + c * [0.2126, 0.7152, 0.0722][n], 0);
    const behind = (node) => {
        const color = getComputedStyle(node).backgroundColor;
        return node === document.documentElement || (numbers(color)[3] ?? 1) === 1 ? color : behind(node.parentElement);
    };
    let least = [99, ""];
    for (const node of document.querySelectorAll("body *")) {
        const own = [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim());
        if (!own || !node.checkVisibility()) continue;
        const [a, b] = [light(getComputedStyle(node).color), light(behind(node))].sort((a, b) => a - b);
        const contrast = (b + 0.05) / (a + 0.05);
        if (contrast < least[0]) least = [contrast, node.outerHTML.slice(0, 200)];
    }
    return least;
})()"#;

#[tokio::test]
async fn light_and_dark_are_told_apart_and_both_can_be_read() {
    let mut world = World::start().await;
    sample::fill(&mut world).await;
    let browser = world.browse().await;
    let color = "getComputedStyle(document.body).backgroundColor";
    let mut colors = Vec::new();
    for scheme in ["light", "dark"] {
        browser.scheme(scheme).await;
        colors.push(browser.get(color).await);
        let least = browser.get(LEAST_CONTRAST).await;
        assert!(least[0].as_f64() >= Some(4.5), "{scheme}: {least}");
    }
    assert_eq!(colors, ["rgb(244, 245, 247)", "rgb(16, 21, 27)"]);
}

#[tokio::test]
async fn on_a_phone_rows_are_cards() {
    let mut world = World::start().await;
    sample::fill(&mut world).await;
    let browser = world.browse().await;
    browser.screen(360, 740, true).await;
    browser.client.refresh().await.unwrap();
    browser.until("document.querySelectorAll('#history tbody tr').length === 5").await;
    browser.until("document.querySelectorAll('#recordings tbody tr').length === 5").await;
    assert_eq!(browser.get("document.documentElement.scrollWidth").await, 360);
    let card = browser
        .get("(() => { const [name, , , , why] = [...document.querySelector('#meetings tbody tr').cells].map(cell => cell.getBoundingClientRect()); return [why.top - name.bottom, why.left - name.left]; })()")
        .await;
    assert!(card[0].as_f64() >= Some(0.0) && card[1] == 0, "below the name, not beside it: {card}");
    // Nothing that is to be pressed is smaller than a finger may hit (WCAG 2.2, 2.5.8).
    let small = "[...document.querySelectorAll('button, input, select, nav a, .files li')].filter(node => node.checkVisibility()).filter(node => node.getBoundingClientRect().height < 24).length";
    assert_eq!(browser.get(small).await, 0);
}

#[tokio::test]
async fn the_keyboard_reaches_everything_and_shows_where_it_is() {
    const TAB: &str = "\u{e004}";
    let mut world = World::start().await;
    sample::put(&world.board, sample::room("lesson", "recording", 5));
    let file = [("lesson.mkv", 5, Some(60))];
    world.record(sample::recording("lesson", 90, Some(60), &file), RecordingState::Written).await;
    let browser = world.browse().await;
    browser.get("sessionStorage.setItem('token', 'x')").await;
    browser.client.refresh().await.unwrap();
    browser
        .until("document.querySelector('#meetings button') && document.querySelector('#recordings a')")
        .await;
    let mut seen = Vec::new();
    for _ in 0..15 {
        browser.press(TAB).await;
        let at = browser
            .get("(() => { const at = document.activeElement, style = getComputedStyle(at); return [at.ariaLabel || at.id || at.textContent, style.outlineStyle, at.checkVisibility(), at.getBoundingClientRect().top >= 0]; })()")
            .await;
        assert_eq!((&at[1], &at[2], &at[3]), (&json!("solid"), &json!(true), &json!(true)), "{at}");
        seen.push(at[0].as_str().unwrap().to_owned());
    }
    assert_eq!(
        seen,
        [
            "Skip to the meetings",
            "Alerts",
            "Meetings",
            "Jibris",
            "History",
            "Act by hand",
            "Recordings",
            "filter",
            "Record lesson",
            "Stop lesson",
            "Release lesson",
            "forget",
            "files-room",
            "files-state",
            "lesson.mkv",
        ]
    );
    // The focus stays where it is while its row moves.
    for _ in 0..2 {
        browser.press("\u{e008}").await;
    }
    browser.get("document.querySelector('[aria-label=\"Stop lesson\"]').focus()").await;
    sample::put(&world.board, sample::room("another", "recording", 5));
    sample::put(&world.board, sample::room("lesson", "backoff", 5));
    browser.until("document.querySelector('#meetings tbody tr').innerText.includes('Not recorded')").await;
    assert_eq!(browser.get("document.activeElement.ariaLabel").await, "Stop lesson");
    // Enter asks, Escape takes it back, and the focus is where it was.
    browser.press("\u{e007}").await;
    assert_eq!(browser.get("document.querySelector('#sure').open").await, true);
    browser.press("\u{e00c}").await;
    assert_eq!(
        browser.get("[document.querySelector('#sure').open, document.activeElement.ariaLabel]").await,
        json!([false, "Stop lesson"])
    );
    assert!(world.orders.try_recv().is_err(), "nothing was ordered");
}

/// What a screen reader is told: the tree that the browser makes for it.
#[tokio::test]
async fn a_screen_reader_finds_tables_headings_and_names() {
    let mut world = World::start().await;
    sample::fill(&mut world).await;
    let browser = world.browse().await;
    browser.get("sessionStorage.setItem('token', 'x')").await;
    browser.client.refresh().await.unwrap();
    browser
        .until("document.querySelector('#history tbody tr') && document.querySelector('#recordings tbody tr') && document.querySelector('#meetings button')")
        .await;
    assert_eq!(browser.get("document.documentElement.lang").await, "en");
    let tree = browser.devtools("Accessibility.getFullAXTree", json!({})).await;
    let mut found = BTreeMap::<String, Vec<String>>::new();
    for node in tree["nodes"].as_array().unwrap().iter().filter(|node| node["ignored"] == false) {
        let text = |field: &str| node[field]["value"].as_str().unwrap_or_default().to_owned();
        found.entry(text("role")).or_default().push(text("name"));
    }
    let of = |role: &str| found.get(role).cloned().unwrap_or_default();
    let tables = of("table");
    assert_eq!(tables.len(), 5, "{tables:?}");
    for part in ["Alerts", "Meetings", "Jibris", "History", "Recordings"] {
        assert!(tables.iter().any(|name| name.starts_with(part)), "{part}: {tables:?}");
    }
    assert_eq!(of("columnheader").iter().filter(|name| name.is_empty()).count(), 0);
    assert!(of("columnheader").contains(&"State".to_owned()));
    assert!(
        of("rowheader").contains(&"court-3-hearing@muc.meet.jitsi".to_owned())
            || of("rowheader").contains(&"court-3-hearing".to_owned()),
        "{:?}",
        of("rowheader")
    );
    for role in ["button", "searchbox", "combobox", "link", "heading", "row", "region"] {
        assert!(
            !of(role).is_empty() && of(role).iter().all(|name| !name.is_empty() || role == "row"),
            "{role}: {:?}",
            of(role)
        );
    }
    assert_eq!(of("button").iter().filter(|name| name.starts_with("Stop ")).count(), 8);
    for landmark in ["banner", "main", "navigation", "contentinfo"] {
        assert_eq!(of(landmark).len(), 1, "{landmark}");
    }
    let levels = "[...document.querySelectorAll('h1, h2')].filter(node => node.checkVisibility()).map(node => node.tagName)";
    let levels = browser.get(levels).await;
    let first = levels.as_array().unwrap().iter().filter(|level| **level == "H1").count();
    assert_eq!((first, &levels[0]), (1, &Value::from("H1")));
    // Colour is never all: each badge is a word.
    assert_eq!(
        browser
            .get("[...document.querySelectorAll('.badge span')].filter(node => !node.textContent).length")
            .await,
        0
    );
}
