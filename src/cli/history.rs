//! `history`: what became of recordings, as a table; or the story of one room, in plain words.

use std::process::ExitCode;
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::ending::{finish, get, raw};
use super::service::{self, Service};
use super::table::{Colour, MOST, Medium, Table};
use crate::lasting::lasting;
use crate::ledger::{Alert, Attempt, Entry, Moment, Order, Outcome, Record, Recovery, Wait};
use crate::plain::plain;

#[derive(Debug, Default, clap::Args)]
pub(super) struct Args {
    /// One room: its full JID, or only its name where one MUC domain is watched
    room: Option<String>,
    /// From when on: how long ago (24h, 7d), or a time in UTC (2026-11-22T12:00:00Z)
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// How many of the newest entries to show, up to 1000 [default: 100]
    #[arg(long, value_name = "N")]
    limit: Option<u16>,
    /// Print JSON, as the HTTP API gives it
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    pub(super) service: service::Arguments,
}

impl Args {
    fn path(&self) -> String {
        let limit = self.limit.map(|limit| limit.to_string());
        question("/api/v1/history", &[("room", &self.room), ("since", &self.since), ("limit", &limit)])
    }
}

/// The path of a request that asks for this.
pub(super) fn question(route: &str, asked: &[(&str, &Option<String>)]) -> String {
    let asked = asked.iter().filter_map(|(name, value)| {
        let value = utf8_percent_encode(value.as_ref()?, NON_ALPHANUMERIC);
        Some(format!("{name}={value}"))
    });
    format!("{route}?{}", asked.collect::<Vec<_>>().join("&"))
}

/// `history`.
pub(super) fn history(service: &Service, args: &Args) -> ExitCode {
    let path = args.path();
    if args.json {
        return raw(service, &path);
    }
    finish(get(service, &path).map(|records: Vec<Record>| match &args.room {
        Some(room) => story(room, &records),
        None => table(records, Moment::now(), Medium::stdout()),
    }))
}

/// What is still on has lasted until `now`.
fn table(records: Vec<Record>, now: Moment, medium: Medium) -> String {
    let mut table = Table::new(&["ABOUT", "WHAT", "TIME (UTC)", "LASTED"], medium);
    for Record { entry, .. } in records {
        let (time, is_open) = (entry.time(), entry.is_open());
        let (about, what, colour, lasted, note) = match entry {
            Entry::Attempt(attempt) => {
                let colour = match attempt.outcome {
                    Outcome::Recording | Outcome::Recorded => Colour::Good,
                    Outcome::Failed | Outcome::NotStarted => Colour::Bad,
                    _ => Colour::Odd,
                };
                let lasted = attempt.on.map(|on| (on, attempt.off));
                (attempt.room, attempt.outcome.name().to_owned(), colour, lasted, attempt.reason)
            }
            Entry::Recovery(recovery) => {
                let what = format!("{} ({})", recovery.outcome, recovery.trigger);
                (recovery.instance, what, Colour::Odd, None, recovery.output)
            }
            Entry::Alert(alert) => {
                let colour = if is_open { Colour::Bad } else { Colour::None };
                let lasted = Some((alert.raised, alert.resolved));
                (alert.subject, alert.alert, colour, lasted, Some(alert.summary))
            }
            Entry::Order(order) => {
                let what = format!("order: {}", order.order);
                let lasted = (order.order != RELEASE).then_some((order.given, order.over));
                let end = order.reason.as_ref().map_or(String::new(), |end| format!("; {end}"));
                let note = format!("by {} from {}{end}", by(&order), order.from);
                (order.room, what, Colour::Odd, lasted, Some(note))
            }
            Entry::Wait(wait) => {
                let what = if is_open { "waits for a Jibri" } else { "waited for a Jibri" };
                (wait.room, what.to_owned(), Colour::Odd, Some((wait.began, wait.over)), wait.reason)
            }
        };
        let lasted = match lasted {
            Some((from, Some(to))) => span(from, to),
            Some((from, None)) if is_open => format!("{}, still", span(from, now)),
            _ => String::new(),
        };
        let cells = vec![
            (about, Colour::None),
            (what, colour),
            (format!("{} {}", date(time), clock(time)), Colour::None),
            (lasted, Colour::None),
        ];
        table.row(cells, note.as_deref());
    }
    table.text()
}

/// A day as `2026-11-22`.
pub(super) fn date(moment: Moment) -> String {
    moment.to_string().chars().take(10).collect()
}

/// A time of the day as `14:00:03`.
pub(super) fn clock(moment: Moment) -> String {
    moment.to_string().chars().skip(11).take(8).collect()
}

/// How long it was.
fn span(from: Moment, to: Moment) -> String {
    let ms = to.0.saturating_sub(from.0);
    lasting(Duration::from_millis(u64::try_from(ms).unwrap_or(0)))
}

/// What happened in a room, the oldest first.
fn story(room: &str, records: &[Record]) -> String {
    let room = plain(room, MOST);
    if records.is_empty() {
        return format!(
            "nothing is known about {room} in that time: no recording was wanted or seen there\n"
        );
    }
    let mut lines = Vec::new();
    let mut wanted = None;
    for Record { entry, .. } in records.iter().rev() {
        match entry {
            Entry::Attempt(attempt) => {
                // Told once, however many starts it took.
                let is_told = attempt.wanted.is_some() && attempt.wanted == wanted;
                // What we did not see the end of is wanted anew.
                wanted = attempt.wanted.filter(|_| attempt.outcome != Outcome::Unknown);
                attempt_lines(attempt, is_told, &mut lines);
            }
            Entry::Alert(alert) => alert_lines(alert, &mut lines),
            Entry::Recovery(recovery) => recovery_lines(recovery, &mut lines),
            Entry::Order(order) => order_lines(order, &mut lines),
            Entry::Wait(wait) => wait_lines(wait, &mut lines),
        }
    }
    // What happened in the same second stays in the order in which it was told.
    lines.sort_by_key(|(at, _)| at.0 / 1000);
    let mut text = format!("{room} (times are in UTC)\n");
    let mut day = String::new();
    for (at, line) in lines {
        let on = date(at);
        if on != day {
            text.push_str(&format!("{on}\n"));
            day = on;
        }
        text.push_str(&format!("  {} {}\n", clock(at), plain(&line, MOST)));
    }
    text
}

fn attempt_lines(attempt: &Attempt, is_told: bool, lines: &mut Vec<(Moment, String)>) {
    let because = attempt.reason.as_deref().map_or(String::new(), |why| format!(": {why}"));
    if let Some(wanted) = attempt.wanted.filter(|_| !is_told) {
        let who = attempt.trigger.as_deref().map_or(String::new(), |who| format!(": {who} was there"));
        lines.push((wanted, format!("wanted{who}")));
    }
    if let Some(sent) = attempt.sent {
        lines.push((sent, "asked Jicofo for a recording".to_owned()));
    }
    if let Some(on) = attempt.on {
        let session = attempt.session_id.as_ref().map(|session| format!("session {session}"));
        let details: Vec<String> = session.into_iter().chain(attempt.jibri.clone()).collect();
        let details = if details.is_empty() { String::new() } else { format!(" ({})", details.join(", ")) };
        let what = if attempt.sent.is_some() { "recording is on" } else { "recording was found to be on" };
        lines.push((on, format!("{what}{details}")));
    }
    let known = attempt.on.or(attempt.sent).or(attempt.wanted).unwrap_or_default();
    let end = match attempt.outcome {
        Outcome::Waiting => format!("still waiting{because}"),
        Outcome::Starting => format!("waiting for Jicofo's answer{because}"),
        Outcome::Pending => format!("a Jibri was found; waiting for the recording to be on{because}"),
        Outcome::Recording => format!("still on{because}"),
        Outcome::Recorded => format!("over{because}"),
        Outcome::Stopped => format!("stopped{because}"),
        Outcome::Failed if attempt.on.is_some() => format!("NO LONGER RECORDED{because}"),
        // Requests before it have failed.
        Outcome::Failed if attempt.sent.is_none() => format!("NOT RECORDED{because}"),
        Outcome::Failed => format!("FAILED{because}"),
        Outcome::NotStarted => format!("NOT RECORDED, nothing was sent{because}"),
        Outcome::Unknown => format!("how this ended is unknown{because}"),
    };
    lines.push((attempt.off.unwrap_or(known), end));
}

fn alert_lines(alert: &Alert, lines: &mut Vec<(Moment, String)>) {
    lines.push((alert.raised, format!("alert {}: {}", alert.alert, alert.summary)));
    if let Some(resolved) = alert.resolved {
        lines.push((resolved, format!("alert {} is over", alert.alert)));
    }
}

fn order_lines(order: &Order, lines: &mut Vec<(Moment, String)>) {
    let Order { order: what, from, given, over, reason, .. } = order;
    let by = by(order);
    if what == RELEASE {
        return lines.push((*given, format!("handed back to the rules, by {by}, from {from}")));
    }
    lines.push((*given, format!("ordered to {what} by hand, by {by}, from {from}")));
    if let Some(over) = over {
        let because = reason.as_deref().map_or(String::new(), |why| format!(": {why}"));
        lines.push((*over, format!("the order to {what} is over{because}")));
    }
}

/// The name of the order that ends all others.
const RELEASE: &str = "release";

/// By what an order has come.
fn by(order: &Order) -> &str {
    match order.by.as_str() {
        "command_line" => "the command line",
        "page" => "the page",
        "api" => "the API",
        other => other,
    }
}

fn wait_lines(wait: &Wait, lines: &mut Vec<(Moment, String)>) {
    let place = match wait.place {
        Some(place) => format!("place {place} in the queue"),
        None => "with a hundred or more before it".to_owned(),
    };
    lines.push((wait.began, format!("no Jibri is free: waiting for one, {place}")));
    if let Some(over) = wait.over {
        let because = wait.reason.as_deref().map_or(String::new(), |why| format!(": {why}"));
        lines.push((over, format!("waited {} for a Jibri{because}", span(wait.began, over))));
    }
}

fn recovery_lines(recovery: &Recovery, lines: &mut Vec<(Moment, String)>) {
    let Recovery { instance, trigger, outcome, .. } = recovery;
    lines.push((recovery.time, format!("restart of {instance} ({trigger}): {outcome}")));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(time: &str) -> Option<Moment> {
        humantime::parse_rfc3339(&format!("2026-11-22T{time}Z")).ok().map(Moment::from)
    }

    fn record(id: i64, entry: Entry) -> Record {
        Record { id, entry }
    }

    fn ada() -> Attempt {
        Attempt {
            room: "r1@muc".to_owned(),
            trigger: Some("Ada (moderator)".to_owned()),
            wanted: at("14:00:03"),
            ..Attempt::default()
        }
    }

    #[test]
    fn the_story_of_a_recording() {
        let failed = Attempt {
            sent: at("14:00:03"),
            off: at("14:00:04"),
            outcome: Outcome::Failed,
            reason: Some("all Jibris are busy".to_owned()),
            ..ada()
        };
        let worked = Attempt {
            sent: at("14:00:06"),
            on: at("14:00:09"),
            off: at("14:40:00"),
            session_id: Some("x".to_owned()),
            jibri: Some("jibri-2".to_owned()),
            outcome: Outcome::Recorded,
            reason: Some("ended by itself".to_owned()),
            trigger: Some("Eve\u{1b}[2J (moderator)".to_owned()),
            wanted: at("14:00:05"),
            ..ada()
        };
        let records = [record(2, Entry::Attempt(worked)), record(1, Entry::Attempt(failed))];
        assert_eq!(
            story("r1", &records),
            "r1 (times are in UTC)\n2026-11-22\n  \
             14:00:03 wanted: Ada (moderator) was there\n  \
             14:00:03 asked Jicofo for a recording\n  \
             14:00:04 FAILED: all Jibris are busy\n  \
             14:00:05 wanted: Eve\u{fffd}[2J (moderator) was there\n  \
             14:00:06 asked Jicofo for a recording\n  \
             14:00:09 recording is on (session x, jibri-2)\n  \
             14:40:00 over: ended by itself\n"
        );
        assert!(story("r2\u{7}", &[]).starts_with("nothing is known about r2\u{fffd}"));
    }

    #[test]
    fn the_story_of_a_meeting_that_was_never_recorded() {
        let failed = Attempt {
            sent: at("14:00:05"),
            off: at("14:00:06"),
            outcome: Outcome::Failed,
            reason: Some("all Jibris are busy".to_owned()),
            ..ada()
        };
        let in_vain = Attempt {
            off: at("14:12:03"),
            outcome: Outcome::Failed,
            reason: Some("wanted for 12 min, never recorded: one request failed".to_owned()),
            ..ada()
        };
        let order = Order {
            room: "r1@muc".to_owned(),
            order: "record".to_owned(),
            by: "command_line".to_owned(),
            from: "127.0.0.1".to_owned(),
            given: at("14:00:02").unwrap(),
            over: at("14:12:03"),
            reason: Some("nobody was left in the meeting".to_owned()),
        };
        let release = Order {
            order: "release".to_owned(),
            by: "page".to_owned(),
            given: at("13:59:00").unwrap(),
            over: at("13:59:00"),
            reason: None,
            ..order.clone()
        };
        let wait = Wait {
            room: "r1@muc".to_owned(),
            place: Some(2),
            began: at("14:00:06").unwrap(),
            over: at("14:12:03"),
            reason: Some("the meeting ended".to_owned()),
        };
        let entries = [
            Entry::Order(release),
            Entry::Order(order),
            Entry::Attempt(failed),
            Entry::Attempt(in_vain),
            Entry::Wait(wait),
        ];
        let records: Vec<_> = entries.into_iter().rev().map(|entry| record(1, entry)).collect();
        assert_eq!(
            story("r1", &records),
            "r1 (times are in UTC)\n2026-11-22\n  \
             13:59:00 handed back to the rules, by the page, from 127.0.0.1\n  \
             14:00:02 ordered to record by hand, by the command line, from 127.0.0.1\n  \
             14:00:03 wanted: Ada (moderator) was there\n  \
             14:00:05 asked Jicofo for a recording\n  \
             14:00:06 FAILED: all Jibris are busy\n  \
             14:00:06 no Jibri is free: waiting for one, place 2 in the queue\n  \
             14:12:03 the order to record is over: nobody was left in the meeting\n  \
             14:12:03 NOT RECORDED: wanted for 12 min, never recorded: one request failed\n  \
             14:12:03 waited 11 min for a Jibri: the meeting ended\n"
        );
        let text = table(records, Moment::now(), Medium::NARROW);
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        for needle in ["order: record", "order: release", "waited for a Jibri", "11 min"] {
            assert!(text.contains(needle), "{needle}\n{text}");
        }
    }

    #[test]
    fn a_table_fits() {
        let long = "x".repeat(300);
        let attempt = Attempt { room: long.clone(), on: at("14:00:00"), off: at("15:05:00"), ..ada() };
        let attempt = Attempt { outcome: Outcome::Recorded, reason: Some(long.clone()), ..attempt };
        let began = at("14:00:00").unwrap();
        let recovery = Recovery {
            instance: "jibri-1".to_owned(),
            trigger: "unhealthy".to_owned(),
            outcome: "restarted".to_owned(),
            time: began,
            output: Some(long.clone()),
        };
        let alert =
            Alert { alert: "start_overdue".to_owned(), subject: long, raised: began, ..Alert::default() };
        let entries = [Entry::Attempt(attempt), Entry::Recovery(recovery), Entry::Alert(alert)];
        let records = entries.map(|entry| record(1, entry));
        let (hour, day) = (Duration::from_secs(3600), Duration::from_secs(86_400));
        // However long it has been on by now.
        for (since, lasted) in [
            (Duration::ZERO, "0 s, still"),
            (hour * 23 + Duration::from_secs(59 * 60), "23 h 59 min, still"),
            (day * 6 + hour * 5, "6 d 5 h, still"),
            (day * 364 + hour * 23, "364 d 23 h, still"),
            (day * 365 * 7000 + day * 364, "7000 y 364 d, still"),
        ] {
            let text = table(records.to_vec(), began.after(since), Medium::NARROW);
            assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
            for needle in ["recorded", "1 h 5 min", "restarted (unhealthy)", "2026-11-22 14:00:00", lasted] {
                assert!(text.contains(needle), "{needle}\n{text}");
            }
        }
        // The clock was set back.
        assert!(table(records.to_vec(), began.before(day), Medium::FILE).contains("0 s, still"));
    }

    #[test]
    fn what_is_asked_for_is_encoded() {
        let args = Args { room: Some("[a]&b=ö".to_owned()), limit: Some(7), ..Args::default() };
        assert_eq!(args.path(), "/api/v1/history?room=%5Ba%5D%26b%3D%C3%B6&limit=7");
    }
}
