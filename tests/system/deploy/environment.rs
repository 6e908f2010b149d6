//! Every name of a variable in what is deployed: those of the program are known to it, those of docker-jitsi-meet are
//! that project's.

use std::collections::BTreeSet;

use super::program::{file, program, read, texts};

/// Files that set variables, besides the documents.
const FILES: [&str; 7] = [
    "deploy/docker/Dockerfile",
    "deploy/docker-jitsi-meet/jibri-autostart.yml",
    "deploy/docker-jitsi-meet/jibris.yml",
    "deploy/docker-jitsi-meet/env.example",
    "deploy/prosody/jibri-autostart.cfg.lua",
    "deploy/kubernetes/settings.env",
    "deploy/kubernetes/secret.env.example",
];

/// All documents that people read.
fn documents() -> Vec<String> {
    let entries = std::fs::read_dir(file("docs")).unwrap().map(|entry| entry.unwrap().file_name());
    let names = entries.map(|name| name.into_string().unwrap()).filter(|name| name.ends_with(".md"));
    names.map(|name| format!("docs/{name}")).chain(["README.md".to_owned()]).collect()
}

/// Variables that are read by others than the program: by compose, by the Prosody file, by the tests.
const NOT_ITS_OWN: [&str; 6] = [
    "JIBRI_AUTOSTART_CONFIG",
    "JIBRI_AUTOSTART_IMAGE",
    "JIBRI_AUTOSTART_TEST_CHROOT",
    "JIBRI_AUTOSTART_TEST_PROSODY",
    "JIBRI_AUTOSTART_DEB",
    "JIBRI_AUTOSTART_PORT",
];

/// What docker-jitsi-meet's own compose files pass on (read in its commit 2e6b31d8, and named in our notes on Jitsi).
const THEIRS: [&str; 21] = [
    "CONFIG",
    "ENABLE_RECORDING",
    "JIBRI_BREWERY_MUC",
    "JIBRI_INSTANCE_ID",
    "JIBRI_RECORDER_USER",
    "JICOFO_ENABLE_REST",
    "JICOFO_REST_PORT",
    "JICOFO_TRUSTED_DOMAINS",
    "RESTART_POLICY",
    "XMPP_AUTH_DOMAIN",
    "XMPP_DOMAIN",
    "XMPP_HIDDEN_DOMAIN",
    "XMPP_INTERNAL_MUC_DOMAIN",
    "XMPP_MUC_CONFIGURATION",
    "XMPP_MUC_DOMAIN",
    "XMPP_MUC_MODULES",
    "XMPP_RECORDER_DOMAIN",
    "XMPP_SERVER",
    "JIBRI_WEBHOOK_SUBSCRIBERS",
    "JIBRI_HTTP_API_EXTERNAL_PORT",
    "PUBLIC_URL",
];

/// Words of capitals, digits and underscores that begin like this.
fn words(text: &str, beginnings: &[&str]) -> BTreeSet<String> {
    text.split(|c: char| !(c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_'))
        .map(|word| word.strip_prefix("ENV_").unwrap_or(word))
        .filter(|word| beginnings.iter().any(|begin| word.starts_with(begin)) && !word.ends_with('_'))
        .map(str::to_owned)
        .collect()
}

/// Whether the program knows a key of this name: an unknown one is a mistake that it reports.
fn is_known(name: &str) -> bool {
    let output = program().arg("check").env(name, "x").output().unwrap();
    !texts(&output).1.lines().any(|line| line.contains(name) && line.contains("unknown"))
}

#[test]
fn our_names_are_those_that_the_program_reads() {
    assert!(is_known("JIBRI_AUTOSTART_XMPP__SECRET"));
    assert!(!is_known("JIBRI_AUTOSTART_XMPP__SECRETS"), "this test would see nothing");
    let mut seen = 0;
    for file in FILES.map(str::to_owned).into_iter().chain(documents()) {
        for name in words(&read(&file), &["JIBRI_AUTOSTART_"]) {
            seen += 1;
            assert!(NOT_ITS_OWN.contains(&name.as_str()) || is_known(&name), "{file}: {name}");
        }
    }
    assert!(seen > 40, "{seen}");
}

#[test]
fn their_names_are_those_of_docker_jitsi_meet() {
    for file in ["deploy/docker-jitsi-meet/jibri-autostart.yml", "deploy/prosody/jibri-autostart.cfg.lua"] {
        let names = words(&read(file), &["XMPP_", "JIBRI_", "JICOFO_", "ENABLE_", "RESTART_", "JITSI_"]);
        let names: Vec<_> = names.iter().filter(|name| !name.starts_with("JIBRI_AUTOSTART_")).collect();
        assert!(names.len() > 1, "{file}: {names:?}");
        for name in names {
            assert!(THEIRS.contains(&name.as_str()), "{file}: {name}");
        }
    }
}
