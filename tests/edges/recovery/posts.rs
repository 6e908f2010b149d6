//! Recovery by a POST, however it is answered.

use std::time::Duration;

use jibri_autostart::recovery::{Outcome, recover};

use super::{LONG, settings};
use crate::stand_in::{Manner, StandIn};

async fn post(url: String, timeout: Duration) -> Outcome {
    recover(&settings(&[], Some(url), timeout), "jibri-1").await
}

#[tokio::test]
async fn a_success_is_one_post_without_a_body() {
    let jibri = StandIn::start([Manner::Body("done\n".to_owned())]).await;
    let outcome = post(format!("{}/{{instance}}/shutdown?n={{instance}}", jibri.url()), LONG).await;
    assert_eq!(
        (outcome.success, outcome.how.as_str(), outcome.output.as_str()),
        (true, "HTTP status 200", "done")
    );
    let seen = jibri.seen();
    assert_eq!(seen.len(), 1);
    assert_eq!((seen[0].what.as_str(), seen[0].body.as_str()), ("POST /jibri-1/shutdown?n=jibri-1", ""));
}

#[tokio::test]
async fn what_is_no_success_says_why() {
    let elsewhere = StandIn::start([Manner::Body(String::new())]).await;
    for (manner, how) in [
        (Manner::Status("500 Internal Server Error", "no\u{1b}[31m idea"), "HTTP status 500"),
        (Manner::Status("404 Not Found", ""), "HTTP status 404"),
        (Manner::Redirect(elsewhere.url()), "not followed"),
        (Manner::Silence, "no complete answer within 300ms"),
        (Manner::Reset, "broke off"),
        (Manner::Gibberish, "broke off"),
    ] {
        let jibri = StandIn::start([manner.clone()]).await;
        let outcome = post(jibri.url(), Duration::from_millis(300)).await;
        assert!(!outcome.success, "{manner:?}");
        assert!(outcome.how.contains(how), "{manner:?}: {outcome}");
        assert!(!outcome.output.contains('\u{1b}'), "{outcome}");
        assert!(outcome.took < LONG);
    }
    assert_eq!(elsewhere.requests(), 0);
}

#[tokio::test]
async fn an_answer_that_never_comes_to_its_head_is_not_waited_for() {
    let jibri = StandIn::start([Manner::Interim]).await;
    let outcome = post(jibri.url(), LONG * 10).await;
    assert!(!outcome.success && outcome.how.contains("the head of the answer is longer than"), "{outcome}");
}

/// The head said that it is done; Jibri may be gone before the body is there.
#[tokio::test]
async fn an_answer_that_is_huge_or_breaks_off_is_still_one() {
    for manner in [Manner::Huge, Manner::Truncated, Manner::Drip] {
        let jibri = StandIn::start([manner.clone()]).await;
        let outcome = post(jibri.url(), Duration::from_millis(500)).await;
        assert!(outcome.success, "{manner:?}: {outcome}");
        assert!(outcome.output.chars().count() <= 2000);
        assert!(jibri.sent() < 50_000_000, "read on: {}", jibri.sent());
    }
}

#[tokio::test]
async fn nobody_there_is_a_failure_that_says_what_to_look_at() {
    let address = StandIn::start([Manner::Silence]).await.address;
    // The stand-in is gone again; its port may take a moment.
    tokio::time::sleep(Duration::from_millis(50)).await;
    let outcome = post(format!("http://{address}/"), LONG).await;
    assert!(!outcome.success);
    assert!(
        outcome.how.contains("Connection refused") && outcome.how.contains("internal-api-host"),
        "{outcome}"
    );
}
