//! The book of recordings: what the cores and the Jibris' scripts say of them goes into it, and what follows is carried out.

use std::collections::BTreeSet;
use std::time::Duration;

use super::Driver;
use super::listeners::log_recordings;
use crate::announce::{self, Announcer, Ready};
use crate::config::Settings;
use crate::coupling::Step;
use crate::fleet::{self, JibriName, Serving};
use crate::ledger;
use crate::meeting::{Event, State, What};
use crate::moment::Moment;
use crate::recordings::{Effect, Input, Now, Recording, RecordingState, Recordings};
use crate::surface::{self as shown, Reported};
use crate::time::Time;

/// What comes without an event is looked at so often.
const SWEEP: Duration = Duration::from_secs(1);
/// Recordings that are read from the ledger.
const MOST: usize = 20_000;

/// The book, and when it was last brought up to date.
#[derive(Debug)]
pub(super) struct Book {
    pub(super) core: Recordings,
    swept: Time,
    /// The keys of those for which there was no place in the ledger's queue.
    unsaved: BTreeSet<String>,
    announcer: Option<Announcer>,
    /// `recordings.url`.
    url: Option<String>,
}

impl Book {
    pub(super) fn new(settings: &Settings, remembered: Vec<Recording>, now: Time) -> Self {
        let mut core = Recordings::new(&settings.recordings);
        core.remember(remembered, now);
        let announcer = announce::spawn(&settings.recordings, &settings.xmpp.domain).unwrap_or_else(|why| {
            tracing::error!("recordings.webhook cannot be used: {why}");
            None
        });
        let book = Self {
            core,
            swept: now,
            unsaved: BTreeSet::new(),
            announcer,
            url: settings.recordings.url.clone(),
        };
        for recording in book.core.all() {
            book.announce(recording);
        }
        book
    }

    /// Has the receiver told of this one, if it is to be.
    fn announce(&self, recording: &Recording) {
        if let (Some(announcer), Some(since)) = (&self.announcer, recording.untold) {
            let one = [(recording.clone(), self.core.state_of(recording))];
            let shown = shown::Recording::shown(&one, self.url.as_deref(), false, Moment::now());
            for recording in shown {
                announcer.tell(Ready { key: recording.id.clone(), since, recording });
            }
        }
    }

    /// The next of which the receiver has been told.
    pub(super) async fn told(&mut self) -> Input {
        match &mut self.announcer {
            Some(announcer) => match announcer.told().await {
                Some((key, since)) => Input::Told { key, since },
                None => std::future::pending().await,
            },
            None => std::future::pending().await,
        }
    }
}

/// What the ledger knows of recordings.
pub(super) async fn read(settings: &Settings) -> Vec<Recording> {
    let Some(path) = settings.ledger.path.clone() else { return Vec::new() };
    match tokio::task::spawn_blocking(move || ledger::recordings(&path, MOST)).await {
        Ok(Ok(recordings)) => recordings,
        Ok(Err(error)) => {
            tracing::warn!("{error}; reports of earlier recordings will be shown as reports of unknown ones");
            Vec::new()
        }
        Err(_) => Vec::new(),
    }
}

impl Driver {
    pub(super) fn feed_recordings(&mut self, input: Input) {
        let now = Now { time: self.clock.now(), wall: Moment::now() };
        for effect in self.book.core.handle(now, input) {
            match effect {
                Effect::Changed { recording, before, state, more } => {
                    if before != Some(state) {
                        log_recordings::log(&recording, before, state, now.wall);
                        self.alarms.recording(now.time, &recording, before, state);
                        self.publisher.recording(state);
                    }
                    self.publisher.recorded(more);
                    let is_news = before != Some(state) || !more.is_zero();
                    if is_news {
                        self.book.announce(&recording);
                    }
                    self.save(*recording, state);
                }
                Effect::Suspect { jibri, in_a_row } => {
                    tracing::warn!(
                        instance = jibri.as_str(),
                        "{in_a_row} recordings in a row of this Jibri have left no file, or an empty one"
                    );
                    self.jibri_is_without_files(jibri, in_a_row);
                }
                Effect::Cleared { jibri } => self.jibri_is_without_files(jibri, 0),
                Effect::Disk { instance, free, lasts } => {
                    let least = self.settings.recordings.disk_hours;
                    self.publisher.disk_free(&instance, free);
                    self.alarms.disk(now.time, &instance, free, lasts, least);
                }
            }
        }
    }

    fn save(&mut self, recording: Recording, state: RecordingState) {
        let key = recording.key.clone();
        if self.history.recording(recording, state) {
            self.book.unsaved.remove(&key);
        } else {
            self.book.unsaved.insert(key);
        }
    }

    fn jibri_is_without_files(&mut self, name: JibriName, count: u32) {
        // Taken in turn: what has brought it about may not be carried out yet.
        self.coupling.add(Step::Fleet(fleet::Input::WithoutFiles { name, count }));
    }

    /// Some deadline of a recording has passed.
    pub(super) fn recordings_are_due(&mut self) {
        self.feed_recordings(Input::Tick);
        self.go();
    }

    /// Something has happened in a room.
    pub(super) fn recording_event(&mut self, event: &Event) {
        let room = event.room.clone();
        match &event.what {
            What::On { session, wanted_for, .. } => {
                let view = self.meetings.room(&room);
                let meeting = view.and_then(|view| view.meeting.cloned());
                let attempt = self.history.attempt(&room);
                let by = attempt.map(|attempt| match (&attempt.sent, &attempt.trigger) {
                    (Some(_), Some(who)) => format!("jibri-autostart, for {who}"),
                    (Some(_), None) => "jibri-autostart".to_owned(),
                    (None, _) => "somebody else".to_owned(),
                });
                let (session, wanted_for) = (session.clone(), *wanted_for);
                let mode = self.meetings.mode_of(&room);
                self.feed_recordings(Input::On { room, session, meeting, mode, wanted_for, by });
            }
            // What the recorder in the room says of itself, until the fleet knows whose it is.
            What::Recorders(seats) => {
                let is_unknown = self.book.core.in_room(&room).is_some_and(|known| known.jibris.is_empty());
                if let ([seat], true) = (seats.as_slice(), is_unknown) {
                    let jibri = seat.jibri.clone();
                    self.feed_recordings(Input::ServedBy { room, jibri });
                }
            }
            What::Ended { session, how } => {
                // The fleet has not heard of the end yet, so it still knows whose it was.
                if let Serving::Known(name) = self.jibris.core.serving(&room) {
                    let jibri = name.clone();
                    self.feed_recordings(Input::ServedBy { room: room.clone(), jibri });
                }
                let (session, how) = (session.clone(), how.to_string());
                self.feed_recordings(Input::Ended { room, session, how });
            }
            _ => {}
        }
    }

    /// One has moved to another Jibri.
    pub(super) fn recording_moved(&mut self, event: &fleet::Event) {
        if let fleet::Event::Moved { room, to, gap, .. } = event {
            let (room, to, gap) = (room.clone(), to.clone(), *gap);
            self.feed_recordings(Input::Moved { room, to, gap });
        }
    }

    /// A Jibri's script reports. Whoever sent it is answered when it is written down.
    pub(super) fn reported(&mut self, reported: Reported) {
        self.feed_recordings(Input::Report(reported.report));
        self.go();
        // What has found no place is sent again, and means the same.
        let safe = if self.book.unsaved.is_empty() { self.history.put_so_far() } else { u64::MAX };
        // Who asked may have gone.
        let _ = reported.taken.send(safe);
    }

    /// Brings the book up to date with what comes without an event of its own: which Jibri serves a room, its session,
    /// whether that Jibri has finished.
    pub(super) fn sweep_recordings(&mut self) {
        let now = self.clock.now();
        let since = now.since(self.book.swept);
        if since < SWEEP {
            return;
        }
        self.book.swept = now;
        let wanted = u32::try_from(self.meetings.rooms_wanted()).unwrap_or(u32::MAX);
        self.publisher.wanted(since.saturating_mul(wanted));
        for key in self.book.unsaved.clone() {
            if let Some(recording) = self.book.core.get(&key).cloned() {
                let state = self.book.core.state_of(&recording);
                self.save(recording, state);
            }
        }
        let mut inputs = Vec::new();
        for (room, recording) in self.book.core.on() {
            if let Serving::Known(name) = self.jibris.core.serving(room) {
                inputs.push(Input::ServedBy { room: room.clone(), jibri: name.clone() });
            }
            let view = self.meetings.room(room).filter(|view| view.state == State::Recording);
            let Some(view) = view else { continue };
            let (session, meeting) = (view.session.cloned(), view.meeting.cloned());
            if recording.session_id.is_none() && session.is_some()
                || recording.meeting_id.is_none() && meeting.is_some()
            {
                let room = room.clone();
                inputs.push(Input::On { room, session, meeting, mode: None, wanted_for: None, by: None });
            }
        }
        let jibris = self.jibris.core.view(now);
        inputs.extend(
            jibris.map(|view| Input::Jibri { name: view.name.clone(), is_busy: view.busy == Some(true) }),
        );
        for input in inputs {
            self.feed_recordings(input);
        }
        self.go();
    }
}
