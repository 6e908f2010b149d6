//! Alerts about recordings' files, and about the disks that they are on.

use super::super::log_recordings::why;
use super::Alarms;
use crate::alerts::{Kind, Report};
use crate::lasting::lasting;
use crate::recordings::{Recording, RecordingState};
use crate::time::Time;

/// The alert that a recording in this state is worth.
fn kind_of(state: RecordingState) -> Option<Kind> {
    match state {
        RecordingState::Missing | RecordingState::Empty => Some(Kind::RecordingMissing),
        RecordingState::Short => Some(Kind::RecordingShort),
        RecordingState::Failed => Some(Kind::RecordingFailed),
        _ => None,
    }
}

impl Alarms {
    /// A recording is in another state.
    pub(in crate::driver) fn recording(
        &mut self,
        now: Time,
        recording: &Recording,
        before: Option<RecordingState>,
        state: RecordingState,
    ) {
        let subject = recording.session_id.as_deref().unwrap_or(&recording.key);
        let kind = kind_of(state);
        if let Some(over) = before.and_then(kind_of).filter(|over| Some(*over) != kind) {
            self.resolve(now, over, subject);
        }
        let Some(kind) = kind else { return };
        let room = recording.room.as_deref().unwrap_or("an unknown room");
        let at = recording.started.map_or_else(String::new, |at| format!(" of {at}"));
        let summary = format!("the recording of {room}{at} is {}: {}", state.name(), why(recording, state));
        let mut report = Report::new(kind, subject, &summary).label("session_id", subject);
        if let Some(room) = &recording.room {
            report = report.label("room", room);
        }
        if let Some(jibri) = recording.jibris.last() {
            report = report.label("jibri", jibri);
        }
        self.raise(now, report);
    }

    /// So many bytes are left on a Jibri's disk, and how long that lasts, if that is known.
    pub(in crate::driver) fn disk(
        &mut self,
        now: Time,
        instance: &str,
        free: u64,
        lasts: Option<std::time::Duration>,
        least_hours: u32,
    ) {
        let Some(lasts) = lasts else { return };
        let least = std::time::Duration::from_secs(3600).saturating_mul(least_hours);
        if lasts >= least {
            return self.resolve(now, Kind::JibriDiskLow, instance);
        }
        let megabytes = free.checked_div(1_000_000).unwrap_or_default();
        let summary = format!(
            "the disk of Jibri {instance} has room for {} more of what it records ({megabytes} MB)",
            lasting(lasts)
        );
        self.raise(now, Report::new(Kind::JibriDiskLow, instance, &summary).label("jibri", instance));
    }
}
