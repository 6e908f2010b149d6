//! Recordings as they are kept: each once, under its key, as it was put last.

use rusqlite::{Connection, Row, Transaction, named_params};

use super::schema;
use crate::moment::Moment;
use crate::recordings::{Recording, RecordingState};

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordingsQuery {
    /// Of this room only, by its real JID.
    pub room: Option<String>,
    /// What began or ended after that, or is on.
    pub since: Option<Moment>,
    /// In this state only.
    pub state: Option<RecordingState>,
    /// At most so many, the newest.
    pub limit: usize,
}

/// A recording, and what it is found by.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Kept {
    pub(super) recording: Recording,
    pub(super) state: RecordingState,
    /// When it began; where nobody knows that, when it was first put.
    pub(super) time: Moment,
}

impl Kept {
    /// `now` stands for its beginning where nothing else does: only a report tells of it.
    pub(super) fn new(recording: Recording, state: RecordingState, now: Moment) -> Self {
        let time = if is_timed(&recording) { recording.time() } else { now };
        Self { recording, state, time }
    }

    /// What is known of it now, in place of what was known `before`.
    pub(super) fn after(self, before: Option<&Self>) -> Self {
        match before {
            Some(before) if !is_timed(&self.recording) => Self { time: before.time, ..self },
            _ => self,
        }
    }

    /// More is to come, and not from a report.
    pub(super) fn is_on(&self) -> bool {
        self.state == RecordingState::Recording
    }

    pub(super) fn is_asked_for(&self, query: &RecordingsQuery) -> bool {
        let last = self.time.max(self.recording.ended.unwrap_or(self.time));
        query.room.as_ref().is_none_or(|room| self.recording.room.as_ref() == Some(room))
            && query.state.is_none_or(|state| self.state == state)
            && query.since.is_none_or(|since| self.is_on() || last >= since)
    }
}

/// Whether it is known when it began, or at least when it ended.
fn is_timed(recording: &Recording) -> bool {
    recording.time() != Moment::default()
}

/// Writes a recording, or what it has become.
pub(super) fn put(step: &Transaction<'_>, kept: &Kept) -> rusqlite::Result<()> {
    let Kept { recording, state, time } = kept;
    let body = serde_json::to_string(recording)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
    step.prepare_cached(
        "INSERT INTO recording (key, time, ended, room, session_id, state, body) \
         VALUES (:key, :time, :ended, :room, :session_id, :state, :body) \
         ON CONFLICT (key) DO UPDATE SET \
             time = CASE WHEN :is_timed THEN excluded.time ELSE recording.time END, ended = excluded.ended, \
             room = excluded.room, session_id = excluded.session_id, state = excluded.state, body = excluded.body",
    )?
    .execute(named_params! {
        ":key": recording.key, ":time": time.0, ":ended": recording.ended.map(|at| at.0), ":room": recording.room,
        ":session_id": recording.session_id, ":state": state.name(), ":body": body,
        ":is_timed": is_timed(recording),
    })?;
    Ok(())
}

/// The newest of those that are asked for.
pub(super) fn read(file: &Connection, query: &RecordingsQuery) -> rusqlite::Result<Vec<Kept>> {
    // Another version has begun the file, or nobody has written to it.
    if schema::version(file)? < schema::WITH_RECORDINGS {
        return Ok(Vec::new());
    }
    let of_room = if query.room.is_some() { "room = :room" } else { ":room IS NULL" };
    let in_state = if query.state.is_some() { "state = :state" } else { ":state IS NULL" };
    let is_late = "(time >= :since OR ended >= :since OR state = 'recording')";
    let sql = format!(
        "SELECT time, state, body FROM recording WHERE {of_room} AND {in_state} AND {is_late} \
         ORDER BY time DESC, key DESC LIMIT :limit"
    );
    let mut rows = file.prepare(&sql)?;
    let parameters = named_params! {
        ":room": query.room, ":state": query.state.map(RecordingState::name),
        ":since": query.since.map_or(i64::MIN, |since| since.0),
        ":limit": i64::try_from(query.limit).unwrap_or(i64::MAX),
    };
    let rows = rows.query_map(parameters, kept)?;
    let known = rows.filter_map(Result::transpose);
    known.collect()
}

/// None for one that this version cannot read: the others are shown all the same.
fn kept(row: &Row<'_>) -> rusqlite::Result<Option<Kept>> {
    let body: String = row.get("body")?;
    let state = RecordingState::named(&row.get::<_, String>("state")?).unwrap_or(RecordingState::Unknown);
    let time = Moment(row.get("time")?);
    Ok(serde_json::from_str(&body).ok().map(|recording| Kept { recording, state, time }))
}
