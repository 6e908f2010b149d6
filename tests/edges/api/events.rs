//! Readers of the events: what they are told, and what those cost that do not read.

use std::sync::atomic::Ordering;
use std::time::Duration;

use jibri_autostart::http::{HttpEvent, ServerLimits, spawn_with};
use jibri_autostart::ledger::{Attempt, Entry};
use jibri_autostart::recordings::{Recording, RecordingState};
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, timeout};

use super::{LONG, World, room, world};

struct Reader {
    response: Response,
    read: String,
}

impl Reader {
    async fn open(world: &World) -> Self {
        // A client of its own: events last longer than answers may.
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let response = client.get(format!("{}/api/v1/events", world.url)).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { response, read: String::new() }
    }

    /// The next event; none at the end.
    async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some((event, rest)) = self.read.split_once("\n\n") {
                let field =
                    |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
                let event = field("event: ").zip(field("data: "));
                self.read = rest.to_owned();
                match event {
                    Some((name, data)) => return Some((name, serde_json::from_str(&data).unwrap())),
                    None => continue,
                }
            }
            let chunk = timeout(LONG, self.response.chunk()).await.expect("in time").ok()??;
            self.read.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    async fn until(&mut self, name: &str) -> Value {
        loop {
            let (event, data) = self.next().await.expect("no end");
            if event == name {
                return data;
            }
        }
    }
}

#[tokio::test]
async fn a_reader_is_told_everything_and_then_each_change() {
    let world = world().await;
    let rooms: Vec<_> = (0..600).map(|n| room(&format!("m{n:03}"), "idle")).collect();
    world.board.put_rooms(&rooms);
    let mut reader = Reader::open(&world).await;
    let (mut names, mut told) = (Vec::new(), 0);
    loop {
        let (name, data) = reader.next().await.unwrap();
        if name == "rooms" {
            told += data.as_array().unwrap().len();
            assert!(data.as_array().unwrap().len() <= 256);
        }
        names.push(name);
        if names.last().unwrap() == "complete" {
            break;
        }
    }
    assert_eq!(names, ["status", "jibris", "alerts", "rooms", "rooms", "rooms", "complete"]);
    assert_eq!(told, 602);
    world.board.put_rooms(&[room("m001", "starting")]);
    let (name, data) = reader.next().await.unwrap();
    assert_eq!((name.as_str(), &data[0]["state"]), ("rooms", &json!("starting")));
    world.board.forget_room("m001@muc.meet.jitsi");
    assert_eq!(reader.until("gone").await, json!({ "room": "m001@muc.meet.jitsi" }));
    world.board.set_waiting(3);
    assert_eq!(reader.until("status").await["rooms_waiting"], 3);
    world.board.set_alerts(Vec::new(), [].into());
    assert_eq!(reader.until("alerts").await, json!([]));
}

/// It asks for events and never reads them: it is dropped, others are told, and the writer never waits.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_never_reads_holds_nobody_up() {
    let world = world().await;
    let address = world.url.strip_prefix("http://").unwrap();
    let mut asleep = TcpStream::connect(address).await.unwrap();
    asleep.write_all(b"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut slowest = Duration::ZERO;
    for n in 0..30_000 {
        let began = Instant::now();
        world
            .board
            .put_rooms(&[room(&format!("s{}", n % 500), if n % 1000 < 500 { "idle" } else { "held" })]);
        slowest = slowest.max(began.elapsed());
        if n % 100 == 0 {
            tokio::task::yield_now().await;
        }
    }
    assert!(slowest < Duration::from_secs(10), "{slowest:?}");
    let mut reader = Reader::open(&world).await;
    reader.until("complete").await;
    world.board.put_rooms(&[room("new", "pending")]);
    assert_eq!(reader.until("rooms").await[0]["state"], "pending");
}

/// What it does not take stays in its connection, 64 KB of it; then it is noticed, and its place is another's.
#[tokio::test]
async fn who_stops_reading_is_dropped() {
    let world = world().await;
    world.board.put_rooms(&(0..1000).map(|n| room(&format!("m{n}"), "idle")).collect::<Vec<_>>());
    let limits = ServerLimits { write: Duration::from_millis(300), ..ServerLimits::default() };
    let mut server = spawn_with("127.0.0.1:0".parse().unwrap(), world.router.clone(), limits);
    let Some(HttpEvent::Listening(address)) = server.recv().await else { panic!("cannot listen") };
    let mut asleep = Vec::new();
    for _ in 0..256 {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(2048).unwrap();
        let mut stream = socket.connect(address).await.unwrap();
        stream.write_all(b"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        asleep.push(stream);
    }
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("http://{address}/api/v1/events");
    let answers = async {
        while client.get(&url).send().await.unwrap().status() != StatusCode::OK {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(LONG, answers).await.expect("a place");
    // The others follow. Whoever read before that would be a reader again; what he writes is refused once he is dropped.
    for mut stream in asleep {
        let refused = async {
            while stream.write_all(b"\r\n").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(LONG, refused).await.expect("an end");
        let mut read = Vec::new();
        let _ = timeout(LONG, stream.read_to_end(&mut read)).await.expect("no more");
        assert!(read.len() < 100_000, "{}", read.len());
    }
}

#[tokio::test]
async fn more_readers_than_may_be_are_turned_away_and_all_else_is_served() {
    let world = world().await;
    let mut readers = Vec::new();
    for _ in 0..256 {
        readers.push(Reader::open(&world).await);
    }
    let refused = world.client.get(format!("{}/api/v1/events", world.url)).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused.json::<Value>().await.unwrap()["hint"].is_string());
    let rooms = world.client.get(format!("{}/api/v1/rooms", world.url)).send().await.unwrap();
    assert_eq!(rooms.status(), StatusCode::OK);
    world.board.put_rooms(&[room("r1", "stopping")]);
    for reader in &mut readers {
        reader.until("complete").await;
        assert_eq!(reader.until("rooms").await[0]["state"], "stopping");
    }
    drop(readers);
    let again = async {
        while world.client.get(format!("{}/api/v1/events", world.url)).send().await.unwrap().status()
            != StatusCode::OK
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(LONG, again).await.expect("there is room again");
}

#[tokio::test]
async fn a_reader_is_told_that_something_about_a_recording_is_new() {
    let mut world = world().await;
    let mut reader = Reader::open(&world).await;
    reader.until("complete").await;
    world.tells_history.store(true, Ordering::Relaxed);
    for state in [RecordingState::Ended, RecordingState::Written] {
        let recording = Recording { key: "new".to_owned(), ..Recording::default() };
        world.ledger.put_recording(recording, state);
        // What was written before it came may be told as well.
        let mut is_there = async || {
            assert_eq!(reader.until("recordings").await, json!({}));
            let answer = world.client.get(format!("{}/api/v1/recordings", world.url)).send().await.unwrap();
            let all: Vec<Value> = answer.json().await.unwrap();
            all.iter().any(|one| one["id"] == "new" && one["state"] == state.name())
        };
        while !is_there().await {}
    }
}

#[tokio::test]
async fn a_reader_is_told_that_there_is_more_history() {
    let mut world = world().await;
    let mut reader = Reader::open(&world).await;
    reader.until("complete").await;
    world.tells_history.store(true, Ordering::Relaxed);
    let key = world.ledger.new_key();
    world.ledger.put(key, Entry::Attempt(Attempt { room: "new".to_owned(), ..Attempt::default() }));
    // What was written before it came may be told as well.
    let mut is_there = async || {
        assert_eq!(reader.until("history").await, json!({}));
        let answer =
            world.client.get(format!("{}/api/v1/history?limit=1000", world.url)).send().await.unwrap();
        let entries: Vec<Value> = answer.json().await.unwrap();
        entries.iter().any(|entry| entry["room"] == "new")
    };
    while !is_there().await {}
}
