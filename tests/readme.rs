//! What the README tells people to type and to write, tried.

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

use testkit::{ProsodyOptions, Result, Version, World, WorldOptions};

const README: &str = include_str!("../README.md");

/// The code blocks of a language.
fn blocks(language: &str) -> Vec<&'static str> {
    let open = format!("```{language}\n");
    README.split(open.as_str()).skip(1).map(|rest| rest.split("```").next().expect("an end")).collect()
}

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_jibri-autostart"));
    command.env_clear();
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

/// `deploy/demo.sh` builds the program and runs this.
#[test]
fn its_demo_ends_by_itself() {
    let me = std::env::current_exe().unwrap();
    let built: PathBuf = me.parent().and_then(Path::parent).expect("target/…").join("examples/demo");
    let output = Command::new(built)
        .env("DEMO_BINARY", env!("CARGO_BIN_EXE_jibri-autostart"))
        .output()
        .expect("the demo");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(text.matches("recording on, session").count(), 3, "{text}");
    assert!(text.contains("start requests because of that: 0"), "{text}");
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

testkit::on_each_prosody! {
    async fn the_prosody_lines_of_the_readme_work(version) {
        its_prosody_lines_work(version).await
    }
}
