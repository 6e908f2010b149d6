//! Our own link, made where the service has none: what Prosody says of itself, its rooms and the brewery.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use super::seen::{Items, Seen};
use super::{Finding, Verdict, meetings};
use crate::address::{Nick, RoomJid};
use crate::config::Settings;
use crate::jibri::Report;
use crate::meeting::{Action, QueryId, Roles};
use crate::xmpp::{self, Command, Failure, Link, LinkEvent, NotLetIn};

/// A little more than each request has, and the entry into the brewery.
const PATIENCE: Duration = Duration::from_secs(17);
/// The same for the brewery, where Jicofo has half a minute to be there before us.
const BREWERY: Duration = Duration::from_secs(47);
/// It is not tried again.
const NEVER: Duration = Duration::from_secs(3600);
/// Another instance that we have thrown out is back within so long, by its own defaults, and throws us out.
const THROWN_OUT: Duration = Duration::from_millis(800);
/// Rooms of one service that are looked at: some of them may have ended meanwhile.
const MOST_ROOMS: usize = 8;
/// An address of no domain that anybody has (RFC 2606, section 2).
const STRANGER: &str = "doctor@sender.invalid/a";

/// What was seen of the brewery.
#[derive(Debug)]
pub(super) struct Brewery {
    /// Why we are not inside, if we are not.
    pub(super) trouble: Option<NotLetIn>,
    /// Who is inside: what each says, and how many share the nickname.
    pub(super) inside: BTreeMap<Nick, (Option<Report>, usize)>,
}

/// The link.
pub(super) struct Own {
    link: Link,
    events: mpsc::Receiver<LinkEvent>,
    seen: Seen,
}

impl Own {
    /// Makes it; once it is lost, it is not made again.
    pub(super) async fn open(settings: &Settings) -> Result<Self, Failure> {
        let mut settings = settings.clone();
        (settings.xmpp.reconnect_min, settings.xmpp.reconnect_max) = (NEVER, NEVER);
        // Whoever else has the link is told of, and not waited for.
        (settings.standby.peer, settings.standby.allowed) = (None, false);
        let (link, mut events) = xmpp::spawn(&settings);
        match events.recv().await {
            Some(LinkEvent::Down { failure, .. }) => Err(failure),
            Some(_) => Ok(Self { link, events, seen: Seen::default() }),
            // The task ends only when it is told to.
            None => Err(Failure::Closed),
        }
    }

    pub(super) fn seen(&self) -> &Seen {
        &self.seen
    }

    pub(super) fn is_lost(&self) -> bool {
        self.seen.down.is_some()
    }

    /// Why it is lost.
    pub(super) fn lost(&self, step: &str) -> Finding {
        match &self.seen.down {
            // What Prosody said before it closed the connection can be lost on its way.
            Some(failure @ Failure::Broken { .. }) => Finding::fail(
                step,
                failure.to_string(),
                "see Prosody's log; if another instance has the same name, stop the other instance",
            ),
            Some(failure) => Finding::said(step, Verdict::Fail, &failure.to_string()),
            None => Finding::ok(step, "the link is up"),
        }
    }

    /// Asks each conference service what it is, and whether we are an admin there.
    pub(super) async fn ask_services(&mut self, settings: &Settings) {
        for service in &settings.muc.domains {
            self.link.send(Command::DiscoInfo { service: service.clone() });
            self.link.send(Command::AskCommands { service: service.clone() });
            self.link.send(Command::DiscoItems { service: service.clone() });
        }
        let all = settings.muc.domains.len();
        self.until(|seen| [seen.services.len(), seen.admin_of.len(), seen.items.len()] == [all; 3]).await;
    }

    /// Asks rooms of each service who is inside; that needs the owner's rights and shows nothing to anybody.
    pub(super) async fn ask_rooms(
        &mut self,
        settings: &Settings,
        named: Option<&RoomJid>,
        listed: &Option<Result<Vec<RoomJid>, String>>,
    ) {
        let mut rooms: Vec<RoomJid> = Vec::new();
        for service in &settings.muc.domains {
            let listed = listed.iter().flatten().flatten();
            let items = self.seen.items.values().flatten().flatten();
            let all = listed.chain(items).chain(&settings.discovery.rooms);
            let wanted = |room: &&RoomJid| {
                room.service() == service
                    && Some(*room) != settings.jibri.brewery.as_ref()
                    && named.is_none_or(|named| named == *room)
                    && !meetings::is_health_check(room)
            };
            let of_service: BTreeSet<&RoomJid> = all.chain(named).filter(wanted).collect();
            rooms.extend(of_service.into_iter().take(MOST_ROOMS).cloned());
        }
        let asked = rooms.len();
        for (number, room) in (0..).zip(rooms) {
            let ask = Action::AskRoles { room, query: QueryId(number), which: Roles::Both };
            self.link.send(Command::Act(ask));
        }
        self.until(|seen| seen.rooms.len() == asked).await;
        // If we have thrown somebody out, we are about to be told.
        self.for_a_moment().await;
    }

    /// Waits until all in the brewery are known, or it is known why not.
    pub(super) async fn wait_for_brewery(&mut self, settings: &Settings) {
        if settings.jibri.brewery.is_some() {
            self.listen(BREWERY, |seen| seen.brewery.is_some()).await;
        }
    }

    /// Whether Prosody lets us speak in other people's names. A stanza to ourselves shows it; where it is refused, that
    /// is the end of the link, so this comes last.
    pub(super) async fn try_sender(&mut self, settings: &Settings) -> Finding {
        const STEP: &str = "sender";
        if self.is_lost() {
            return Finding::not_tried(STEP, "the link was lost");
        }
        self.link.send(Command::TrySender { stranger: STRANGER.to_owned() });
        self.until(|seen| seen.sender.is_some()).await;
        match (self.seen.sender, self.seen.down.take()) {
            (Some(true), _) => Finding::ok(STEP, "Prosody lets us speak in moderators' names"),
            (_, Some(Failure::InvalidFrom { .. })) => Finding::fail(
                STEP,
                "Prosody does not let us speak in moderators' names, so muc.footprint = \"unseen\" cannot work",
                meetings::not_validated(&settings.xmpp.domain),
            ),
            (_, Some(failure)) => Finding::said(STEP, Verdict::Fail, &failure.to_string()),
            (_, None) => Finding::warn(
                STEP,
                "Prosody took a stanza in another name, but did not deliver it",
                "see Prosody's log, and which modules its Component has",
            ),
        }
    }

    /// Leaves the brewery and closes the stream.
    pub(super) async fn close(mut self) -> (Option<Brewery>, Option<Items>) {
        self.link.close().await;
        let brewery = match self.seen.brewery.take() {
            Some(Ok(())) => Some(Brewery { trouble: None, inside: self.seen.inside }),
            Some(Err(why)) => Some(Brewery { trouble: Some(why), inside: BTreeMap::new() }),
            None => None,
        };
        (brewery, Some(self.seen.items))
    }

    async fn until(&mut self, done: impl Fn(&Seen) -> bool) {
        self.listen(PATIENCE, done).await;
    }

    async fn for_a_moment(&mut self) {
        self.listen(THROWN_OUT, |_| false).await;
    }

    async fn listen(&mut self, within: Duration, done: impl Fn(&Seen) -> bool) {
        let now = Instant::now();
        let end = now.checked_add(within).unwrap_or(now);
        while self.seen.down.is_none() && !done(&self.seen) {
            match timeout_at(end, self.events.recv()).await {
                Ok(Some(event)) => self.seen.take(event),
                Ok(None) | Err(_) => return,
            }
        }
    }
}

/// Whether Prosody's port for components takes a connection.
pub(super) async fn reach(settings: &Settings) -> Finding {
    match xmpp::reach(&settings.xmpp.server).await {
        Ok(()) => Finding::ok("prosody", format!("something listens on {}", settings.xmpp.server)),
        Err(failure) => Finding::said("prosody", Verdict::Fail, &failure.to_string()),
    }
}

/// A link that was not made: up to where it came.
pub(super) fn refused(settings: &Settings, failure: &Failure) -> Vec<Finding> {
    let words = failure.to_string();
    match failure {
        Failure::WrongSecret { .. }
        | Failure::UnknownHost { .. }
        | Failure::Conflict { .. }
        | Failure::StreamError { .. } => {
            let server = &settings.xmpp.server;
            vec![
                Finding::ok("prosody", format!("listens for components on {server}")),
                Finding::said("component", Verdict::Fail, &words),
            ]
        }
        _ => vec![
            Finding::said("prosody", Verdict::Fail, &words),
            Finding::not_tried("component", "Prosody is not reached"),
        ],
    }
}
