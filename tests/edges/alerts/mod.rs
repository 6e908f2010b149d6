//! Alerts from the book to stand-in receivers that are slow, refuse, fail, or are down.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "also in what the tests share"
)]

mod alertmanager;
mod document;
mod webhook;

use std::time::{Duration, Instant};

use crate::stand_in::StandIn;
use jibri_autostart::alerts::{Book, Deliverer, Delivery, DeliveryLimits, Kind, Report, spawn_with};
use jibri_autostart::config::{Alerts, Secret};
use jibri_autostart::time::Time;
use serde_json::Value;

/// Longer than any wait in these tests takes on a busy machine.
const LONG: Duration = Duration::from_secs(60);

fn limits() -> DeliveryLimits {
    DeliveryLimits {
        time: Duration::from_millis(500),
        retry_min: Duration::from_millis(10),
        retry_max: Duration::from_millis(50),
        give_up: LONG,
        waiting: 1000,
        resend: Duration::from_millis(200),
    }
}

/// A book and what delivers it, on a clock of their own.
struct World {
    book: Book,
    deliverer: Deliverer,
    began: Instant,
}

impl World {
    fn new(webhook: Option<&str>, alertmanager: Option<&str>, limits: DeliveryLimits) -> Self {
        let alerts = Alerts {
            webhook: Secret::new(webhook.unwrap_or_default()),
            alertmanager: alertmanager.map(str::to_owned),
            start_overdue: LONG,
            prosody_down: LONG,
            repeat: Duration::from_secs(3600),
        };
        let deliverer = spawn_with(&alerts, "autostart.meet.jitsi", limits).unwrap();
        Self { book: Book::new(alerts.repeat), deliverer, began: Instant::now() }
    }

    fn now(&self) -> Time {
        Time::new(self.began.elapsed())
    }

    fn send(&mut self, deliveries: Vec<Delivery>) {
        let now = self.now();
        let began = Instant::now();
        for delivery in deliveries {
            self.deliverer.send(now, delivery);
        }
        // The machine may be busy; a receiver that is waited for takes longer than that.
        assert!(began.elapsed() < Duration::from_secs(2), "the sender was made to wait");
    }

    fn raise(&mut self, kind: Kind, subject: &str) {
        let report = Report::new(kind, subject, "what happened").label("room", "r1@muc.meet.jitsi");
        let deliveries = self.book.raise(self.now(), report);
        assert_eq!(deliveries.len(), 1);
        self.send(deliveries);
    }

    fn resolve(&mut self, kind: Kind, subject: &str) {
        let deliveries = self.book.resolve(self.now(), kind, subject);
        assert_eq!(deliveries.len(), 1);
        self.send(deliveries);
    }
}

async fn until(what: &str, mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < LONG, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The bodies of all requests.
fn bodies(receiver: &StandIn) -> Vec<Value> {
    receiver.seen().iter().map(|seen| serde_json::from_str(&seen.body).unwrap()).collect()
}
