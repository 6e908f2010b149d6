//! SIGHUP: the configuration is read again while meetings go on.

use testkit::process::this_test;
use testkit::{JibriProcess, JibriProcessOptions, Result, ServiceManager, Version};

use super::api::until;
use super::autostart::Autostart;
use super::{LONG, autostart_is_in, on_both, world};

on_both! {
    a_good_file_takes_effect_at_once,
    a_file_with_mistakes_changes_nothing,
    other_jibris_take_effect_at_once,
}

const PRIVATE: &str = "[discovery]\nrooms = [\"private-1@muc.meet.jitsi\"]\n\
                       [[rule]]\nroom = \"^private-\"\nrecord = false\n";

async fn a_good_file_takes_effect_at_once(version: Version) -> Result {
    let world = world(version).await?;
    world.jibri("jibri-1").await?;
    world.jibri("jibri-2").await?;
    let dir = tempfile::tempdir()?;
    let file = dir.path().join("config.toml");
    std::fs::write(&file, PRIVATE)?;
    let path = file.to_str().ok_or("a path")?;
    let autostart = Autostart::start_with(&world.prosody, &[], &[], &["--config", path])?;
    let ada = world.moderator("private-1").await?;
    autostart.sees_somebody_in("private-1").await?;
    assert_eq!(world.focus.start_requests().len(), 0);

    // No rule any more, and another room.
    let rooms =
        "discovery.rooms = [\"private-1@muc.meet.jitsi\", \"r2@muc.meet.jitsi\"]\nalerts.repeat = \"2h\"\n";
    std::fs::write(&file, rooms)?;
    autostart.signal("HUP");
    autostart.logged("the configuration was read again").await?;
    autostart.logged(r#""changed":"discovery.rooms, rule""#).await?;
    autostart.logged("only a restart puts them into effect: alerts.repeat").await?;
    ada.wait_recording("on", LONG).await?;
    let ben = world.moderator("r2").await?;
    ben.wait_recording("on", LONG).await?;

    // A room that is named no more is left alone when its meeting is over.
    std::fs::write(&file, rooms.replace("\"private-1@muc.meet.jitsi\", ", ""))?;
    autostart.signal("HUP");
    autostart.logged_times("the configuration was read again", 2).await?;
    ada.leave().await;
    world.focus.until(LONG, "gone from the room", || !world.focus.is_in("private-1")).await?;
    autostart.logged("recording over: the meeting is over").await?;
    let eve = world.moderator("private-1").await?;
    ben.leave().await;
    world.focus.until(LONG, "gone from the room", || !world.focus.is_in("r2")).await?;
    let ben = world.moderator("r2").await?;
    ben.wait_recording("on", LONG).await?;
    assert_eq!(world.focus.start_requests_in("private-1").len(), 1);
    assert!(!autostart_is_in(&world, "private-1"));
    eve.leave().await;
    Ok(())
}

async fn a_file_with_mistakes_changes_nothing(version: Version) -> Result {
    let world = world(version).await?;
    world.jibri("jibri-1").await?;
    let dir = tempfile::tempdir()?;
    let file = dir.path().join("config.toml");
    std::fs::write(&file, PRIVATE)?;
    let path = file.to_str().ok_or("a path")?;
    let autostart = Autostart::start_with(&world.prosody, &[], &[], &["--config", path])?;
    let ada = world.moderator("private-1").await?;
    autostart.sees_somebody_in("private-1").await?;
    let wrong = "[discovery]\nrooms = [\"private-1@muc.meet.jitsi\"]\n[start]\nmin_moderatos = 2\nsettle = \"soon\"\n";
    std::fs::write(&file, wrong)?;
    autostart.signal("HUP");
    autostart.logged("all of it is ignored").await?;
    autostart.logged("config.toml:4:1").await?;
    autostart.logged("did you mean").await?;
    autostart.logged("config.toml:5:").await?;
    std::fs::remove_file(&file)?;
    autostart.signal("HUP");
    autostart.logged_times("all of it is ignored", 2).await?;
    // The old rule holds on: nothing is started here, and nothing is logged as taken.
    ada.say("still private");
    assert_eq!(autostart.count("is in effect"), 0);
    std::fs::write(&file, PRIVATE.replace("record = false", "record = true"))?;
    assert_eq!(world.focus.start_requests().len(), 0);
    autostart.signal("HUP");
    ada.wait_recording("on", LONG).await?;
    assert_eq!(autostart.count("linked to Prosody"), 1);
    Ok(())
}

/// One that is new is asked and watched, one that is gone goes on as a stranger.
async fn other_jibris_take_effect_at_once(version: Version) -> Result {
    let world = world(version).await?;
    let manager = ServiceManager::start(this_test()).await?;
    let first = world.jibri_process(&manager, JibriProcessOptions::new("jibri-1")).await?;
    let second = world.jibri_process(&manager, JibriProcessOptions::new("jibri-2")).await?;
    let dir = tempfile::tempdir()?;
    let file = dir.path().join("config.toml");
    let of = |jibri: &JibriProcess| {
        let (name, url) = (jibri.name(), jibri.health_url());
        format!("[[jibri.instance]]\nname = {name:?}\nhealth_url = \"{url}/jibri/api/v1.0/health\"\n")
    };
    std::fs::write(&file, of(&first))?;
    let path = file.to_str().ok_or("a path")?;
    let autostart = Autostart::start_with(&world.prosody, &[], &[], &["--config", path])?;
    autostart.logged("the brewery is seen").await?;
    let url = autostart.http().await?;
    let port_of = |jibris: &serde_json::Value, name: &str| {
        let jibri = jibris.as_array()?.iter().find(|jibri| jibri["name"] == name)?;
        let said =
            jibri["testimonies"].as_array()?.iter().find(|said| said["source"] == "its health port")?;
        said["says"].as_str().map(str::to_owned)
    };
    let is = |name: &'static str, says: &'static str| {
        move |jibris: &serde_json::Value| port_of(jibris, name).as_deref() == Some(says)
    };
    until(&url, "/api/v1/jibris", is("jibri-1", "idle, healthy")).await?;
    until(&url, "/api/v1/jibris", is("jibri-2", "not asked")).await?;
    std::fs::write(&file, of(&second))?;
    autostart.signal("HUP");
    autostart.logged(r#""changed":"jibri.instance"#).await?;
    until(&url, "/api/v1/jibris", is("jibri-2", "idle, healthy")).await?;
    until(&url, "/api/v1/jibris", is("jibri-1", "not asked")).await?;
    Ok(())
}
