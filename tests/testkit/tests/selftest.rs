//! The kit against both Prosody versions: what other tests rely on holds.

use std::time::Duration;
use testkit::*;

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

async fn world(version: Version) -> Result<World> {
    World::start(version, WorldOptions::default()).await
}

/// The refusal that somebody must have got.
fn refused(answer: std::result::Result<String, Refusal>) -> (String, String) {
    let refusal = answer.expect_err("must be refused");
    (refusal.condition, refusal.text.unwrap_or_default())
}

on_each_prosody! {
    async fn a_recording_from_start_to_stop(version) {
        let world = world(version).await?;
        let jibri = world.jibri("jibri-1").await?;
        let ada = world.person("r1").await?;
        ada.wait_until_moderator(SOON).await?;
        let bob = world.person("r1").await?;
        assert!(ada.jid() != bob.jid() && ada.jid().contains("@meet.jitsi/"));
        assert!(!bob.is_moderator());

        let session = ada.start_recording(SOON).await?.expect("started");
        let on = bob.wait_recording("on", SOON).await?;
        assert_eq!(on.session_id, session);
        assert_eq!(on.initiator, Some(ada.nick()));
        assert_eq!(bob.wait_recorder(SOON).await?, session);
        assert_eq!(jibri.recording(), Some(session.clone()));
        world.focus.until(SOON, "aware that it is busy", || world.focus.jibris() == [("jibri-1".into(), false)]).await?;
        let again = refused(ada.start_recording(SOON).await?);
        assert_eq!(again, ("unexpected-request".into(), "Recording or live streaming is already enabled".into()));
        assert_eq!(refused(bob.stop_recording(SOON).await?).0, "not-allowed");

        ada.stop_recording(SOON).await?.expect("stopped");
        let off = bob.wait_recording("off", SOON).await?;
        assert_eq!((off.session_id, off.initiator, off.failure_reason), (session, Some(ada.nick()), None));
        bob.wait_no_recorder(SOON).await?;
        world.focus.wait_available(1).await?;
        assert_eq!(refused(ada.stop_recording(SOON).await?), ("item-not-found".into(), "Unknown session".into()));
        assert_eq!(world.focus.start_requests_in("r1").len(), 2);
        assert_eq!(world.focus.start_requests()[0].nick, ada.nick());
        Ok(())
    }

    async fn ownership_and_endings(version) {
        let world = world(version).await?;
        let ada = world.person("r1").await?;
        ada.wait_until_moderator(SOON).await?;
        let bob = world.person("r1").await?;
        let old = bob.nick();
        bob.rename("deadbeef");
        ada.occupancy().until(SOON, "told of the new nick", |v| v.occupants.contains_key("deadbeef")).await?;
        assert!(ada.occupancy().look(|v| v.seen.iter().any(|s| room::status_codes(&s.node).contains(&303))));
        assert!(!ada.occupancy().look(|v| v.occupants.contains_key(&old)));
        assert!(eventually(SOON, || world.focus.answers("r1").iter().any(|a| a.to == "session-initiate" && a.with == "result")).await);
        assert!(world.focus.answers("r1").iter().any(|a| a.to == "disco" && a.with == "result"));
        ada.vanish();
        bob.wait_until_moderator(SOON).await?;
        bob.leave().await;
        world.focus.until(SOON, "out of the room", || !world.focus.is_in("r1")).await?;

        // A member of a trusted domain that says it is a Jibri is not elected.
        let features = Node::new("features", "").child(Node::new("feature", "").attr("var", "http://jitsi.org/protocol/jibri"));
        world.focus.configure(|options| options.trusted_domains.push(config::GUEST.into()));
        let machine = PersonOptions { extras: vec![features], ..PersonOptions::guest() };
        let machine = world.person_with("r2", machine).await?;
        let cyd = world.person("r2").await?;
        cyd.wait_until_moderator(SOON).await?;
        assert!(!machine.is_moderator());
        Ok(())
    }

    async fn jibris_that_fail(version) {
        let world = world(version).await?;
        let ada = world.moderator("r1").await?;
        assert_eq!(refused(ada.start_recording(SOON).await?), ("service-unavailable".into(), "no Jibris available".into()));
        let jibri = world.jibri_that("jibri-1", Behaviour::FailStart).await?;
        let busy = ("resource-constraint".into(), "all Jibris are busy".into());
        assert_eq!(refused(ada.start_recording(SOON).await?), busy, "the only one failed");
        assert!(!jibri.is_busy());

        world.focus.configure(|options| options.select_timeout = ms(0));
        // It is shunned, until it says again that it is idle.
        jibri.set_behaviour(Behaviour::Busy);
        world.focus.wait_available(0).await?;
        assert_eq!(refused(ada.start_recording(SOON).await?), busy);
        jibri.set_behaviour(Behaviour::healthy());
        world.focus.wait_available(1).await?;
        // The session that the failed start has left behind ends with it, or it would take the place of what moves below.
        world.restart(&jibri).await?;
        world.focus.wait_available(1).await?;
        let session = ada.start_recording(SOON).await?.expect("started");
        ada.wait_recording("on", SOON).await?;

        // It crashes; another takes over under the same session.
        let second = world.jibri("jibri-2").await?;
        jibri.crash();
        second.until(SOON, "recording", |second| second.recording().is_some()).await?;
        assert_eq!(second.recording().as_deref(), Some(session.as_str()));
        assert_eq!(ada.recording().unwrap().status, "on");
        second.stop_from_outside();
        let off = ada.wait_recording("off", SOON).await?;
        assert_eq!((off.initiator, off.failure_reason), (None, None));
        let history: Vec<_> = ada.occupancy().look(|view| view.recording_history()).into_iter().map(|s| s.status).collect();
        assert_eq!(history, ["on", "off"]);
        Ok(())
    }

    async fn jibris_that_hang(version) {
        let world = world(version).await?;
        let ada = world.moderator("r1").await?;
        world.focus.configure(|options| options.reply_timeout = ms(300));
        let jibri = world.jibri_that("jibri-1", Behaviour::HangStart).await?;
        assert_eq!(refused(ada.start_recording(SOON).await?).0, "resource-constraint");
        assert!(!jibri.is_busy());
        world.focus.configure(|options| options.select_timeout = ms(0));
        // Hung is hung: it takes a restart.
        jibri.set_behaviour(Behaviour::PendingForever);
        world.focus.configure(|options| options.failure_timeout = ms(0));
        assert_eq!(jibri.starts().len(), 1);
        world.restart(&jibri).await?;
        world.focus.wait_available(1).await?;
        world.focus.configure(|options| (options.reply_timeout, options.pending_timeout) = (SOON, ms(500)));
        let session = ada.start_recording(SOON).await?.expect("pending");
        let off = ada.wait_recording("off", SOON).await?;
        assert_eq!((off.session_id, off.initiator, off.failure_reason), (session, None, None));
        world.focus.wait_available(1).await?;

        // An error after `on` with nobody else to take it.
        jibri.set_behaviour(Behaviour::FailAfter(ms(50)));
        world.focus.configure(FocusOptions::be_patient);
        world.focus.configure(|options| (options.failure_timeout, options.num_retries) = (ms(0), 0));
        eventually(SOON, || !world.focus.jibris().is_empty()).await;
        let session = ada.start_recording(SOON).await?.expect("started");
        let failed = |view: &RoomView| view.recording().is_some_and(|s| s.session_id == session && s.status == "off");
        ada.occupancy().until(SOON, "told of the failure", failed).await?;
        assert_eq!(ada.recording().unwrap().failure_reason.as_deref(), Some("error"));

        // Everybody leaves: the recording ends, then Jicofo leaves.
        world.focus.wait_available(1).await?;
        jibri.set_behaviour(Behaviour::healthy());
        ada.start_recording(SOON).await?.expect("started");
        ada.wait_recording("on", SOON).await?;
        ada.leave().await;
        world.focus.until(SOON, "gone", || !world.focus.is_in("r1")).await?;
        world.focus.wait_available(1).await?;
        Ok(())
    }

    async fn jibris_that_end(version) {
        let world = world(version).await?;
        world.focus.configure(FocusOptions::be_patient);
        world.focus.configure(|options| (options.failure_timeout, options.select_timeout) = (ms(0), ms(0)));
        let ada = world.moderator("r1").await?;
        let jibri = world.jibri_that("jibri-1", Behaviour::slow(ms(50))).await?;
        let over = |session: String| {
            move |view: &RoomView| view.recording().is_some_and(|s| s.session_id == session && s.status == "off")
        };
        let cases = [
            (Behaviour::EndsByItself(ms(50)), None),
            (Behaviour::FailJoin(ms(50)), Some("error")),
            (Behaviour::Crash(ms(50)), Some("error")),
        ];
        for (behaviour, reason) in cases {
            jibri.set_behaviour(behaviour);
            world.focus.configure(|options| options.num_retries = if reason.is_some() { 0 } else { 5 });
            let session = ada.start_recording(SOON).await?.expect("started");
            ada.occupancy().until(SOON, "over", over(session)).await?;
            let off = ada.recording().unwrap();
            assert_eq!((off.initiator, off.failure_reason.as_deref()), (None, reason), "{behaviour:?}");
            ada.wait_no_recorder(SOON).await?;
            world.restart(&jibri).await?;
            world.focus.wait_available(1).await?;
        }
        jibri.set_behaviour(Behaviour::FailStart);
        assert_eq!(refused(ada.start_recording(SOON).await?), ("internal-server-error".into(), "Internal server error".into()));
        jibri.set_behaviour(Behaviour::healthy());
        let bad = person::jibri("start").attr("recording_mode", "file").attr("app_data", r#"{"other":1}"#);
        assert_eq!(refused(ada.ask_focus(bad, SOON).await?).0, "internal-server-error");
        let bad = person::jibri("start").attr("recording_mode", "stream");
        assert_eq!(refused(ada.ask_focus(bad, SOON).await?).0, "bad-request");
        jibri.set_healthy(false);
        world.focus.wait_available(0).await?;
        assert_eq!(refused(ada.start_recording(SOON).await?).0, "resource-constraint");

        // Jibris in turn, under one session.
        world.focus.configure(|options| options.num_retries = 5);
        jibri.set_healthy(true);
        jibri.set_behaviour(Behaviour::FailStart);
        world.focus.wait_available(1).await?;
        world.focus.configure(|options| options.failure_timeout = SOON);
        assert_eq!(refused(ada.start_recording(SOON).await?).0, "resource-constraint");
        let second = world.jibri("jibri-2").await?;
        let session = ada.start_stream("rtmp://example/key", SOON).await?.expect("started");
        ada.wait_recording("on", SOON).await?;
        assert_eq!(second.recording(), Some(session));
        Ok(())
    }

    async fn faults_of_jicofo(version) {
        let world = world(version).await?;
        world.focus.configure(FocusOptions::be_patient);
        let _jibri = world.jibri("jibri-1").await?;
        let ada = world.moderator("r1").await?;
        world.focus.inject(Fault::Ignore);
        world.focus.inject_in("r1", Fault::Refuse("internal-server-error".into(), None));
        world.focus.inject(Fault::Late(ms(300)));
        assert!(ada.start_recording(ms(300)).await.is_err());
        assert_eq!(refused(ada.start_recording(SOON).await?).0, "internal-server-error");
        let asked = std::time::Instant::now();
        ada.start_recording(SOON).await?.expect("late");
        assert!(asked.elapsed() >= ms(300));
        ada.wait_recording("on", SOON).await?;

        world.focus.restart().await?;
        world.focus.until(SOON, "back", || world.focus.is_in("r1")).await?;
        ada.occupancy().until(SOON, "without a status", |view| view.focus().is_some() && view.recording().is_none()).await?;
        assert!(ada.occupancy().look(|view| view.recorder().is_some()), "nobody told Jibri to stop");
        ada.wait_until_moderator(SOON).await?;
        assert_eq!(refused(ada.start_recording(SOON).await?).0, "resource-constraint");
        world.focus.leave_room("r1");
        ada.occupancy().until(SOON, "without focus", |view| view.focus().is_none()).await?;
        let gone = ada.start_recording(SOON).await?.unwrap_err();
        assert_eq!((gone.condition.as_str(), gone.by.as_deref()), ("item-not-found", Some("r1@muc.meet.jitsi")));
        Ok(())
    }

    async fn survives_hostile_stanzas_and_a_restart(version) {
        let mut world = world(version).await?;
        // Whoever joins is sent the deep one first, and Prosody takes its time for that.
        world.focus.configure(FocusOptions::be_patient);
        let ada = world.moderator("r1").await?;
        let bob = world.person("r1").await?;
        let deep = |name: &str| format!("{}{}", "<a>".repeat(10_000), "</a>".repeat(10_000)).replacen("<a>", &format!("<a xmlns='{name}'>"), 1);
        let to = ada.occupancy().room();
        bob.client().send_raw(&format!("<message type='groupchat' to='{to}'>{}<body>hello</body></message>", deep("x")));
        bob.client().send_raw(&format!("<presence to='{to}/{}'><show>bogus</show>{}</presence>", bob.nick(), deep("y")));
        bob.client().send_raw(&format!("<iq type='set' id='deep' to='{to}/focus'>{}</iq>", deep("z")));
        let hello = |node: &Node| node.find("body").is_some_and(|body| body.text == "hello");
        ada.client().wait_for(hello, SOON).await?;
        ada.client().wait_for(|node| node.find("show").is_some_and(|show| show.text == "bogus"), SOON).await?;
        bob.client().wait_for(|node| node.get("id") == Some("deep") && node.name == "iq", SOON).await?;
        let _jibri = world.jibri("jibri-1").await?;
        ada.start_recording(SOON).await?.expect("started");
        bob.wait_recording("on", SOON).await?;

        world.restart_prosody().await?;
        assert!(ada.client().wait_closed(SOON).await);
        let cyd = world.moderator("r1").await?;
        cyd.start_recording(SOON).await?.expect("started");
        cyd.wait_recording("on", SOON).await?;
        Ok(())
    }

    async fn tenants_have_two_addresses(version) {
        let prosody = ProsodyOptions { tenants: true, ..ProsodyOptions::default() };
        let world = World::start(version, WorldOptions { prosody, ..WorldOptions::default() }).await?;
        let _jibri = world.jibri("jibri-1").await?;
        let ada = world.moderator("r1@muc.acme.meet.jitsi").await?;
        ada.start_recording(SOON).await?.expect("started");
        ada.wait_recording("on", SOON).await?;
        ada.wait_recorder(SOON).await?;
        assert!(ada.occupancy().look(|view| view.focus().unwrap().presence.from() == "r1@muc.acme.meet.jitsi/focus"));
        Ok(())
    }

    async fn a_crowd(version) {
        let world = world(version).await?;
        let mut coming = tokio::task::JoinSet::new();
        let address = world.prosody.c2s();
        for room in 0..10 {
            world.focus.open_room(&format!("room{room}")).await?;
            for _ in 0..10 {
                coming.spawn(async move {
                    let login = Login::anonymous(config::DOMAIN);
                    let (client, inbox) = Client::connect(address, &login, Manners::default()).await?;
                    let nick = client.jid()[..8].to_owned();
                    let occupancy = Occupancy::enter(client, inbox, &format!("room{room}"), &nick, vec![], false);
                    occupancy.until(SOON, "complete", |view| view.occupants.len() == 11).await?;
                    Ok::<_, Error>(occupancy)
                });
            }
        }
        let mut seats = Vec::new();
        while let Some(occupancy) = coming.join_next().await {
            seats.push(occupancy??);
        }
        let moderators = || seats.iter().filter(|occupancy| occupancy.look(|view| view.own_role() == "moderator")).count();
        assert!(eventually(SOON, || moderators() == 10).await);
        Ok(())
    }
}
