//! `doctor`: goes through a live deployment in the order in which things break, and says which setting to change.
//!
//! It disturbs nothing. Where the service runs and has the link, it is asked; only where nothing listens at
//! `http.listen` is a link made, because Prosody gives a component one only, and by the configuration that is printed the
//! newcomer throws the old one out. Rights are proved by using them to look: it enters no meeting, and starts nothing
//! but with `--record-test`.

mod companion;
mod compare;
mod finding;
mod jibris;
mod link;
mod meetings;
mod opened;
mod place;
mod record;
mod reports;
mod seen;
mod service;
mod sinks;
mod sources;
mod trusted;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::address::{RealJid, RoomJid};
use crate::config::{Mistake, Settings};
use crate::{discovery, probes};
pub use finding::{Finding, Verdict};
use link::Own;
use service::Service;
use trusted::Jicofo;

/// What is to be examined, besides the settings.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The configuration file; none: the environment alone.
    pub file: Option<PathBuf>,
    /// The keys that are set, as in [`Loaded::set`](crate::config::Loaded::set).
    pub set: BTreeSet<String>,
    /// What should be mended in them, as in [`Loaded::warnings`](crate::config::Loaded::warnings).
    pub warnings: Vec<Mistake>,
    /// Where the service is asked; none: it does not listen.
    pub service: Option<SocketAddr>,
    /// The meeting to prove the rights on; none: whichever there is.
    pub room: Option<RoomJid>,
    /// The meeting to record for a moment.
    pub record: Option<String>,
    /// Make a link even though nobody can say whether the service has one.
    pub link: bool,
}

/// Where the findings go, one after the other.
type Tell<'a> = dyn FnMut(Finding) + 'a;

/// Goes through all steps.
pub async fn examine(settings: &Settings, options: &Options, tell: &mut Tell<'_>) {
    place::configuration(options).into_iter().for_each(&mut *tell);
    let listed = discovery::listed_now(settings).await;
    let detected = probes::detected_now(settings).await;
    let service = Service::ask(settings, options.service).await;
    tell(service.finding(settings));
    let mut brewery = None;
    let mut items = None;
    match &service {
        Service::Linked(snapshot) => {
            tell(Finding::ok("prosody", format!("the service is linked to {}", settings.xmpp.server)));
            tell(Finding::ok("component", format!("the service is accepted as {}", settings.xmpp.domain)));
            meetings::by_service(settings, snapshot).into_iter().for_each(&mut *tell);
            let seen = match Jicofo::of(settings) {
                Some(jicofo) => jicofo.now(snapshot).await,
                None => None,
            };
            // A test recording shows it at the end.
            let not_seen = || trusted::not_seen(settings, &[snapshot.footprint]);
            let is_to_come = options.record.is_some() && settings.discovery.jicofo.url.is_some();
            seen.or_else(|| if is_to_come { None } else { not_seen() }).into_iter().for_each(&mut *tell);
        }
        Service::NotLinked(why) => not_linked(settings, why, tell).await,
        Service::StandingBy => {
            tell(link::reach(settings).await);
            let found = "not tried: another instance has the link";
            tell(Finding::warn("component", found, "run this where the other instance runs"));
            not_without_link(settings, "another instance has the link", tell);
        }
        Service::Absent => (brewery, items) = by_own_link(settings, options, &listed, tell).await,
        Service::Off | Service::Strange(_) if options.link => {
            (brewery, items) = by_own_link(settings, options, &listed, tell).await;
        }
        Service::Off | Service::Strange(_) => {
            tell(link::reach(settings).await);
            let remedy = "have the service answer at http.listen; or, if it does not run anywhere, add --link \
                          (if it does run, it loses its link for a moment)";
            let found = "not tried: it is unknown whether the service has the link";
            tell(Finding::warn("component", found, remedy));
            not_without_link(settings, "there is no link", tell);
        }
    }
    sources::findings(settings, &listed, items.as_ref()).into_iter().for_each(&mut *tell);
    opened::finding(settings, &listed, opened::counts(settings).await).into_iter().for_each(&mut *tell);
    let ports = probes::health_now(settings).await;
    let fleet = jibris::Fleet { settings, service: &service, brewery, detected, ports: &ports };
    fleet.findings().into_iter().for_each(&mut *tell);
    jibris::health(settings, ports).into_iter().for_each(&mut *tell);
    reports::findings(settings, &service).into_iter().for_each(&mut *tell);
    place::recovery(settings).into_iter().for_each(&mut *tell);
    sinks::findings(&settings.alerts).await.into_iter().for_each(&mut *tell);
    tell(place::ledger(&settings.ledger));
    if let Some(room) = &options.record {
        record::test(settings, options.service, &service, room).await.into_iter().for_each(tell);
    }
}

/// The bare JID of Jicofo in some meeting, by a link of our own. None where there is no meeting, no link, or a service
/// that may have the link.
pub async fn focus_seen(settings: &Settings, service: Option<SocketAddr>) -> Option<RealJid> {
    if !matches!(Service::ask(settings, service).await, Service::Absent) {
        return None;
    }
    let listed = discovery::listed_now(settings).await;
    let mut own = Own::open(settings).await.ok()?;
    own.ask_services(settings).await;
    own.ask_rooms(settings, None, &listed).await;
    let focus = meetings::focus_jid(settings, own.seen());
    own.close().await;
    focus
}

/// The service is there and has no link; it goes on trying, so its place is not to be taken.
async fn not_linked(settings: &Settings, why: &str, tell: &mut Tell<'_>) {
    let reach = link::reach(settings).await;
    let is_reached = reach.verdict == Verdict::Ok;
    tell(reach);
    if is_reached {
        tell(Finding::said("component", Verdict::Fail, why));
    } else {
        tell(Finding::not_tried("component", "Prosody is not reached"));
    }
    not_without_link(settings, "there is no link", tell);
}

/// The steps that need a link.
fn not_without_link(settings: &Settings, why: &str, tell: &mut Tell<'_>) {
    for domain in &settings.muc.domains {
        tell(Finding::not_tried(&format!("muc {domain}"), why));
        tell(Finding::not_tried(&format!("owner {domain}"), why));
    }
    tell(Finding::not_tried("focus", why));
}

type Heard = (Option<link::Brewery>, Option<seen::Items>);

async fn by_own_link(
    settings: &Settings,
    options: &Options,
    listed: &Option<Result<Vec<RoomJid>, String>>,
    tell: &mut Tell<'_>,
) -> Heard {
    let mut own = match Own::open(settings).await {
        Ok(own) => own,
        Err(failure) => {
            link::refused(settings, &failure).into_iter().for_each(&mut *tell);
            not_without_link(settings, "there is no link", tell);
            return (None, None);
        }
    };
    tell(Finding::ok("prosody", format!("listens for components on {}", settings.xmpp.server)));
    own.ask_services(settings).await;
    own.ask_rooms(settings, options.room.as_ref(), listed).await;
    if own.is_lost() {
        tell(own.lost("component"));
        not_without_link(settings, "the link was lost", tell);
        return (None, None);
    }
    tell(Finding::ok("component", format!("Prosody accepts the secret of {}", settings.xmpp.domain)));
    meetings::by_link(settings, options.room.as_ref(), own.seen()).into_iter().for_each(&mut *tell);
    let footprint = |domain: &String| {
        let answers = matches!(own.seen().companions.get(domain), Some(Ok(_)));
        settings.muc.footprint.in_effect(answers)
    };
    let footprints: Vec<_> = settings.muc.domains.iter().map(footprint).collect();
    trusted::not_seen(settings, &footprints).into_iter().for_each(&mut *tell);
    own.wait_for_brewery(settings).await;
    if settings.muc.footprint == crate::config::Footprint::Unseen.into() {
        tell(own.try_sender(settings).await);
    }
    if own.is_lost() {
        tell(own.lost("link"));
    }
    own.close().await
}
