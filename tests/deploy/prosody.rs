//! The Prosody file as it is shipped, on both Prosodys: a meeting is recorded with it, in each of its variants.

use testkit::{ProsodyOptions, Result, SOON, Version, World, WorldOptions};

use crate::program::{Running, program, read};

const FILE: &str = "deploy/prosody/jibri-autostart.cfg.lua";
const SECRET: &str = "a-secret-of-the-environment";

/// As docker-jitsi-meet's Prosody is before the file is dropped in.
pub(crate) fn options(text: &str, secret: &str) -> WorldOptions {
    let environment = [
        ("PROSODY_AUTOSTART_INTERFACE", "127.0.0.1"),
        ("JIBRI_AUTOSTART_XMPP__SECRET", secret),
        ("XMPP_MUC_DOMAIN", "muc.meet.jitsi"),
    ];
    let prosody = ProsodyOptions {
        component_is_admin: false,
        admins_own_rooms: false,
        no_component: true,
        conf_d: vec![("jibri-autostart.cfg.lua".into(), text.into())],
        environment: environment.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        ..ProsodyOptions::default()
    };
    let mut options = WorldOptions { prosody, ..WorldOptions::default() };
    options.focus.trusted_domains.push(testkit::config::COMPONENT.to_owned());
    options
}

/// Its lines with this text in them in use; the others stay comments.
fn with(lines: &[&str]) -> String {
    let text = read(FILE);
    let used = text.lines().map(|line| match lines.iter().any(|part| line.contains(part)) {
        true => line.replacen("--:", "", 1),
        false => line.to_owned(),
    });
    used.collect::<Vec<_>>().join("\n")
}

fn start(world: &World, settings: &[(&str, &str)]) -> Result<Running> {
    let server = world.prosody.component().to_string();
    let mut command = program();
    command.arg("run").stderr(std::process::Stdio::null());
    for (name, value) in [
        ("XMPP__SERVER", server.as_str()),
        ("XMPP__DOMAIN", "autostart.meet.jitsi"),
        ("XMPP__SECRET", SECRET),
        ("MUC__DOMAINS", "muc.meet.jitsi"),
        ("HTTP__LISTEN", ""),
        ("LEDGER__PATH", ""),
        ("DISCOVERY__ROOMS", "r1@muc.meet.jitsi"),
    ]
    .iter()
    .chain(settings)
    {
        command.env(format!("JIBRI_AUTOSTART_{name}"), value);
    }
    Ok(Running(command.spawn()?))
}

async fn a_meeting_is_recorded(version: Version) -> Result {
    let world = World::start(version, options(&read(FILE), SECRET)).await?;
    world.jibri("jibri-1").await?;
    let _autostart = start(&world, &[])?;
    let ada = world.moderator("r1").await?;
    ada.wait_recording("on", SOON).await?;
    assert!(!world.prosody.log().contains("error"), "{}", world.prosody.log());
    Ok(())
}

async fn a_meeting_is_recorded_unseen(version: Version) -> Result {
    let file = with(&["validate_from_addresses", "muc_room_cache_size"]);
    let world = World::start(version, options(&file, SECRET)).await?;
    world.jibri("jibri-1").await?;
    let _autostart = start(&world, &[("MUC__FOOTPRINT", "unseen")])?;
    let ada = world.moderator("r1").await?;
    let status = ada.wait_recording("on", SOON).await?;
    assert_eq!(status.initiator, Some(ada.nick()), "in her own name");
    Ok(())
}

/// Told by events alone, and in the brewery.
async fn prosody_tells_of_the_meeting(version: Version) -> Result {
    let listen = testkit::ports::loopback().to_string();
    let file = with(&["event_sync", "esync", "_component =", "api_", "INTERNAL_MUC", "muc_filter_whitelist"]);
    let mut options = options(&file, SECRET);
    options.prosody.plugins =
        vec![("mod_event_sync_component.lua".into(), include_str!("event_sync_stand_in.lua").into())];
    options.prosody.environment.push(("AUTOSTART_URL".into(), format!("http://{listen}")));
    options.prosody.environment.push(("JIBRI_AUTOSTART_HTTP__TOKEN".into(), "a-token".into()));
    let world = World::start(version, options).await?;
    world.jibri("jibri-1").await?;
    let settings = [("HTTP__LISTEN", listen.as_str()), ("HTTP__TOKEN", "a-token"), ("DISCOVERY__ROOMS", "")];
    let _autostart = start(&world, &settings)?;
    assert!(testkit::eventually(SOON, || std::net::TcpStream::connect(listen.as_str()).is_ok()).await);
    let ada = world.moderator("nobody-named-it").await?;
    ada.wait_recording("on", SOON).await?;
    Ok(())
}

async fn without_a_secret_nobody_gets_in(version: Version) -> Result {
    let world = World::start(version, options(&read(FILE), "")).await?;
    let _autostart = start(&world, &[])?;
    let refused = || world.prosody.log().contains("component_secret is not set");
    assert!(testkit::eventually(SOON, refused).await, "{}", world.prosody.log());
    Ok(())
}

testkit::on_each_prosody! {
    async fn the_shipped_file_lets_it_record(version) { a_meeting_is_recorded(version).await }
    async fn its_unseen_variant_lets_it_record(version) { a_meeting_is_recorded_unseen(version).await }
    async fn its_event_sync_variant_tells_of_meetings(version) { prosody_tells_of_the_meeting(version).await }
    async fn without_a_secret_it_refuses(version) { without_a_secret_nobody_gets_in(version).await }
}
