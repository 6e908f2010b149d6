//! What has to hold of the book, in terms of what has happened in the world.

use std::collections::BTreeSet;
use std::time::Duration;

use jibri_autostart::config::Expect;
use jibri_autostart::recordings::{Recording, RecordingState};

use super::world::{END, REPORT_WITHIN, Session, World, wall};

/// What is missing of any recording, and is never too little.
const SLACK: u64 = 10;

impl World {
    fn breaks(&mut self, what: String) {
        self.violation.get_or_insert(what);
    }

    /// A recording is in another state now.
    pub(super) fn turned(
        &mut self,
        recording: &Recording,
        before: Option<RecordingState>,
        state: RecordingState,
    ) {
        let name = recording.session_id.clone().unwrap_or_default();
        let known = self.sessions.iter().find(|session| session.name == name);
        if state != RecordingState::Missing || before == Some(state) {
            return;
        }
        let Some(known) = known.filter(|known| known.is_named) else { return };
        let finished = known.finished.max(known.end_heard).unwrap_or(0);
        // One that nobody saw end is looked for first after the restart.
        let began_anew = self.restarts.last().copied().unwrap_or(0);
        if !known.taken.is_empty() {
            self.breaks(format!("{name} is called missing, and was reported"));
        } else if self.settings.expect == Expect::Never {
            self.breaks(format!("{name} is called missing, and no report is expected"));
        } else if known.parts.len() > 1 && began_anew > 0 {
            // That it has moved may not have been seen.
        } else if self.now < finished + REPORT_WITHIN && began_anew < finished {
            self.breaks(format!(
                "{name} is called missing at {}, and its Jibri finished at {finished}",
                self.now
            ));
        }
    }

    /// All reports have come, and all deadlines have passed.
    pub(super) fn finish(&mut self) {
        if self.violation.is_some() {
            return;
        }
        let book = self.book.take().expect("it runs in the end");
        let sessions = std::mem::take(&mut self.sessions);
        // Rooms in which this program has known a recording and not its session: a report of another one that it has not
        // heard of may be taken for that one's.
        let mixed: BTreeSet<usize> =
            sessions.iter().filter(|known| !known.is_named).map(|known| known.room).collect();
        for session in &sessions {
            let named = book.all().find(|known| known.session_id.as_deref() == Some(session.name.as_str()));
            match named {
                Some(recording) => {
                    let is_mixed = mixed.contains(&session.room);
                    self.is_true(session, recording, book.state_of(recording), is_mixed);
                }
                None if !session.taken.is_empty() => {
                    self.breaks(format!("{} is lost: it was reported", session.name))
                }
                None if session.heard && session.is_named => {
                    self.breaks(format!("{} is not known", session.name))
                }
                None => {}
            }
        }
        // A restart finds it all in what was written down.
        for recording in book.all() {
            let stored =
                self.stored.get(&recording.key).map(|json| serde_json::from_str::<Recording>(json).unwrap());
            if stored.as_ref().is_none_or(|stored| stored.parts != recording.parts) {
                self.breaks(format!("what is known of {} is not written down", recording.key));
            }
            if self.now == END && recording.is_on() {
                self.breaks(format!("{} is called on, and everything is over", recording.key));
            }
        }
    }

    /// What the book says of a session is what has happened.
    fn is_true(&mut self, session: &Session, recording: &Recording, state: RecordingState, is_mixed: bool) {
        let name = &session.name;
        self.seen.count(match state {
            RecordingState::Recording => "state recording",
            RecordingState::Ended => "state ended",
            RecordingState::Written => "state written",
            RecordingState::Delivered => "state delivered",
            RecordingState::Missing => "state missing",
            RecordingState::Short => "state short",
            RecordingState::Empty => "state empty",
            RecordingState::Failed => "state failed",
            RecordingState::Salvaged => "state salvaged",
            RecordingState::Unknown => "state unknown",
        });
        let seconds: u64 = session.taken.values().map(|taken| taken.seconds).sum();
        if !session.taken.is_empty() && recording.media() != Some(Duration::from_secs(seconds)) {
            self.breaks(format!(
                "{name} has {seconds} s in its files, the book says {:?}",
                recording.media()
            ));
        }
        let mut taken = session.taken.values();
        // How long it was on is known of a session that was seen to begin and to end, and to move.
        let may_have_moved_unseen = session.was_interrupted && !self.restarts.is_empty();
        let was_seen = recording.started == Some(wall(session.began))
            && session.end_heard == session.ended
            && !may_have_moved_unseen;
        let on = session.ended.unwrap() - session.began - if session.was_interrupted { 22 } else { 0 };
        let is_short = seconds * 10 < on * 9 && on - seconds > SLACK;
        let expected: &[RecordingState] = match () {
            () if session.taken.is_empty() => self.unreported(session, was_seen),
            () if taken.clone().any(|taken| taken.failed) => &[RecordingState::Failed],
            () if seconds == 0 => &[RecordingState::Empty],
            () if was_seen && is_short => &[RecordingState::Short],
            () if !was_seen && (is_short || is_mixed) => return,
            () => match () {
                () if taken.clone().any(|taken| taken.salvaged) => &[RecordingState::Salvaged],
                () if taken.all(|taken| taken.delivered) => &[RecordingState::Delivered],
                () => &[RecordingState::Written],
            },
        };
        // Whose session was never told apart may have been taken for another one in its room.
        if session.is_named && !expected.contains(&state) {
            self.breaks(format!("{name} is {state:?}, and should be one of {expected:?}"));
        }
        if was_seen && session.is_named && !session.taken.is_empty() {
            let gap = (session.ended.unwrap() + 4 - session.began).saturating_sub(seconds);
            if recording.gap(wall(END)) != Some(Duration::from_secs(gap)) {
                self.breaks(format!("{name} misses {gap} s, the book says {:?}", recording.gap(wall(END))));
            }
        }
    }

    /// In which states one may be of which nothing was reported.
    fn unreported(&self, session: &Session, was_seen: bool) -> &'static [RecordingState] {
        let over: &[RecordingState] = &[RecordingState::Ended, RecordingState::Unknown];
        let due = session.finished.max(session.end_heard).unwrap_or(END) + REPORT_WITHIN;
        // While this program was not running, that it has moved was not seen.
        let unseen = if self.restarts.is_empty() { session.parts.len() - 1 } else { 0 };
        let heard = session.parts.iter().skip(unseen).filter_map(|part| self.heard_of(part.jibri)).min();
        match self.settings.expect {
            // As far as this program has seen, it may have been on for a moment.
            Expect::Always if !was_seen => {
                &[RecordingState::Missing, RecordingState::Ended, RecordingState::Unknown]
            }
            Expect::Always => &[RecordingState::Missing],
            Expect::Never => over,
            Expect::Auto if heard.is_some_and(|at| at < due.min(END)) => {
                // Whether its report was due is known for sure only if nothing was in the way.
                if self.restarts.is_empty() {
                    &[RecordingState::Missing]
                } else {
                    &[RecordingState::Missing, RecordingState::Ended, RecordingState::Unknown]
                }
            }
            // Another one in its room may have been taken for it, and that one's Jibri for its own.
            Expect::Auto if !self.restarts.is_empty() && session.end_heard.is_none() => {
                &[RecordingState::Missing, RecordingState::Ended, RecordingState::Unknown]
            }
            Expect::Auto if heard.is_none() => over,
            Expect::Auto => &[RecordingState::Missing, RecordingState::Ended, RecordingState::Unknown],
        }
    }
}
