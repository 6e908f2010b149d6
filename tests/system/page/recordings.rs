//! The recordings, and what became of their files.

use serde_json::{Value, json};

use super::browser::Browser;
use super::sample::{self, recording};
use super::world::World;
use jibri_autostart::recordings::{Failure, File, Part, Recording, RecordingState};

/// The texts of the cells of each row that is shown. The browser knows no text of what it does not draw.
const ROWS: &str = "[...document.querySelectorAll('#recordings tbody tr')].filter(row => !row.hidden).map(row => { row.style.contentVisibility = 'visible'; return [...row.cells].map(cell => cell.innerText.trim()); })";

async fn rows(browser: &Browser, count: usize) -> Vec<Vec<String>> {
    browser.until(&format!("{ROWS}.length === {count}")).await;
    serde_json::from_value(browser.get(ROWS).await).unwrap()
}

#[tokio::test]
async fn each_is_shown_with_what_is_known_of_it() {
    let mut world = World::start().await;
    sample::fill(&mut world).await;
    let browser = world.browse().await;
    browser.screen(1280, 3000, false).await;
    let rows = rows(&browser, 5).await;
    let column = |n: usize| rows.iter().map(|row| row[n].as_str()).collect::<Vec<_>>();
    // The newest first.
    assert_eq!(
        column(0),
        ["lesson-7b-geometry", "court-2-hearing", "lesson-6a-biology", "support-4709", "consultation-12"]
    );
    assert_eq!(column(1), ["Recording", "Short", "Delivered", "Ended", "Missing"]);
    assert!(rows[0][3].ends_with("47 min so far"), "{rows:?}");
    assert_eq!(column(3)[1..], ["6 min", "44 min", "5 min", "unknown"]);
    assert_eq!(column(4), ["unknown", "88 MB", "611 MB", "unknown", "unknown"]);
    assert_eq!(column(5), ["4 s", "8 min", "8 s", "4 s", "unknown"]);
    assert!(rows[1][6].contains("less in its files than there should be; on jibri-2"), "{rows:?}");
    // What is not known is not counted as nothing.
    assert_eq!(
        browser.text("#share").await,
        "86 % of the wanted time is on disk (51 min of 59 min, in 2 recordings). How much of 2 recordings is on disk is not known."
    );
    let link = "(() => { const a = document.querySelector('#recordings a'); return [a.href, a.rel, a.textContent]; })()";
    let name = "court-1-hearing_2026-11-30-09-12-04.mkv";
    assert_eq!(
        browser.get(link).await,
        json!([format!("https://files.example/session-3100/{name}"), "noopener noreferrer", name])
    );
    assert_eq!(browser.get("document.querySelector('#older').hidden").await, true);
    assert_eq!(browser.complaints().await, [""; 0]);
}

#[tokio::test]
async fn those_of_one_meeting_say_what_they_hold_together() {
    let mut world = World::start().await;
    let of = |recording| Recording { meeting_id: Some("m".to_owned()), ..recording };
    let first = of(recording("lesson", 3600, Some(600), &[("a.mkv", 1, Some(600))]));
    let second = of(recording("lesson", 2980, Some(600), &[("b.mkv", 1, Some(300))]));
    world.record(first, RecordingState::Written).await;
    world.record(second, RecordingState::Short).await;
    let browser = world.browse().await;
    for row in rows(&browser, 2).await {
        assert!(row[6].starts_with("its meeting: recorded 15 of 20 minutes, in two files"), "{row:?}");
    }
    assert_eq!(browser.get("document.querySelectorAll('#recordings .files li').length").await, 2);
}

#[tokio::test]
async fn changes_as_soon_as_they_are_told_of_and_once_a_second_at_most() {
    let mut world = World::start().await;
    let browser = world.browse().await;
    assert_eq!(browser.text("#recordings .empty").await, "No recording is known yet.");
    world.record(recording("lesson", 90, None, &[]), RecordingState::Recording).await;
    assert_eq!(rows(&browser, 1).await[0][1], "Recording");
    browser.get("window.same = document.querySelector('#recordings tbody tr')").await;
    let asked =
        "performance.getEntriesByType('resource').filter(entry => entry.name.includes('/recordings')).length";
    browser.get(&format!("(window.before = {asked}, window.began = performance.now())")).await;
    for seconds in 1..=40 {
        let file = [("lesson.mkv", seconds * 1000, Some(seconds))];
        world.record(recording("lesson", 90, Some(60), &file), RecordingState::Written).await;
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    browser.until(&format!("{ROWS}[0][4] === '40 kB'")).await;
    let often = format!(
        "[{asked} - before, (performance.now() - began) / 1000, document.querySelector('#recordings tbody tr') === same]"
    );
    let often = browser.get(&often).await;
    assert!(often[0].as_f64().unwrap() <= often[1].as_f64().unwrap() + 1.5 && often[2] == true, "{often}");
}

#[tokio::test]
async fn those_that_are_looked_for_of_the_newest() {
    let mut world = World::start().await;
    for n in 0..230 {
        let (room, state) = (
            format!("lesson-{}", n % 10),
            if n % 50 == 0 { RecordingState::Missing } else { RecordingState::Ended },
        );
        world.record(recording(&room, 1000 + n, Some(60), &[]), state).await;
    }
    let browser = world.browse().await;
    assert_eq!(rows(&browser, 200).await[0][0], "lesson-0");
    assert_eq!(browser.text("#older").await, "These are the newest. Older ones: jibri-autostart recordings");
    assert_eq!(browser.get("document.querySelector('#older').checkVisibility()").await, true);
    // Of none of them it is known.
    assert_eq!(browser.text("#share").await, "How much of 200 recordings is on disk is not known.");
    let room = browser.client.find(fantoccini::Locator::Css("#files-room")).await.unwrap();
    room.send_keys("SON-3").await.unwrap();
    assert_eq!(rows(&browser, 20).await[0][0], "lesson-3");
    assert_eq!(browser.text("#files-found").await, "20 of 200");
    room.clear().await.unwrap();
    let state = browser.client.find(fantoccini::Locator::Css("#files-state")).await.unwrap();
    state.select_by_value("missing").await.unwrap();
    assert!(rows(&browser, 4).await.iter().all(|row| row[1] == "Missing"));
    // What comes meanwhile is filtered as well, and the oldest gives way to it.
    world.record(recording("lesson-1", 60, Some(30), &[]), RecordingState::Ended).await;
    world.record(recording("lesson-1", 61, Some(30), &[]), RecordingState::Missing).await;
    rows(&browser, 5).await;
    assert_eq!(browser.text("#files-found").await, "5 of 200");
    let options =
        "[...document.querySelectorAll('#files-state option')].map(option => option.value).filter(Boolean)";
    let all: Vec<&str> = RecordingState::ALL.map(RecordingState::name).into();
    assert_eq!(browser.get(options).await, json!(all));
}

#[tokio::test]
async fn names_are_text_and_only_the_web_is_linked_to() {
    let mut world = World::start().await;
    world.files = "javascript:hit()//{name}";
    world.stop();
    world.serve().await;
    let evil = "<img src=x onerror=hit()>\u{202e}\u{1b}[2J";
    let file = |bytes| File { bytes, ms: None };
    let files = (0..100).map(|n| (format!("{n:02}{evil}\n{}", "x".repeat(200)), file(1 << 52)));
    let failed = Failure { exit_status: Some(-1), message: format!("{evil}{}", "W ".repeat(900)) };
    let part = Part { files: files.collect(), failed: Some(failed), ..Part::default() };
    let all = Recording {
        key: "k".to_owned(),
        room: Some(format!("{evil}@muc.meet.jitsi")),
        meeting_id: Some(evil.to_owned()),
        jibris: vec![evil.to_owned(); 16],
        parts: [(evil.to_owned(), part)].into(),
        ..Recording::default()
    };
    world.record(all, RecordingState::Failed).await;
    world.record(Recording { key: "a".to_owned(), ..Recording::default() }, RecordingState::Unknown).await;
    let browser = world.browse().await;
    for width in [360, 1280] {
        browser.screen(width, 800, width == 360).await;
        let rows = rows(&browser, 2).await;
        assert!(rows[0][0].contains("<img src=x onerror=hit()>⟨202E⟩⟨001B⟩[2J"), "{rows:?}");
        assert_eq!((rows[0][2].as_str(), rows[1][0].as_str()), ("unknown", "unknown"));
        assert!(
            rows[0][6].contains("and 95 more files") && rows[0][6].contains("length unknown"),
            "{rows:?}"
        );
        assert!(rows[0][6].contains("exit status -1"), "{rows:?}");
        let box_ = "[document.documentElement.scrollWidth, document.querySelector('#recordings tbody tr').getBoundingClientRect().height]";
        let measured = browser.get(box_).await;
        assert!(measured[0] == width && measured[1].as_f64() < Some(420.0), "{measured}");
    }
    let made = "document.querySelectorAll('#recordings :is(a, img, script)').length";
    assert_eq!(browser.get(made).await, 0);
    assert_eq!(browser.get("window.hit").await, Value::Null);
    assert_eq!(browser.complaints().await, [""; 0]);
}
