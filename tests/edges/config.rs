//! The configuration as an administrator meets it: what is accepted, what is refused, and in which words.

#![allow(clippy::unwrap_used, reason = "also in what the tests share")]

use std::collections::BTreeSet;
use std::io::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use jibri_autostart::config::{
    self, Footprint, Loaded, LogLevel, Mistake, Mistakes, Mode, Settings, StopWhen, effective_toml, from_toml,
};
use proptest::prelude::*;

const MINIMAL: &str = r#"
[xmpp]
domain = "autostart.meet.jitsi"
secret = "hunter2"
[muc]
domains = ["muc.meet.jitsi"]
"#;

const REQUIRED: [(&str, &str); 3] = [
    ("JIBRI_AUTOSTART_XMPP__DOMAIN", "autostart.meet.jitsi"),
    ("JIBRI_AUTOSTART_XMPP__SECRET", "hunter2"),
    ("JIBRI_AUTOSTART_MUC__DOMAINS", "muc.meet.jitsi"),
];

fn with(more: &str) -> Result<Loaded, Mistakes> {
    from_toml(&format!("{MINIMAL}{more}"))
}

/// What is set beside the required keys.
fn environment(more: &[(&'static str, &'static str)]) -> Result<Loaded, Mistakes> {
    config::load(None, REQUIRED.iter().chain(more).copied())
}

fn over(file: &str, variables: &[(&str, &str)]) -> Result<Loaded, Mistakes> {
    let mut written = tempfile::NamedTempFile::new().unwrap();
    written.write_all(file.as_bytes()).unwrap();
    config::load(Some(written.path()), variables.iter().copied())
}

fn settings(more: &str) -> Settings {
    with(more).unwrap().settings
}

/// Exactly one mistake.
fn mistake(read: Result<Loaded, Mistakes>) -> Mistake {
    let mistakes = read.unwrap_err().0;
    assert_eq!(mistakes.len(), 1, "{mistakes:#?}");
    mistakes.into_iter().next().unwrap()
}

#[test]
fn all_mistakes_of_a_file_are_reported_with_their_places() {
    let text = r#"[xmpp]
domian = "autostart.meet.jitsi"
ping_interval = "20"
secret = "a"
secret_file = "/b"

[muc]
domains = ["muc.meet.jitsi", "a b"]
nickname = "auto-start"
footprint = "residnet"

[discovery]
rooms = ["r1@muc.meet.jitsi", "r2@elsewhere"]
[discovery.jicofo]
url = "jicofo:8888"

[start]
min_moderators = "1"
mode = "stream"
app_data = '{"share":true}'
retry_min = "2m"

[[rule]]
room = "(^lesson-"
wehn = "empty"
[[rule]]
record = false
  delay = 3

[recovery]
on = ["wedged"]
[http]
listen = "localhost:8790"
[log]
levle = "info"
[logs]
"#;
    let mistakes = from_toml(text).unwrap_err();
    let found: Vec<_> = mistakes
        .0
        .iter()
        .map(|mistake| (mistake.line.unwrap(), mistake.column.unwrap(), mistake.key.as_str()))
        .collect();
    let expected = [
        (1, 1, "xmpp.domain"),
        (2, 1, "xmpp.domian"),
        (3, 17, "xmpp.ping_interval"),
        (5, 15, "xmpp.secret_file"),
        (8, 30, "muc.domains[1]"),
        (9, 12, "muc.nickname"),
        (10, 13, "muc.footprint"),
        (15, 7, "discovery.jicofo.url"),
        (18, 18, "start.min_moderators"),
        (19, 8, "start.mode"),
        (20, 12, "start.app_data"),
        (21, 13, "start.retry_min"),
        (24, 8, "rule[0].room"),
        (25, 1, "rule[0].wehn"),
        (26, 1, "rule[1].room"),
        (28, 11, "rule[1].delay"),
        (31, 6, "recovery.on"),
        (33, 10, "http.listen"),
        (35, 1, "log.levle"),
        (36, 2, "logs"),
    ];
    assert_eq!(found, expected, "{mistakes}");
    // `discovery.rooms` is not compared with `muc.domains` as long as those are wrong.
    for mistake in &mistakes.0 {
        assert_eq!(mistake.source, "config.toml");
        assert!(!mistake.hint.is_empty(), "{mistake}");
        assert!(!mistake.to_string().contains('\n'));
    }
    let lines = mistakes.to_string();
    assert!(lines.contains(r#"config.toml:2:1: xmpp.domian: unknown key "domian", did you mean "domain"?"#));
    assert!(lines.contains(r#""20" is not a duration, did you mean "20s"?"#), "{lines}");
    assert!(lines.contains(r#"unknown key "logs", did you mean "log"?"#), "{lines}");
}

/// Some versions of compose pass on the quotes around a value of a list.
#[test]
fn values_that_can_never_match_are_refused() {
    for key in [
        "XMPP__DOMAIN",
        "XMPP__SERVER",
        "MUC__DOMAINS",
        "MUC__SERVICE_DOMAINS",
        "MUC__RECORDERS",
        "MUC__NICKNAME",
        "DISCOVERY__ROOMS",
        "DISCOVERY__JICOFO__URL",
        "JIBRI__BREWERY",
        "HTTP__LISTEN",
    ] {
        let right = match key {
            "XMPP__DOMAIN" => "autostart.meet.jitsi",
            "XMPP__SERVER" => "127.0.0.1:5347",
            "MUC__DOMAINS" => "muc.meet.jitsi",
            "MUC__SERVICE_DOMAINS" => "auth.meet.jitsi,hidden.meet.jitsi",
            "MUC__RECORDERS" => "recorder@hidden.meet.jitsi",
            "MUC__NICKNAME" => "autostart",
            "DISCOVERY__ROOMS" => "r1@muc.meet.jitsi",
            "DISCOVERY__JICOFO__URL" => "http://jicofo:8888",
            "JIBRI__BREWERY" => "jibribrewery@internal-muc.meet.jitsi",
            _ => "127.0.0.1:8790",
        };
        let name = format!("JIBRI_AUTOSTART_{key}");
        let read = |value: &str| {
            let mut all: Vec<_> = REQUIRED.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
            all.retain(|(other, _)| *other != name);
            all.push((name.clone(), value.to_owned()));
            config::load(None, all)
        };
        assert!(read(right).is_ok(), "{key}: {}", read(right).unwrap_err());
        for quote in ['"', '\''] {
            let found = read(&format!("{quote}{right}{quote}")).unwrap_err();
            assert!(found.0.iter().all(|mistake| mistake.source == name), "{key}: {found}");
        }
    }
    let quoted = from_toml(&MINIMAL.replace("\"muc.meet.jitsi\"", "'\"muc.meet.jitsi\"'"));
    assert_eq!(
        mistake(quoted).to_string(),
        "config.toml:6:12: muc.domains[0]: \"\\\"muc.meet.jitsi\\\"\" is not a domain: there is no '\"' in a domain; take \
         the quotes out of the value: it has some in it, besides those around it; like \"meet.jitsi\""
    );
    let rule = mistake(with("[[rule]]\nroom = '^lesson-.*@muc.meet.jitsi$'"));
    assert_eq!((rule.line, rule.key.as_str()), (Some(8), "rule[0].room"));
    assert!(rule.message.contains("can match no room") && rule.hint.contains("before the @"), "{rule}");
}

#[test]
fn rooms_are_written_as_people_call_them() {
    let settings =
        settings("[discovery]\nrooms = [\"Täst_Reunião@muc.meet.jitsi\"]\n[[rule]]\nroom = '^TÄST_'");
    let room = &settings.discovery.rooms[0];
    assert_eq!(room.as_str(), "t%c3%a4st_reuni%c3%a3o@muc.meet.jitsi");
    assert!(settings.rules[0].is_about(room));
    assert_eq!(settings.rules[0].room.as_str(), "^TÄST_", "as it was written");
}

#[test]
fn what_is_no_toml_is_reported_with_line_and_column() {
    let found = mistake(from_toml("[xmpp]\n[muc\ndomain = 1\n"));
    assert_eq!((found.line, found.column), (Some(2), Some(5)), "{found}");
    // After a slip the rest is read all the same.
    let text =
        "[xmpp]\ndomain = autostart.meet.jitsi\n[muc]\ndomains = []\nnickname = 'a-b'\nnickname = 'b'\n";
    let mistakes = from_toml(text).unwrap_err();
    let found: Vec<_> = mistakes.0.iter().map(|m| (m.line.unwrap(), m.key.as_str())).collect();
    let expected = [(1, "xmpp.secret"), (2, "xmpp.domain"), (4, "muc.domains"), (5, "muc.nickname"), (6, "")];
    assert_eq!(found, expected, "{mistakes}");
}

#[test]
fn a_misplaced_key_is_sent_home() {
    assert_eq!(mistake(with("settle = \"5s\"")).hint, "it belongs in [start]");
    assert!(mistake(with("colour = 1")).hint.starts_with("known here: domains, nickname"));
    assert_eq!(
        mistake(with("[rule]\nroom = 'a'")).hint,
        "write [[rule]] on its own line and the keys below it"
    );
    assert_eq!(mistake(with("[[log]]\nlevel = 'info'")).message, "expected a table, found a list");
}

#[test]
fn the_required_keys_are_asked_for() {
    let missing = from_toml("").unwrap_err();
    let keys: Vec<_> = missing.0.iter().map(|mistake| mistake.key.as_str()).collect();
    assert_eq!(keys, ["xmpp.domain", "xmpp.secret", "muc.domains"]);
    let nothing = config::load(None, [("PATH", "/bin")]).unwrap_err();
    let sources: BTreeSet<_> = nothing.0.iter().map(|mistake| mistake.source.as_str()).collect();
    assert_eq!(sources, REQUIRED.iter().map(|(name, _)| *name).collect());
    let rule = mistake(environment(&[("JIBRI_AUTOSTART_RULE", "[{record = false}]")]));
    assert_eq!((rule.source.as_str(), rule.key.as_str()), ("JIBRI_AUTOSTART_RULE", "rule[0].room"));
    // A wrong secret is not a missing one as well.
    assert_eq!(mistake(from_toml(&MINIMAL.replace("\"hunter2\"", "5"))).key, "xmpp.secret");
    let empty = environment(&[("JIBRI_AUTOSTART_MUC__DOMAINS", "")]);
    assert_eq!(mistake(empty).key, "muc.domains");
}

#[test]
fn a_file_that_is_not_there_is_the_only_mistake() {
    let found = mistake(config::load(Some("/nonexistent/c.toml".as_ref()), [("HOME", "/")]));
    assert!(found.to_string().starts_with("/nonexistent/c.toml: does not exist; name another"), "{found}");
    assert!(found.hint.contains("--config"));
    // The environment is read all the same.
    let variables = [("JIBRI_AUTOSTART_LOG__LEVEL", "loud")];
    assert_eq!(config::load(Some("/nonexistent/c.toml".as_ref()), variables).unwrap_err().0.len(), 2);
}

#[test]
fn a_file_that_is_not_utf8_names_the_line() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"[xmpp]\n\ndomain = \"\xff\"\n").unwrap();
    let none: [(&str, &str); 0] = [];
    assert_eq!(mistake(config::load(Some(file.path()), none)).line, Some(3));
}

#[test]
fn the_environment_alone_is_enough() {
    let Loaded { settings, set, .. } = environment(&[
        ("JIBRI_AUTOSTART_CONFIG", "/etc/somewhere"),
        ("JIBRI_AUTOSTART_DISCOVERY__JICOFO__URL", "http://jicofo:8888"),
        ("JIBRI_AUTOSTART_MUC__SERVICE_DOMAINS", "auth.a, hidden.a"),
        ("JIBRI_AUTOSTART_MUC__FOOTPRINT", "resident"),
        ("JIBRI_AUTOSTART_MUC__PEEK", "false"),
        ("JIBRI_AUTOSTART_START__MIN_PARTICIPANTS", "3"),
        ("JIBRI_AUTOSTART_START__SETTLE", "500ms"),
        ("JIBRI_AUTOSTART_RECOVERY__ON", "wedged,expired"),
        ("JIBRI_AUTOSTART_RECOVERY__COMMAND", r#"["docker", "restart", "{instance}"]"#),
        ("JIBRI_AUTOSTART_RULE", r#"[{room = "^a", record = false}, {room = "^b", when = "empty"}]"#),
        ("JIBRI_AUTOSTART_RULE__1__DELAY", "1s"),
        ("JIBRI_AUTOSTART_RULE__2__ROOM", "^c"),
        ("JIBRI_AUTOSTART_JIBRI__INSTANCE__0__NAME", "jibri-1"),
    ])
    .unwrap();
    assert_eq!(settings.discovery.jicofo.url.as_deref(), Some("http://jicofo:8888"));
    assert_eq!(settings.muc.service_domains, ["auth.a", "hidden.a"]);
    assert_eq!((settings.muc.footprint, settings.muc.peek), (Footprint::Resident.into(), false));
    assert_eq!((settings.start.min_participants, settings.start.settle.as_millis()), (3, 500));
    assert_eq!(settings.recovery.command, ["docker", "restart", "{instance}"]);
    assert_eq!(settings.rules.iter().map(|rule| rule.room.as_str()).collect::<Vec<_>>(), ["^a", "^b", "^c"]);
    let rule = &settings.rules[1];
    assert_eq!((rule.stop.when, rule.stop.delay), (StopWhen::Empty, Duration::from_secs(1)));
    assert_eq!(settings.jibri.instances[0].name, "jibri-1");
    for key in ["xmpp.secret", "rule.room", "rule.delay", "jibri.instance.name", "discovery.jicofo.url"] {
        assert!(set.contains(key), "{key} is not in {set:?}");
    }
    assert!(!set.contains("start.mode"));
}

#[test]
fn the_environment_goes_before_the_file() {
    let file = format!("{MINIMAL}nickname = 'a'\n[log]\nlevel = 'loud'\n[[rule]]\nroom = '^a'\n");
    let variables = [
        ("JIBRI_AUTOSTART_MUC__NICKNAME", "b"),
        ("JIBRI_AUTOSTART_LOG__LEVEL", "debug"),
        ("JIBRI_AUTOSTART_RULE__0__ROOM", "^b"),
        ("JIBRI_AUTOSTART_MUC__DOMAINS", "muc.other"),
    ];
    let settings = over(&file, &variables).unwrap().settings;
    assert_eq!((settings.muc.nickname.as_str(), settings.log.level), ("b", LogLevel::Debug));
    assert_eq!((settings.rules[0].room.as_str(), settings.muc.domains), ("^b", vec!["muc.other".to_owned()]));
}

#[test]
fn mistakes_of_the_environment_name_the_variable() {
    let found = mistake(environment(&[("JIBRI_AUTOSTART_MUC__NICKNAME", "auto-start")]));
    assert_eq!((found.source.as_str(), found.line), ("JIBRI_AUTOSTART_MUC__NICKNAME", None));
    assert_eq!(found.key, "muc.nickname");
    let found = mistake(environment(&[("JIBRI_AUTOSTART_DISCOVERY__ROOMS", "r@muc.meet.jitsi,r@elsewhere")]));
    assert_eq!(
        found.to_string(),
        "JIBRI_AUTOSTART_DISCOVERY__ROOMS: discovery.rooms[1]: \"elsewhere\" is not in muc.domains; \
         rooms can only be watched on muc.meet.jitsi"
    );
    for (name, meant) in [
        ("JIBRI_AUTOSTART_XMPP__SECERT", "JIBRI_AUTOSTART_XMPP__SECRET"),
        ("JIBRI_AUTOSTART_XMPP_SECRET", "JIBRI_AUTOSTART_XMPP__SECRET"),
        ("JIBRI_AUTOSTART_RULE__ROOM", "JIBRI_AUTOSTART_RULE__0__ROOM"),
        ("JIBRI_AUTOSTART_xmpp__secret", "JIBRI_AUTOSTART_XMPP__SECRET"),
    ] {
        let found = mistake(environment(&[(name, "s3cr3t")]));
        assert_eq!(found.to_string(), format!("{name}: unknown variable, did you mean \"{meant}\"?"));
    }
    assert!(mistake(environment(&[("JIBRI_AUTOSTART_COLOUR", "x")])).hint.contains("SECTION__KEY"));
    assert!(mistake(environment(&[("JIBRI_AUTOSTART_RULE__1__ROOM", "^a")])).hint.contains("without a gap"));
    assert!(mistake(environment(&[("JIBRI_AUTOSTART_RULE", "^a")])).message.contains("list of tables"));
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_not_utf8_is_a_mistake() {
    use std::os::unix::ffi::OsStringExt as _;
    let bad = std::ffi::OsString::from_vec(vec![0xff]);
    let required = REQUIRED.iter().map(|(name, value)| ((*name).into(), (*value).into()));
    let all: Vec<(std::ffi::OsString, std::ffi::OsString)> =
        required.chain([("JIBRI_AUTOSTART_LEDGER__PATH".into(), bad)]).collect();
    assert_eq!(mistake(config::load(None, all)).key, "ledger.path");
}

#[test]
fn what_kubernetes_adds_is_left_alone() {
    let addresses = [
        ("JIBRI_AUTOSTART_SERVICE_HOST", "10.0.0.1"),
        ("JIBRI_AUTOSTART_SERVICE_PORT_HTTP", "8790"),
        ("JIBRI_AUTOSTART_PORT", "tcp://10.0.0.1:8790"),
        ("JIBRI_AUTOSTART_PORT_8790_TCP_ADDR", "10.0.0.1"),
    ];
    assert!(environment(&addresses).is_ok());
}

#[test]
fn secrets_are_never_shown() {
    let text = r#"
[xmpp]
domain = "autostart.meet.jitsi"
secret = "hunter2"
[muc]
domains = ["muc.meet.jitsi"]
[start]
stream_key = "hunter2"
[alerts]
webhook = "https://hooks/hunter2"
[http]
token = "hunter2"
[[rule]]
room = "^a"
mode = "stream"
"#;
    let loaded = from_toml(text).unwrap();
    let shown = effective_toml(&loaded.settings);
    assert_eq!(shown.matches("\"***\"").count(), 4, "{shown}");
    assert!(!format!("{shown}{loaded:?}").contains("hunter2"));
    let wrong = [
        "[xmpp]\nsecret = hunter2",
        "[xmpp]\nsecret = ['hunter2']",
        "[xmpp]\nsecert = 'hunter2'",
        "[xmpp]\nsecret = 'hunter2'\nsecret_file = '/x'",
        "[start]\nstream_key = {hunter = 'hunter2'}",
        "[alerts]\nwebhook = 'hooks/hunter2'",
        "[alerts]\nalertmanager = 'http://me:hunter2@host'",
        "[http]\ntoken = 'hunter2 hunter2'",
    ];
    for text in wrong {
        let mistakes = from_toml(text).unwrap_err();
        assert!(!format!("{mistakes}{mistakes:?}").contains("hunter2"), "{mistakes}");
    }
}

#[test]
fn secrets_come_from_files() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap().to_owned();
    let text = MINIMAL.replace("secret = \"hunter2\"", &format!("secret_file = {path:?}"));
    assert!(mistake(from_toml(&text)).message.ends_with("is empty"));
    file.write_all(b"from file\r\n").unwrap();
    let settings = from_toml(&text).unwrap().settings;
    assert_eq!(settings.xmpp.secret.expose(), "from file");
    let shown = effective_toml(&settings);
    assert!(shown.contains("secret = \"***\"") && shown.contains(&path) && !shown.contains("from file"));

    let gone = mistake(from_toml(&text.replace(&path, "/nonexistent/secret")));
    assert!(gone.message.contains("/nonexistent/secret"), "{gone}");
    assert_eq!(gone.key, "xmpp.secret_file");

    let endless = mistake(from_toml(&text.replace(&path, "/dev/zero")));
    assert!(endless.message.ends_with("is a device; only regular files are read"), "{endless}");
    let long = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(long.path(), "x".repeat(70_000)).unwrap();
    let long = mistake(from_toml(&text.replace(&path, long.path().to_str().unwrap())));
    assert!(long.message.ends_with("is too long for a secret"), "{long}");

    let both = mistake(with(&format!("[http]\ntoken = 'a'\ntoken_file = {path:?}")));
    assert_eq!(both.message, "token and token_file are both set");
    // One of the environment goes before the other of the file.
    let settings = over(MINIMAL, &[("JIBRI_AUTOSTART_XMPP__SECRET_FILE", &path)]).unwrap().settings;
    assert_eq!(settings.xmpp.secret.expose(), "from file");
    let settings = over(&text, &[("JIBRI_AUTOSTART_XMPP__SECRET", "mine")]).unwrap().settings;
    assert_eq!((settings.xmpp.secret.expose(), settings.xmpp.secret_file), ("mine", None));
}

#[test]
fn a_secret_that_everybody_may_read_is_no_mistake_but_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (secret, token) = (path("secret"), path("token"));
    let mode = |path: &str, mode| {
        std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    };
    for file in [&secret, &token] {
        std::fs::write(file, "hunter2").unwrap();
        mode(file, 0o640);
    }
    let text = MINIMAL.replace("secret = \"hunter2\"", &format!("secret_file = {secret:?}"));
    let text = format!("{text}[http]\ntoken_file = {token:?}\n");
    assert_eq!(from_toml(&text).unwrap().warnings, []);
    mode(&secret, 0o644);
    mode(&token, 0o604);
    let warnings = from_toml(&text).unwrap().warnings;
    let told: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    for (told, (key, file)) in told.iter().zip([("xmpp.secret_file", &secret), ("http.token_file", &token)]) {
        assert!(told.starts_with("config.toml:"), "{told}");
        assert!(told.contains(&format!(": {key}: everybody may read {file:?}; chmod o-r {file}")), "{told}");
    }
    assert_eq!(told.len(), 2);
    // One that is not read tells nothing.
    let mine = over(&text, &[("JIBRI_AUTOSTART_XMPP__SECRET", "mine")]).unwrap();
    assert_eq!(
        mine.warnings.iter().map(|warning| warning.key.as_str()).collect::<Vec<_>>(),
        ["http.token_file"]
    );
    let variable = over(MINIMAL, &[("JIBRI_AUTOSTART_HTTP__TOKEN_FILE", &token)]).unwrap();
    assert!(
        variable.warnings[0].to_string().starts_with("JIBRI_AUTOSTART_HTTP__TOKEN_FILE: http.token_file: ")
    );
}

#[test]
fn only_a_regular_file_that_is_no_longer_than_a_megabyte_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config.toml");
    let told = |path: &std::path::Path| mistake(config::load(Some(path), [("", ""); 0])).to_string();
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    let pipe = told(&path);
    assert!(pipe.contains("config.toml: is a named pipe; only regular files are read; write"), "{pipe}");
    assert!(told(std::path::Path::new("/dev/zero")).contains("is a device"));
    assert!(told(dir.path()).contains("is a directory"));
    std::fs::remove_file(&path).unwrap();
    let mut text = MINIMAL.to_owned();
    text.push_str(&"#".repeat(1024 * 1024 - text.len()));
    std::fs::write(&path, &text).unwrap();
    assert!(config::load(Some(&path), [("", ""); 0]).is_ok());
    std::fs::write(&path, text + "#").unwrap();
    assert!(told(&path).contains("is longer than 1048576 bytes"));
}

#[test]
fn the_effective_configuration_reads_back() {
    let more = r#"
recorders = []
[start]
app_data = ""
min_moderators = 2
[[rule]]
room = '^a\d'
min_participants = 4
[[rule]]
room = "^[\"b']"
record = false
when = "no-moderator"
[jibri]
brewery = ""
[[jibri.instance]]
name = "jibri-1"
health_url = "http://jibri-1:2222/jibri/api/v1.0/health"
[http]
listen = ""
hosts = ["Autostart.Example.org", "jibri-autostart"]
[ledger]
path = ""
[standby]
peer = "10.0.0.2:8790"
"#;
    let first = settings(more);
    assert!(first.http.listen.is_none() && first.ledger.path.is_none() && first.jibri.brewery.is_none());
    assert!(first.start.app_data.is_none());
    assert_eq!(first.http.hosts, ["autostart.example.org", "jibri-autostart"]);
    assert_eq!(first.standby.peer.as_deref(), Some("http://10.0.0.2:8790"));
    let shown = effective_toml(&first);
    let second = from_toml(&shown).unwrap_or_else(|mistakes| panic!("{mistakes}\n{shown}")).settings;
    assert_eq!(effective_toml(&second), shown);
    assert_eq!(format!("{first:?}"), format!("{second:?}"));
    assert!(shown.contains("[[rule]]\nroom = '^a\\d'\nrecord = true\nmin_participants = 4\n\n"), "{shown}");
}

#[test]
fn rules_inherit_what_they_do_not_set() {
    let settings = settings(
        r#"
[start]
min_moderators = 2
settle = "5s"
[stop]
when = "empty"
[[rule]]
room = "^lesson-"
settle = "1s"
[[rule]]
room = "."
mode = "stream"
stream_key = "k"
delay = "0s"
"#,
    );
    let [lesson, rest] = settings.rules.as_slice() else { panic!() };
    assert_eq!((lesson.start.min_moderators, lesson.start.settle.as_secs()), (2, 1));
    assert_eq!(lesson.stop, settings.stop);
    assert_eq!((rest.start.mode, rest.start.settle.as_secs()), (Mode::Stream, 5));
    assert_eq!((rest.stop.when, rest.stop.delay), (StopWhen::Empty, Duration::ZERO));
    assert!(lesson.record && settings.start.mode == Mode::File);
}

#[test]
fn rules_are_checked_with_what_they_inherit() {
    let stream = mistake(with("[[rule]]\nroom = 'a'\nmode = 'stream'"));
    assert_eq!((stream.key.as_str(), stream.line), ("rule[0].mode", Some(9)));
    let keyless =
        mistake(with("[start]\nmode = 'stream'\nstream_key = 'k'\n[[rule]]\nroom = 'a'\nstream_key = ''"));
    assert_eq!(keyless.key, "rule[0].stream_key");
    assert_eq!(mistake(with("[[rule]]\nroom = 'a'\nretry_min = '2m'")).key, "rule[0].retry_min");
    // One mistake in [start] is not repeated for every rule.
    mistake(with("[start]\nmode = 'stream'\n[[rule]]\nroom = 'a'\n[[rule]]\nroom = 'b'"));
    mistake(with("[start]\nsettle = 'x'\n[[rule]]\nroom = 'a'"));
}

#[test]
fn keys_that_do_not_fit_together() {
    for (more, key) in [
        ("focus_nickname = 'autostart'", "muc.focus_nickname"),
        ("[discovery]\nrooms = ['r@elsewhere']", "discovery.rooms[0]"),
        ("[recovery]\non = ['wedged']", "recovery.on"),
        ("[recovery]\non = ['recycle']\ncommand = ['x']", "recovery.on"),
        ("[recovery]\non = ['wedge']\ncommand = ['x']", "recovery.on[0]"),
        ("[recovery]\ncommand = ['x']\nhttp = 'http://a'", "recovery.http"),
        ("[recovery]\ncommand = ['']", "recovery.command"),
        ("[start]\nretry_max = '1s'", "start.retry_max"),
        ("[[jibri.instance]]\nname = 'a'\n[[jibri.instance]]\nname = 'a'", "jibri.instance[1].name"),
        // Copied, and the address forgotten: one would be restarted for what the other says.
        (
            "[[jibri.instance]]\nname = 'a'\nhealth_url = 'http://a:2222'\n\
             [[jibri.instance]]\nname = 'b'\nhealth_url = 'http://a:2222'",
            "jibri.instance[1].health_url",
        ),
        (
            "[[jibri.instance]]\nname = 'a'\nid = 'b'\n[[jibri.instance]]\nname = 'b'",
            "jibri.instance[1].name",
        ),
        ("[[jibri.instance]]\nname = 'a'\n[[jibri.instance]]\nname = 'b'\nid = 'a'", "jibri.instance[1].id"),
        ("[http]\ntoken = 'ü'", "http.token"),
        ("[http]\nhosts = ['jibri-autostart:8790']", "http.hosts[0]"),
        ("[http]\nhosts = ['a.example.org', 'http://b.example.org']", "http.hosts[1]"),
    ] {
        assert_eq!(mistake(with(more)).key, key, "{more}");
    }
    assert_eq!(
        mistake(with(r#"[xmpp.x]"#)).line,
        Some(1).map(|_| 7),
        "a table that is twice there is no TOML"
    );
}

#[test]
fn values_out_of_range() {
    for more in [
        "[stop]\ndelay = 30",
        "[stop]\ndelay = '-1s'",
        "[stop]\ndelay = '4000d'",
        "[jibri]\nwedged_after = 0",
        "[jibri]\nwedged_after = -1",
        "[jibri]\nwedged_after = 99999999999999999999",
        "[jibri]\nhealth_interval = '0s'",
        "[recovery]\ndry_run = 'yes'",
        "[recovery]\nmax_per_hour = 1.5",
        "[ledger]\nkeep = '1s'",
        "[ledger]\npath = 1979-05-27",
        "[http]\nlisten = ':8790'",
        "[start]\nmin_participants = 0",
    ] {
        let found = mistake(with(more));
        assert!(!found.hint.is_empty(), "{found}");
    }
    assert_eq!(
        settings("[http]\nlisten = '[::]:80'").http.listen,
        Some(SocketAddr::from((std::net::Ipv6Addr::UNSPECIFIED, 80)))
    );
}

fn any_value() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>().prop_map(|text| format!("{text:?}")),
        any::<i64>().prop_map(|number| number.to_string()),
        Just("[]".to_owned()),
        Just("[[1], {a = 2}]".to_owned()),
        Just("{}".to_owned()),
        Just("true".to_owned()),
        Just("\"3600d\"".to_owned()),
        "[\\[\\]{}\",=a-z0-9.]{0,12}",
    ]
}

fn any_key() -> impl Strategy<Value = String> {
    let path =
        "(xmpp|muc|start|stop|rule|jibri|recovery|http)\\.(secret|domains|rooms|mode|on|instance|command)";
    prop_oneof![path, "[a-z_.]{1,20}", any::<String>().prop_map(|text| format!("{text:?}"))]
}

#[test]
fn no_depth_overflows_the_stack() {
    for text in [
        format!("{}a = 1", "a.".repeat(200_000)),
        format!("[{}a]", "a.".repeat(200_000)),
        format!("a = {}", "[".repeat(200_000)),
        format!("a = {}", "{a=".repeat(200_000)),
    ] {
        assert!(from_toml(&text).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_panics(text in any::<String>()) {
        let read = from_toml(&text);
        prop_assert!(read.is_err());
        prop_assert!(!read.unwrap_err().to_string().is_empty());
    }

    #[test]
    fn no_file_panics(lines in prop::collection::vec((any_key(), any_value()), 0..12)) {
        let text: String = lines.iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
        if let Err(mistakes) = from_toml(&text) {
            prop_assert_eq!(mistakes.to_string().lines().count(), mistakes.0.len());
        }
    }

    #[test]
    fn no_environment_panics(variables in prop::collection::vec(("[A-Z0-9_]{0,12}", any::<String>()), 0..8)) {
        let named = variables.iter().map(|(name, value)| (format!("JIBRI_AUTOSTART_{name}"), value.clone()));
        prop_assert!(config::load(None, named).is_err());
    }

    #[test]
    fn what_is_accepted_reads_back(
        settle in 0u64..100_000_000, limit in any::<u32>(), room in "[^\\p{C}]{0,16}", text in any::<String>()
    ) {
        let rule = regex_of(&room);
        let more = format!(
            "[start]\nsettle = '{settle}ms'\nretry_limit = {limit}\n[[rule]]\nroom = {}\n[recovery]\ncommand = {}\n",
            toml::Value::from(rule),
            toml::Value::from(vec!["x".to_owned(), text]),
        );
        let shown = effective_toml(&settings(&more));
        let again = from_toml(&shown);
        prop_assert!(again.is_ok(), "{}\n{}", again.unwrap_err(), shown);
        prop_assert_eq!(effective_toml(&again.unwrap().settings), shown);
    }
}

/// A regular expression with the text in it that some room fits, whatever the text is.
fn regex_of(text: &str) -> String {
    format!("x|{}", regex::escape(text))
}

#[test]
fn a_reload_can_name_what_has_changed() {
    let before = with("").unwrap().settings;
    let changed = |more: &str| {
        let now = with(more).unwrap().settings;
        config::changed_keys(&before, &now).into_iter().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(changed(""), "");
    assert_eq!(
        changed("[start]\nmin_moderators = 2\n[log]\nlevel = \"debug\""),
        "log.level start.min_moderators"
    );
    assert_eq!(
        changed("[http]\ntoken = \"t\"\n[discovery.jicofo]\nurl = \"http://j:8888\""),
        "discovery.jicofo.url http.token"
    );
    assert_eq!(changed("[[rule]]\nroom = \"^a\"\n[[jibri.instance]]\nname = \"j\""), "jibri.instance rule");
    let other_secret = from_toml(&MINIMAL.replace("hunter2", "hunter3")).unwrap().settings;
    assert_eq!(config::changed_keys(&before, &other_secret).into_iter().collect::<Vec<_>>(), ["xmpp.secret"]);
}
