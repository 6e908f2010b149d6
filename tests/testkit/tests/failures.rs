//! What was seen to go wrong on the real stack (docs/jitsi.md 13.2, 13.3), each by its name in the kit.

use std::time::Duration;
use testkit::*;

async fn world(version: Version) -> Result<World> {
    World::start(version, WorldOptions::default()).await
}

/// What Prosody holds of who has lost the connection stays so long.
async fn lingering(version: Version, services: u32, recorders: u32) -> Result<World> {
    let mut options = WorldOptions::default();
    options.prosody.services_linger = Some(services);
    options.prosody.recorders_linger = Some(recorders);
    World::start(version, options).await
}

fn text(answer: std::result::Result<String, Refusal>) -> String {
    answer.expect_err("must be refused").text.unwrap_or_default()
}

on_each_prosody! {
    async fn a_lost_brewery_in_both_forms(version) {
        let world = world(version).await?;
        let jibri = world.jibri("jibri-1").await?;
        let ada = world.moderator("r1").await?;
        world.focus.lose_brewery();
        assert_eq!(text(ada.start_recording(SOON).await?), "all Jibris are busy");
        assert_eq!(world.focus.jibris(), [("jibri-1".to_owned(), true)]);
        world.focus.restart().await?;
        world.focus.fail_to_enter_brewery();
        ada.wait_until_moderator(SOON).await?;
        assert_eq!(text(ada.start_recording(SOON).await?), "no Jibris available");
        assert_eq!((world.focus.jibris(), jibri.starts().len()), (Vec::new(), 0));
        world.focus.restart().await?;
        world.focus.wait_available(1).await?;
        ada.wait_until_moderator(SOON).await?;
        ada.start_recording(SOON).await?.expect("started");
        Ok(())
    }

    async fn a_ghost_in_an_empty_room(version) {
        let mut options = WorldOptions::default();
        options.jibri.empty_timeout = SOON;
        let world = World::start(version, options).await?;
        let first = world.jibri("jibri-1").await?;
        world.focus.leak_session("r1", "jibri-1");
        let second = world.jibri("jibri-2").await?;
        first.crash();
        second.until(SOON, "recording", |jibri| jibri.recording().is_some()).await?;
        assert_eq!(second.starts()[0].room, "r1@muc.meet.jitsi");
        // It makes a meeting of its own; Jicofo knows nothing of a session there.
        world.focus.until(SOON, "aware of it", || world.focus.members("r1").len() == 1).await?;
        assert_eq!(world.focus.session("r1"), None);
        let ada = world.moderator("r1").await?;
        assert_eq!(text(ada.stop_recording(SOON).await?), "Unknown session");
        second.stop_service().await;
        ada.wait_no_recorder(SOON).await?;
        Ok(())
    }

    async fn a_stop_that_is_meant_for_another_session(version) {
        let world = world(version).await?;
        let _jibri = world.jibri("jibri-1").await?;
        let ada = world.moderator("r1").await?;
        ada.start_recording(SOON).await?.expect("started");
        ada.wait_recording("on", SOON).await?;
        world.focus.stop_by_mistake("jibri-1");
        let off = ada.wait_recording("off", SOON).await?;
        assert_eq!((off.initiator, off.failure_reason), (None, None));
        Ok(())
    }

    async fn stale_busy_and_stale_idle(version) {
        let world = world(version).await?;
        let ada = world.moderator("r1").await?;
        let jibri = world.jibri("jibri-1").await?;
        ada.start_recording(SOON).await?.expect("started");
        ada.wait_recording("on", SOON).await?;
        jibri.lose_last_word().await;
        ada.wait_no_recorder(SOON).await?;
        world.focus.until(SOON, "aware that it is back", || world.focus.jibris().len() == 1).await?;
        assert_eq!((jibri.status().0, jibri.is_busy()), ("IDLE", true));
        world.restart(&jibri).await?;
        world.focus.wait_available(1).await?;

        jibri.set_behaviour(Behaviour::StickStart);
        assert_eq!(text(ada.start_recording(SOON).await?), "all Jibris are busy");
        assert_eq!((jibri.status().0, jibri.is_busy()), ("BUSY", false));

        jibri.leave_brewery();
        world.focus.until(SOON, "without Jibris", || world.focus.jibris().is_empty()).await?;
        assert!(jibri.client().is_some_and(|client| !client.is_closed()), "it lives");
        Ok(())
    }

    async fn a_fresh_jibri_misses_its_first_start(version) {
        let world = world(version).await?;
        let ada = world.moderator("r1").await?;
        let fresh = JibriOptions { misses_starts: SOON, ..JibriOptions::default() };
        let fresh = world.jibri_with("jibri-1", fresh).await?;
        assert_eq!(text(ada.start_recording(SOON).await?), "all Jibris are busy");
        assert!(!fresh.is_busy());
        fresh.configure(|options| options.misses_starts = Duration::ZERO);
        world.focus.configure(|options| options.failure_timeout = Duration::ZERO);
        ada.start_recording(SOON).await?.expect("started");
        Ok(())
    }

    async fn one_that_is_back_soon_hears_nothing_while_prosody_keeps_its_connection_before(version) {
        let world = lingering(version, 20, 20).await?;
        let ada = world.moderator("r1").await?;
        let jibri = world.jibri("jibri-1").await?;
        jibri.restart().await?;
        assert_eq!(text(ada.start_recording(SOON).await?), "all Jibris are busy");
        assert_eq!((world.focus.jibris().len(), jibri.starts().len(), jibri.is_busy()), (1, 0, false));
        Ok(())
    }

    async fn a_seat_and_a_presence_outlive_their_jibri(version) {
        let world = lingering(version, 2, 4).await?;
        let ada = world.moderator("r1").await?;
        let jibri = world.jibri("jibri-1").await?;
        ada.start_recording(SOON).await?.expect("started");
        ada.wait_recorder(SOON).await?;
        jibri.crash();
        let off = ada.wait_recording("off", SOON).await?;
        assert_eq!(off.failure_reason.as_deref(), Some("error"));
        assert!(ada.occupancy().look(|view| view.recorder().is_some()), "its Chrome seems to be there");
        ada.wait_no_recorder(SOON).await?;
        Ok(())
    }

    async fn a_jibri_that_is_back_soon_is_not_missed(version) {
        let world = lingering(version, 3, 6).await?;
        let ada = world.moderator("r1").await?;
        let jibri = world.jibri("jibri-1").await?;
        ada.start_recording(SOON).await?.expect("started");
        ada.wait_recorder(SOON).await?;
        ada.wait_recording("on", SOON).await?;
        jibri.restart().await?;
        ada.wait_no_recorder(SOON).await?;
        assert_eq!(world.focus.jibris(), [("jibri-1".to_owned(), true)]);
        assert_eq!((ada.recording().unwrap().status.as_str(), jibri.recording()), ("on", None));

        // Orderly ends are ends at once.
        ada.stop_recording(SOON).await?.expect("stopped");
        ada.start_recording(SOON).await?.expect("started");
        ada.wait_recorder(SOON).await?;
        jibri.kill_chrome();
        ada.wait_recording("off", SOON).await?;
        assert!(ada.occupancy().look(|view| view.recorder().is_some()), "it stays for a while");
        Ok(())
    }

    async fn a_meeting_that_only_seems_to_be(version) {
        let world = world(version).await?;
        let ada = world.moderator("r1").await?;
        world.focus.make_zombie("r1").await?;
        assert!(world.focus.is_in("r1") && world.focus.members("r1") == [ada.nick()]);
        assert!(ada.occupancy().look(|view| view.inside));
        let refused = ada.start_recording(SOON).await?.unwrap_err();
        assert_eq!(refused.condition, "item-not-found");
        assert!(Person::join(&world.prosody, "r1", PersonOptions::default()).await.is_err());
        world.focus.forget_rooms();
        world.moderator("r1").await?;
        Ok(())
    }
}
