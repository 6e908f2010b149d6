//! `status`, `rooms`, `jibris` and `healthcheck`: what the running service shows; `record`, `stop` and `release`:
//! what it is told.

use std::process::ExitCode;
use std::time::SystemTime;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;

use super::ask::{self, AskFailure};
use super::complain;
use super::ending::{finish, line};
use super::service::Service;
use super::table::{Colour, MOST, Medium, Table};
use super::view::View;
use crate::lasting::lasting;
use crate::meeting::ManualOrder;
use crate::plain::plain;
use crate::surface::{Alert, Jibri, Room, Status};

/// The service does not do what it is told.
const EXIT_REFUSED: u8 = 4;

/// `status`.
pub(super) const STATUS: View = View {
    paths: &["/api/v1/status", "/api/v1/alerts"],
    text: |bodies| match bodies {
        [status, alerts] => Some(overview(&read(status)?, read(alerts)?)),
        _ => None,
    },
};

/// `rooms`.
pub(super) const ROOMS: View =
    View { paths: &["/api/v1/rooms"], text: |bodies| Some(room_table(read(bodies.first()?)?)) };

/// `jibris`.
pub(super) const JIBRIS: View =
    View { paths: &["/api/v1/jibris"], text: |bodies| Some(jibri_table(read(bodies.first()?)?)) };

/// `jibris --why`.
pub(super) const JIBRIS_WHY: View =
    View { paths: &["/api/v1/jibris"], text: |bodies| Some(testimonies(read(bodies.first()?)?)) };

/// `record`, `stop` and `release`: an order by hand.
pub(super) fn order(service: &Service, hand: ManualOrder, room: &str, json: bool) -> ExitCode {
    let room = utf8_percent_encode(room, NON_ALPHANUMERIC);
    let path = format!("/api/v1/rooms/{room}/{}", hand.name());
    let answer = ask::post(service, &path);
    let read = |body: Vec<u8>| {
        let strange = |_| AskFailure::strange(service);
        if json {
            return serde_json::from_slice::<serde_json::Value>(&body).map(line).map_err(strange);
        }
        serde_json::from_slice(&body).map(|room| room_table(vec![room])).map_err(strange)
    };
    match answer {
        Err(refused @ (AskFailure::Refused { status: 400..500, .. } | AskFailure::WrongToken { .. })) => {
            complain(&refused);
            ExitCode::from(EXIT_REFUSED)
        }
        answer => finish(answer.and_then(read)),
    }
}

/// `healthcheck`: whether the service is linked to Prosody and able to act.
pub(super) fn healthcheck(service: &Service) -> ExitCode {
    match ask::get(service, "/readyz") {
        Ok(_) => ExitCode::SUCCESS,
        Err(trouble) => {
            complain(&trouble);
            ExitCode::FAILURE
        }
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Option<T> {
    serde_json::from_slice(body).ok()
}

fn because(what: &str, reason: Option<&str>) -> String {
    reason.map_or_else(|| what.to_owned(), |reason| format!("{what}: {reason}"))
}

fn overview(status: &Status, alerts: Vec<Alert>) -> String {
    let Status { version, domain, dry_run, footprint, footprint_reason, link, totals } = status;
    let dry_run = if *dry_run { ", a dry run" } else { "" };
    let linked = match (link.linked, &link.reason) {
        (true, _) => format!("linked for {}", age(&link.since)),
        (false, _) if link.standby => {
            format!("standing by for {}: another instance has the link", age(&link.since))
        }
        (false, None) => "not linked yet".to_owned(),
        (false, Some(why)) => format!("NOT LINKED for {}: {why}", age(&link.since)),
    };
    let counts = |counts: &std::collections::BTreeMap<String, u64>| {
        let named: Vec<String> =
            counts.iter().filter(|(_, n)| **n > 0).map(|(name, n)| format!("{n} {name}")).collect();
        if named.is_empty() { "none".to_owned() } else { named.join(", ") }
    };
    let mut text = String::new();
    for (name, value) in [
        ("service", format!("jibri-autostart {version} as {domain}{dry_run}")),
        ("prosody", linked),
        ("footprint", because(footprint.name(), footprint_reason.as_deref())),
        ("rooms", counts(&totals.rooms)),
        ("people", totals.people.to_string()),
        ("missing", not_recorded(totals.not_recorded, totals.not_recorded_why.as_deref())),
        ("jibris", counts(&totals.jibris)),
        ("alerts", if alerts.is_empty() { "none".to_owned() } else { alerts.len().to_string() }),
    ] {
        text.push_str(&Medium::stdout().line(&format!("{name:11}{}", plain(&value, MOST))));
        text.push('\n');
    }
    if alerts.is_empty() {
        return text;
    }
    let mut table = Table::new(&["ABOUT", "ALERT", "SEVERITY", "SINCE"], Medium::stdout());
    for alert in alerts {
        let colour = match alert.severity.as_str() {
            "critical" => Colour::Bad,
            "warning" => Colour::Odd,
            _ => Colour::None,
        };
        let cells = vec![
            (alert.subject, Colour::None),
            (alert.kind, Colour::None),
            (alert.severity, colour),
            (age(&alert.since), Colour::None),
        ];
        table.row(cells, Some(&alert.summary));
    }
    text.push('\n');
    text.push_str(&table.text());
    text
}

/// How many meetings are not recorded, and why.
fn not_recorded(rooms: u64, why: Option<&str>) -> String {
    match rooms {
        0 => "no recording".to_owned(),
        1 => because("1 meeting is not recorded", why),
        _ => because(&format!("{rooms} meetings are not recorded"), why),
    }
}

fn room_table(rooms: Vec<Room>) -> String {
    let mut table =
        Table::new(&["ROOM", "STATE", "PEOPLE", "MODS", "RECORDER", "TRY", "SINCE"], Medium::stdout());
    for room in rooms {
        let colour = match room.state.as_str() {
            "recording" => Colour::Good,
            "idle" => Colour::None,
            "backoff" | "waiting" | "held" => Colour::Bad,
            _ => Colour::Odd,
        };
        let number = |number: u32| if room.seen { number.to_string() } else { "?".to_owned() };
        let recorder = match room.proof.as_deref() {
            Some("seat") => "unproven",
            _ if room.recorder_present => "there",
            _ => "",
        };
        let cells = vec![
            (room.room.as_ref().to_owned(), Colour::None),
            (room.state, colour),
            (number(room.people), Colour::None),
            (number(room.moderators), Colour::None),
            (recorder.to_owned(), Colour::None),
            (room.attempt.to_string(), Colour::None),
            (age(&room.since), Colour::None),
        ];
        table.row(cells, room.reason.as_deref());
    }
    table.text()
}

fn jibri_table(jibris: Vec<Jibri>) -> String {
    let mut table =
        Table::new(&["JIBRI", "VERDICT", "BUSY", "HEALTHY", "FAILED", "RESTARTS", "ROOM"], Medium::stdout())
            .with_names_last();
    let word = |is: Option<bool>| is.map_or("?", |is| if is { "yes" } else { "no" }).to_owned();
    for jibri in jibris {
        let (colour, note) = match jibri.verdict.as_str() {
            "ok" => (Colour::Good, None),
            "suspect" => (Colour::Odd, Some(jibri.evidence.as_str())),
            _ => (Colour::Bad, Some(jibri.evidence.as_str())),
        };
        let cells = vec![
            (jibri.name, Colour::None),
            (jibri.verdict, colour),
            (word(jibri.busy), Colour::None),
            (word(jibri.healthy), Colour::None),
            (jibri.failures.to_string(), Colour::None),
            (jibri.restarts.to_string(), Colour::None),
            (jibri.room.unwrap_or_default(), Colour::None),
        ];
        table.row(cells, note);
    }
    table.text()
}

/// What each source says of each Jibri; what cannot be trusted now is in brackets.
fn testimonies(jibris: Vec<Jibri>) -> String {
    let mut text = String::new();
    for jibri in jibris {
        let head =
            format!("{}: {}, {}", plain(&jibri.name, MOST), jibri.verdict, plain(&jibri.evidence, MOST));
        text.push_str(&head);
        text.push('\n');
        for said in jibri.testimonies {
            let since = said.since.map_or(String::new(), |since| format!(", for {}", age(&since)));
            let says = format!("{}{since}", plain(&said.says, MOST));
            let says = if said.trusted { says } else { format!("({says})") };
            text.push_str(&Medium::stdout().line(&format!("  {:17}{says}", said.source)));
            text.push('\n');
        }
    }
    text
}

/// How long ago a time in RFC 3339 was.
fn age(since: &str) -> String {
    let Ok(since) = humantime::parse_rfc3339_weak(since) else { return String::new() };
    lasting(SystemTime::now().duration_since(since).unwrap_or_default())
}
