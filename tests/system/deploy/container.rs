//! The container: what can be seen of it without an engine, and all of it with one.

use std::process::Command;

use super::program::{file, read, say, texts};

/// 77 is how a script says that it could not try.
const SKIPPED: i32 = 77;

#[test]
fn the_image_does_the_main_job() {
    let output = Command::new(file("deploy/docker/test.sh")).output().unwrap();
    let (stdout, stderr) = texts(&output);
    say(&format!("{stdout}{stderr}"));
    match output.status.code() {
        Some(0) => assert!(stdout.contains("MB beyond its base"), "{stdout}"),
        Some(SKIPPED) => assert!(stderr.contains("SKIPPED: no container engine"), "{stderr}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_recipe_is_as_it_should_be() {
    let text = read("deploy/docker/Dockerfile");
    let bases: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("FROM ")).collect();
    assert_eq!(bases.len(), 2);
    for base in bases {
        let tag = base.split(' ').next().unwrap().rsplit_once(':').expect("a tag").1;
        assert_ne!(tag, "latest");
    }
    let user = text.lines().find_map(|line| line.strip_prefix("USER ")).expect("a user");
    assert!(user.split(':').all(|id| id.parse::<u32>().is_ok_and(|id| id > 0)), "numbers, and not root");
    assert!(text.contains(r#"CMD ["/usr/bin/jibri-autostart", "healthcheck"]"#));
    assert!(text.contains("org.opencontainers.image.title"));
    // The compiler is at least the oldest that the project builds with.
    let version = |text: &str| text.split('.').map(|n| n.parse().unwrap()).collect::<Vec<u32>>();
    let image = text.split("FROM rust:").nth(1).and_then(|rest| rest.split('-').next()).unwrap();
    let oldest = read("Cargo.toml");
    let oldest = oldest.split("rust-version = \"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    assert!(version(image) >= version(oldest), "{image} {oldest}");
}

/// The layer of the dependencies: with empty sources in place of ours, Cargo finds the whole workspace all the same.
#[test]
fn the_dependencies_are_a_layer_of_their_own() {
    let dir = tempfile::tempdir().unwrap();
    let text = read("deploy/docker/Dockerfile").replace("\\\n", " ");
    for line in text.lines().take_while(|line| !line.starts_with("RUN")) {
        let Some(copy) = line.strip_prefix("COPY ") else { continue };
        let mut files: Vec<_> = copy.split(' ').collect();
        let to = dir.path().join(files.pop().unwrap());
        std::fs::create_dir_all(&to).unwrap();
        for from in files {
            std::fs::copy(file(from), to.join(from.rsplit('/').next().unwrap())).unwrap();
        }
    }
    let steps = text.lines().find_map(|line| line.strip_prefix("RUN ")).unwrap();
    let (stubs, build) = steps.split_once(" && cargo build ").unwrap();
    assert!(build.contains("--locked"));
    let script = format!("{stubs} && cargo metadata --offline --locked --no-deps --format-version 1");
    let output = Command::new("sh").args(["-euc", &script]).current_dir(dir.path()).output().unwrap();
    let (stdout, stderr) = texts(&output);
    assert!(output.status.success(), "{stderr}");
    let metadata: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(metadata["packages"].as_array().unwrap().len(), 3);
}

/// What the build copies is sent to it.
#[test]
fn the_context_has_what_is_copied() {
    let ignore = read(".dockerignore");
    assert!(ignore.lines().any(|line| line == "*"), "everything else stays out");
    let text = read("deploy/docker/Dockerfile");
    let copies =
        text.lines().filter_map(|line| line.strip_prefix("COPY ")).filter(|line| !line.starts_with("--"));
    for from in copies.flat_map(|line| line.split(' ').rev().skip(1).collect::<Vec<_>>()) {
        assert!(file(from).exists(), "{from}");
        let sent = |line: &str| line.strip_prefix('!').is_some_and(|path| path.starts_with(from));
        assert!(ignore.lines().any(sent), "{from} is ignored");
    }
}
