//! Events of the core as log lines: one event, one line, fields for what machines look for.

use std::time::Duration;

use tracing::{debug, error, info, warn};

use crate::meeting::{
    Ended, Event, Hold, LETS_IN_SLOWLY, SessionId, Speaker, What, ZOMBIE_REASON, list_error_reason,
    refusal_reason, unlisted_focus_reason,
};

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// To the millisecond: 0.128.
fn seconds(duration: Duration) -> f64 {
    Duration::from_millis(ms(duration)).as_secs_f64()
}

fn id(session: Option<&SessionId>) -> &str {
    session.map_or("", |session| &session.0)
}

/// Writes an event to the log. Names from the network are written as strings, which the log escapes. `attempt`: which one
/// in a row this is in the room.
pub(in crate::driver) fn log(event: &Event, attempt: u32) {
    let room = event.room.as_str();
    match &event.what {
        What::State { from, to } => debug!(room, from = from.name(), to = to.name(), "state"),
        What::Entered { people, moderators } => info!(room, people, moderators, "entered the room"),
        What::Seen { people, moderators } => debug!(room, people, moderators, "seen from outside"),
        What::Left(out) => info!(room, "no longer in the room: {out}"),
        What::StartSent { wanted_for, speaker, .. } => {
            let in_name_of = name_of(speaker);
            let seconds_since_moderator = seconds(*wanted_for);
            info!(room, attempt, seconds_since_moderator, in_name_of, "start request sent to Jicofo");
        }
        What::StopSent { speaker } => {
            let in_name_of = name_of(speaker);
            info!(room, in_name_of, "stop request sent to Jicofo");
        }
        What::Taken => {
            info!(room, "a Jibri is now busy with this meeting; waiting for the recording to be on")
        }
        What::WouldStop => info!(room, "would send a stop request now, but this is a dry run"),
        What::StopFailed { why, retry_in: Some(delay) } => {
            warn!(room, retry_ms = ms(*delay), "recording not stopped: {why}; trying again");
        }
        What::StopFailed { why, retry_in: None } => warn!(room, "recording not stopped: {why}"),
        What::WouldStart => info!(room, "would send a start request now, but this is a dry run"),
        What::Accepted { session } => {
            info!(
                room,
                session_id = id(session.as_ref()),
                "Jicofo has found a Jibri; waiting for the recording to be on"
            );
        }
        What::Recorders(seats) => debug!(room, ?seats, "these Jibris have a recorder inside"),
        What::Adopted => info!(room, "a recording is already on: nothing has to be started"),
        What::On { session, wanted_for, .. } => {
            let seconds_since_moderator = wanted_for.map(seconds);
            info!(room, session_id = id(session.as_ref()), seconds_since_moderator, "recording is on");
        }
        What::Ended { session, how } => {
            let session_id = id(session.as_ref());
            match how {
                Ended::Failed | Ended::Lost | Ended::Unexplained | Ended::Refuted(_) => {
                    warn!(room, session_id, "recording over: {how}")
                }
                _ => info!(room, session_id, "recording over: {how}"),
            }
        }
        What::StartFailed { why, retry_in: Some(delay) } => {
            warn!(room, retry_ms = ms(*delay), "not recording: {why}; trying again");
        }
        What::StartFailed { why, retry_in: None } => error!(room, "not recording: {why}; not trying again"),
        What::Manual { order, origin } => info!(room, "ordered by hand: {}, by {origin}", order.name()),
        What::OrderOver { order, end } => info!(room, "the order to {} is over: {end}", order.name()),
        What::Waits { place } => warn!(room, place, "no Jibri is free for this meeting; it waits for one"),
        What::WaitsNoMore(end) => info!(room, "waiting for a Jibri no more: {end}"),
        What::Held(hold @ (Hold::Misfit(_) | Hold::GaveUp(_) | Hold::Untold)) => {
            error!(room, "not recording: {hold}")
        }
        What::Held(hold @ Hold::Instead(_)) => warn!(room, "not recording: {hold}"),
        What::Held(hold) => info!(room, "not starting a recording: {hold}"),
        What::EntryRefused { refusal, retry_in } => {
            let (condition, text) = (refusal.condition, refusal.text.as_deref());
            warn!(
                room,
                ?condition,
                text,
                retry_ms = ms(*retry_in),
                "cannot enter: {}",
                refusal_reason(refusal)
            );
        }
        What::EntryDelayed => info!(room, "cannot enter yet: {LETS_IN_SLOWLY}"),
        What::CreatedRoom => {
            info!(
                room,
                "everybody left just before we entered, so our entry created the room again; we left at once"
            );
        }
        What::UnlistedRecorder(jid) => warn!(
            room,
            account = jid.bare(),
            "the recorder is here as {}, which is not in muc.recorders: it is treated as a recorder until the service \
             ends; add it to muc.recorders",
            jid.bare()
        ),
        What::UnlistedFocus(jid) => {
            error!(room, account = jid.bare(), "not recording: {}", unlisted_focus_reason(jid));
        }
        What::AwaitsModerator => info!(
            room,
            "nobody here is a moderator, so we wait outside; if nobody ever becomes one while we are inside, Jicofo \
             does not trust our domain (docker-jitsi-meet: JICOFO_TRUSTED_DOMAINS; jicofo.conf: trusted-domains)"
        ),
        // The fleet says whose it is.
        What::RecorderAlone | What::RecorderNotAlone => {}
        What::Zombie => warn!(room, "this is not a working meeting: {ZOMBIE_REASON}"),
        What::NoZombie => info!(room, "Jicofo no longer lists a meeting in a room that does not exist"),
        What::NoList(error) => warn!(room, "cannot see who is in the room: {}", list_error_reason(*error)),
    }
}

/// Whoever it is sent for, if not for ourselves.
fn name_of(speaker: &Speaker) -> Option<&str> {
    match speaker {
        Speaker::Ourselves => None,
        Speaker::InName(jid) => Some(jid.as_str()),
        Speaker::Companion(nick) => Some(nick.as_str()),
    }
}
