//! The conference services, our rights there, and Jicofo in the meetings.

use std::time::{Duration, SystemTime};

use super::seen::Seen;
use super::service::Snapshot;
use super::{Finding, Verdict, companion};
use crate::address::{RealJid, RoomJid};
use crate::config::{Footprint, Settings};
use crate::meeting::{Affiliation, ListError, Listed, NO_FOCUS_REASON, Role, list_error_reason};
use crate::surface::Room;

/// What to do where there is no meeting to look at.
const OPEN_ONE: &str = "open a meeting in a browser and run this again while it lasts";
/// The step that says whether Jicofo and the other services are known as such.
const SERVICES: &str = "services";
/// Jicofo is in a meeting before its first person, so this is too long without.
const WITHOUT_FOCUS: Duration = Duration::from_secs(30);
/// Rooms beyond which Prosody's own default makes each look dear.
const CACHED: usize = 100;

/// Jicofo's own (docs/jitsi.md 1.6).
pub(super) fn is_health_check(room: &RoomJid) -> bool {
    room.local().starts_with("__jicofo-health-check")
}

/// So many, in words.
pub(super) fn count(meetings: usize) -> String {
    match meetings {
        1 => "1 meeting".to_owned(),
        n => format!("{n} meetings"),
    }
}

/// What our own link has shown.
pub(super) fn by_link(settings: &Settings, named: Option<&RoomJid>, seen: &Seen) -> Vec<Finding> {
    let mut findings = Vec::new();
    for domain in &settings.muc.domains {
        findings.push(service(domain, seen));
    }
    if let Some(room) = named.filter(|room| !settings.muc.domains.iter().any(|d| d == room.service())) {
        let found = format!("{room} is not in muc.domains");
        findings.push(Finding::fail("owner", found, "name a room of one of muc.domains with --room"));
    }
    for domain in &settings.muc.domains {
        if seen.services.get(domain) == Some(&Some(true)) {
            findings.extend(companion::by_link(settings, domain, seen));
            // It needs no rights.
            if !matches!(seen.companions.get(domain), Some(Ok(_))) {
                findings.push(owner(settings, domain, seen));
            }
        } else {
            findings
                .push(Finding::not_tried(&format!("owner {domain}"), "there is no such conference service"));
        }
    }
    findings.extend(focus(settings, seen));
    findings
}

fn service(domain: &str, seen: &Seen) -> Finding {
    let step = format!("muc {domain}");
    let remedy = "correct muc.domains (docker-jitsi-meet: XMPP_MUC_DOMAIN; Debian: conference.DOMAIN)";
    match seen.services.get(domain).copied().flatten() {
        Some(true) => Finding::ok(&step, "is a conference service of this Prosody"),
        Some(false) => {
            Finding::fail(&step, "is a host of this Prosody, but not a conference service", remedy)
        }
        None => Finding::fail(&step, format!("Prosody has no conference service {domain:?}"), remedy),
    }
}

fn owner(settings: &Settings, domain: &str, seen: &Seen) -> Finding {
    let step = format!("owner {domain}");
    let me = format!("{}@{}", settings.xmpp.user, settings.xmpp.domain);
    let of_domain = || seen.rooms.iter().filter(|(room, _)| room.service() == domain);
    let by = |is: fn(&Result<Vec<Listed>, ListError>) -> bool| of_domain().find(|(_, result)| is(result));
    if let Some((room, _)) = by(|result| matches!(result, Err(ListError::Forbidden))) {
        let found = format!("{me} may not ask who is in {room}: {}", cause(ListError::Forbidden).0);
        return Finding::fail(&step, found, list_us(&me));
    }
    if let Some((room, _)) = by(|result| result.is_ok()) {
        return Finding::ok(&step, format!("{me} is told who is in {room}"));
    }
    if let Some((room, Err(error))) =
        by(|result| matches!(result, Err(ListError::TimedOut | ListError::Other)))
    {
        let found = format!("{room}: {}", list_error_reason(*error));
        return Finding::fail(&step, found, "see Prosody's log, and which modules its Component has");
    }
    match seen.admin_of.get(domain).copied().flatten() {
        Some(false) => {
            let found = format!("{me} is not an admin of {domain:?}, so {}", cause(ListError::Forbidden).0);
            Finding::fail(&step, found, list_us(&me))
        }
        Some(true) => Finding::warn(
            &step,
            format!(
                "{me} is an admin there; only a meeting can show that it owns the rooms, and there is none"
            ),
            format!("{OPEN_ONE}; Prosody 13 needs component_admins_as_room_owners = true there"),
        ),
        None => Finding::warn(&step, "there is no meeting to check it in", OPEN_ONE),
    }
}

/// What is wrong, and what to change, in the service's own words.
fn cause(error: ListError) -> (&'static str, &'static str) {
    let words = list_error_reason(error);
    words.split_once(": ").unwrap_or((words, ""))
}

/// The remedy, with our own address in it.
fn list_us(me: &str) -> String {
    cause(ListError::Forbidden).1.replace("user@domain of [xmpp]", &format!("{me:?}"))
}

/// Jicofo's bare JID, by the first meeting that shows it.
pub(super) fn focus_jid(settings: &Settings, seen: &Seen) -> Option<RealJid> {
    let mut all = seen.lists().flat_map(|(_, list)| list);
    let focus = all.find(|one| one.nick == settings.muc.focus_nickname && one.role == Role::Moderator)?;
    RealJid::new(focus.jid.as_ref()?.bare()).ok()
}

/// Jicofo is there and owns nothing: it can make nobody an owner, and may open no room.
fn focus_without_rights(room: &RoomJid, focus: &Listed) -> Finding {
    let jid = focus.jid.as_ref().map_or("its JID", RealJid::bare);
    Finding::fail(
        "focus",
        format!("Jicofo ({jid}) is not an owner of {room}"),
        rights_of_focus(room.service(), jid),
    )
}

/// What gives Jicofo its rights.
pub(super) fn rights_of_focus(service: &str, jid: &str) -> String {
    format!(
        "list {jid:?} in `admins` of Prosody's Component {service:?}: a second block of that name may have replaced the \
         list (jibri-autostart prosody prints one that does not)"
    )
}

fn focus(settings: &Settings, seen: &Seen) -> Vec<Finding> {
    const STEP: &str = "focus";
    let nick = &settings.muc.focus_nickname;
    let lists: Vec<(&RoomJid, &Vec<Listed>)> = seen.lists().filter(|(_, list)| !list.is_empty()).collect();
    let is_focus = |one: &&Listed| one.nick == *nick && one.role == Role::Moderator;
    let without_rights = lists.iter().find_map(|(room, list)| {
        let focus = list.iter().find(|one| one.nick == *nick)?;
        (focus.affiliation != Affiliation::Owner).then(|| focus_without_rights(room, focus))
    });
    if let Some(finding) = without_rights {
        return vec![finding];
    }
    if let Some((room, list)) = lists.iter().find(|(_, list)| !list.iter().any(|one| is_focus(&one))) {
        let looks_like = |one: &&Listed| {
            one.jid.as_ref().and_then(|jid| jid.local()).is_some_and(|local| local == "focus")
        };
        let found = format!("Jicofo is not in the room {room} under the nickname {:?}", nick.as_str());
        let remedy = match list.iter().find(looks_like) {
            Some(other) => format!("set muc.focus_nickname = {:?}", other.nick.as_str()),
            None => "check that Jicofo runs and is linked to this Prosody (its log), and that muc.focus_nickname is \
                     its nickname"
                .to_owned(),
        };
        return vec![Finding::fail(STEP, found, remedy)];
    }
    let Some((room, list)) = lists.first() else {
        if seen.rooms.iter().any(|(_, result)| matches!(result, Err(ListError::Forbidden))) {
            return vec![Finding::not_tried(STEP, "we may not see who is in the meetings")];
        }
        return vec![Finding::warn(STEP, "there is no meeting to see Jicofo in", OPEN_ONE)];
    };
    let mut findings = vec![Finding::ok(STEP, format!("Jicofo is in {room}"))];
    let focus_jid = list.iter().find(is_focus).and_then(|one| one.jid.as_ref());
    if let Some(jid) = focus_jid.filter(|jid| !settings.muc.service_domains.iter().any(|d| d == jid.domain()))
    {
        let domain = jid.domain();
        findings.push(Finding::fail(
            SERVICES,
            format!("Jicofo's accounts are in {domain:?}, which is not in muc.service_domains"),
            format!("add {domain:?} there: otherwise Jicofo is not recognized, and nothing is recorded"),
        ));
    }
    findings
}

/// What the service has seen.
pub(super) fn by_service(settings: &Settings, snapshot: &Snapshot) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(companion::by_service(settings, snapshot));
    for domain in settings.muc.domains.iter().filter(|_| snapshot.footprint != Footprint::Companion) {
        findings.push(owner_by_service(domain, snapshot));
    }
    findings.push(focus_by_service(settings, snapshot));
    findings.extend(services_by_service(snapshot));
    if settings.muc.footprint == Footprint::Unseen.into() {
        findings.push(sender_by_service(settings, snapshot));
    }
    if snapshot.rooms.len() > CACHED {
        findings.push(many(snapshot.rooms.len()));
    }
    findings
}

/// Whether Prosody lets us speak in other people's names. To try it could end the service's link.
fn sender_by_service(settings: &Settings, snapshot: &Snapshot) -> Finding {
    const STEP: &str = "sender";
    let is_at_work = |room: &Room| ["pending", "recording", "stopping"].contains(&room.state.as_str());
    match snapshot.footprint {
        Footprint::Unseen if snapshot.rooms.iter().any(is_at_work) => {
            Finding::ok(STEP, "the service is unseen, and meetings are recorded that way")
        }
        Footprint::Unseen => Finding::warn(
            STEP,
            "the service is unseen; no meeting is being recorded, so nothing shows that Prosody allows it",
            OPEN_ONE,
        ),
        Footprint::Companion => {
            Finding::ok(STEP, "the companion acts for the service, which needs no such right")
        }
        Footprint::Discreet => Finding::fail(
            STEP,
            "the service is discreet although muc.footprint is \"unseen\": Prosody does not let it speak in \
             moderators' names, or it was started before that was set",
            not_validated(&settings.xmpp.domain),
        ),
        Footprint::Resident => Finding::warn(
            STEP,
            "the service is resident: it was started before muc.footprint was \"unseen\"",
            "restart it, then run this again",
        ),
    }
}

/// What to do where Prosody does not let us speak in moderators' names.
pub(super) fn not_validated(domain: &str) -> String {
    format!(
        "add validate_from_addresses = false to its Component {domain:?} block and restart it, then the service; until \
         then the service is \"discreet\""
    )
}

/// So many meetings are more than Prosody keeps at hand by default.
pub(super) fn many(rooms: usize) -> Finding {
    Finding::warn(
        "rooms",
        format!(
            "there are {rooms} meetings; with more than {CACHED}, by its default, each look costs Prosody ten times as much"
        ),
        "check that muc_room_cache_size in the conference service's block is above that (docker-jitsi-meet: 10000)",
    )
}

/// As [`many`], if they are.
pub(super) fn too_many(rooms: usize) -> Option<Finding> {
    (rooms > CACHED).then(|| many(rooms))
}

fn owner_by_service(domain: &str, snapshot: &Snapshot) -> Finding {
    let step = format!("owner {domain}");
    let is_here = |room: &&Room| room.room.split_once('@').is_some_and(|(_, service)| service == domain);
    let alert = snapshot.alerts.iter().find(|alert| {
        let is_here = alert.subject == domain || alert.subject.ends_with(&format!("@{domain}"));
        alert.kind == "not_a_moderator" && is_here
    });
    if let Some(alert) = alert {
        return Finding::fail(&step, &alert.summary, &alert.remedy);
    }
    let forbidden = list_error_reason(ListError::Forbidden);
    if snapshot.rooms.iter().filter(is_here).any(|room| room.reason.as_deref() == Some(forbidden)) {
        return Finding::said(&step, Verdict::Fail, forbidden);
    }
    match snapshot.rooms.iter().filter(is_here).find(|room| room.people > 0) {
        Some(room) => Finding::ok(&step, format!("the service sees who is in {}", room.room)),
        None => Finding::warn(
            &step,
            "the service sees nobody in any meeting there, so this cannot be checked",
            OPEN_ONE,
        ),
    }
}

fn focus_by_service(settings: &Settings, snapshot: &Snapshot) -> Finding {
    const STEP: &str = "focus";
    let at_work = ["starting", "pending", "recording", "stopping"];
    let settles = settings.rules.iter().map(|rule| rule.start.settle).chain([settings.start.settle]);
    let longest = settles.max().unwrap_or_default().saturating_add(WITHOUT_FOCUS);
    // One that waits for something else says so.
    let waits = |room: &&Room| {
        let is_without_focus = room.reason.as_deref().is_some_and(|why| why.starts_with(NO_FOCUS_REASON));
        room.state == "settling" && is_without_focus && age(&room.since) > longest
    };
    if let Some(room) = snapshot.rooms.iter().find(waits) {
        let found = format!("{} should be recorded, but Jicofo is not in the room", room.room);
        let remedy = "check that Jicofo runs and is linked to this Prosody (its log), that muc.focus_nickname is its \
                      nickname, and that muc.service_domains has the domain of its account";
        return Finding::fail(STEP, found, remedy);
    }
    match snapshot.rooms.iter().find(|room| at_work.contains(&room.state.as_str())) {
        Some(room) => Finding::ok(STEP, format!("Jicofo is in {} ({})", room.room, room.state)),
        None => {
            Finding::warn(STEP, "no meeting is being recorded, so nothing shows Jicofo at work", OPEN_ONE)
        }
    }
}

/// Where it has seen Jicofo under an account of a domain that is not set, it says so of the room.
fn services_by_service(snapshot: &Snapshot) -> Option<Finding> {
    let names_it = |room: &Room| room.reason.clone().filter(|why| why.contains("muc.service_domains"));
    let why = snapshot.rooms.iter().find_map(names_it)?;
    Some(Finding::said(SERVICES, Verdict::Fail, &why))
}

fn age(since: &str) -> Duration {
    let since = humantime::parse_rfc3339_weak(since).ok();
    since.and_then(|since| SystemTime::now().duration_since(since).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_service_waits_for_is_told_by_its_reason() {
        let set = |rule| {
            let set = [
                ("JIBRI_AUTOSTART_XMPP__DOMAIN", "autostart.meet.jitsi"),
                ("JIBRI_AUTOSTART_XMPP__SECRET", "s"),
                ("JIBRI_AUTOSTART_MUC__DOMAINS", "muc.meet.jitsi"),
                ("JIBRI_AUTOSTART_RULE", rule),
            ];
            crate::config::load(None, set).unwrap().settings
        };
        let room = |reason: Option<&str>| Room {
            room: "r1@muc.meet.jitsi".into(),
            state: "settling".to_owned(),
            seen: true,
            people: 1,
            moderators: 1,
            recorder_present: false,
            proof: None,
            attempt: 0,
            session_id: None,
            since: humantime::format_rfc3339(SystemTime::now() - Duration::from_secs(3600)).to_string(),
            place: None,
            not_recorded: None,
            reason: reason.map(str::to_owned),
        };
        let found = |rule, reason| {
            let rooms = vec![room(reason)];
            let snapshot = Snapshot {
                footprint: Footprint::Discreet,
                footprint_reason: None,
                rooms,
                jibris: Vec::new(),
                alerts: Vec::new(),
                recordings: Ok(Vec::new()),
            };
            focus_by_service(&set(rule), &snapshot).verdict
        };
        assert_eq!(found("[]", Some(NO_FOCUS_REASON)), Verdict::Fail);
        assert_eq!(found("[]", Some("no Jibri is free")), Verdict::Warn);
        assert_eq!(found("[{room = \"^x\", settle = \"3650d\"}]", Some(NO_FOCUS_REASON)), Verdict::Warn);

        let services = |reason: &str| {
            let rooms = vec![room(None), room(Some(reason))];
            services_by_service(&Snapshot {
                footprint: Footprint::Discreet,
                footprint_reason: None,
                rooms,
                jibris: Vec::new(),
                alerts: Vec::new(),
                recordings: Ok(Vec::new()),
            })
        };
        assert_eq!(services("no Jibri is free"), None);
        let told = services("Jicofo has an account of \"auth.x\": add it to muc.service_domains").unwrap();
        assert_eq!((told.verdict, told.step.as_str()), (Verdict::Fail, SERVICES));
        assert!(told.remedy.is_some_and(|remedy| remedy.contains("muc.service_domains")));
    }
}
