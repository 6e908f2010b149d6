//! The gates of rooms in the kit's Prosody, and the watch over who is in one.

use std::time::Duration;
use testkit::*;

async fn world(version: Version, change: impl FnOnce(&mut ProsodyOptions)) -> Result<World> {
    let mut options = WorldOptions::default();
    change(&mut options.prosody);
    World::start(version, options).await
}

/// Why somebody who comes like this is not let in.
async fn refusal(world: &World, options: PersonOptions) -> Result<Node> {
    let person = Person::enter(&world.prosody, "r1", options).await?;
    person.occupancy().until(SOON, "refused", |view| view.refused.is_some()).await?;
    let refused = person.occupancy().look(|view| view.refused.clone());
    assert!(person.occupancy().look(|view| !view.inside));
    Ok(refused.expect("just seen"))
}

on_each_prosody! {
    async fn a_room_is_full(version) {
        let world = world(version, |p| p.max_occupants = Some(2)).await?;
        let _jibri = world.jibri("jibri-1").await?;
        let ada = world.moderator("r1").await?;
        let ben = world.person("r1").await?;
        assert_eq!(refusal(&world, PersonOptions::default()).await?.condition(), Some("service-unavailable"));
        // A recorder takes nobody's place.
        ada.start_recording(SOON).await?.expect("started");
        ada.wait_recorder(SOON).await?;
        ben.leave().await;
        world.person("r1").await?;
        Ok(())
    }

    async fn a_rush_is_let_in_one_after_the_other(version) {
        let world = world(version, |p| p.joins_per_second = Some(3)).await?;
        let _ada = world.moderator("r1").await?;
        let began = std::time::Instant::now();
        let mut rush = Vec::new();
        for _ in 0..9 {
            rush.push(Person::enter(&world.prosody, "r1", PersonOptions::default()).await?);
        }
        let gone = rush.remove(4);
        gone.client().abort();
        for (place, person) in rush.iter().enumerate() {
            person.occupancy().until_inside().await?;
            let (waited, least) = (began.elapsed(), Duration::from_secs(place as u64 / 3));
            assert!(waited >= least.saturating_sub(Duration::from_secs(1)), "{place}: {waited:?}");
        }
        assert!(began.elapsed() >= Duration::from_secs(1), "nobody waited");
        Ok(())
    }

    async fn a_lobby_wants_a_name_even_of_an_owner(version) {
        let world = world(version, |p| p.lobby = true).await?;
        let _jibri = world.jibri("jibri-1").await?;
        let ada = world.moderator("r1").await?;
        ada.set_up_room(&[("membersonly", "1")], SOON).await?;
        let waits = refusal(&world, PersonOptions::default()).await?;
        assert_eq!(waits.condition(), Some("registration-required"));
        assert!(waits.find("error").unwrap().find("lobbyroom").is_some(), "{waits}");
        let login = Login::service("jvb", "x");
        let owner = PersonOptions { login: login.clone(), name: String::new(), ..Default::default() };
        let nameless = refusal(&world, owner).await?;
        assert_eq!(nameless.condition(), Some("not-acceptable"));
        assert!(nameless.find("error").unwrap().find("displayname-required").is_some(), "{nameless}");
        world.person_with("r1", PersonOptions { login, ..Default::default() }).await?;
        ada.start_recording(SOON).await?.expect("started");
        ada.wait_recorder(SOON).await?;
        Ok(())
    }

    async fn a_password_is_asked_of_all_but_recorders(version) {
        let world = world(version, |_| {}).await?;
        let _jibri = world.jibri("jibri-1").await?;
        let ada = world.moderator("r1").await?;
        ada.set_up_room(&[("passwordprotectedroom", "1"), ("roomsecret", "sesame")], SOON).await?;
        assert_eq!(refusal(&world, PersonOptions::default()).await?.condition(), Some("not-authorized"));
        ada.start_recording(SOON).await?.expect("started");
        ada.wait_recorder(SOON).await?;
        Ok(())
    }

    async fn a_watch_tells_who_was_there(version) {
        let world = world(version, |_| {}).await?;
        let ada = world.moderator("r1").await?;
        let jvb = || PersonOptions { login: Login::service("jvb", "x"), ..PersonOptions::nick("bridge") };
        let (by_domain, by_nick) = (Watch::new(ada.occupancy(), "other", "brid"), Watch::new(ada.occupancy(), "nobody", "eve"));
        by_domain.never()?;
        let bridge = world.person_with("r1", jvb()).await?;
        ada.occupancy().until(SOON, "in company", |view| view.occupants.contains_key("bridge")).await?;
        assert!(by_domain.never().is_err());
        assert!(by_domain.at_most(1, SOON).is_err(), "still there");
        bridge.leave().await;
        ada.occupancy().until(SOON, "alone", |view| !view.occupants.contains_key("bridge")).await?;
        let bridge = world.person_with("r1", jvb()).await?;
        ada.have_put_out("bridge");
        bridge.occupancy().until(SOON, "out", |view| view.put_out_by.as_ref().is_some_and(|c| c.contains(&307))).await?;
        ada.occupancy().until(SOON, "alone", |view| !view.occupants.contains_key("bridge")).await?;
        assert_eq!(by_domain.at_most(2, SOON)?.len(), 2);
        assert!(by_domain.at_most(1, SOON).is_err() && by_domain.at_most(2, Duration::ZERO).is_err());
        // Focus is of that domain, and was there before.
        assert!(Watch::new(ada.occupancy(), config::AUTH, "bridge").visits().len() == 3);
        assert_eq!(by_nick.at_most(0, SOON)?, []);
        by_nick.never()?;
        Ok(())
    }
}
