//! SIGHUP: the configuration is read again while meetings go on.

use testkit::{Result, Version};

use super::autostart::Autostart;
use super::{LONG, autostart_is_in, on_both, world};

on_both! {
    a_good_file_takes_effect_at_once,
    a_file_with_mistakes_changes_nothing,
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
    autostart.logged("nothing of it is taken over").await?;
    autostart.logged("config.toml:4:1").await?;
    autostart.logged("did you mean").await?;
    autostart.logged("config.toml:5:").await?;
    std::fs::remove_file(&file)?;
    autostart.signal("HUP");
    autostart.logged_times("nothing of it is taken over", 2).await?;
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
