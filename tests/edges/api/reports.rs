//! `POST /api/v1/recordings`: who may report, what is a report, and when it is answered.

use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use jibri_autostart::config::Secret;
use jibri_autostart::http::{Parts, router};
use jibri_autostart::recordings::{File, Happened, Report};
use jibri_autostart::surface::Link;
use reqwest::header::{CONTENT_LENGTH, HOST, ORIGIN, RETRY_AFTER};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tower::ServiceExt as _;

use super::openapi::{ask, document, send};
use super::{LONG, WEBHOOK_TOKEN, World, world};

const ROUTE: &str = "/api/v1/recordings";
const BY_PATH: &str = "/api/v1/recordings/{token}";

/// One as the script sends it, with a field that this version does not know.
pub(crate) const REPORT: &str = r#"{"session_id":"abc-DEF_1","instance":"jibri-1","event":"written","files":[
    {"name":"<b>ö \"x\"_2026-11-22.mp4","bytes":12345,"seconds":61.5,"codec":"h264"},{"name":"b.mp4","bytes":0,"seconds":null}],
    "disk_free_bytes":9007199254740991,"exit_status":null,"message":"one\ntwo\u001b[2J","meeting_url":
    "https://meet.example/Acme/T%C3%A4st","script_version":{"any":["thing"]}}"#;

async fn post(world: &World, body: impl Into<String>) -> StatusCode {
    ask(world, &document(), Method::POST, ROUTE, ROUTE, &body.into()).await
}

/// The answer to a body that is refused: its status, and what it says.
async fn refused(world: &World, body: impl Into<reqwest::Body>) -> (StatusCode, String) {
    let url = format!("{}{ROUTE}", world.url);
    let answer = world.client.post(url).bearer_auth(WEBHOOK_TOKEN).body(body).send().await.unwrap();
    let status = answer.status();
    let said: Value = answer.json().await.unwrap();
    assert!(!said["hint"].as_str().unwrap().is_empty());
    (status, said["error"].as_str().unwrap().to_owned())
}

/// A connection on which the head of a report was sent.
async fn begin(world: &World, path: &str, token: &str, length: &str) -> TcpStream {
    let mut stream = TcpStream::connect(world.url.strip_prefix("http://").unwrap()).await.unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n{length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

/// The head of the answer.
async fn answer(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut read = Vec::new();
    let whole = async {
        while !read.windows(4).any(|four| four == b"\r\n\r\n") {
            assert!(stream.read_buf(&mut read).await.unwrap() > 0, "closed without an answer");
        }
    };
    timeout(LONG, whole).await.expect("an answer");
    String::from_utf8(read).unwrap()
}

async fn reporter() -> World {
    let mut world = world().await;
    world.token = WEBHOOK_TOKEN;
    world
}

#[tokio::test]
async fn a_report_arrives_as_it_was_sent() {
    let mut world = reporter().await;
    let kept = world.keep_reports();
    assert_eq!(post(&world, REPORT).await, StatusCode::NO_CONTENT);
    let small =
        r#" {"session_id":"a","instance":"j","event":"failed","files":[],"exit_status":-7,"message":null} "#;
    assert_eq!(post(&world, small).await, StatusCode::NO_CONTENT);
    let files = [
        ("<b>ö \"x\"_2026-11-22.mp4".to_owned(), File { bytes: 12345, ms: Some(61_500) }),
        ("b.mp4".to_owned(), File { bytes: 0, ms: None }),
    ];
    let first = Report {
        session_id: "abc-DEF_1".to_owned(),
        instance: "jibri-1".to_owned(),
        happened: Happened::Written,
        files: files.into(),
        disk_free_bytes: Some((1 << 53) - 1),
        exit_status: None,
        message: "one | two\u{fffd}[2J".to_owned(),
        room: Some("[acme]t%c3%a4st@muc.meet.jitsi".to_owned()),
    };
    let second = Report {
        session_id: "a".to_owned(),
        instance: "j".to_owned(),
        happened: Happened::Failed,
        files: [].into(),
        disk_free_bytes: None,
        exit_status: Some(-7),
        message: String::new(),
        room: None,
    };
    assert_eq!(*kept.lock().unwrap(), [first, second]);
}

#[tokio::test]
async fn only_who_has_the_token_reports() {
    let mut world = reporter().await;
    let kept = world.keep_reports();
    let document = document();
    for token in ["", "h00", "h00kk", super::TOKEN] {
        world.token = token;
        assert_eq!(post(&world, REPORT).await, StatusCode::UNAUTHORIZED, "{token}");
        for segment in ["h00", "h00kk", "%ff", "h00k%00"] {
            let path = format!("{ROUTE}/{segment}");
            let status = ask(&world, &document, Method::POST, BY_PATH, &path, REPORT).await;
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{path}");
        }
        // The body is not waited for before that.
        for path in [ROUTE, "/api/v1/recordings/x"] {
            let mut stream = begin(&world, path, token, "content-length: 60000").await;
            assert!(answer(&mut stream).await.starts_with("HTTP/1.1 401 "));
        }
    }
    let answer = world.client.post(format!("{}{ROUTE}", world.url)).send().await.unwrap();
    assert_eq!(answer.headers()["www-authenticate"], "Bearer");
    let said: Value = answer.json().await.unwrap();
    assert!(said["hint"].as_str().unwrap().contains("jibri.webhook_token"), "{said}");
    assert!(kept.lock().unwrap().is_empty());
    // In the path, whatever the header says; and in the header, whatever the path says.
    for (path, token) in [
        ("/api/v1/recordings/h00k", "wrong"),
        ("/api/v1//recordings/h00k/", ""),
        ("/api/v1/recordings/x", "h00k"),
    ] {
        world.token = token;
        assert_eq!(
            ask(&world, &document, Method::POST, BY_PATH, path, REPORT).await,
            StatusCode::NO_CONTENT,
            "{path}"
        );
    }
    assert_eq!(kept.lock().unwrap().len(), 3);
}

/// Jibris call the port by whatever name they are given; a browser that is made to send a report is refused.
#[tokio::test]
async fn it_is_open_under_any_name_and_to_no_page() {
    let mut world = reporter().await;
    let kept = world.keep_reports();
    let request =
        || world.client.post(format!("{}{ROUTE}", world.url)).bearer_auth(WEBHOOK_TOKEN).body(REPORT);
    let document = document();
    assert_eq!(send(&document, ROUTE, request().header(HOST, "any.name:8790")).await, StatusCode::NO_CONTENT);
    assert_eq!(
        send(&document, ROUTE, request().header(ORIGIN, "https://evil.example")).await,
        StatusCode::FORBIDDEN
    );
    assert_eq!(kept.lock().unwrap().len(), 1);
    for method in [Method::PUT, Method::DELETE, Method::PATCH] {
        let answer = world.client.request(method, format!("{}{ROUTE}", world.url)).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert!(answer.json::<Value>().await.unwrap()["error"].is_string());
    }
}

#[tokio::test]
async fn without_a_token_in_the_configuration_nobody_reports_and_the_remedy_is_told() {
    let (reports, _reported) = jibri_autostart::surface::reports();
    let (_safe, safe) = tokio::sync::watch::channel(0);
    let without = Parts { reports: Some(reports), safe: Some(safe), ..Parts::default() };
    for (parts, paths) in [
        (without, ["/api/v1/recordings", "/api/v1/recordings/x"]),
        (
            Parts { webhook_token: Secret::new("t"), ..Parts::default() },
            ["/api/v1/recordings", "/api/v1/recordings/t"],
        ),
    ] {
        let router = router(parts);
        for path in paths {
            let request =
                Request::post(path).header("authorization", "Bearer ").body(Body::from(REPORT)).unwrap();
            let answer = router.clone().oneshot(request).await.unwrap();
            assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
            let body = axum::body::to_bytes(answer.into_body(), 10_000).await.unwrap();
            let said: Value = serde_json::from_slice(&body).unwrap();
            assert!(said["hint"].as_str().unwrap().contains("jibri.webhook_token"), "{said}");
        }
    }
}

/// `REPORT` with another value in a field, as text, so that it may be any text.
fn with(field: &str, value: &str) -> String {
    let good = [
        ("session_id", r#""s""#),
        ("instance", r#""j""#),
        ("event", r#""written""#),
        ("files", r#"[{"name":"a.mp4","bytes":1,"seconds":1}]"#),
    ];
    let mut fields: Vec<String> = good
        .iter()
        .filter(|(name, _)| *name != field)
        .map(|(name, value)| format!("{name:?}:{value}"))
        .collect();
    if !value.is_empty() {
        fields.push(format!("{field:?}:{value}"));
    }
    format!("{{{}}}", fields.join(","))
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_with_the_field_that_is_wrong() {
    let mut world = reporter().await;
    let kept = world.keep_reports();
    let long = format!("\"{}\"", "x".repeat(256));
    let thousand = format!("[{}]", vec![r#"{"name":"a","bytes":1}"#; 1000].join(","));
    let deep = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
    let file = |field: &str, value: &str| {
        let good = [("name", r#""a.mp4""#), ("bytes", "1")];
        let mut fields: Vec<String> = good
            .iter()
            .filter(|(name, _)| *name != field)
            .map(|(name, value)| format!("{name:?}:{value}"))
            .collect();
        if !value.is_empty() {
            fields.push(format!("{field:?}:{value}"));
        }
        with("files", &format!(r#"[{{"name":"good","bytes":1}},{{{}}}]"#, fields.join(",")))
    };
    for (body, field) in [
        (String::new(), "the body"),
        ("{".to_owned(), "the body"),
        ("null".to_owned(), "the body"),
        ("\"session_id\"".to_owned(), "the body"),
        (r#"["s","j","written",[],null,null,null,null]"#.to_owned(), "the body"),
        (format!("{} trailing", with("x", "1")), "the body"),
        (deep.clone(), "the body"),
        (with("x", "NaN"), "the body"),
        (with("x", "1} {"), "the body"),
        (with("session_id", ""), "session_id"),
        (with("session_id", "null"), "session_id"),
        (with("session_id", "1"), "session_id"),
        (with("session_id", r#""""#), "session_id"),
        (with("session_id", r#""../../etc""#), "session_id"),
        (with("session_id", r#""<script>""#), "session_id"),
        (with("session_id", r#""a\u0000b""#), "session_id"),
        (with("session_id", r#""\ud800""#), "session_id"),
        (with("session_id", &long), "session_id"),
        (with("session_id", &deep), "session_id"),
        (with("instance", ""), "instance"),
        (with("instance", r#""a\u001b[31m""#), "instance"),
        (with("instance", r#""a\u202eb""#), "instance"),
        (with("instance", "{}"), "instance"),
        (with("event", ""), "event"),
        (with("event", r#""Written""#), "event"),
        (with("event", r#""recording_ready\n""#), "event"),
        (with("files", ""), "files"),
        (with("files", "null"), "files"),
        (with("files", "{}"), "files"),
        (with("files", "[1]"), "files[0]"),
        (with("files", r#"[["a",1,1]]"#), "files[0]"),
        (with("files", &thousand), "files"),
        (with("files", r#"[{"name":"a","bytes":1},{"name":"a","bytes":2}]"#), "files[1].name"),
        (with("files", r#"[{"name":"a","bytes":1,"bytes":2}]"#), "files[0] has bytes twice"),
        (file("name", ""), "files[1].name"),
        (file("name", "7"), "files[1].name"),
        (file("name", r#""""#), "files[1].name"),
        (file("name", r#"".""#), "files[1].name"),
        (file("name", r#""..""#), "files[1].name"),
        (file("name", r#""a/b.mp4""#), "files[1].name"),
        (file("name", r#""/etc/passwd""#), "files[1].name"),
        (file("name", r#""a\nb""#), "files[1].name"),
        (file("name", r#""\u0085""#), "files[1].name"),
        (file("name", r#""\u0000""#), "files[1].name"),
        (file("name", &long), "files[1].name"),
        (file("bytes", ""), "files[1].bytes"),
        (file("bytes", "null"), "files[1].bytes"),
        (file("bytes", "-1"), "files[1].bytes"),
        (file("bytes", "1.5"), "files[1].bytes"),
        (file("bytes", "\"1\""), "files[1].bytes"),
        (file("bytes", "9007199254740992"), "files[1].bytes"),
        (file("bytes", "99999999999999999999999"), "files[1].bytes"),
        (file("seconds", "-0.001"), "files[1].seconds"),
        (file("seconds", "1e308"), "files[1].seconds"),
        (file("seconds", "1e400"), "files[1].seconds"),
        (file("seconds", "\"60\""), "files[1].seconds"),
        (file("seconds", "true"), "files[1].seconds"),
        (file("seconds", &deep), "files[1].seconds"),
        (with("disk_free_bytes", "-1"), "disk_free_bytes"),
        (with("disk_free_bytes", "1e3"), "disk_free_bytes"),
        (with("exit_status", "1.5"), "exit_status"),
        (with("exit_status", "\"1\""), "exit_status"),
        (with("exit_status", "99999999999"), "exit_status"),
        (with("message", "[]"), "message"),
        (with("meeting_url", "1"), "meeting_url"),
        (with("x", r#"1,"event":"failed""#), "the body has event twice"),
        (with("x", r#"1,"\u0065vent":"failed""#), "the body has event twice"),
    ] {
        let (status, error) = refused(&world, body.clone()).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body:.200}");
        assert!(error.starts_with(field), "{field}: {error}\n{body:.200}");
        assert!(error.len() < 200 && !error.contains(char::is_control), "{error}");
    }
    for raw in [&b"\xff\xfe{}"[..], b"{\"session_id\":\"\xc3\x28\"}"] {
        let (status, error) = refused(&world, raw.to_vec()).await;
        assert_eq!((status, error.as_str()), (StatusCode::BAD_REQUEST, "the body is not UTF-8"));
    }
    assert!(kept.lock().unwrap().is_empty());
    // What is odd and harmless is taken.
    let hundred: Vec<String> =
        (0..100).map(|n| format!(r#"{{"name":"{n}","bytes":1,"seconds":0}}"#)).collect();
    for body in [
        with("files", &format!("[{}]", hundred.join(","))),
        with("unknown", &deep),
        with("x", r#"1,"x":2"#),
        file("seconds", "-0.0"),
        file("seconds", "1e-300"),
        file("name", r#""<img src=x onerror=alert(1)>\u202e.mp4""#),
        with("meeting_url", r#""javascript:alert(1)""#),
        with("message", &format!("{:?}", "x".repeat(60_000))),
    ] {
        assert_eq!(post(&world, body.clone()).await, StatusCode::NO_CONTENT, "{body:.200}");
    }
    let kept = kept.lock().unwrap();
    assert_eq!((kept[0].files.len(), kept[4].files["a.mp4"].ms, &kept[6].room), (100, Some(0), &None));
    assert_eq!(kept[7].message.chars().count(), 2000);
}

/// It announces 2 GiB, or says nothing of its length and never ends: no more than what is allowed is read.
#[tokio::test]
async fn a_body_of_any_length_costs_no_more_than_a_small_one() {
    let mut world = reporter().await;
    let kept = world.keep_reports();
    let (status, _) = refused(&world, format!("{}{}", " ".repeat(65 * 1024), with("x", "1"))).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    for length in [format!("{CONTENT_LENGTH}: {}", 2_u64 << 30), "transfer-encoding: chunked".to_owned()] {
        let stream = begin(&world, ROUTE, WEBHOOK_TOKEN, &length).await;
        let (mut reads, mut writes) = stream.into_split();
        let sends = tokio::spawn(async move {
            let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x1_0000));
            let mut sent = 0_usize;
            while sent < 2 << 30 && writes.write_all(chunk.as_bytes()).await.is_ok() {
                sent += chunk.len();
            }
            sent
        });
        assert!(answer(&mut reads).await.starts_with("HTTP/1.1 413 "));
        // What the kernel keeps in between is all that could be sent.
        drop(reads);
        let sent = timeout(LONG, sends).await.expect("it is not read").unwrap();
        assert!(sent < 64 << 20, "{sent}");
    }
    assert!(kept.lock().unwrap().is_empty());
}

/// Not before it is safe, and with the number that the driver says.
#[tokio::test]
async fn a_report_is_answered_when_it_is_safe() {
    let mut world = reporter().await;
    let url = format!("{}{ROUTE}", world.url);
    let mut answer = tokio::spawn(world.client.post(url).bearer_auth(WEBHOOK_TOKEN).body(REPORT).send());
    let reported = timeout(LONG, world.reported.recv()).await.unwrap().unwrap();
    reported.taken.send(7).unwrap();
    world.safe.send_replace(6);
    assert!(timeout(Duration::from_millis(50), &mut answer).await.is_err(), "it is not safe yet");
    world.safe.send_replace(8);
    assert_eq!(timeout(LONG, answer).await.unwrap().unwrap().unwrap().status(), StatusCode::NO_CONTENT);
}

/// Nobody takes it, it is dropped, or it never is safe: whoever sent it is to send it again.
#[tokio::test]
async fn what_is_not_kept_is_to_be_sent_again() {
    let mut world = reporter().await;
    let post = |world: &World| {
        let url = format!("{}{ROUTE}", world.url);
        tokio::spawn(world.client.post(url).bearer_auth(WEBHOOK_TOKEN).body(REPORT).send())
    };
    let dropped = post(&world);
    drop(timeout(LONG, world.reported.recv()).await.unwrap().unwrap());
    let never_safe = post(&world);
    let reported = timeout(LONG, world.reported.recv()).await.unwrap().unwrap();
    reported.taken.send(u64::MAX).unwrap();
    let mut answers = vec![dropped, never_safe];
    // The driver is stuck.
    let waiting: Vec<_> = (0..64).map(|_| post(&world)).collect();
    while world.reported.len() < waiting.len() {
        tokio::task::yield_now().await;
    }
    answers.push(post(&world));
    answers.extend(waiting);
    for answer in answers {
        let answer = timeout(LONG, answer).await.unwrap().unwrap().unwrap();
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.headers()[RETRY_AFTER], "30");
        let said: Value = answer.json().await.unwrap();
        assert!(said["hint"].as_str().unwrap().contains("send it again"), "{said}");
    }
    world.reported.close();
    assert_eq!(super::reports::post(&world, REPORT).await, StatusCode::SERVICE_UNAVAILABLE);
}

/// The one that acts knows the recording.
#[tokio::test]
async fn where_another_instance_acts_it_is_for_that_one() {
    let mut world = reporter().await;
    let kept = world.keep_reports();
    world.board.set_link(Link { standby: true, ..Link::default() });
    assert_eq!(post(&world, REPORT).await, StatusCode::SERVICE_UNAVAILABLE);
    assert!(kept.lock().unwrap().is_empty());
    world.board.set_link(Link { linked: true, ..Link::default() });
    assert_eq!(
        post(
            &world,
            json!({"session_id": "s", "instance": "j", "event": "delivered", "files": []}).to_string()
        )
        .await,
        StatusCode::NO_CONTENT
    );
}
