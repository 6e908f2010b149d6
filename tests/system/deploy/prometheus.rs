//! The rules, the dashboard and the metrics, by Prometheus itself.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jibri_autostart::surface::{Board, Metrics};
use serde_json::Value;

use super::program::{Running, file, program, read, run};

const RULES: &str = "deploy/prometheus/rules.yml";
const DASHBOARD: &str = "deploy/grafana/jibri-autostart.json";
/// Those of the program, as Prometheus stores them.
const ALL: [&str; 20] = [
    "jibri_autostart_up",
    "jibri_autostart_companion_up",
    "jibri_autostart_standby",
    "jibri_autostart_rooms",
    "jibri_autostart_people",
    "jibri_autostart_stanzas_total",
    "jibri_autostart_stanzas_rejected_total",
    "jibri_autostart_start_requests_total",
    "jibri_autostart_start_seconds_bucket",
    "jibri_autostart_request_seconds_bucket",
    "jibri_autostart_reconnects_total",
    "jibri_autostart_jibris",
    "jibri_autostart_rooms_overdue",
    "jibri_autostart_rooms_waiting",
    "jibri_autostart_recoveries_total",
    "jibri_autostart_alerts_total",
    "jibri_autostart_recordings_total",
    "jibri_autostart_recorded_seconds_total",
    "jibri_autostart_wanted_seconds_total",
    "jibri_autostart_jibri_disk_free_bytes",
];

/// What a scrape gives of a service in which everything has happened once.
fn everything() -> String {
    let board = Arc::new(Board::new("autostart.meet.jitsi", false));
    board.set_alerts(Vec::new(), [("prosody_down", 1)].into());
    let metrics = Metrics::new(board, Arc::default());
    metrics.requested(Duration::from_millis(30));
    metrics.recording(Duration::from_secs(4));
    metrics.start("on");
    metrics.recovery("wedged", "restarted");
    metrics.disk_free("jibri-1", 47_000_000_000);
    metrics.text().unwrap()
}

/// Names of our metrics in a text.
fn metrics(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'))
        .filter(|word| word.starts_with("jibri_autostart_"))
        .map(str::to_owned)
        .collect()
}

fn promtool(arguments: &[&str]) -> String {
    run(Command::new("promtool").current_dir(file("deploy/prometheus")).args(arguments))
}

#[test]
fn the_alert_rules_tell_when_they_should() {
    let checked = promtool(&["check", "rules", "rules.yml"]);
    assert!(checked.contains("rules found"), "{checked}");
    promtool(&["test", "rules", "rules.test.yml"]);
    // Each rule is tried, and has a summary and a severity.
    let rules: Value = serde_saphyr::from_str(&read(RULES)).unwrap();
    let tests = read("deploy/prometheus/rules.test.yml");
    for rule in rules["groups"][0]["rules"].as_array().unwrap() {
        let name = rule["alert"].as_str().unwrap();
        assert!(tests.contains(name), "{name} is not tried");
        assert!(rule["annotations"]["summary"].is_string(), "{name}");
        assert!(["critical", "warning"].contains(&rule["labels"]["severity"].as_str().unwrap()), "{name}");
    }
}

#[test]
fn every_metric_that_is_asked_for_exists() {
    let given: BTreeSet<_> = everything()
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split(['{', ' ']).next().unwrap().to_owned())
        .collect();
    for name in ALL {
        assert!(given.contains(name), "{name}: {given:?}");
    }
    let dashboard: Value = serde_json::from_str(&read(DASHBOARD)).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let expressions: Vec<_> = panels
        .iter()
        .flat_map(|panel| panel["targets"].as_array().unwrap())
        .map(|target| target["expr"].as_str().unwrap())
        .collect();
    assert!(expressions.len() >= panels.len());
    let asked = metrics(&expressions.join("\n"));
    assert!(asked.is_subset(&given), "{:?}", asked.difference(&given));
    let shown: BTreeSet<_> = ALL.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(asked, shown, "the dashboard shows all there is");
    let rules: Value = serde_saphyr::from_str(&read(RULES)).unwrap();
    for rule in rules["groups"][0]["rules"].as_array().unwrap() {
        let asked = metrics(rule["expr"].as_str().unwrap());
        assert!(!asked.is_empty() && asked.is_subset(&given), "{rule}");
    }
}

#[test]
fn the_panels_do_not_overlap() {
    let dashboard: Value = serde_json::from_str(&read(DASHBOARD)).unwrap();
    let mut taken = BTreeSet::new();
    let mut ids = BTreeSet::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        let at = |key: &str| panel["gridPos"][key].as_u64().unwrap();
        assert!(at("x") + at("w") <= 24, "{}", panel["title"]);
        assert!(ids.insert(panel["id"].as_u64().unwrap()));
        for x in at("x")..at("x") + at("w") {
            for y in at("y")..at("y") + at("h") {
                assert!(taken.insert((x, y)), "{} lies on another", panel["title"]);
            }
        }
    }
}

/// Answers each request with this text, as the program does.
fn serve(text: String) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\ncontent-type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n\
                 content-length: {}\r\nconnection: close\r\n\r\n{text}",
                text.len()
            );
        }
    });
    address
}

/// The running program, not linked; where it listens.
fn autostart() -> (Running, String) {
    let mut command = program();
    for (name, value) in [
        ("XMPP__SERVER", "127.0.0.1:1"),
        ("XMPP__DOMAIN", "autostart.meet.jitsi"),
        ("XMPP__SECRET", "s"),
        ("MUC__DOMAINS", "muc.meet.jitsi"),
        ("HTTP__LISTEN", "127.0.0.1:0"),
        ("LEDGER__PATH", ""),
        ("LOG__FORMAT", "json"),
    ] {
        command.env(format!("JIBRI_AUTOSTART_{name}"), value);
    }
    let mut child = command.arg("run").stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    let line = lines.find(|line| line.contains("listening for HTTP")).expect("a line");
    std::thread::spawn(move || lines.for_each(drop));
    let line: Value = serde_json::from_str(&line).unwrap();
    (Running(child), line["address"].as_str().unwrap().to_owned())
}

/// A real Prometheus takes what the program and its metrics give, and evaluates rules and dashboard on it.
#[tokio::test]
async fn prometheus_scrapes_it() {
    let dir = tempfile::tempdir().unwrap();
    let (_autostart, address) = autostart();
    let full = serve(everything());
    let listen = testkit::ports::loopback();
    let config = format!(
        "global: {{scrape_interval: 250ms, scrape_timeout: 200ms, evaluation_interval: 250ms}}\n\
         rule_files: [{}]\n\
         scrape_configs:\n\
         - {{job_name: program, static_configs: [{{targets: [\"{address}\"]}}]}}\n\
         - {{job_name: full, static_configs: [{{targets: [\"{full}\"]}}]}}\n",
        file(RULES).display()
    );
    let path = dir.path().join("prometheus.yml");
    std::fs::write(&path, config).unwrap();
    let log = std::fs::File::create(dir.path().join("log")).unwrap();
    let prometheus = Command::new("prometheus")
        .arg(format!("--config.file={}", path.display()))
        .arg(format!("--storage.tsdb.path={}", dir.path().join("data").display()))
        .arg(format!("--web.listen-address={listen}"))
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .expect("prometheus, of the package of that name");
    let _prometheus = Running(prometheus);

    let client = reqwest::Client::builder().no_proxy().timeout(testkit::SOON).build().unwrap();
    let query = async |expression: &str| -> Value {
        let query = percent_encoding::utf8_percent_encode(expression, percent_encoding::NON_ALPHANUMERIC);
        let url = format!("http://{listen}/api/v1/query?query={query}");
        let Ok(answer) = client.get(url).send().await else { return Value::Null };
        serde_json::from_slice(&answer.bytes().await.unwrap_or_default()).unwrap_or_default()
    };
    let end = Instant::now() + testkit::SOON;
    loop {
        let answer = query("sum(up)").await;
        if answer["data"]["result"][0]["value"][1] == "2" {
            break;
        }
        let log = || std::fs::read_to_string(dir.path().join("log")).unwrap();
        assert!(Instant::now() < end, "{answer}\n{}", log());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    for name in ALL {
        let answer = query(&format!("count({name}{{job=\"full\"}})")).await;
        assert_eq!(answer["data"]["result"].as_array().map(Vec::len), Some(1), "{name}: {answer}");
    }
    let answer = query("jibri_autostart_up{job=\"program\"}").await;
    assert_eq!(answer["data"]["result"][0]["value"][1], "0", "{answer}");
    let dashboard: Value = serde_json::from_str(&read(DASHBOARD)).unwrap();
    for target in
        dashboard["panels"].as_array().unwrap().iter().flat_map(|p| p["targets"].as_array().unwrap())
    {
        let expression = target["expr"].as_str().unwrap();
        let filled = expression.replace("$instance", ".*").replace("$__rate_interval", "5s");
        let answer = query(&filled).await;
        assert_eq!(answer["status"], "success", "{expression}: {answer}");
        // A rate takes two scrapes; what is there at once must be found.
        if !filled.contains("[") {
            assert_ne!(answer["data"]["result"].as_array().map(Vec::len), Some(0), "{expression}");
        }
    }
}
