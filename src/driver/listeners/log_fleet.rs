//! Events of the fleet as log lines: one event, one line, with the Jibri as `instance`.

use tracing::{debug, error, info, warn};

use super::super::Clock;
use crate::fleet::{Event, JibriName, Limit, Settled, Verdict, Whom};
use crate::recovery::Outcome;

/// Writes an event to the log. Nicknames from the brewery are written as strings, which the log escapes.
pub(in crate::driver) fn log(event: &Event, clock: Clock) {
    match event {
        Event::Verdict { name, from, to, evidence } => {
            let instance = name.as_str();
            let (from, why) = (from.name(), evidence.words(|at| clock.shown(at)));
            match to {
                Verdict::Ok => info!(instance, from, "Jibri is all right"),
                Verdict::Suspect => info!(instance, from, "Jibri is suspect: {why}"),
                Verdict::Offline => warn!(instance, from, "Jibri is offline: {why}"),
                Verdict::Stale => error!(instance, from, "Jibri is stale: {why}"),
                Verdict::Detached => error!(instance, from, "Jibri is detached: {why}"),
                Verdict::Wedged => error!(instance, from, "Jibri is wedged: {why}"),
                Verdict::Unhealthy | Verdict::Expired => {
                    warn!(instance, from, "Jibri needs a restart: {why}")
                }
            }
        }
        Event::JicofoLostBrewery { by, since } => error!(
            "Jicofo lost the Jibris at {}: {by}. It refuses every start until it is restarted",
            clock.shown(*since)
        ),
        Event::JicofoRestart(restart) => {
            warn!("Jicofo has lost the Jibris: {}", restart.words(|at| clock.shown(at)))
        }
        Event::JicofoHasBrewery => info!("Jicofo knows the Jibris again"),
        Event::InDoubt { among, room, why } => {
            let names: Vec<&str> = among.iter().map(JibriName::as_str).collect();
            debug!(
                room = room.as_str(),
                ?names,
                "one of these Jibris has failed, and nobody can tell which: {why}"
            );
        }
        Event::Ghost { room, name } => warn!(
            room = room.as_str(),
            instance = name.as_ref().map_or("unknown", JibriName::as_str),
            "a recorder is in a room with nobody else"
        ),
        Event::NoGhost { room } => {
            info!(room = room.as_str(), "there is no longer a recorder alone in this room")
        }
        Event::GhostEnds { room, name, dry_run } => warn!(
            room = room.as_str(),
            instance = name.as_str(),
            dry_run,
            "a meeting waits for this Jibri, which is recording an empty room: it is told to stop"
        ),
        Event::JibriOrRoom { room, name, count } => warn!(
            room = room.as_str(),
            instance = name.as_str(),
            "{count} starts failed in this room and none elsewhere: the cause is the room or this Jibri, and only a restart \
             of the Jibri shows which"
        ),
        Event::RoomAtFault { room, name } => error!(
            room = room.as_str(),
            instance = name.as_str(),
            "no recorder gets into this room: starts failed here on this Jibri before and after its restart"
        ),
        Event::RoomSettled { room, how } => match how {
            Settled::ByRestart(name) => info!(
                room = room.as_str(),
                instance = name.as_str(),
                "this room is recorded since this Jibri was restarted: the Jibri was the cause of the failures"
            ),
            Settled::Recorded => info!(room = room.as_str(), "this room is recorded again"),
            Settled::Forgotten => debug!(room = room.as_str(), "nothing has failed in this room for an hour"),
        },
        Event::Removed { name } => {
            info!(instance = name.as_str(), "this Jibri is no longer a [[jibri.instance]]")
        }
        Event::Moved { room, from, to, gap } => warn!(
            room = room.as_str(),
            from = from.as_str(),
            to = to.as_str(),
            gap_s = gap.as_secs(),
            "Jicofo has moved the recording from one Jibri to another; nothing was recorded in between"
        ),
        Event::PortRefused { name } => warn!(
            instance = name.as_str(),
            "the health port of this Jibri refuses connections, but the Jibri is alive: is health_url right?"
        ),
        Event::Twins { name, items } => warn!(
            instance = name.as_str(),
            items,
            "several Jibris share this nickname, and only the first of them ever works: give each its own \
             (docker-jitsi-meet: JIBRI_INSTANCE_ID)"
        ),
        Event::TwinsOver { name } => {
            info!(instance = name.as_str(), "only one Jibri has this nickname again")
        }
        Event::BusyWithoutRecorder { name, since } => warn!(
            instance = name.as_str(),
            "Jibri has been busy since {}, but no meeting has a recorder that could be its own: look at it",
            clock.shown(*since)
        ),
        Event::WouldRecover { name, reason } => info!(
            instance = name.as_str(),
            reason = reason.name(),
            "would restart this Jibri now, but this is a dry run"
        ),
        Event::Limited { name, reason, limit, until } => {
            let until = until.map(|at| clock.shown(at));
            let why = match limit {
                Limit::Cooldown => "recovery.cooldown is not over",
                Limit::PerHour => "recovery.max_per_hour is reached",
                Limit::NotConfigured => "it is not a [[jibri.instance]]",
                Limit::Twins => "several Jibris share its nickname, so it is unclear which one to restart",
            };
            warn!(instance = name.as_str(), reason = reason.name(), until, "Jibri is not restarted: {why}");
        }
        Event::Restarted { name, reason } => {
            info!(instance = name.as_str(), reason = reason.name(), "Jibri was restarted");
        }
        Event::RecoveryFailed { name, reason, why } => {
            error!(instance = name.as_str(), reason = reason.name(), "Jibri could not be restarted: {why}");
        }
        Event::Back { name, took } => {
            let back_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
            info!(instance = name.as_str(), back_ms, "Jibri is back after its restart");
        }
        Event::NotBack { name, since, has_gone } => {
            let hint =
                if *has_gone { "" } else { ", and has not even gone away: does the command restart it?" };
            error!(
                instance = name.as_str(),
                "Jibri is not back after its restart at {}{hint}",
                clock.shown(*since)
            );
        }
    }
}

/// What a restart did.
pub(in crate::driver) fn log_outcome(whom: &Whom, outcome: &Outcome) {
    let took_ms = u64::try_from(outcome.took.as_millis()).unwrap_or(u64::MAX);
    let output = outcome.output.as_str();
    match whom {
        Whom::Jibri(name) => {
            info!(instance = name.as_str(), took_ms, output, "restart of Jibri: {}", outcome.how)
        }
        Whom::Jicofo => info!(took_ms, output, "restart of Jicofo: {}", outcome.how),
    }
}
