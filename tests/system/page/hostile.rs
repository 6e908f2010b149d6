//! Names that participants may choose to do harm: they are text, they stay in their place, and nothing runs.

use serde_json::Value;

use super::sample::{alert, attempt, jibri, put, room};
use super::world::World;
use jibri_autostart::ledger::{Attempt, Entry, Outcome};
use jibri_autostart::surface::Room;

const NAMES: [&str; 9] = [
    "<script>hit()</script>",
    "<img src=x onerror=hit()>",
    "\"><svg onload=hit()>",
    "javascript:hit()",
    "</style></script><b>bold</b>",
    "${hit()}{{hit()}}",
    "אבג <b onclick=hit()>دهو",
    "👩🏽‍🚀🏴‍☠️ größe",
    "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L̠ͨͧͩ͘G̴̻͈͍͔̹̑͗̎̅͛́Ǫ̵̹̻̝̳͂̌̌͘",
];

#[tokio::test]
async fn names_are_text_and_nothing_runs() {
    let mut world = World::start().await;
    for name in NAMES {
        let reason = Some(name.to_owned());
        put(&world.board, Room { reason, ..room(name, "held", 5) });
    }
    world.board.set_jibris(NAMES.map(|name| jibri(name, "wedged", name, Some(name))).into());
    world.board.set_alerts(NAMES.map(|name| alert("k", "critical", name, name, name)).into(), [].into());
    for name in NAMES {
        let [trigger, jibri] = [name, name].map(|name| Some(name.to_owned()));
        let failed = attempt(name, 60, None, Outcome::Failed, name);
        world.write(Entry::Attempt(Attempt { trigger, jibri, ..failed })).await;
    }
    let browser = world.browse().await;
    browser.until("document.querySelectorAll('#history tbody tr').length === 9").await;
    // Whoever ran would have failed too: there is no `hit`.
    assert_eq!(browser.complaints().await, [""; 0]);
    let made = "document.querySelectorAll('body script:not([type=module]), img, svg, b, style:not(head style)').length";
    assert_eq!(browser.get(made).await, 0);
    for section in ["meetings", "jibris", "alerts", "history"] {
        let texts = browser.get(&format!("document.querySelector('#{section}').textContent")).await;
        for name in NAMES {
            // COMBINING GRAPHEME JOINER is shown by its number.
            let name = name.replace('\u{34f}', "⟨034F⟩");
            assert!(texts.as_str().unwrap().contains(&name), "{section}: {name}");
        }
    }
    // Buttons, confirmation and messages have the names as well.
    browser.get("sessionStorage.setItem('token', 'x')").await;
    browser.client.refresh().await.unwrap();
    browser.until("document.querySelectorAll('#meetings button').length === 27").await;
    browser.get("document.querySelectorAll('#meetings button[data-what=stop]').forEach(button => (button.click(), document.querySelector('#sure-no').click()))").await;
    browser.get("document.querySelector('#meetings button').click()").await;
    browser.until("document.querySelector('#told-text').textContent.includes('token')").await;
    assert_eq!(browser.get(made).await, 0);
    assert_eq!(browser.complaints().await, [""; 0]);
}

/// What turns the direction, or is not to be seen at all, is shown by its number, and turns nothing around it.
#[tokio::test]
async fn what_turns_and_hides_text_is_made_visible() {
    let world = World::start().await;
    put(&world.board, room("gnp.\u{202e}cexe\u{200b}\u{1}\u{2066}", "recording", 5));
    put(&world.board, room("אבג", "recording", 5));
    let browser = world.browse().await;
    let name = "document.querySelector('#meetings tbody tr bdi bdi').textContent";
    assert_eq!(browser.get(name).await, "gnp.⟨202E⟩cexe⟨200B⟩⟨0001⟩⟨2066⟩");
    // The cell beside a name from right to left stands where all such cells stand.
    let places = "new Set([...document.querySelectorAll('#meetings .people bdi')].map(cell => cell.getBoundingClientRect().left)).size";
    assert_eq!(browser.get(places).await, 1);
}

#[tokio::test]
async fn a_thousand_characters_break_no_line() {
    let mut world = World::start().await;
    let long = [
        "x".repeat(1000),
        "W ".repeat(500),
        "א".repeat(500),
        "👩🏽‍🚀".repeat(60),
        format!("a@{}", "b.".repeat(499)),
    ];
    for name in &long {
        put(&world.board, Room { reason: Some(name.clone()), ..room(name, "backoff", 5) });
    }
    world.board.set_jibris(long.iter().map(|name| jibri(name, "wedged", name, Some(name))).collect());
    world
        .board
        .set_alerts(long.iter().map(|name| alert("k", "critical", name, name, name)).collect(), [].into());
    for name in &long {
        world.write(Entry::Attempt(attempt(name, 60, Some(5), Outcome::Recorded, name))).await;
    }
    let browser = world.browse().await;
    browser.get("sessionStorage.setItem('token', 'x')").await;
    for width in [360, 800, 1280, 2560] {
        browser.screen(width, 800, width == 360).await;
        browser.client.refresh().await.unwrap();
        browser.until("document.querySelectorAll('#history tbody tr').length === 5 && document.querySelector('#meetings button')").await;
        let wide = browser.get("[document.documentElement.scrollWidth, innerWidth]").await;
        assert!(wide[0].as_u64() <= wide[1].as_u64(), "{wide}");
        assert_eq!(wide[1], width);
        // No row takes the screen for itself, and nothing sticks out of its section.
        let rows = browser
            .get("[...document.querySelectorAll('tbody tr')].map(row => { const box = row.getBoundingClientRect(), around = row.closest('section').getBoundingClientRect(); return [box.height, around.right - box.right, row.closest('section').id]; })")
            .await;
        for row in rows.as_array().unwrap() {
            assert!(row[0].as_f64() < Some(420.0) && row[1].as_f64() >= Some(0.0), "{width}: {row}");
        }
    }
    let whole = browser
        .get("[...document.querySelectorAll('#meetings tbody tr')].map(row => row.textContent).join()")
        .await;
    assert!(whole.as_str().unwrap().contains(&long[0]), "the text is there, only cut for the eye");
    let title = browser.get("document.querySelector('#meetings bdi bdi').title.length").await;
    assert!(title.as_u64() >= Some(400) && title.as_u64() <= Some(2001), "{title}");
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}

/// The policy holds even where the script were at fault: what gets into the page by any way does not run.
#[tokio::test]
async fn a_script_that_gets_in_does_not_run() {
    let world = World::start().await;
    let browser = world.browse().await;
    for way in [
        "document.body.append(Object.assign(document.createElement('script'), { textContent: 'window.ran = 1' }))",
        "document.body.innerHTML = '<img src=x onerror=\"window.ran = 1\">'",
        "document.body.append(Object.assign(document.createElement('img'), { src: 'https://elsewhere.example/' }))",
        "fetch('https://elsewhere.example/')",
        "setTimeout('window.ran = 1')",
    ] {
        let tried = format!("(() => {{ try {{ {way} }} catch {{}} }})()");
        browser.get(&tried).await;
        assert_eq!(browser.get("window.ran").await, Value::Null, "{way}");
        assert_ne!(browser.complaints().await, [""; 0], "{way}");
    }
}
