//! Orders by hand: who may give them, what they are answered with, and each reason why one is not taken.

use std::sync::Arc;

use jibri_autostart::meeting::{ManualOrder, NotTaken, OrderedBy, Origin};
use jibri_autostart::surface::Room;
use reqwest::{Method, StatusCode};
use serde_json::Value;

use super::openapi::{ask, document};
use super::schema::hold;
use super::{TOKEN, World, room, world, world_whose_token_is};

const ROUTES: [&str; 3] =
    ["/api/v1/rooms/{room}/record", "/api/v1/rooms/{room}/stop", "/api/v1/rooms/{room}/release"];

/// What each of the three orders is answered with for this room, as the document says.
async fn each(world: &World, room: &str) -> [StatusCode; 3] {
    let document = document();
    let mut answers = [StatusCode::IM_A_TEAPOT; 3];
    for (route, answer) in ROUTES.iter().zip(&mut answers) {
        let path = route.replace("{room}", room);
        *answer = ask(world, &document, Method::POST, route, &path, "").await;
    }
    answers
}

#[tokio::test]
async fn an_order_arrives_and_is_answered_with_the_room_as_it_is_then() {
    let mut world = world().await;
    for hand in ManualOrder::ALL {
        let url =
            format!("{}/api/v1/rooms/%5Bacme%5Dgr%C3%B6%C3%9Fe%2F%3Cscript%3E/{}", world.url, hand.name());
        let answer = tokio::spawn(world.client.post(url).bearer_auth(TOKEN).send());
        let order = world.orders.recv().await.unwrap();
        assert_eq!((&*order.room, order.hand), ("[acme]größe/<script>@muc.meet.jitsi", hand));
        let reason = Some(format!("by hand: {}", hand.name()));
        world.board.put_rooms(&[Arc::new(Room {
            reason: reason.clone(),
            ..(*room("[acme]größe/<script>", "stopping")).clone()
        })]);
        order.answer.send(Ok(())).unwrap();
        let answer = answer.await.unwrap().unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let room: Value = answer.json().await.unwrap();
        assert_eq!((&room["state"], &room["reason"]), (&"stopping".into(), &reason.into()));
    }
}

/// A label for people: whoever has the token may claim any of them.
#[tokio::test]
async fn an_order_says_by_what_it_has_come_and_from_where() {
    let mut world = world().await;
    let ours = "sec-jibri-autostart";
    let page = "jibri-autostart-client";
    for (headers, by) in [
        (vec![], OrderedBy::Api),
        (vec![("user-agent", "jibri-autostart/1.0")], OrderedBy::Api),
        (vec![(page, "page")], OrderedBy::Page),
        (vec![(page, "PAGE")], OrderedBy::Api),
        (vec![(page, "<script>")], OrderedBy::Api),
        (vec![(ours, "?1")], OrderedBy::CommandLine),
        (vec![(ours, "?1"), (page, "page")], OrderedBy::CommandLine),
        // Nobody is believed who says that he is somebody else.
        (vec![("x-forwarded-for", "10.0.0.7"), ("forwarded", "for=10.0.0.7")], OrderedBy::Api),
    ] {
        let mut request = world.client.post(format!("{}/api/v1/rooms/r1/stop", world.url)).bearer_auth(TOKEN);
        for (name, value) in &headers {
            request = request.header(*name, *value);
        }
        let answer = tokio::spawn(request.send());
        let order = world.orders.recv().await.unwrap();
        let expected = Origin {
            by,
            from: world.url.parse::<reqwest::Url>().unwrap().host_str().unwrap().parse().unwrap(),
        };
        assert_eq!(order.origin, expected, "{headers:?}");
        order.answer.send(Ok(())).unwrap();
        assert_eq!(answer.await.unwrap().unwrap().status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn each_reason_why_an_order_is_not_taken_comes_with_its_remedy() {
    for (why, expected) in [
        (NotTaken::NotWatched, StatusCode::NOT_FOUND),
        (NotTaken::NotSeen, StatusCode::CONFLICT),
        (NotTaken::Nobody, StatusCode::CONFLICT),
        (NotTaken::DryRun, StatusCode::CONFLICT),
    ] {
        let mut world = world().await;
        world.answer(Err(why));
        assert_eq!(each(&world, "r1").await, [expected; 3], "{why}");
        let url = format!("{}/api/v1/rooms/r1/stop", world.url);
        let answer = world.client.post(url).bearer_auth(TOKEN).send().await.unwrap();
        let body: Value = answer.json().await.unwrap();
        assert_eq!(body["error"], why.to_string());
        if expected == StatusCode::CONFLICT {
            assert_eq!(body["hint"], why.remedy());
        }
    }
}

#[tokio::test]
async fn a_room_that_nobody_watches_is_not_found_and_the_driver_not_asked() {
    let mut world = world().await;
    for (name, expected) in [
        ("r2", StatusCode::NOT_FOUND),
        ("r1%40elsewhere", StatusCode::NOT_FOUND),
        ("%ff", StatusCode::BAD_REQUEST),
    ] {
        assert_eq!(each(&world, name).await, [expected; 3], "{name}");
    }
    assert!(world.orders.try_recv().is_err());
    // One that goes while the order is under way.
    let url = format!("{}/api/v1/rooms/r1/stop", world.url);
    let answer = tokio::spawn(world.client.post(url).bearer_auth(TOKEN).send());
    let order = world.orders.recv().await.unwrap();
    world.board.forget_room("r1@muc.meet.jitsi");
    order.answer.send(Ok(())).unwrap();
    assert_eq!(answer.await.unwrap().unwrap().status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn only_who_has_the_token_gives_orders() {
    let mut world = world().await;
    for bad in ["", "wrong", "TOKEN-23795862304", "TOKEN-2379586230455"] {
        world.token = bad;
        assert_eq!(each(&world, "r1").await, [StatusCode::UNAUTHORIZED; 3], "{bad}");
        // Nor is he told which rooms there are.
        assert_eq!(each(&world, "r2").await, [StatusCode::UNAUTHORIZED; 3], "{bad}");
    }
    let answer = world.client.post(format!("{}/api/v1/rooms/r1/stop", world.url)).send().await.unwrap();
    assert_eq!(
        (answer.status(), &answer.headers()["www-authenticate"]),
        (StatusCode::UNAUTHORIZED, &"Bearer".parse().unwrap())
    );
    assert!(world.orders.try_recv().is_err());
}

/// What `GET /api/v1/token` says, as the document has it.
async fn checked(world: &World) -> StatusCode {
    ask(world, &document(), Method::GET, "/api/v1/token", "/api/v1/token", "").await
}

#[tokio::test]
async fn a_token_can_be_checked_before_anything_is_ordered_with_it() {
    let mut world = world().await;
    assert_eq!(checked(&world).await, StatusCode::NO_CONTENT);
    for bad in ["", "wrong", "TOKEN-23795862304", "TOKEN-2379586230455"] {
        world.token = bad;
        assert_eq!(checked(&world).await, StatusCode::UNAUTHORIZED, "{bad}");
    }
    let answer = world.client.get(format!("{}/api/v1/token", world.url)).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    assert!(world.orders.try_recv().is_err());
    let mut without = world_whose_token_is("").await;
    without.token = "";
    assert_eq!(checked(&without).await, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn without_a_token_nobody_gives_orders_and_the_remedy_is_told() {
    let mut world = world_whose_token_is("").await;
    for any in ["", TOKEN] {
        world.token = any;
        assert_eq!(each(&world, "r1").await, [StatusCode::FORBIDDEN; 3]);
    }
    let answer = world.client.post(format!("{}/api/v1/rooms/r1/stop", world.url)).send().await.unwrap();
    assert!(answer.json::<Value>().await.unwrap()["hint"].as_str().unwrap().contains("http.token"));
    assert!(world.orders.try_recv().is_err());
}

/// The driver takes no orders: because there are too many, because it is about to end, or because it is stuck.
#[tokio::test]
async fn an_order_that_nobody_takes_is_told_so() {
    let mut world = world().await;
    let post = || world.client.post(format!("{}/api/v1/rooms/r1/stop", world.url)).bearer_auth(TOKEN).send();
    let document = document();
    let waiting: Vec<_> = (0..16).map(|_| tokio::spawn(post())).collect();
    while world.orders.len() < waiting.len() {
        tokio::task::yield_now().await;
    }
    assert_eq!(each(&world, "r1").await, [StatusCode::SERVICE_UNAVAILABLE; 3]);
    for answer in waiting {
        let answer = answer.await.unwrap().unwrap();
        assert_eq!(answer.status(), StatusCode::REQUEST_TIMEOUT);
        let schema = &document["components"]["schemas"]["Error"];
        hold(&document, schema, &answer.json().await.unwrap(), "too long");
    }
    world.orders.close();
    assert_eq!(each(&world, "r1").await, [StatusCode::SERVICE_UNAVAILABLE; 3]);
}
