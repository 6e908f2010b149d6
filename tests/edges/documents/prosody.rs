//! The lines for Prosody in `docs/install-by-hand.md`, on a Prosody.

use testkit::{ProsodyOptions, Result, Version, World, WorldOptions};

use super::{blocks, program, read};

/// Prosody with the component and its rights as the document's lines give them, and nothing else.
async fn its_prosody_lines_work(version: Version) -> Result {
    let document = read("docs/install-by-hand.md");
    let lines = blocks(&document, "lua")[0];
    // The ports are the test's own; everything else is taken as it stands.
    let blocks =
        lines.split_once("Component").map(|(_, rest)| format!("Component{rest}")).expect("a component");
    let prosody = ProsodyOptions {
        component_is_admin: false,
        admins_own_rooms: false,
        component_secret: "overridden".into(),
        extra_tail: blocks,
        ..Default::default()
    };
    let world = World::start(version, WorldOptions { prosody, ..Default::default() }).await?;
    world.jibri("jibri-1").await?;
    let mut run = program();
    for (key, value) in [
        ("XMPP__SERVER", world.prosody.component().to_string().as_str()),
        ("XMPP__DOMAIN", "autostart.meet.jitsi"),
        ("XMPP__SECRET", "change-me"),
        ("MUC__DOMAINS", "muc.meet.jitsi"),
        ("MUC__FOOTPRINT", "resident"),
        ("HTTP__LISTEN", ""),
        ("DISCOVERY__ROOMS", "lesson@muc.meet.jitsi"),
    ] {
        run.env(format!("JIBRI_AUTOSTART_{key}"), value);
    }
    let mut child = run.arg("run").spawn()?;
    let ada = world.moderator("lesson").await?;
    let recorded = ada.wait_recording("on", testkit::SOON).await;
    child.kill()?;
    child.wait()?;
    recorded?;
    Ok(())
}

/// What the lines on event_sync_component configure: sends as that does, by the options that it reads.
const EVENT_SYNC: &str = r#"
local http = require "net.http";
local muc_host = module:get_option_string("muc_component");
assert(module:get_option_string("breakout_component"));
local headers = { ["Content-Type"] = "application/json" };
for name, value in pairs(module:get_option("api_headers")) do headers[name] = value; end
local url = module:get_option("api_prefix").."/events/occupant/joined";
local function hook(host)
    if host ~= muc_host then return end
    module:context(host):hook("muc-occupant-joined", function (event)
        local who = event.occupant.jid or event.stanza.attr.from;
        if who:find("^focus@") then return end
        local body = ('{"room_jid":"%s","occupant":{"occupant_jid":"%s"}}'):format(event.room.jid, who);
        http.request(url, { method = "POST"; headers = headers; body = body }, function (_, code)
            module:log("info", "told of %s: %s", event.room.jid, tostring(code));
        end);
    end, -1);
end
for host in pairs(prosody.hosts) do hook(host); end
prosody.events.add_handler("host-activated", hook);
"#;

async fn its_event_sync_lines_work(version: Version) -> Result {
    let listen = testkit::ports::loopback().to_string();
    let document = read("docs/install-by-hand.md");
    let prosody = ProsodyOptions {
        plugins: vec![("mod_event_sync_component.lua".to_owned(), EVENT_SYNC.to_owned())],
        extra_tail: blocks(&document, "lua")[1].replace("127.0.0.1:8790", &listen),
        ..Default::default()
    };
    let world = World::start(version, WorldOptions { prosody, ..Default::default() }).await?;
    world.jibri("jibri-1").await?;
    let mut run = program();
    for (key, value) in [
        ("XMPP__SERVER", world.prosody.component().to_string().as_str()),
        ("XMPP__DOMAIN", "autostart.meet.jitsi"),
        ("XMPP__SECRET", world.prosody.component_secret()),
        ("MUC__DOMAINS", "muc.meet.jitsi"),
        ("MUC__FOOTPRINT", "resident"),
        ("HTTP__LISTEN", listen.as_str()),
        ("HTTP__TOKEN", "change-me-too"),
    ] {
        run.env(format!("JIBRI_AUTOSTART_{key}"), value);
    }
    let mut child = run.arg("run").spawn()?;
    let is_listening =
        testkit::eventually(testkit::SOON, || std::net::TcpStream::connect(listen.as_str()).is_ok()).await;
    let ada = world.moderator("lesson").await?;
    let recorded = ada.wait_recording("on", testkit::SOON).await;
    child.kill()?;
    child.wait()?;
    assert!(is_listening);
    recorded?;
    Ok(())
}

testkit::on_each_prosody! {
    async fn the_event_sync_lines_work(version) {
        its_event_sync_lines_work(version).await
    }

    async fn the_prosody_lines_work(version) {
        its_prosody_lines_work(version).await
    }
}
