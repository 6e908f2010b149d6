//! What `deploy/demo.sh` shows, whose program has to be built before: `cargo build --example demo`.

use std::path::{Path, PathBuf};
use std::process::Command;

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
