//! The overlay for docker-jitsi-meet, after what compose does to it.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

use super::program::{file, program, read, run};

const FILE: &str = "deploy/docker-jitsi-meet/jibri-autostart.yml";

/// Replaces `${NAME}`, `${NAME:-default}` and `${NAME:?message}` as compose does, one in another too.
fn interpolate(text: &str, env: &BTreeMap<&str, &str>) -> Result<String, String> {
    let mut done = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        done.push_str(&rest[..start]);
        let inner = &rest[start + 2..];
        let mut depth = 1;
        let end = inner.char_indices().find_map(|(at, c)| {
            depth += i32::from(c == '{') - i32::from(c == '}');
            (depth == 0).then_some(at)
        });
        let end = end.ok_or("no end")?;
        let (name, how) = inner[..end].split_once(':').unwrap_or((&inner[..end], "-"));
        match (env.get(name).filter(|value| !value.is_empty()), how.split_at(1)) {
            (Some(value), _) => done.push_str(value),
            (None, ("-", default)) => done.push_str(&interpolate(default, env)?),
            (None, (_, message)) => return Err(format!("{name}: {message}")),
        }
        rest = &inner[end + 1..];
    }
    done.push_str(rest);
    Ok(done)
}

fn overlay(env: &BTreeMap<&str, &str>) -> Result<Value, String> {
    let text: String = read(FILE)
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .fold(String::new(), |text, line| text + line + "\n");
    Ok(serde_saphyr::from_str(&interpolate(&text, env)?).unwrap())
}

/// The environment of a service: what is set here, and what is passed on from `.env` where it is there.
fn environment(overlay: &Value, service: &str, env: &BTreeMap<&str, &str>) -> BTreeMap<String, String> {
    let list = overlay["services"][service]["environment"].as_array().unwrap();
    list.iter()
        .map(|entry| entry.as_str().unwrap())
        .filter_map(|entry| match entry.split_once('=') {
            Some((name, value)) => Some((name.to_owned(), value.to_owned())),
            None => env.get(entry).map(|value| (entry.to_owned(), (*value).to_owned())),
        })
        .collect()
}

fn effective(environment: &BTreeMap<String, String>) -> toml::Table {
    let mut command = program();
    run(command.arg("check").envs(environment)).parse().unwrap()
}

/// What has to be in `.env`.
fn needed() -> BTreeMap<&'static str, &'static str> {
    BTreeMap::from([("JIBRI_AUTOSTART_XMPP__SECRET", "s3cret"), ("JIBRI_AUTOSTART_HTTP__TOKEN", "t0ken")])
}

/// The same, as it is written there.
const NEEDED: &str = "JIBRI_AUTOSTART_XMPP__SECRET=s3cret\nJIBRI_AUTOSTART_HTTP__TOKEN=t0ken\n";

#[test]
fn two_lines_in_env_are_enough() {
    let env = needed();
    let overlay = overlay(&env).unwrap();
    let settings = effective(&environment(&overlay, "jibri-autostart", &env));
    assert_eq!(settings["xmpp"]["server"].as_str(), Some("xmpp.meet.jitsi:5347"));
    assert_eq!(settings["xmpp"]["domain"].as_str(), Some("autostart.meet.jitsi"));
    assert_eq!(settings["muc"]["domains"][0].as_str(), Some("muc.meet.jitsi"));
    assert_eq!(settings["muc"]["recorders"][0].as_str(), Some("recorder@hidden.meet.jitsi"));
    assert_eq!(settings["jibri"]["brewery"].as_str(), Some("jibribrewery@internal-muc.meet.jitsi"));
    assert_eq!(settings["discovery"]["jicofo"]["url"].as_str(), Some("http://jicofo:8888"));
    assert_eq!(settings["stop"]["when"].as_str(), Some("never"), "what is not set is as built in");
    let prosodys = environment(&overlay, "prosody", &env)["AUTOSTART_URL"].clone();
    let hosts = settings["http"]["hosts"].as_array().unwrap();
    assert!(
        hosts.iter().any(|name| prosodys.contains(&format!("//{}:", name.as_str().unwrap()))),
        "{hosts:?}"
    );
    let jicofo = environment(&overlay, "jicofo", &env);
    assert_eq!(jicofo["JICOFO_TRUSTED_DOMAINS"], "hidden.meet.jitsi,autostart.meet.jitsi");
    assert_eq!(jicofo["JICOFO_ENABLE_REST"], "1");
    let prosody = environment(&overlay, "prosody", &env);
    assert_eq!(prosody["JIBRI_AUTOSTART_XMPP__SECRET"], "s3cret");
    assert_eq!(prosody["JIBRI_AUTOSTART_HTTP__TOKEN"], "t0ken");
    assert_eq!(environment(&overlay, "jibri-autostart", &env)["JIBRI_AUTOSTART_HTTP__TOKEN"], "t0ken");
    assert_eq!(prosody["PROSODY_AUTOSTART_INTERFACE"], "*");
    assert_eq!(prosody["XMPP_MUC_MODULES"], "jibri_autostart_companion");
    assert_eq!(settings["muc"]["footprint"].as_str(), Some("auto"));
}

#[test]
fn their_own_names_are_followed() {
    let theirs = [
        ("JIBRI_AUTOSTART_XMPP__DOMAIN", "autostart.example.org"),
        ("JIBRI_AUTOSTART_STOP__WHEN", "no-moderator"),
        ("JIBRI_AUTOSTART_RULE", r#"[{room = "^staff-", record = false}]"#),
        ("XMPP_SERVER", "xmpp.example.org"),
        ("XMPP_MUC_DOMAIN", "rooms.example.org"),
        ("XMPP_MUC_MODULES", "theirs"),
        ("XMPP_AUTH_DOMAIN", "auth.example.org"),
        ("XMPP_INTERNAL_MUC_DOMAIN", "inside.example.org"),
        ("XMPP_RECORDER_DOMAIN", "old-recorder.example.org"),
        ("JIBRI_BREWERY_MUC", "brewery"),
        ("JIBRI_RECORDER_USER", "camera"),
    ];
    let env: BTreeMap<_, _> = needed().into_iter().chain(theirs).collect();
    let overlay = overlay(&env).unwrap();
    let settings = effective(&environment(&overlay, "jibri-autostart", &env));
    assert_eq!(settings["xmpp"]["server"].as_str(), Some("xmpp.example.org:5347"));
    assert_eq!(settings["muc"]["domains"][0].as_str(), Some("rooms.example.org"));
    assert_eq!(settings["muc"]["service_domains"][0].as_str(), Some("auth.example.org"));
    assert_eq!(settings["muc"]["recorders"][0].as_str(), Some("camera@old-recorder.example.org"));
    assert_eq!(settings["jibri"]["brewery"].as_str(), Some("brewery@inside.example.org"));
    assert_eq!(settings["stop"]["when"].as_str(), Some("no-moderator"));
    assert_eq!(settings["rule"][0]["record"].as_bool(), Some(false));
    assert_eq!(environment(&overlay, "prosody", &env)["XMPP_MUC_MODULES"], "theirs");
    let jicofo = environment(&overlay, "jicofo", &env);
    assert_eq!(jicofo["JICOFO_TRUSTED_DOMAINS"], "old-recorder.example.org,autostart.example.org");
}

#[test]
fn without_the_secret_or_the_token_compose_says_so() {
    for name in needed().into_keys() {
        let mut env = needed();
        for value in [None, Some("")] {
            env.remove(name);
            env.extend(value.map(|value| (name, value)));
            let missing = overlay(&env).unwrap_err();
            assert!(missing.contains(name) && missing.contains("openssl"), "{missing}");
        }
    }
}

/// The lines for `.env`, all of them in use.
#[test]
fn the_lines_for_env_are_right() {
    let text = read("deploy/docker-jitsi-meet/env.example");
    let lines = text.lines().map(|line| match line.strip_prefix('#') {
        Some(rest) if rest.starts_with("JIBRI_AUTOSTART_") => rest,
        _ => line,
    });
    let mut env: BTreeMap<&str, &str> =
        lines.filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('=')).collect();
    let needed = needed();
    assert!(needed.keys().all(|name| env.insert(name, needed[name]) == Some("")), "no secret is shipped");
    assert!(env.len() > 7, "{env:?}");
    let overlay = overlay(&env).unwrap();
    let environment = environment(&overlay, "jibri-autostart", &env);
    let settings = effective(&environment);
    assert_eq!(settings["start"]["min_participants"].as_integer(), Some(2));
    for name in
        env.keys().filter(|name| name.starts_with("JIBRI_AUTOSTART_") && **name != "JIBRI_AUTOSTART_IMAGE")
    {
        assert!(environment.contains_key(*name), "{name} is not passed on");
    }
}

/// As strict as their own services, and reached by nobody from outside.
#[test]
fn the_service_can_do_little() {
    let overlay = overlay(&needed()).unwrap();
    let service = &overlay["services"]["jibri-autostart"];
    assert_eq!(service["read_only"], true);
    assert_eq!(service["cap_drop"][0], "ALL");
    assert_eq!(service["security_opt"][0], "no-new-privileges:true");
    assert!(service["ports"][0].as_str().unwrap().starts_with("127.0.0.1:"));
    assert!(service["networks"].as_object().unwrap().contains_key("meet.jitsi"));
    let volume = service["volumes"][0].as_str().unwrap().split_once(':').unwrap().0;
    assert!(overlay["volumes"].as_object().unwrap().contains_key(volume));
    assert!(!read(FILE).contains("docker.sock"));
}

/// As much of docker-jitsi-meet's own file as the overlay adds to.
const THEIRS: &str = "
services:
    prosody: {image: prosody, environment: [XMPP_MUC_DOMAIN], networks: {meet.jitsi: {aliases: [xmpp.meet.jitsi]}}}
    jicofo: {image: jicofo, environment: [JICOFO_TRUSTED_DOMAINS, JICOFO_ENABLE_REST], networks: {meet.jitsi: }}
networks: {meet.jitsi: }
";

/// Compose reads both, finds them right by its schema, and puts them together.
#[test]
fn compose_puts_it_together_with_theirs() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("docker-compose.yml"), THEIRS).unwrap();
    std::fs::copy(file(FILE), dir.path().join("jibri-autostart.yml")).unwrap();
    std::fs::write(dir.path().join(".env"), format!("{NEEDED}XMPP_MUC_DOMAIN=rooms.b\n")).unwrap();
    let mut command = Command::new("docker-compose");
    command.args(["-f", "docker-compose.yml", "-f", "jibri-autostart.yml", "config"]).current_dir(dir.path());
    let whole: Value = serde_saphyr::from_str(&run(&mut command)).unwrap();
    let services = &whole["services"];
    assert_eq!(services["prosody"]["environment"]["XMPP_MUC_DOMAIN"], "rooms.b");
    assert_eq!(services["prosody"]["environment"]["JIBRI_AUTOSTART_XMPP__SECRET"], "s3cret");
    assert_eq!(services["prosody"]["image"], "prosody", "what is theirs stays");
    assert_eq!(services["jicofo"]["environment"]["JICOFO_ENABLE_REST"], "1");
    let ours = &services["jibri-autostart"]["environment"];
    assert_eq!(ours["JIBRI_AUTOSTART_MUC__DOMAINS"], "rooms.b");
    assert_eq!(ours["JIBRI_AUTOSTART_XMPP__SECRET"], "s3cret");
    assert_eq!(ours["JIBRI_AUTOSTART_HTTP__TOKEN"], "t0ken");

    std::fs::write(dir.path().join(".env"), "").unwrap();
    let output = command.output().unwrap();
    let (_, stderr) = super::program::texts(&output);
    assert!(!output.status.success() && stderr.contains("openssl"), "{stderr}");
}

/// The one for Jibri, after ours and theirs.
#[test]
fn compose_has_jibri_tell_of_its_recordings() {
    let dir = tempfile::tempdir().unwrap();
    let theirs = THEIRS.to_owned().replace(
        "networks: {meet.jitsi: }\n",
        "    jibri: {image: jibri, environment: [JIBRI_INSTANCE_ID, JIBRI_FINALIZE_RECORDING_SCRIPT_PATH]}\n\
         networks: {meet.jitsi: }\n",
    );
    std::fs::write(dir.path().join("docker-compose.yml"), theirs).unwrap();
    for name in ["jibri-autostart.yml", "jibri-report.yml"] {
        std::fs::copy(file(&format!("deploy/docker-jitsi-meet/{name}")), dir.path().join(name)).unwrap();
    }
    let env = format!("{NEEDED}JIBRI_INSTANCE_ID=jibri-7\nJIBRI_REPORT_THEN=/config/up load.sh\n");
    std::fs::write(dir.path().join(".env"), &env).unwrap();
    let mut command = Command::new("docker-compose");
    let files = ["docker-compose.yml", "jibri-autostart.yml", "jibri-report.yml"];
    command.args(files.iter().flat_map(|name| ["-f", name])).arg("config").current_dir(dir.path());
    let (_, stderr) = super::program::texts(&command.output().unwrap());
    assert!(
        stderr.contains("JIBRI_AUTOSTART_JIBRI__WEBHOOK_TOKEN") && stderr.contains("openssl"),
        "{stderr}"
    );

    let token = format!("{env}JIBRI_AUTOSTART_JIBRI__WEBHOOK_TOKEN=t0ken\n");
    std::fs::write(dir.path().join(".env"), token).unwrap();
    let whole: Value = serde_saphyr::from_str(&run(&mut command)).unwrap();
    let (ours, jibri) = (&whole["services"]["jibri-autostart"], &whole["services"]["jibri"]);
    assert_eq!(ours["environment"]["JIBRI_AUTOSTART_JIBRI__WEBHOOK_TOKEN"], "t0ken");
    let environment = &jibri["environment"];
    assert_eq!(environment["JIBRI_REPORT_TOKEN"], "t0ken");
    assert_eq!(environment["JIBRI_REPORT_INSTANCE"], "jibri-7");
    assert_eq!(environment["JIBRI_REPORT_THEN"], "/config/up load.sh");
    // What Jibri runs is what its container runs before it, under the name that our service answers to.
    let script = environment["JIBRI_FINALIZE_RECORDING_SCRIPT_PATH"].as_str().unwrap();
    let entry = jibri["entrypoint"][2].as_str().unwrap();
    assert!(entry.starts_with(script) && entry.ends_with("; exec /init"), "{entry}");
    let url = environment["JIBRI_REPORT_URL"].as_str().unwrap();
    let hosts = ours["environment"]["JIBRI_AUTOSTART_HTTP__HOSTS"].as_str().unwrap();
    assert_eq!(url, format!("http://{hosts}:8790"));
}

/// The blocks of shell in a document.
fn shell(document: &str) -> Vec<String> {
    let text = read(document);
    let blocks = text.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks.map(str::to_owned).collect()
}

/// What the documents have a newcomer type in docker-jitsi-meet's directory, in a shell that knows nothing of its `.env`.
#[test]
fn the_lines_to_type_put_the_files_where_they_belong() {
    let home = tempfile::tempdir().unwrap();
    let at = |path: &str| home.path().join(path);
    std::fs::create_dir_all(at("docker-jitsi-meet")).unwrap();
    std::os::unix::fs::symlink(file("."), at("jibri-autostart")).unwrap();
    std::fs::write(at("docker-jitsi-meet/.env"), "CONFIG=~/.jitsi-meet-cfg\nPASSWORD=a b\n").unwrap();
    let type_in = |lines: &str| {
        let script = format!("docker() {{ :; }}; openssl() {{ echo s3cret; }}\n{lines}");
        let mut shell = Command::new("sh");
        shell.args(["-euc", &script]).env("HOME", home.path()).env_remove("CONFIG");
        run(shell.current_dir(at("docker-jitsi-meet")))
    };
    let blocks = shell("docs/install-docker.md");
    let (out, install) = blocks.split_last().unwrap();
    assert!(out.contains("rm --stop"), "{out}");
    install.iter().for_each(|block| drop(type_in(block)));
    let installed = [
        "docker-jitsi-meet/jibri-autostart.yml",
        ".jitsi-meet-cfg/prosody/config/conf.d/jibri-autostart.cfg.lua",
        ".jitsi-meet-cfg/prosody/prosody-plugins-custom/mod_jibri_autostart_companion.lua",
    ];
    assert!(installed.iter().all(|path| at(path).exists()));
    let written = std::fs::read_to_string(at("docker-jitsi-meet/.env")).unwrap();
    let env: BTreeMap<_, _> = written.lines().filter_map(|line| line.split_once('=')).collect();
    assert!(needed().keys().all(|name| env[name] == "s3cret"), "{written}");
    assert!(overlay(&env).is_ok(), "that is all that it needs");

    for (document, has, file) in [
        ("docs/recordings.md", "jibri-report.yml .", "jibri-report.yml"),
        ("docs/jibris.md", "jibris.yml .", "jibris.yml"),
    ] {
        type_in(shell(document).iter().find(|block| block.contains(has)).expect("a block"));
        assert!(at("docker-jitsi-meet").join(file).exists(), "{file}");
        let script = std::fs::metadata(at(".jitsi-meet-cfg/jibri/finalize.sh")).unwrap();
        assert_eq!(std::os::unix::fs::PermissionsExt::mode(&script.permissions()) & 0o777, 0o755);
        std::fs::remove_dir_all(at(".jitsi-meet-cfg/jibri")).unwrap();
    }
    // The Jibris that are named to the program are those that run.
    let written = std::fs::read_to_string(at("docker-jitsi-meet/.env")).unwrap();
    let env = written.lines().filter_map(|line| line.split_once('=')).collect();
    let settings = effective(&environment(&overlay(&env).unwrap(), "jibri-autostart", &env));
    let configured: Vec<_> = settings["jibri"]["instance"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    let jibris = together("docker-compose.yml", &["jibris.yml"], &format!("{written}\n"));
    let services = jibris["services"].as_object().unwrap().keys().filter(|name| name.starts_with("jibri"));
    assert_eq!(services.collect::<Vec<_>>(), configured);

    type_in(&out.replace("docker volume ls -q | grep", "true"));
    assert!(!installed.iter().any(|path| at(path).exists()));
}

/// What compose makes of their file (under this name), ours, and an `.env`.
fn together(theirs: &str, ours: &[&str], env: &str) -> Value {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join(theirs), THEIRS).unwrap();
    std::fs::write(dir.path().join(".env"), env).unwrap();
    let mut command = Command::new("docker-compose");
    command.args(["-f", theirs]).current_dir(dir.path());
    for name in ours {
        std::fs::copy(file(&format!("deploy/docker-jitsi-meet/{name}")), dir.path().join(name)).unwrap();
        command.args(["-f", name]);
    }
    serde_saphyr::from_str(&run(command.arg("config"))).unwrap()
}

/// Each has a name of its own, the same for the brewery, for reports and for `docker restart`.
#[test]
fn several_jibris_have_names_that_stay() {
    let env =
        format!("{NEEDED}CONFIG=/cfg\nJIBRI_INSTANCE_ID=x\nJIBRI_AUTOSTART_JIBRI__WEBHOOK_TOKEN=t0ken\n");
    let whole = together("docker-compose.yml", &["jibris.yml", "jibri-autostart.yml"], &env);
    let services = whole["services"].as_object().unwrap();
    let jibris: Vec<_> =
        services.iter().filter(|(name, _)| ["jibri-1", "jibri-2"].contains(&name.as_str())).collect();
    assert_eq!(jibris.len(), 2, "{:?}", services.keys());
    // What one of them alone would have, with reports.
    let one: Value = serde_saphyr::from_str(
        &interpolate(
            &read("deploy/docker-jitsi-meet/jibri-report.yml"),
            &BTreeMap::from([("JIBRI_AUTOSTART_JIBRI__WEBHOOK_TOKEN", "t0ken")]),
        )
        .unwrap(),
    )
    .unwrap();
    for (name, jibri) in jibris {
        let environment = &jibri["environment"];
        for own in [
            &jibri["container_name"],
            &environment["JIBRI_INSTANCE_ID"],
            &environment["JIBRI_REPORT_INSTANCE"],
        ] {
            assert_eq!(own, name);
        }
        assert_eq!(jibri["entrypoint"], one["services"]["jibri"]["entrypoint"]);
        for line in one["services"]["jibri"]["environment"].as_array().unwrap() {
            let (key, value) = line.as_str().unwrap().split_once('=').unwrap();
            assert!(key == "JIBRI_REPORT_INSTANCE" || environment[key] == value, "{key}: {environment}");
        }
        assert_eq!(jibri["shm_size"], "2gb");
        assert!(
            jibri["volumes"]
                .as_array()
                .unwrap()
                .iter()
                .all(|volume| !volume.as_str().unwrap().ends_with(":Z"))
        );
    }
}
