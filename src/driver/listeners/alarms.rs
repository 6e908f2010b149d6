//! Which events raise an alert, and which resolve it; the book and the delivery are `alerts`' own.

mod causes;
mod fleet;
mod recordings;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use super::log_alerts;
use crate::address::RoomJid;
use crate::alerts::{self, Book, Deliverer, Delivery, Kind, Report};
use crate::config::Settings;
use crate::meeting::{Ended, Hold, ListError, Misfit, RoomView, State, What, ZOMBIE_REASON};
use crate::schedule::Schedule;
use crate::time::Time;

/// Rooms may wait for a Jibri so long before that is worth an alert: one may be about to finish.
const WITHOUT_JIBRI: Duration = Duration::from_secs(10);

/// So long a person's stop may keep a recording off before somebody is told.
const HELD: Duration = Duration::from_secs(5 * 60);
/// A module that is loaded anew is back by then.
const WITHOUT_COMPANION: Duration = Duration::from_secs(5);
/// So long after the link is back everybody is back in his meeting (docs/jitsi.md 13.3); until then nobody knows whether what
/// was wrong is right again.
const THAW: Duration = Duration::from_secs(30);
/// When it is asked again whether people are there.
const ASK_AGAIN: Duration = Duration::from_secs(60);

/// What stands, and what is about to.
pub(in crate::driver) struct Alarms {
    book: Book,
    deliverer: Option<Deliverer>,
    overdue_after: Duration,
    down_after: Duration,
    /// Since when a recording is missing in these rooms, and why.
    missing: BTreeMap<RoomJid, (Time, Option<String>)>,
    /// When that is to be told.
    overdue: Schedule<RoomJid>,
    /// Rooms of which it was to be told.
    late: BTreeMap<RoomJid, causes::Late>,
    /// Rooms that a person's stop keeps from being recorded, and when that is to be told; none: it has been.
    held: BTreeMap<RoomJid, Option<Time>>,
    /// Since when there is no link, and why.
    down: Option<(Time, String)>,
    /// Since when rooms wait for a Jibri, and how many do.
    without_jibri: Option<Time>,
    waiting: usize,
    /// Since when none does any more, though the alert still stands.
    with_jibri: Option<Time>,
    /// There is a link to Prosody; when what was known before is over, if the link is new.
    is_linked: bool,
    thaw: Option<Time>,
    /// Conference services on which the companion is configured and does not answer, since when, and why.
    companions: BTreeMap<String, (Time, &'static str)>,
    /// What was told of a Jicofo that has lost the brewery.
    lost_brewery: String,
    /// Another instance acts, and tells.
    stands_by: bool,
    /// The book is not what it was when it was last shown.
    has_news: bool,
    /// What was told since this was last asked.
    told: Vec<Delivery>,
}

impl Alarms {
    pub(in crate::driver) fn new(settings: &Settings) -> Self {
        let alerts = &settings.alerts;
        let is_heard = !alerts.webhook.is_empty() || alerts.alertmanager.is_some();
        let deliverer = is_heard.then(|| alerts::spawn(alerts, &settings.xmpp.domain)).and_then(|spawned| {
            spawned.inspect_err(|why| tracing::error!("alerts cannot be delivered: {why}")).ok()
        });
        Self {
            book: Book::new(alerts.repeat),
            deliverer,
            overdue_after: alerts.start_overdue,
            down_after: alerts.prosody_down,
            missing: BTreeMap::new(),
            overdue: Schedule::default(),
            late: BTreeMap::new(),
            held: BTreeMap::new(),
            down: None,
            without_jibri: None,
            waiting: 0,
            with_jibri: None,
            is_linked: false,
            thaw: None,
            companions: BTreeMap::new(),
            lost_brewery: String::new(),
            stands_by: false,
            has_news: true,
            told: Vec::new(),
        }
    }

    /// When [`Alarms::tick`] is due.
    pub(in crate::driver) fn next_deadline(&self) -> Option<Time> {
        let down = self.down.as_ref().map(|(since, _)| since.after(self.down_after));
        let is_known = !self.is_frozen();
        let jibri =
            self.without_jibri.filter(|_| is_known).map(|since| since.after(self.without_jibri_for()));
        let served = self.with_jibri.filter(|_| is_known).map(|since| since.after(WITHOUT_JIBRI));
        let overdue = self.overdue.next().filter(|_| is_known);
        let held = self.held.values().flatten().min().copied();
        let companion = self.companions.values().map(|(since, _)| since.after(WITHOUT_COMPANION)).min();
        let own = [overdue, down, jibri, served, held, companion, self.thaw];
        own.into_iter().chain([self.book.next_deadline()]).flatten().min()
    }

    /// Raises what has lasted too long, and repeats what still stands. `view`: what a room looks like.
    pub(in crate::driver) fn tick<'a>(&mut self, now: Time, view: impl Fn(&RoomJid) -> Option<RoomView<'a>>) {
        self.tell_held(now, &view);
        self.pass_thaw(now, &view);
        if let Some((_, why)) = self.down.take_if(|(since, _)| since.after(self.down_after) <= now) {
            self.raise(now, Report::new(Kind::ProsodyDown, "prosody", &why));
        }
        let is_due =
            |(_, (since, _)): &(&String, &(Time, &'static str))| since.after(WITHOUT_COMPANION) <= now;
        while let Some((service, why)) =
            self.companions.iter().find(is_due).map(|(service, (_, why))| (service.clone(), *why))
        {
            self.companions.remove(&service);
            let summary = format!(
                "nothing is done in the meetings of {service}, because the companion is missing: {why}"
            );
            self.raise(now, Report::new(Kind::CompanionMissing, &service, &summary));
        }
        // The causes first: what follows from one is not told by itself.
        if !self.is_frozen() {
            self.tell_without_jibri(now);
            self.tell_overdue(now, &view);
        }
        let deliveries = self.book.tick(now);
        self.send(now, deliveries);
    }

    /// Whoever is held for long is told of once, if anybody is there who could mind.
    fn tell_held<'a>(&mut self, now: Time, view: &impl Fn(&RoomJid) -> Option<RoomView<'a>>) {
        let is_due = |at: &Option<Time>| at.is_some_and(|at| at <= now);
        let due: Vec<RoomJid> =
            self.held.iter().filter(|(_, at)| is_due(at)).map(|(room, _)| room.clone()).collect();
        for room in due {
            let Some(view) = view(&room) else {
                self.held.remove(&room);
                continue;
            };
            let is_empty = view.people == 0;
            self.held.insert(room.clone(), is_empty.then(|| now.after(ASK_AGAIN)));
            if is_empty {
                continue;
            }
            let why = view.reason.as_deref().unwrap_or("a person has stopped it");
            let summary = format!("{room} has not been recorded for more than five minutes: {why}");
            self.raise(now, Report::new(Kind::Held, room.as_str(), &summary).label("room", room.as_str()));
        }
    }

    /// What stands.
    pub(in crate::driver) fn book(&self) -> &Book {
        &self.book
    }

    /// Whether the book has changed since this was last asked.
    pub(in crate::driver) fn take_news(&mut self) -> bool {
        std::mem::take(&mut self.has_news)
    }

    /// What was told since this was last asked.
    pub(in crate::driver) fn take_deliveries(&mut self) -> Vec<Delivery> {
        std::mem::take(&mut self.told)
    }

    fn raise(&mut self, now: Time, report: Report) {
        // What stands already may have new words, of which nothing is told.
        self.has_news = true;
        let deliveries = self.book.raise(now, report);
        self.send(now, deliveries);
    }

    fn resolve(&mut self, now: Time, kind: Kind, subject: &str) {
        let deliveries = self.book.resolve(now, kind, subject);
        self.send(now, deliveries);
    }

    fn send(&mut self, now: Time, deliveries: Vec<Delivery>) {
        self.has_news |= !deliveries.is_empty();
        if self.stands_by {
            return;
        }
        self.told.extend_from_slice(&deliveries);
        for delivery in deliveries {
            log_alerts::log(&delivery);
            if let Some(deliverer) = &mut self.deliverer {
                deliverer.send(now, delivery);
            }
        }
    }

    /// Something has happened in a room, which now looks like this; none: it is forgotten.
    pub(in crate::driver) fn meeting(
        &mut self,
        now: Time,
        room: &RoomJid,
        what: &What,
        view: Option<&RoomView<'_>>,
    ) {
        let about =
            |kind, summary: &str| Report::new(kind, room.as_str(), summary).label("room", room.as_str());
        match what {
            What::State { from, to } => {
                self.missing(now, room, view);
                if *from == State::Held {
                    self.held.remove(room);
                    self.resolve(now, Kind::StreamInstead, room.as_str());
                }
                if *to == State::Idle && !self.is_unknown(view) {
                    self.resolve(now, Kind::NotAModerator, room.as_str());
                    self.resolve(now, Kind::CannotEnter, room.as_str());
                }
            }
            What::StartFailed { why, .. } => {
                if let Some((_, reason)) = self.missing.get_mut(room) {
                    *reason = Some(why.to_string());
                }
            }
            What::Ended {
                session,
                how: how @ (Ended::Failed | Ended::Lost | Ended::Unexplained | Ended::Refuted(_)),
            } => {
                let session = session.as_ref().map_or("", |session| &session.0);
                let report = about(Kind::RecordingLost, &format!("the recording of {room} is over: {how}"));
                self.raise(now, report.label("session_id", session));
            }
            What::Held(Hold::Misfit(misfit @ Misfit::NotModerator)) => {
                self.raise(now, about(Kind::NotAModerator, &format!("{room} is not recorded: {misfit}")));
            }
            What::Held(hold @ Hold::Instead(_)) => {
                self.raise(now, about(Kind::StreamInstead, &format!("{room} is not recorded: {hold}")));
            }
            What::Held(Hold::StoppedBy(_) | Hold::Untold) => {
                // It may be heard of once more in the same meeting.
                self.held.entry(room.clone()).or_insert(Some(now.after(HELD)));
            }
            What::EntryRefused { refusal, .. } => {
                let why = crate::meeting::refusal_reason(refusal);
                self.raise(now, about(Kind::CannotEnter, &format!("{room} does not let us in: {why}")));
            }
            What::NoList(error @ ListError::Forbidden) => {
                let why = crate::meeting::list_error_reason(*error);
                let report =
                    Report::new(Kind::NotAModerator, room.service(), why).label("room", room.as_str());
                self.raise(now, report);
            }
            What::Zombie => {
                self.raise(now, about(Kind::ZombieMeeting, &format!("{room}: {ZOMBIE_REASON}")));
            }
            What::NoZombie => self.resolve(now, Kind::ZombieMeeting, room.as_str()),
            What::Seen { .. } => self.resolve(now, Kind::NotAModerator, room.service()),
            What::Entered { .. } => {
                self.resolve(now, Kind::CannotEnter, room.as_str());
                self.resolve(now, Kind::NotAModerator, room.service());
            }
            What::Accepted { .. } | What::On { .. } => {
                self.resolve(now, Kind::NotAModerator, room.as_str());
                self.resolve(now, Kind::CannotEnter, room.as_str());
            }
            _ => {}
        }
    }

    /// A person's will, and a dry run, are no reason for an alarm.
    pub(in crate::driver) fn missing(&mut self, now: Time, room: &RoomJid, view: Option<&RoomView<'_>>) {
        let is_wanted = |view: &&RoomView<'_>| view.state != State::Idle && !view.is_left_alone;
        let since = view.filter(is_wanted).and_then(|view| view.missing_since);
        let before = self.missing.get(room).map(|(since, _)| *since);
        let is_recorded = view.is_some_and(|view| view.state == State::Recording);
        if since.is_none() && !is_recorded && self.is_unknown(view) {
            return;
        }
        // It was never recorded in between, or that would have been told.
        let since = since.map(|since| before.map_or(since, |before| before.min(since)));
        if since == before {
            return;
        }
        self.overdue.set(room, since.map(|since| since.after(self.overdue_after)));
        match since {
            Some(since) => {
                let reason = view.and_then(|view| view.reason.clone()).map(Cow::into_owned);
                self.missing.insert(room.clone(), (since, reason));
            }
            None => {
                self.missing.remove(room);
                self.late.remove(room);
                self.resolve(now, Kind::StartOverdue, room.as_str());
            }
        }
    }

    /// So many rooms wait for a Jibri.
    pub(in crate::driver) fn waiting(&mut self, now: Time, rooms: usize) {
        self.waiting = rooms;
        if self.is_frozen() {
            return;
        }
        if rooms == 0 {
            if self.without_jibri.take().is_none()
                && self.with_jibri.is_none()
                && self.stands(Kind::NoJibriFree)
            {
                self.with_jibri = Some(now);
            }
            return;
        }
        self.with_jibri = None;
        if self.without_jibri.is_none() && !self.stands(Kind::NoJibriFree) {
            self.without_jibri = Some(now);
        }
    }

    fn stands(&self, kind: Kind) -> bool {
        self.book.active().any(|alert| alert.kind == kind)
    }

    /// Another instance acts, and tells what is wrong; or not any more, and what stands is for us to tell.
    pub(in crate::driver) fn stand_by(&mut self, now: Time, stands_by: bool) {
        if stands_by {
            self.down = None;
            // Told it is not: whoever was told before hears the rest from the other one.
            self.stands_by = true;
            if let Some(deliverer) = &mut self.deliverer {
                deliverer.hand_over();
            }
            self.resolve(now, Kind::ProsodyDown, "prosody");
        } else if std::mem::take(&mut self.stands_by) {
            let deliveries = self.book.all_anew(now);
            self.send(now, deliveries);
        }
    }

    /// There is a link.
    pub(in crate::driver) fn link_up(&mut self, now: Time) {
        self.down = None;
        self.is_linked = true;
        self.thaw = Some(now.after(THAW));
        self.resolve(now, Kind::ProsodyDown, "prosody");
    }

    /// There is none.
    pub(in crate::driver) fn link_down(&mut self, now: Time, why: &str) {
        (self.is_linked, self.thaw) = (false, None);
        let stands = self.stands(Kind::ProsodyDown);
        match &mut self.down {
            Some((_, told)) => why.clone_into(told),
            None if stands => {}
            None => self.down = Some((now, why.to_owned())),
        }
    }

    /// A source of rooms or Jibris says nothing any more: why; or it speaks again.
    pub(in crate::driver) fn source(&mut self, now: Time, name: &str, trouble: Option<&str>) {
        match trouble {
            Some(why) => self.raise(now, Report::new(Kind::SourceDown, name, why)),
            None => self.resolve(now, Kind::SourceDown, name),
        }
    }

    /// The brewery does not let us in: why; or it does.
    pub(in crate::driver) fn brewery(&mut self, now: Time, trouble: Option<&str>) {
        match trouble {
            Some(why) => self.raise(now, Report::new(Kind::BreweryUnreadable, "brewery", why)),
            None => self.resolve(now, Kind::BreweryUnreadable, "brewery"),
        }
    }

    /// The companion is configured, and does not answer on this conference service: why; or it does, or it is not known.
    pub(in crate::driver) fn companion(&mut self, now: Time, service: &str, trouble: Option<&'static str>) {
        match trouble {
            Some(why) => {
                self.companions.entry(service.to_owned()).or_insert((now, why));
            }
            None => {
                self.companions.remove(service);
                self.resolve(now, Kind::CompanionMissing, service);
            }
        }
    }

    /// Delivers what is still to be delivered, but not for long.
    pub(in crate::driver) async fn finish(self, within: Duration) {
        if let Some(deliverer) = self.deliverer {
            deliverer.finish(within).await;
        }
    }
}

#[cfg(test)]
mod tests;
