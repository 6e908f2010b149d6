//! Failed starts in a row of one Jibri: which count, and which only would if it were sure whose fault they are.

use std::collections::BTreeSet;
use std::time::Duration;

use super::evidence::Evidence;
use crate::address::RoomJid;
use crate::time::Time;

/// Two rooms may have been given the same Jibri before it failed the first (it shows idle while it launches
/// Chrome), and Jicofo waits 15 s for each (docs/jitsi.md 2): one cause, counted once.
const ONE_CAUSE: Duration = Duration::from_secs(20);

/// So many rooms in which only its failures are known do not all have something against recorders.
const UNPROVEN: usize = 3;

/// No Jibri needs more to be wedged; keeps what is remembered small.
const ROOMS: usize = 64;

/// Failed starts since the last recording that lasted, or since it was last seen coming.
#[derive(Debug, Default)]
pub(super) struct Streak {
    /// It did not even take the start: no room has a part in that.
    launches: u32,
    last_launch: Option<Time>,
    /// It took the start, never got to record, and another recorded the same room.
    proven: u32,
    /// It took the start and never got to record. The room may be the reason (a password, a lobby that keeps
    /// recorders out), so one room counts once, however often it fails there.
    unproven: BTreeSet<RoomJid>,
    /// It recorded for a moment and failed, with people still there. The bridge may have been the reason, so
    /// this counts only once another has recorded there.
    late: BTreeSet<RoomJid>,
    last: Option<(Time, Option<RoomJid>)>,
    /// Of so many failures in this room nobody can tell whether it or the room is the reason.
    doubted: Option<(RoomJid, u32)>,
}

impl Streak {
    pub(super) fn count(&self) -> u32 {
        let rooms = u32::try_from(self.unproven.len()).unwrap_or(u32::MAX);
        self.launches.saturating_add(self.proven).saturating_add(rooms)
    }

    /// Enough to call it wedged. Rooms whose fault it may be are enough only if they are several.
    pub(super) fn is_enough(&self, wedged_after: u32) -> bool {
        let wedged_after = wedged_after.max(1);
        let sure = self.launches.saturating_add(self.proven);
        // Who had a start is seen by who turned busy, and a start by hand that we do not hear of can mislead
        // once: nobody is wedged by a single one of these.
        let least = if self.launches == 0 { wedged_after.max(2) } else { wedged_after };
        sure >= least || self.count() >= wedged_after && self.unproven.len() >= UNPROVEN
    }

    pub(super) fn evidence(&self) -> Evidence {
        match &self.last {
            Some((last, room)) if self.count() > 0 => {
                Evidence::FailedStarts { count: self.count(), last: *last, room: room.clone() }
            }
            _ => Evidence::None,
        }
    }

    /// It, or this room, after so many failures there.
    pub(super) fn doubt(&mut self, room: &RoomJid, count: u32) {
        self.doubted = Some((room.clone(), count));
    }

    /// It, or a room.
    pub(super) fn doubted(&self) -> Option<Evidence> {
        let ((room, count), (last, _)) = (self.doubted.clone()?, self.last.as_ref()?);
        Some(Evidence::OneRoom { count, last: *last, room })
    }

    /// This room is the reason of whatever failed there; whether that changes anything.
    pub(super) fn forgive(&mut self, room: &RoomJid) -> bool {
        let was_doubted = self.doubted.take_if(|(doubted, _)| doubted == room).is_some();
        self.late.remove(room);
        self.unproven.remove(room) || was_doubted
    }

    /// When one last counted.
    pub(super) fn last_failure(&self) -> Option<Time> {
        self.last.as_ref().filter(|_| self.count() > 0).map(|(at, _)| *at)
    }

    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }

    /// `at`: when it became known.
    pub(super) fn launch_failed(&mut self, at: Time, room: Option<RoomJid>) {
        if self.last_launch.is_some_and(|last| at < last.after(ONE_CAUSE)) {
            return;
        }
        self.launches = self.launches.saturating_add(1);
        self.last_launch = Some(at);
        self.last = Some((at, room));
    }

    pub(super) fn session_failed(&mut self, at: Time, room: &RoomJid, proven: bool) {
        if proven {
            self.unproven.remove(room);
            self.proven = self.proven.saturating_add(1);
        } else if self.unproven.len() < ROOMS {
            self.unproven.insert(room.clone());
        }
        self.last = Some((at, Some(room.clone())));
    }

    pub(super) fn failed_late(&mut self, room: &RoomJid) {
        if self.late.len() < ROOMS {
            self.late.insert(room.clone());
        }
    }

    /// Another Jibri has recorded this room: whatever failed there was not the room's fault.
    pub(super) fn room_works(&mut self, at: Time, room: &RoomJid) -> bool {
        self.doubted.take_if(|(doubted, _)| doubted == room);
        let is_late = self.late.remove(room);
        let changes = is_late || self.unproven.contains(room);
        if changes {
            // The one that was counted already stays one.
            self.unproven.remove(room);
            self.proven = self.proven.saturating_add(1);
        }
        if is_late {
            self.last = Some((at, Some(room.clone())));
        }
        changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Time {
        Time::new(Duration::from_secs(secs))
    }

    fn room(name: &str) -> RoomJid {
        RoomJid::new(&format!("{name}@muc.meet.jitsi")).unwrap()
    }

    #[test]
    fn two_launches_of_one_cause_count_once() {
        let mut streak = Streak::default();
        streak.launch_failed(at(100), None);
        streak.launch_failed(at(101), None);
        assert_eq!(streak.count(), 1);
        streak.launch_failed(at(161), Some(room("b")));
        assert_eq!(streak.count(), 2);
        assert_eq!(
            streak.evidence().words(|t| format!("{}", t.since_start().as_secs())),
            "2 starts in a row failed while it reported idle and healthy, last 161 in b@muc.meet.jitsi"
        );
    }

    #[test]
    fn one_room_counts_once_until_another_jibri_has_recorded_it() {
        let mut streak = Streak::default();
        for n in 0..5 {
            streak.session_failed(at(n), &room("a"), false);
        }
        assert_eq!(streak.count(), 1);
        assert!(streak.room_works(at(10), &room("a")));
        assert_eq!(streak.count(), 1, "the failure was counted already");
        streak.session_failed(at(20), &room("a"), false);
        assert_eq!(streak.count(), 2);
    }

    #[test]
    fn a_late_failure_counts_only_by_contrast() {
        let mut streak = Streak::default();
        streak.failed_late(&room("a"));
        assert_eq!(streak.count(), 0);
        streak.room_works(at(10), &room("a"));
        assert_eq!(streak.count(), 1);
        streak.reset();
        assert_eq!((streak.count(), streak.evidence()), (0, Evidence::None));
    }
}
