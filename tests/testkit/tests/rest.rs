//! Jicofo's REST interface, and what a Jibri's process tells webhooks and its parent's death tells it.

use serde_json::{Value, json};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use testkit::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

async fn world(version: Version) -> Result<World> {
    World::start(version, WorldOptions { rest: true, ..WorldOptions::default() }).await
}

async fn get(world: &World, path: &str) -> Result<Value> {
    let (status, body) = http::ask("GET", &format!("{}{path}", world.rest()?.url()), "", ms(500)).await?;
    if status == 200 { Ok(serde_json::from_str(&body)?) } else { Err(format!("status {status}").into()) }
}

/// A webhook's receiver that keeps what it is told.
async fn receiver() -> Result<(String, Arc<Mutex<Vec<Value>>>)> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let base = format!("http://{}/hook", listener.local_addr()?);
    let told = Arc::<Mutex<Vec<Value>>>::default();
    let keep = told.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut text = String::new();
            let mut buffer = [0; 4096];
            // What is told is one JSON object.
            while let Ok(read @ 1..) = stream.read(&mut buffer).await {
                text.push_str(&String::from_utf8_lossy(&buffer[..read]));
                let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
                if let Ok(body) = serde_json::from_str::<Value>(body) {
                    assert!(text.starts_with("POST /hook/v1/status HTTP/1.1\r\n"), "{text}");
                    keep.lock().unwrap().push(body);
                    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
                    break;
                }
            }
        }
    });
    Ok((base, told))
}

on_each_prosody! {
    async fn what_jicofo_tells(version) {
        let world = world(version).await?;
        assert_eq!(get(&world, "/debug/conferences").await?, json!([]));
        let stats = |meetings: u64, failures: u64, active: u64, count: u64, available: u64| json!({
            "total_conferences_created": meetings, "total_participants": meetings, "conferences": meetings,
            "jibri": {
                "total_recording_failures": failures, "total_live_streaming_failures": 0,
                "recording_active": active, "live_streaming_active": 0,
            },
            "jibri_detector": { "count": count, "available": available },
        });
        assert_eq!(get(&world, "/stats").await?, stats(0, 0, 0, 0, 0));
        let ada = world.moderator("r1").await?;
        world.focus.configure(|options| options.select_timeout = ms(0));
        let jibri = world.jibri_that("jibri-1", Behaviour::FailStart).await?;
        assert_eq!(get(&world, "/debug/conferences").await?, json!(["r1@muc.meet.jitsi"]));
        let state = get(&world, "/debug/conference/r1@muc.meet.jitsi").await?;
        let member = &state["chat_room"]["members"][&ada.nick()];
        assert_eq!((&member["jid"], &member["is_jibri"]), (&json!(ada.jid()), &json!(false)), "{state}");
        assert_eq!(get(&world, "/debug/conference/r2@muc.meet.jitsi").await?, json!({}));
        ada.start_recording(SOON).await?.expect_err("refused");
        assert_eq!(get(&world, "/stats").await?, stats(1, 2, 0, 1, 1), "the one that failed, and none after it");
        let failed = get(&world, "/debug").await?;
        assert_eq!(failed["focus_manager"], json!({"r1@muc.meet.jitsi": 1}));
        assert_eq!((&failed["jibri_detector"]["is_sip"], &failed["sip_jibri_detector"]), (&json!(false), &Value::Null));
        assert_eq!(failed["jibri_detector"]["brewery_jid"], config::BREWERY);
        let last_failed = |state: &Value| state["jibri_detector"]["jibri-1"]["last_failed"].as_str().map(String::from);
        assert!(last_failed(&failed).is_some_and(|at| at.starts_with("20")));

        // Idle and healthy once more, and it is forgotten; that it was selected is not.
        jibri.set_behaviour(Behaviour::Busy);
        world.focus.wait_available(0).await?;
        assert_eq!(last_failed(&get(&world, "/debug").await?), last_failed(&failed));
        jibri.set_behaviour(Behaviour::healthy());
        world.focus.wait_available(1).await?;
        let after = get(&world, "/debug").await?;
        assert_eq!(last_failed(&after).as_deref(), Some("-1000000000-01-01T00:00:00Z"));
        let selected = |state: &Value| state["jibri_detector"]["jibri-1"]["last_selected"].clone();
        assert_eq!(selected(&after), selected(&failed));
        ada.start_recording(SOON).await?.expect("started");
        ada.wait_recording("on", SOON).await?;
        let mut now = get(&world, "/stats").await?;
        now["total_participants"] = json!(1);
        assert_eq!(now, stats(1, 2, 1, 1, 0), "the recorder was a participant, too");
        world.focus.configure(|options| options.recording = false);
        assert_eq!(get(&world, "/debug?full=true").await?["jibri_detector"], Value::Null);
        Ok(())
    }

    async fn what_can_be_wrong_with_it(version) {
        let world = world(version).await?;
        let rest = world.rest()?;
        rest.set_fault(Some(RestFault::Stale));
        world.focus.open_room("r1").await?;
        assert_eq!(get(&world, "/debug/conferences").await?, json!([]));
        rest.set_fault(None);
        assert_eq!(get(&world, "/debug/conferences").await?, json!(["r1@muc.meet.jitsi"]));
        for fault in [RestFault::Error(503), RestFault::Silent, RestFault::Closes, RestFault::Slow(SOON)] {
            rest.set_fault(Some(fault));
            assert!(get(&world, "/debug").await.is_err());
        }
        rest.set_fault(Some(RestFault::Slow(ms(100))));
        let asked = Instant::now();
        get(&world, "/debug").await?;
        assert!(asked.elapsed() >= ms(100));
        assert!(get(&world, "/nothing").await.is_err());
        assert_eq!(rest.asked().len(), 8);
        Ok(())
    }

    async fn what_webhooks_are_told(version) {
        let world = world(version).await?;
        let manager = ServiceManager::start(Program::at(env!("CARGO_BIN_EXE_testkit-jibri"))).await?;
        let (base, told) = receiver().await?;
        let mut options = JibriProcessOptions::new("jibri-1");
        (options.webhooks, options.webhook_every) = (vec![base], ms(2_000));
        world.jibri_process(&manager, options).await?;
        let ada = world.moderator("r1").await?;
        ada.start_recording(SOON).await?.expect("started");
        let says = |busy: &str| json!({
            "jibriId": "jibri-1",
            "status": {"busyStatus": busy, "health": {"healthStatus": "HEALTHY", "details": {}}},
        });
        let count = |busy: &str| told.lock().unwrap().iter().filter(|one| **one == says(busy)).count();
        assert!(eventually(SOON, || count("BUSY") >= 1).await, "{:?}", told.lock().unwrap());
        // Twice without a change between: every so often.
        assert!(eventually(SOON, || count("BUSY") >= 3).await, "{:?}", told.lock().unwrap());
        ada.stop_recording(SOON).await?.expect("stopped");
        assert!(eventually(SOON, || count("IDLE") >= 1).await);
        Ok(())
    }

    async fn processes_end_with_whoever_started_them(version) {
        let world = world(version).await?;
        let dir = tempfile::tempdir()?;
        let dir = dir.path();
        let server = world.prosody.c2s().to_string();
        // A shell that starts two and is killed: one is frozen, so that it cannot see its leash go.
        let script = r#"for n in jibri-1 jibri-2; do
            "$0" --server "$1" --name $n --dir "$2" --leash <&0 & done; echo started; read forever"#;
        let mut shell = Command::new("bash");
        shell.args(["-c", script, env!("CARGO_BIN_EXE_testkit-jibri"), &server, &dir.display().to_string()]);
        let mut shell = shell.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        world.focus.wait_available(2).await?;
        let pid = |name: &str| std::fs::read_to_string(dir.join(format!("{name}.pid"))).unwrap_or_default();
        assert!(eventually(SOON, || !pid("jibri-1").is_empty() && !pid("jibri-2").is_empty()).await);
        Command::new("kill").args(["-STOP", &pid("jibri-2")]).status()?;
        shell.kill()?;
        shell.wait()?;
        assert!(eventually(SOON, || world.focus.jibris().is_empty()).await, "{:?}", world.focus.jibris());
        Ok(())
    }
}
