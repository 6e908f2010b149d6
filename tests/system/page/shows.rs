//! What the page shows, and that it goes on to show what is.

use serde_json::{Value, json};

use super::sample::{self, alert, attempt, jibri, put, room};
use super::world::World;
use jibri_autostart::ledger::{Attempt, Entry, Outcome};
use jibri_autostart::surface::{Link, Room};

/// The texts of the cells of each row.
fn rows(section: &str) -> String {
    format!(
        "[...document.querySelectorAll('#{section} tbody tr')].map(row => [...row.cells].map(cell => cell.innerText.trim()))"
    )
}

#[tokio::test]
async fn everything_that_is_known() {
    let mut world = World::start().await;
    sample::fill(&mut world).await;
    let browser = world.browse().await;
    assert_eq!(
        browser.text("h1").await,
        "1 meeting is not recorded: Jicofo has tried several Jibris and all failed"
    );
    assert!(browser.get("document.title").await.as_str().unwrap().starts_with("1 meeting is not recorded"));
    assert_eq!(browser.text("#link").await, "Linked to Prosody for 3 h");

    let meetings = browser.get(&rows("meetings")).await;
    let names: Vec<_> = meetings.as_array().unwrap().iter().map(|row| row[0].as_str().unwrap()).collect();
    // What needs attention comes first.
    assert_eq!(names[..4], ["court-3-hearing", "staff-meeting", "clinic-follow-up", "court-1-hearing"]);
    assert_eq!(names.last(), Some(&"lesson-5c-waiting-room"));
    assert_eq!(meetings[0][1], "Not recorded");
    assert_eq!((&meetings[0][2], &meetings[0][3]), (&json!("1 min"), &json!("9 (2)")));
    assert!(meetings[0][4].as_str().unwrap().contains("all failed"), "{}", meetings[0]);
    assert_eq!(meetings[3][2], "1 h 31 min");

    let jibris = browser.get(&rows("jibris")).await;
    assert_eq!(
        (&jibris[0][0], &jibris[0][1], &jibris[0][2]),
        (&json!("jibri-6"), &json!("Wedged"), &json!("is idle"))
    );
    assert!(jibris[0][3].as_str().unwrap().starts_with("3 starts in a row failed"));
    assert_eq!(jibris[1][2], "records lesson-7b-geometry");
    let alerts = browser.get(&rows("alerts")).await;
    assert_eq!((&alerts[0][0], &alerts[0][1]), (&json!("Critical"), &json!("court-3-hearing")));
    assert!(alerts[1][2].as_str().unwrap().contains("What to do: restart"), "{alerts}");
    browser.until("document.querySelector('#history tbody tr')").await;
    let history = browser.get(&rows("history")).await;
    let outcomes: Vec<_> = history.as_array().unwrap().iter().map(|row| row[1].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["Failed", "Restarted", "Recorded", "Recorded", "Stopped"]);
    assert_eq!(history[2][3], "21 min; on jibri-2; for Ada (moderator)");
    assert_eq!(browser.complaints().await, [""; 0]);
}

#[tokio::test]
async fn changes_without_being_loaded_again() {
    let world = World::start().await;
    put(&world.board, room("quiet", "idle", 5));
    put(&world.board, room("other", "idle", 5));
    let browser = world.browse().await;
    assert_eq!(browser.text("h1").await, "All well: no meeting needs a recording");
    // They are lost with the document, and a row that does not change is not touched.
    browser.get("window.same = document.querySelector('#meetings tbody tr')").await;
    browser
        .get("(window.touched = 0, new MutationObserver(all => touched += all.length)\
              .observe(same.cells[4], { subtree: true, childList: true, characterData: true, attributes: true }))")
        .await;
    let state = "[...document.querySelectorAll('#meetings tbody tr')].map(row => row.cells[0].innerText + ' ' + row.cells[1].innerText).join()";
    put(&world.board, room("quiet", "starting", 0));
    browser.until(&format!("{state} === 'quiet Starting,other Idle'")).await;
    assert_eq!(browser.text("h1").await, "1 meeting is about to be recorded");
    put(&world.board, room("quiet", "recording", 0));
    browser
        .until("document.querySelector('h1').textContent === 'All well: 1 meeting is being recorded'")
        .await;
    put(&world.board, Room { reason: Some("so it is".to_owned()), ..room("quiet", "held", 0) });
    browser.until("document.querySelector('#meetings tbody tr').innerText.includes('so it is')").await;
    world.board.forget_room("quiet@muc.meet.jitsi");
    browser.until(&format!("{state} === 'other Idle'")).await;
    assert_eq!(
        browser.get("[document.querySelector('#meetings tbody tr') === same, touched]").await,
        json!([true, 0])
    );

    world.board.set_jibris(vec![jibri("jibri-1", "expired", "used up", None)]);
    browser.until("document.querySelector('#jibris tbody').innerText.includes('Expired')").await;
    world.board.set_alerts(vec![alert("disk", "warning", "jibri-1", "full", "empty it")], [].into());
    browser.until("document.querySelector('h1').textContent === '1 warning'").await;
    world.board.set_alerts(Vec::new(), [].into());
    browser.until("document.querySelector('#alerts .empty').checkVisibility()").await;
    world.board.set_waiting(3);
    browser.until("document.querySelector('#counts').innerText.includes('wait for a Jibri\\n3')").await;
    for n in 1..=3 {
        let waits = Room {
            place: Some(n),
            not_recorded: Some("no Jibri is free".to_owned()),
            reason: Some(format!("no Jibri is free; place {n} in the queue")),
            ..room(&format!("waits-{n}"), "waiting", 5)
        };
        put(&world.board, waits);
    }
    let headline =
        "document.querySelector('h1').textContent === '3 meetings are not recorded: no Jibri is free'";
    browser.until(headline).await;
    browser.until("document.querySelector('#counts').innerText.includes('not recorded\\n3')").await;
    browser
        .until("document.querySelector('#meetings tbody tr').innerText.includes('place 1 in the queue')")
        .await;
    for n in 1..=3 {
        world.board.forget_room(&format!("waits-{n}@muc.meet.jitsi"));
    }
    put(&world.board, Room { seen: false, people: 0, ..room("other", "idle", 0) });
    browser.until("document.querySelector('#meetings tbody tr').innerText.includes('Not known')").await;
    let link = Link {
        linked: false,
        standby: false,
        since: sample::ago(2),
        reason: Some("connection refused".to_owned()),
    };
    world.board.set_link(link);
    browser.until("document.querySelector('#link').textContent.includes('connection refused')").await;
    assert_eq!(browser.text("h1").await, "No link to Prosody: nothing can be recorded");
    assert!(browser.text("#link").await.ends_with("connection refused. What is shown is from before."));
    let why = Some("another instance has the link".to_owned());
    world.board.set_link(Link { linked: false, standby: true, since: sample::ago(2), reason: why });
    browser.until("document.querySelector('h1').textContent.startsWith('Standing by')").await;
    // It knows nothing, which is not the same as that there is nothing.
    let numbers = browser.get("[...document.querySelectorAll('#counts dd')].map(dd => dd.textContent)").await;
    assert!(numbers.as_array().unwrap().iter().all(|number| number == "–"), "{numbers}");
    browser
        .until("document.querySelector('#jibris .empty').textContent === 'The other instance knows.'")
        .await;
}

#[tokio::test]
async fn numbers_in_names_are_in_their_order() {
    let world = World::start().await;
    for n in [10, 2, 1] {
        put(&world.board, room(&format!("lesson-{n}"), "recording", 5));
    }
    let names =
        ["jibri-10", "jibri-9", "jibri-1"].map(|name| sample::jibri(name, "ok", "no problems found", None));
    world.board.set_jibris(names.into());
    let browser = world.browse().await;
    for (table, expected) in
        [("meetings", ["lesson-1", "lesson-2", "lesson-10"]), ("jibris", ["jibri-1", "jibri-9", "jibri-10"])]
    {
        let shown = format!(
            "[...document.querySelectorAll('#{table} tbody th')].map(cell => cell.querySelector('.local, bdi').innerText)"
        );
        browser.until(&format!("{shown}.join() === '{}'", expected.join(","))).await;
    }
}

#[tokio::test]
async fn a_thousand_meetings_each_once_and_those_that_are_looked_for() {
    let world = World::start().await;
    for n in 0..1000 {
        put(&world.board, room(&format!("lesson-{n:04}"), if n == 700 { "backoff" } else { "recording" }, n));
    }
    let browser = world.browse().await;
    let names = "[...document.querySelectorAll('#meetings tbody tr')].map(row => row.cells[0].textContent)";
    assert_eq!(browser.get(&format!("new Set({names}).size")).await, 1000);
    assert!(browser.get(&format!("{names}[0]")).await.as_str().unwrap().starts_with("lesson-0700"));
    let input = browser.client.find(fantoccini::Locator::Css("#filter")).await.unwrap();
    input.send_keys("son-099").await.unwrap();
    browser.until("document.querySelector('#filtered').textContent === '10 of 1000'").await;
    let shown =
        "[...document.querySelectorAll('#meetings tbody tr')].filter(row => row.checkVisibility()).length";
    assert_eq!(browser.get(shown).await, 10);
    input.clear().await.unwrap();
    input.send_keys("not recorded").await.unwrap();
    browser.until(&format!("{shown} === 1")).await;
    // What turns up meanwhile is filtered as well.
    put(&world.board, room("another", "recording", 1));
    browser.until("document.querySelector('#filtered').textContent === '1 of 1001'").await;
}

#[tokio::test]
async fn the_page_and_its_headers() {
    let world = World::start().await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = client.get(&world.url).send().await.unwrap();
    let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "text/html; charset=utf-8");
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert_eq!(header("referrer-policy"), "no-referrer");
    let policy = header("content-security-policy");
    for part in ["default-src 'none'", "connect-src 'self'", "frame-ancestors 'none'", "script-src 'sha256-"]
    {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");

    let browser = world.browse().await;
    let fetched = browser.get("performance.getEntriesByType('resource').map(entry => entry.name)").await;
    let fetched: Vec<_> = fetched.as_array().unwrap().iter().map(Value::to_string).collect();
    let ours = format!("\"{}api/v1/", world.url);
    assert!(!fetched.is_empty() && fetched.iter().all(|url| url.starts_with(&ours)), "{fetched:?}");
    assert_eq!(browser.complaints().await, [""; 0]);
}

#[tokio::test]
async fn the_history_is_read_again_when_contact_is_made_again() {
    let mut world = World::start().await;
    let browser = world.browse().await;
    assert_eq!(browser.text("#history .empty").await, "Nothing is known about earlier recordings.");
    world.stop();
    browser.until("document.querySelector('#lost').textContent").await;
    let recorded = attempt("r", 90, Some(30), Outcome::Recorded, "");
    world.write(Entry::Attempt(recorded)).await;
    world.serve().await;
    browser.until("document.querySelector('#history tbody')?.innerText.includes('Recorded')").await;
}

#[tokio::test]
async fn the_history_is_read_again_when_something_is_written() {
    let mut world = World::start().await;
    let browser = world.browse().await;
    let failed = attempt("r", 90, Some(30), Outcome::Failed, "");
    let key = world
        .write(Entry::Attempt(Attempt { off: None, outcome: Outcome::Recording, ..failed.clone() }))
        .await;
    browser.until("document.querySelector('#history tbody')?.innerText.includes('Recording')").await;
    world.rewrite(key, Entry::Attempt(failed)).await;
    browser.until("document.querySelector('#history tbody').innerText.includes('Failed')").await;
    assert_eq!(browser.get(&format!("{}.length", rows("history"))).await, 1);
    assert_eq!(browser.complaints().await, [""; 0]);
}
