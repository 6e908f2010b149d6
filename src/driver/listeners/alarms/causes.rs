//! What follows from one cause is told once, and what cannot be known is neither raised nor resolved.

use std::borrow::Cow;
use std::time::Duration;

use super::{Alarms, WITHOUT_JIBRI};
use crate::address::RoomJid;
use crate::alerts::{Alert, Kind, Report};
use crate::lasting::lasting;
use crate::meeting::{RoomView, State};
use crate::time::Time;

/// A room whose recording is overdue because of what another alert tells is looked at again so often.
const AGAIN: Duration = Duration::from_secs(10);
/// A start takes so long at most, if all is well: by then a room is recorded whose cause is gone.
const MADE_UP_FOR: Duration = Duration::from_secs(30);

/// A room whose recording is overdue.
#[derive(Debug, Clone, Copy)]
pub(super) enum Late {
    /// It was told of by itself.
    Told,
    /// Another alert tells why; since when none does any more.
    Explained(Option<Time>),
}

/// Whether the recording of this room is missing because of what this alert tells.
fn explains(alert: &Alert, room: &RoomJid, view: Option<&RoomView<'_>>) -> bool {
    let is_here = || alert.subject == room.as_str() || alert.subject == room.service();
    match alert.kind {
        Kind::NoJibriFree => view.is_some_and(|view| view.state == State::Waiting),
        Kind::JicofoLostBrewery | Kind::ProsodyDown => true,
        Kind::CompanionMissing | Kind::NotAModerator | Kind::RoomFails | Kind::ZombieMeeting => is_here(),
        _ => false,
    }
}

impl Alarms {
    /// Without a link nobody knows what has become of the meetings, and for a moment after that.
    pub(super) fn is_frozen(&self) -> bool {
        !self.stands_by && (!self.is_linked || self.thaw.is_some())
    }

    /// It is not known what has become of this room.
    pub(super) fn is_unknown(&self, view: Option<&RoomView<'_>>) -> bool {
        self.is_frozen() || !self.stands_by && view.is_some_and(|view| !view.is_seen)
    }

    /// Everybody is back who comes back: what is right again is resolved.
    pub(super) fn pass_thaw<'a>(&mut self, now: Time, view: &impl Fn(&RoomJid) -> Option<RoomView<'a>>) {
        if self.thaw.take_if(|at| *at <= now).is_none() {
            return;
        }
        for room in self.missing.keys().cloned().collect::<Vec<_>>() {
            self.missing(now, &room, view(&room).as_ref());
        }
        let of_rooms = [Kind::NotAModerator, Kind::CannotEnter];
        let alerts = self.book.active().filter(|alert| of_rooms.contains(&alert.kind));
        let over: Vec<(Kind, String)> = alerts
            .filter(|alert| {
                let room = RoomJid::new(&alert.subject).ok();
                room.is_some_and(|room| {
                    view(&room).is_none_or(|view| view.is_seen && view.state == State::Idle)
                })
            })
            .map(|alert| (alert.kind, alert.subject.clone()))
            .collect();
        for (kind, subject) in over {
            self.resolve(now, kind, &subject);
        }
        self.waiting(now, self.waiting);
    }

    /// How long rooms may wait for a Jibri before that is told.
    pub(super) fn without_jibri_for(&self) -> Duration {
        WITHOUT_JIBRI.min(self.overdue_after)
    }

    pub(super) fn tell_without_jibri(&mut self, now: Time) {
        // A start that fails at once has its room wait again.
        if self.with_jibri.take_if(|since| since.after(WITHOUT_JIBRI) <= now).is_some() {
            self.resolve(now, Kind::NoJibriFree, "fleet");
        }
        let patience = self.without_jibri_for();
        if self.without_jibri.take_if(|since| since.after(patience) <= now).is_none()
            || self.stands(Kind::JicofoLostBrewery)
        {
            return;
        }
        // Those that do not work are the cause; that none is free follows from it.
        let broken: Vec<String> = self
            .book
            .active()
            .filter(|alert| alert.kind.is_of_a_broken_jibri())
            .map(|alert| format!("{} ({})", alert.subject, alert.kind))
            .take(5)
            .collect();
        let cause = match broken.as_slice() {
            [] => String::new(),
            broken => format!("; these do not work: {}", broken.join(", ")),
        };
        let who = match self.waiting {
            1 => "1 meeting is".to_owned(),
            rooms => format!("{rooms} meetings are"),
        };
        let summary = format!("{who} not recorded: no Jibri is free{cause}");
        self.raise(now, Report::new(Kind::NoJibriFree, "fleet", &summary));
    }

    /// Tells of rooms whose recording is overdue, unless an alert that stands says why.
    pub(super) fn tell_overdue<'a>(&mut self, now: Time, view: &impl Fn(&RoomJid) -> Option<RoomView<'a>>) {
        while let Some(room) = self.overdue.pop_due(now) {
            let Some((since, failure)) = self.missing.get(&room).cloned() else { continue };
            let view = view(&room);
            let is_about_to_be = self.without_jibri.is_some()
                && view.as_ref().is_some_and(|view| view.state == State::Waiting);
            let is_explained =
                is_about_to_be || self.book.active().any(|alert| explains(alert, &room, view.as_ref()));
            // The others may wait for a Jibri while this one has got one that fails.
            let late = match (is_explained, self.late.get(&room)) {
                (true, _) => Late::Explained(None),
                (false, Some(Late::Explained(since)))
                    if since.is_none_or(|since| now < since.after(MADE_UP_FOR)) =>
                {
                    Late::Explained(since.or(Some(now)))
                }
                (false, _) => Late::Told,
            };
            self.late.insert(room.clone(), late);
            if matches!(late, Late::Explained(_)) {
                self.overdue.set(&room, Some(now.after(AGAIN)));
                continue;
            }
            // Why its last start failed is old news if it has to wait by now.
            let reason = view.and_then(|view| view.reason).or(failure.map(Cow::Owned));
            let summary = format!(
                "{room} has not been recorded for {}: {}",
                lasting(now.since(since)),
                reason.as_deref().unwrap_or("it is being tried")
            );
            let report = Report::new(Kind::StartOverdue, room.as_str(), &summary);
            self.raise(now, report.label("room", room.as_str()));
        }
    }

    /// How many rooms are overdue, whether each is told of by itself or with its cause.
    pub(in crate::driver) fn overdue(&self) -> usize {
        self.late.len()
    }
}
