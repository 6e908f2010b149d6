//! Where rooms come from.

use super::seen::Items;
use super::{Finding, Verdict, meetings};
use crate::address::RoomJid;
use crate::config::Settings;

/// One step for each source that is set.
pub(super) fn findings(
    settings: &Settings,
    listed: &Option<Result<Vec<RoomJid>, String>>,
    items: Option<&Items>,
) -> Vec<Finding> {
    let discovery = &settings.discovery;
    let events = if discovery.event_sync { settings.http.listen } else { None };
    let mut findings = Vec::new();
    if !discovery.rooms.is_empty() {
        let found = format!("discovery.rooms names {}", discovery.rooms.len());
        findings.push(Finding::ok("pinned", found));
    }
    match listed {
        Some(Ok(rooms)) => {
            let all = rooms.iter().filter(|room| !meetings::is_health_check(room));
            let (watched, others): (Vec<&RoomJid>, Vec<&RoomJid>) =
                all.partition(|room| settings.muc.domains.iter().any(|domain| domain == room.service()));
            findings.push(jicofo(&watched, &others));
            findings.extend(meetings::too_many(watched.len()));
        }
        Some(Err(why)) => findings.push(Finding::said("jicofo", Verdict::Fail, why)),
        None => {}
    }
    if !discovery.disco_interval.is_zero() {
        findings.extend(
            items.into_iter().flatten().map(|(service, rooms)| disco(service, rooms.as_deref(), listed)),
        );
    }
    let others = !findings.is_empty();
    findings.extend(events.map(|listen| {
        let found = format!(
            "events are accepted at http://{listen}/event-sync; whether any arrive cannot be seen here"
        );
        if others { Finding::ok("event_sync", found) } else { events_alone(found, settings) }
    }));
    if findings.is_empty() {
        findings.push(Finding::fail(
            "discovery",
            "only invitations say which rooms there are",
            "set discovery.jicofo.url (docker-jitsi-meet: http://jicofo:8888), or name rooms in discovery.rooms",
        ));
    }
    findings
}

fn events_alone(found: String, settings: &Settings) -> Finding {
    let mut found = format!("{found}, and nothing else says which rooms there are");
    let mut remedy =
        "set discovery.jicofo.url too: Prosody's module never reports rooms that were there before it was loaded"
            .to_owned();
    if settings.http.token.is_empty() {
        found.push_str("; without http.token, anybody who reaches that port can name rooms");
        remedy.push_str("; and set http.token, so that no flood of false names delays a start");
    }
    Finding::warn("event_sync", found, remedy)
}

fn jicofo(watched: &[&RoomJid], others: &[&RoomJid]) -> Finding {
    const STEP: &str = "jicofo";
    match (watched.len(), others.first()) {
        (0, Some(other)) => Finding::warn(
            STEP,
            format!("Jicofo lists meetings of {:?} only, which is not in muc.domains", other.service()),
            format!("correct muc.domains, unless {:?} should not be watched", other.service()),
        ),
        (rooms, _) => Finding::ok(STEP, format!("Jicofo lists {} to watch", meetings::count(rooms))),
    }
}

fn disco(service: &str, rooms: Option<&[RoomJid]>, listed: &Option<Result<Vec<RoomJid>, String>>) -> Finding {
    let step = format!("disco {service}");
    let remedy = "set discovery.disco_interval to \"0s\" and use discovery.jicofo or event_sync";
    let is_known = |room: &&RoomJid| room.service() == service && !meetings::is_health_check(room);
    let known = listed.iter().flatten().flatten().filter(is_known).count();
    match rooms {
        None => Finding::fail(&step, "the conference service does not list its rooms", remedy),
        Some([]) if known > 0 => {
            let found = format!("the conference service hides its rooms: it lists none, and Jicofo {known}");
            Finding::warn(&step, found, remedy)
        }
        Some(rooms) => Finding::ok(&step, format!("the conference service lists {} rooms", rooms.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::from_toml;

    #[test]
    fn events_alone_need_a_token() {
        let told = |token: &str| {
            let file = format!(
                "[xmpp]\ndomain = \"a.b\"\nsecret = \"s\"\n[muc]\ndomains = [\"m\"]\n[http]\ntoken = \"{token}\"\n"
            );
            format!("{:?}", findings(&from_toml(&file).unwrap().settings, &None, None))
        };
        assert!(told("").contains("set http.token"), "{}", told(""));
        assert!(!told("t0ken").contains("http.token"), "{}", told("t0ken"));
    }
}
