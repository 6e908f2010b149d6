//! Every way in which the link fails, what is said then, and that it comes back.

use std::time::{Duration, Instant};

use super::harness::{Linked, room, seconds, settings};
use jibri_autostart::address::Nick;
use jibri_autostart::config::Settings;
use jibri_autostart::meeting::{Action, QueryId, Roles};
use jibri_autostart::xmpp::{Failure, LinkEvent};
use testkit::{Prosody, ProsodyOptions, SOON, World, WorldOptions, eventually, ports};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// What is said when the link is to be made to this server.
async fn failure_at(server: String) -> Failure {
    Linked::with(&settings(server, "secret")).wait_down().await
}

fn with_conflict(how: &str) -> ProsodyOptions {
    ProsodyOptions { conflict_resolve: how.into(), ..ProsodyOptions::default() }
}

#[tokio::test]
async fn no_such_host_name() {
    let failure = failure_at("no-such-host.invalid:5347".into()).await;
    assert!(matches!(failure, Failure::Dns { .. }), "{failure:?}");
    let failure = failure_at("no port".into()).await;
    assert!(matches!(failure, Failure::Dns { .. }), "{failure:?}");
}

#[tokio::test]
async fn nobody_listens_and_it_is_tried_again_for_ever() {
    let mut linked = Linked::with(&settings(ports::loopback().to_string(), "secret"));
    for _ in 0..20 {
        let retry_in = linked
            .wait("Down", |event| match event {
                LinkEvent::Down { failure: Failure::Refused { .. }, retry_in } => Some(retry_in),
                other => panic!("{other:?}"),
            })
            .await;
        assert!((Duration::from_millis(100)..=Duration::from_millis(300)).contains(&retry_in));
    }
}

/// As it is set by default.
fn patient(server: String, secret: &str) -> Settings {
    let mut settings = settings(server, secret);
    settings.xmpp.reconnect_min = Duration::from_millis(250);
    settings.xmpp.reconnect_max = seconds(15);
    settings
}

/// Waits until the link is up again; the longest wait between two attempts.
async fn longest_wait_until_up(linked: &mut Linked) -> Duration {
    let mut longest = Duration::ZERO;
    linked
        .wait("Up", |event| match event {
            LinkEvent::Down { retry_in, .. } => {
                longest = longest.max(retry_in);
                None
            }
            event => matches!(event, LinkEvent::Up).then_some(()),
        })
        .await;
    longest
}

#[tokio::test]
async fn a_port_that_takes_no_connection_is_soon_tried_again() {
    // With a queue for one that nobody takes out of it, the system drops the first packet of each further connection.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(Ok(taken)) =
        tokio::time::timeout(Duration::from_millis(500), TcpStream::connect(address)).await
    {
        waiting.push(taken);
    }
    let mut linked = Linked::with(&patient(address.to_string(), "secret"));
    for _ in 0..2 {
        let (failure, retry_in) = linked
            .wait("Down", |event| match event {
                LinkEvent::Down { failure, retry_in } => Some((failure, retry_in)),
                _ => None,
            })
            .await;
        assert!(matches!(failure, Failure::ConnectTimeout { .. }), "{failure:?}");
        assert_eq!(retry_in, Duration::from_millis(250));
    }
}

#[tokio::test]
async fn something_else_listens() {
    for greeting in ["HTTP/1.1 400 Bad Request\r\n\r\n", "SSH-2.0-OpenSSH_9.2\r\n", "", "<html>"] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let peer = tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            let _ = socket.write_all(greeting.as_bytes()).await;
            let _ = socket.shutdown().await;
            // Until the other side has gone.
            let _ = tokio::io::copy(&mut socket, &mut tokio::io::sink()).await;
        });
        let failure = failure_at(address).await;
        assert!(matches!(failure, Failure::NotComponentPort { .. }), "{greeting:?}: {failure:?}");
        peer.await.unwrap();
    }
}

#[tokio::test]
async fn nobody_answers_the_handshake() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let failure = failure_at(listener.local_addr().unwrap().to_string()).await;
    assert!(matches!(failure, Failure::HandshakeTimeout { .. }), "{failure:?}");
}

on_each_prosody! {
    async fn refusals_of_prosody(version) {
        let prosody = Prosody::start_new(version, ProsodyOptions::default()).await?;
        let server = prosody.component().to_string();
        let wrong = Linked::with(&settings(server.clone(), "wrong-s3cret")).wait_down().await;
        assert!(matches!(&wrong, Failure::WrongSecret { .. }), "{wrong:?}");
        assert!(!format!("{wrong} {wrong:?}").contains("s3cret"));
        let mut unknown = settings(server, prosody.component_secret());
        unknown.xmpp.domain = "nobody.meet.jitsi".into();
        let unknown = Linked::with(&unknown).wait_down().await;
        assert!(matches!(unknown, Failure::UnknownHost { .. }), "{unknown:?}");
        // The port for clients knows no component either, so the same is said.
        let client_port = failure_at(prosody.c2s().to_string()).await;
        assert!(matches!(client_port, Failure::UnknownHost { .. }), "{client_port:?}");
        Ok(())
    }

    async fn prosody_is_tried_every_second_the_fifth_time_too(version) {
        let mut prosody = Prosody::start_new(version, ProsodyOptions::default()).await?;
        let mut linked =
            Linked::with(&patient(prosody.component().to_string(), prosody.component_secret()));
        linked.wait_up().await;
        for round in 1..=5 {
            prosody.stop().await;
            // Until it has found the port closed more than once.
            for _ in 0..3 {
                linked.wait_down().await;
            }
            prosody.start().await?;
            let longest = longest_wait_until_up(&mut linked).await;
            assert!(longest <= seconds(1), "round {round}: {longest:?}");
        }
        Ok(())
    }

    async fn of_two_the_new_one_is_refused(version) {
        let prosody = Prosody::start_new(version, with_conflict("kick_new")).await?;
        let mut first = Linked::to(&prosody);
        first.wait_up().await;
        let mut second = Linked::to(&prosody);
        let failure = second.wait_down().await;
        assert!(matches!(failure, Failure::Conflict { .. }), "{failure:?}");
        assert!(first.events.try_recv().is_err());
        // A link that is closed is gone at once, and the next one is let in.
        let closing = Instant::now();
        first.link.close().await;
        assert!(closing.elapsed() < seconds(10));
        second.wait_up().await;
        Ok(())
    }

    async fn of_two_the_old_one_is_thrown_out(version) {
        let prosody = Prosody::start_new(version, with_conflict("kick_old")).await?;
        let mut first = Linked::to(&prosody);
        first.wait_up().await;
        let mut second = Linked::to(&prosody);
        second.wait_up().await;
        let failure = first.wait_down().await;
        assert!(matches!(failure, Failure::Conflict { .. }), "{failure:?}");
        second.link.close().await;
        first.wait_up().await;
        Ok(())
    }

    async fn prosody_stops_crashes_and_comes_back(version) {
        let mut prosody = Prosody::start_new(version, ProsodyOptions::default()).await?;
        let mut linked = Linked::to(&prosody);
        linked.wait_up().await;
        prosody.stop().await;
        let failure = linked.wait_down().await;
        assert!(matches!(failure, Failure::Closed | Failure::Broken { .. }), "{failure:?}");
        let failure = linked.wait_down().await;
        assert!(matches!(failure, Failure::Refused { .. }), "{failure:?}");
        prosody.start().await?;
        linked.wait_up().await;
        prosody.kill();
        let failure = linked.wait_down().await;
        assert!(matches!(failure, Failure::Broken { .. }), "{failure:?}");
        prosody.start().await?;
        linked.wait_up().await;
        assert_eq!(linked.link.counters().reconnects.get(), 2);
        Ok(())
    }

    async fn a_silent_prosody_is_asked_and_a_frozen_one_given_up(version) {
        let world = World::start(version, WorldOptions::default()).await?;
        let mut settings = settings(world.prosody.component().to_string(), world.prosody.component_secret());
        settings.xmpp.ping_interval = seconds(1);
        let mut linked = Linked::with(&settings);
        linked.wait_up().await;
        let counters = linked.link.counters();
        assert!(eventually(SOON, || counters.received.iq.get() >= 3).await, "{counters:?}");
        assert_eq!((counters.rejected.stray.get(), counters.reconnects.get()), (0, 0));
        world.prosody.freeze(true);
        let frozen = Instant::now();
        let failure = linked.wait_down_for(seconds(20)).await;
        let noticed = frozen.elapsed();
        assert!(matches!(failure, Failure::Dead { .. }), "{failure:?}");
        assert!(noticed < seconds(12), "noticed after {noticed:?}");
        world.prosody.freeze(false);
        linked.wait_for(seconds(30), "Up", |event| matches!(event, LinkEvent::Up).then_some(())).await;
        Ok(())
    }

    async fn a_prosody_that_takes_no_data_is_given_up(version) {
        let world = World::start(version, WorldOptions::default()).await?;
        let mut linked = Linked::up(&world).await;
        world.prosody.freeze(true);
        // More than the buffers of two sockets hold.
        for number in 0..60_000 {
            linked.act(Action::AskRoles { room: room("r1"), query: QueryId(number), which: Roles::Both });
        }
        let failure = linked.wait_down().await;
        assert!(matches!(failure, Failure::Stuck { .. }), "{failure:?}");
        world.prosody.freeze(false);
        linked.wait_for(seconds(30), "Up", |event| matches!(event, LinkEvent::Up).then_some(())).await;
        Ok(())
    }

    async fn what_xml_cannot_hold_is_not_sent(version) {
        let world = World::start(version, WorldOptions::default()).await?;
        let _ada = world.moderator("r1").await?;
        let mut linked = Linked::up(&world).await;
        linked.act(Action::Enter { room: room("r1"), nick: Nick::new("a\u{1}b")?, password: None });
        linked.enter("r1").await;
        Ok(())
    }
}
