//! What the README tells people to type and to write, tried; and that citations and links lead somewhere.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "not the program"
)]

use std::path::{Path, PathBuf};
use std::process::Command;

use testkit::{BareEnvironment as _, ProsodyOptions, Result, Version, World, WorldOptions};

const README: &str = include_str!("../../README.md");

/// The code blocks of a language.
fn blocks(language: &str) -> Vec<&'static str> {
    let open = format!("```{language}\n");
    README.split(open.as_str()).skip(1).map(|rest| rest.split("```").next().expect("an end")).collect()
}

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_jibri-autostart"));
    // One that is on the disk would be everybody's.
    command.bare_environment().env("JIBRI_AUTOSTART_LEDGER__PATH", "");
    command
}

#[test]
fn its_configurations_are_right() {
    let dir = tempfile::tempdir().unwrap();
    let secret = dir.path().join("secret");
    std::fs::write(&secret, "change-me\n").unwrap();
    let all = blocks("toml");
    assert!(!all.is_empty());
    for (n, block) in all.iter().enumerate() {
        let config = dir.path().join(format!("{n}.toml"));
        let text = block.replace("/etc/jibri-autostart/secret", secret.to_str().unwrap());
        std::fs::write(&config, text).unwrap();
        let output = program().arg("check").arg("--config").arg(&config).output().unwrap();
        assert!(output.status.success(), "{block}\n{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn its_files_and_scripts_are_there() {
    for path in ["deploy/demo.sh", "tests/prepare.sh", "config/jibri-autostart.toml", "LICENSE"] {
        assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join(path).exists(), "{path}");
        assert!(path == "LICENSE" || README.contains(path), "{path}");
    }
}

/// The source of the program, with its long strings in one piece.
fn source(dir: &Path) -> String {
    let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let read = |path: PathBuf| {
        let is_rust = path.extension().is_some_and(|extension| extension == "rs");
        if path.is_dir() {
            source(&path)
        } else if is_rust {
            std::fs::read_to_string(path).unwrap()
        } else {
            String::new()
        }
    };
    let text: Vec<_> = entries.map(read).collect();
    text.join("\n").split("\\\n").map(str::trim_start).collect()
}

/// Whoever looks for a line of the log in the table finds it as the program writes it.
#[test]
fn its_lines_of_the_log_are_written_by_the_program() {
    let source = source(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let table =
        README.split("\n| the log says | do |\n").nth(1).and_then(|rest| rest.split("\n\n").next()).unwrap();
    let said = table
        .lines()
        .filter_map(|row| row.split('|').nth(1))
        .flat_map(|cell| cell.split('`').skip(1).step_by(2));
    let pieces: Vec<_> =
        said.flat_map(|said| said.split('…')).map(str::trim).filter(|piece| !piece.is_empty()).collect();
    assert!(pieces.len() > 20, "{pieces:?}");
    for piece in pieces {
        // Which source of rooms it is, is put in.
        let piece = piece.strip_prefix("jicofo ").unwrap_or(piece);
        assert!(source.contains(piece), "{piece:?} is not written anywhere");
    }
}

/// The files under a directory whose names end so, with what is in them.
fn files(dir: &str, ends: &str) -> Vec<(PathBuf, String)> {
    let entries = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(dir)).unwrap();
    let mut found = Vec::new();
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            found.extend(files(path.to_str().unwrap(), ends));
        } else if path.to_str().unwrap().ends_with(ends) {
            let text = std::fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
    found
}

/// The numbers of sections that a text cites: "docs/jitsi.md 1.5, 10.3" are two.
fn cited(text: &str) -> Vec<&str> {
    let is_number = |word: &&str| word.starts_with(|c: char| c.is_ascii_digit());
    let after = text.split("docs/jitsi.md ").skip(1);
    after
        .filter_map(|rest| rest.split(|c: char| !c.is_ascii_digit() && !", .and".contains(c)).next())
        .flat_map(|list| {
            list.split([' ', ',']).filter(|word| !matches!(*word, "" | "and")).take_while(is_number)
        })
        .map(|number| number.trim_end_matches('.'))
        .collect()
}

#[test]
fn the_sections_that_comments_cite_are_there() {
    let document = include_str!("../../docs/jitsi.md");
    let mut section = "";
    let mut there = std::collections::BTreeSet::new();
    for line in document.lines() {
        let line = line.trim_start_matches('#').trim_start();
        let number = line.split(' ').next().unwrap_or_default();
        let Some(number) = number
            .strip_suffix('.')
            .or(Some(number))
            .filter(|number| !number.is_empty() && number.chars().all(|c| c.is_ascii_digit() || c == '.'))
        else {
            continue;
        };
        // The items of section 13 are cited as 13.1.4.
        if line.starts_with("13.") && number.matches('.').count() == 1 {
            section = number;
        }
        there.insert(number.to_owned());
        there.insert(format!("{section}.{number}"));
    }
    let mut seen = 0;
    for (path, text) in ["src", "tests", "benches"].iter().flat_map(|dir| files(dir, ".rs")) {
        for number in cited(&text) {
            seen += 1;
            assert!(there.contains(number), "{}: docs/jitsi.md has no {number}", path.display());
        }
    }
    assert!(seen > 90, "{seen}");
}

/// A heading as GitHub makes an anchor of it.
fn anchor(heading: &str) -> String {
    let heading = heading.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
    heading.chars().filter(|c| c.is_alphanumeric() || "-_".contains(*c)).collect()
}

#[test]
fn the_links_of_the_documents_lead_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut documents = [files("deploy", ".md"), files("docs", ".md")].concat();
    for name in ["README.md", "ARCHITECTURE.md"] {
        documents.push((root.join(name), std::fs::read_to_string(root.join(name)).unwrap()));
    }
    let mut seen = 0;
    for (path, text) in &documents {
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.contains("://") {
                continue;
            }
            seen += 1;
            let (file, to) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            assert!(target.exists(), "{}: {link}", path.display());
            if !to.is_empty() {
                let target = std::fs::read_to_string(target).unwrap();
                let has = target.lines().any(|line| line.starts_with('#') && anchor(line) == to);
                assert!(has, "{}: {link}", path.display());
            }
        }
    }
    assert!(seen > 20, "{seen}");
}

/// What `deploy/demo.sh` prints, which builds the program and runs this.
fn demo(arguments: &[&str]) -> String {
    let me = std::env::current_exe().unwrap();
    let built: PathBuf = me.parent().and_then(Path::parent).expect("target/…").join("examples/demo");
    let output = Command::new(built)
        .args(arguments)
        // The port of the page, which another demo may have at this moment.
        .args(["--port", "0"])
        .env("DEMO_BINARY", env!("CARGO_BIN_EXE_jibri-autostart"))
        .output()
        .expect("the demo");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    text.into_owned()
}

#[test]
fn its_demo_ends_by_itself() {
    let text = demo(&[]);
    assert_eq!(text.matches("recording on, session").count(), 3, "{text}");
    assert!(text.contains("start requests because of that: 0"), "{text}");
}

#[test]
fn its_demo_with_the_companion_shows_nobody_anything() {
    let text = demo(&["--companion"]);
    assert_eq!(text.matches("recording on, session").count(), 3, "{text}");
    assert!(text.contains("Ada has not seen the program in the meeting"), "{text}");
}

#[test]
fn its_wedged_jibri_is_found_and_mended_with_no_hand_touched() {
    let text = demo(&["--wedged"]);
    assert_eq!(text.matches("recording on, session").count(), 4, "{text}");
    assert!(text.contains("jibri-2 is back, and records"), "{text}");
    assert!(text.contains("restarted                     jibri-2 after 3 failures"), "{text}");
}

/// Prosody with the component and its rights as the README's lines give them, and nothing else.
async fn its_prosody_lines_work(version: Version) -> Result {
    let lines = blocks("lua")[0];
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
    let prosody = ProsodyOptions {
        plugins: vec![("mod_event_sync_component.lua".to_owned(), EVENT_SYNC.to_owned())],
        extra_tail: blocks("lua")[1].replace("127.0.0.1:8790", &listen),
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
    async fn the_event_sync_lines_of_the_readme_work(version) {
        its_event_sync_lines_work(version).await
    }

    async fn the_prosody_lines_of_the_readme_work(version) {
        its_prosody_lines_work(version).await
    }
}
