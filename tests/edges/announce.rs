//! `recordings.webhook`: told of a recording's files until it takes it, one after the other.

use std::time::Duration;

use jibri_autostart::announce::{Announcer, Ready, spawn};
use jibri_autostart::config::from_toml;
use jibri_autostart::moment::Moment;
use jibri_autostart::recordings::{self, RecordingState};
use jibri_autostart::surface::Recording;
use serde_json::Value;

use crate::stand_in::{Manner, StandIn};

/// Longer than any wait in these tests takes on a busy machine.
const LONG: Duration = Duration::from_secs(60);

fn announcer(url: &str) -> Announcer {
    let toml = format!(
        "[xmpp]\ndomain = \"autostart.meet.jitsi\"\nsecret = \"x\"\n[muc]\ndomains = [\"muc.meet.jitsi\"]\n\
         [recordings]\nwebhook = \"{url}\"\nwebhook_token = \"hunter2\""
    );
    spawn(&from_toml(&toml).unwrap().settings.recordings, "autostart.meet.jitsi").unwrap().unwrap()
}

fn ready(key: &str, since: Moment) -> Ready {
    let recording = recordings::Recording {
        key: key.to_owned(),
        session_id: Some(key.to_owned()),
        room: Some("r1@muc.meet.jitsi".to_owned()),
        ..recordings::Recording::default()
    };
    let mut shown = Recording::shown(&[(recording, RecordingState::Written)], None, false, Moment::now());
    Ready { key: key.to_owned(), since, recording: shown.remove(0) }
}

async fn told(announcer: &mut Announcer) -> String {
    tokio::time::timeout(LONG, announcer.told()).await.expect("in time").expect("it works").0
}

fn sessions(receiver: &StandIn) -> Vec<String> {
    let body = |body: &str| serde_json::from_str::<Value>(body).unwrap();
    let bodies = receiver.seen().into_iter().map(|seen| body(&seen.body));
    bodies.map(|body| body["recording"]["session_id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn it_is_told_once_with_the_token() {
    let receiver = StandIn::start([Manner::Status("204 No Content", "")]).await;
    let mut announcer = announcer(&receiver.url());
    announcer.tell(ready("s1", Moment::now()));
    assert_eq!(told(&mut announcer).await, "s1");
    let seen = receiver.seen();
    assert!(seen[0].head.to_ascii_lowercase().contains("authorization: bearer hunter2"), "{:?}", seen[0]);
    let body: Value = serde_json::from_str(&seen[0].body).unwrap();
    assert_eq!(
        (&body["event"], &body["component"]),
        (&"recording_ready".into(), &"autostart.meet.jitsi".into())
    );
    assert_eq!(
        (&body["recording"]["room"], &body["recording"]["state"]),
        (&"r1@muc.meet.jitsi".into(), &"written".into())
    );
    assert_eq!(seen.len(), 1);
}

#[tokio::test]
async fn what_is_refused_comes_again_and_keeps_nobody_waiting() {
    let answers = [Manner::Status("500 Internal Server Error", "no"), Manner::Status("204 No Content", "")];
    let receiver = StandIn::start(answers).await;
    let mut announcer = announcer(&receiver.url());
    announcer.tell(ready("s1", Moment::now()));
    announcer.tell(ready("s2", Moment::now()));
    let first = told(&mut announcer).await;
    let second = told(&mut announcer).await;
    let mut both = [first, second];
    both.sort();
    assert_eq!(both, ["s1", "s2"]);
    assert_eq!(sessions(&receiver).len(), 3, "one of them twice");
}

#[tokio::test]
async fn after_a_day_it_is_given_up() {
    let receiver = StandIn::start([Manner::Status("204 No Content", "")]).await;
    let mut announcer = announcer(&receiver.url());
    let day = Duration::from_secs(24 * 60 * 60 + 1);
    announcer.tell(ready("old", Moment::now().before(day)));
    announcer.tell(ready("new", Moment::now()));
    assert_eq!(
        (told(&mut announcer).await, told(&mut announcer).await),
        ("old".to_owned(), "new".to_owned())
    );
    assert_eq!(sessions(&receiver), ["new"]);
}
