//! The tables, how they came about, and entries as their rows.

use rusqlite::{Connection, Row, Transaction, named_params};

use super::entry::{Alert, Attempt, Entry, Order, Outcome, Record, Recovery, Wait};
use crate::moment::Moment;

/// Each brings a file from one version (`user_version`) to the next. What is here has been written to
/// people's disks: it is never changed, only added to.
const MIGRATIONS: [&str; 4] = [V1, V2, V3, V4];

/// The first: no JIDs, and alerts known by their subject only.
pub const V1: &str = "
CREATE TABLE attempt (
    id INTEGER PRIMARY KEY, time INTEGER NOT NULL, room TEXT NOT NULL, \"trigger\" TEXT, session_id TEXT, jibri TEXT,
    wanted INTEGER, sent INTEGER, \"on\" INTEGER, \"off\" INTEGER, outcome TEXT NOT NULL, reason TEXT
) STRICT;
CREATE INDEX attempt_by_time ON attempt (time);
CREATE TABLE recovery (
    id INTEGER PRIMARY KEY, time INTEGER NOT NULL, instance TEXT NOT NULL, \"trigger\" TEXT NOT NULL,
    outcome TEXT NOT NULL, output TEXT
) STRICT;
CREATE INDEX recovery_by_time ON recovery (time);
CREATE TABLE alert (
    id INTEGER PRIMARY KEY, time INTEGER NOT NULL, alert TEXT NOT NULL, subject TEXT NOT NULL,
    severity TEXT NOT NULL, summary TEXT NOT NULL, resolved INTEGER
) STRICT;
CREATE INDEX alert_by_time ON alert (time);
";

/// The JID of who triggered it; the room that an alert is about; rooms are found at once.
pub const V2: &str = "
ALTER TABLE attempt ADD COLUMN jid TEXT;
CREATE INDEX attempt_by_room ON attempt (room, time);
ALTER TABLE alert ADD COLUMN room TEXT;
UPDATE alert SET room = subject WHERE subject LIKE '%@%';
CREATE INDEX alert_by_room ON alert (room, time) WHERE room IS NOT NULL;
";

/// Recordings and their files; `body` is the whole as JSON, the rest is what it is found by.
pub const V3: &str = "
CREATE TABLE recording (
    key TEXT NOT NULL PRIMARY KEY, time INTEGER NOT NULL, ended INTEGER, room TEXT, session_id TEXT,
    state TEXT NOT NULL, body TEXT NOT NULL
) STRICT;
CREATE INDEX recording_by_time ON recording (time);
CREATE INDEX recording_by_room ON recording (room, time) WHERE room IS NOT NULL;
CREATE INDEX recording_by_state ON recording (state, time);
";

/// Orders by hand, and waits for a Jibri.
const V4: &str = "
CREATE TABLE manual (
    id INTEGER PRIMARY KEY, time INTEGER NOT NULL, room TEXT NOT NULL, \"order\" TEXT NOT NULL, \"by\" TEXT NOT NULL,
    \"from\" TEXT NOT NULL, over INTEGER, reason TEXT
) STRICT;
CREATE INDEX manual_by_time ON manual (time);
CREATE INDEX manual_by_room ON manual (room, time);
CREATE TABLE wait (
    id INTEGER PRIMARY KEY, time INTEGER NOT NULL, room TEXT NOT NULL, place INTEGER, over INTEGER, reason TEXT
) STRICT;
CREATE INDEX wait_by_time ON wait (time);
CREATE INDEX wait_by_room ON wait (room, time);
";

/// The version that this program writes.
pub(super) const VERSION: i64 = 4;
/// The first version with recordings.
pub(super) const WITH_RECORDINGS: i64 = 3;

/// The version of a file; 0 for an empty one.
pub(super) fn version(file: &Connection) -> rusqlite::Result<i64> {
    file.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Brings a file to [`VERSION`], each step whole or not at all. Returns the version that it had.
pub(super) fn migrate(file: &mut Connection) -> rusqlite::Result<i64> {
    let before = version(file)?;
    for (sql, to) in MIGRATIONS.iter().zip(1_i64..) {
        if to > before {
            let step = file.transaction()?;
            step.execute_batch(sql)?;
            step.pragma_update(None, "user_version", to)?;
            step.commit()?;
        }
    }
    Ok(before)
}

/// The greatest number that any entry has.
pub(super) fn last_id(file: &Connection) -> rusqlite::Result<i64> {
    let sql = "SELECT max(coalesce((SELECT max(id) FROM attempt), 0), coalesce((SELECT max(id) FROM recovery), 0), \
               coalesce((SELECT max(id) FROM alert), 0), coalesce((SELECT max(id) FROM manual), 0), \
               coalesce((SELECT max(id) FROM wait), 0))";
    file.query_row(sql, [], |row| row.get(0))
}

/// Nobody has watched since the program ended: says so of what was open then, but for recordings, which are heard of again
/// or not (`Recordings::remember`).
pub(super) fn close_open(file: &mut Connection, now: Moment) -> rusqlite::Result<usize> {
    let step = file.transaction()?;
    let attempts = step.execute(
        "UPDATE attempt SET outcome = 'unknown', reason = ?1
         WHERE outcome IN ('waiting', 'starting', 'pending', 'recording')",
        [NOT_WATCHING],
    )?;
    // What stands still is raised anew.
    let alerts = step.execute(
        "UPDATE alert SET resolved = max(?1, time), summary = summary || ?2 WHERE resolved IS NULL",
        rusqlite::params![now.0, format!(" ({NOT_WATCHING} when it ended)")],
    )?;
    let restarts = step.execute(
        "UPDATE recovery SET outcome = 'unknown', output = ?1 WHERE outcome = ?2",
        [NOT_WATCHING, Recovery::RUNNING],
    )?;
    let mut others = 0_usize;
    for (table, reason) in [("manual", FORGOTTEN), ("wait", NOT_WATCHING)] {
        let over = format!("UPDATE {table} SET over = max(?1, time), reason = ?2 WHERE over IS NULL");
        others = others.saturating_add(step.execute(&over, rusqlite::params![now.0, reason])?);
    }
    step.commit()?;
    Ok(attempts.saturating_add(alerts).saturating_add(restarts).saturating_add(others))
}

/// Why nobody knows how something ended.
const NOT_WATCHING: &str = "we were not watching";
/// Why an order by hand is over.
const FORGOTTEN: &str = "this program was restarted, and orders are kept in memory only";

/// Forgets what is over and began before that.
pub(super) fn prune(file: &mut Connection, before: Moment) -> rusqlite::Result<usize> {
    let step = file.transaction()?;
    let mut gone = 0_usize;
    for sql in [
        "DELETE FROM attempt WHERE time < ?1 AND outcome NOT IN ('waiting', 'starting', 'pending', 'recording')",
        "DELETE FROM recovery WHERE time < ?1",
        "DELETE FROM alert WHERE time < ?1 AND resolved IS NOT NULL",
        "DELETE FROM manual WHERE time < ?1 AND over IS NOT NULL",
        "DELETE FROM wait WHERE time < ?1 AND over IS NOT NULL",
        "DELETE FROM recording WHERE time < ?1 AND state <> 'recording'",
        // Of those that only a report tells of, which whoever has the token may make up, the newest thousand stay.
        "DELETE FROM recording WHERE key IN (SELECT key FROM recording WHERE ?1 IS NOT NULL AND CASE WHEN \
         json_valid(body) THEN json_extract(body, '$.started') IS NULL ELSE 0 END ORDER BY time DESC LIMIT -1 OFFSET \
         1000)",
    ] {
        gone = gone.saturating_add(step.execute(sql, [before.0])?);
    }
    step.commit()?;
    Ok(gone)
}

/// Writes an entry, or what it has become.
pub(super) fn put(step: &Transaction<'_>, id: i64, entry: &Entry) -> rusqlite::Result<()> {
    let time = entry.time().0;
    match entry {
        Entry::Attempt(a) => step
            .prepare_cached(
                "INSERT OR REPLACE INTO attempt (id, time, room, \"trigger\", jid, session_id, jibri, wanted, sent, \
                 \"on\", \"off\", outcome, reason) VALUES (:id, :time, :room, :trigger, :jid, :session_id, :jibri, \
                 :wanted, :sent, :on, :off, :outcome, :reason)",
            )?
            .execute(named_params! {
                ":id": id, ":time": time, ":room": a.room, ":trigger": a.trigger, ":jid": a.jid,
                ":session_id": a.session_id, ":jibri": a.jibri, ":wanted": a.wanted.map(|at| at.0),
                ":sent": a.sent.map(|at| at.0), ":on": a.on.map(|at| at.0), ":off": a.off.map(|at| at.0),
                ":outcome": a.outcome.name(), ":reason": a.reason,
            })?,
        Entry::Recovery(r) => step
            .prepare_cached(
                "INSERT OR REPLACE INTO recovery (id, time, instance, \"trigger\", outcome, output) \
                 VALUES (:id, :time, :instance, :trigger, :outcome, :output)",
            )?
            .execute(named_params! {
                ":id": id, ":time": time, ":instance": r.instance, ":trigger": r.trigger,
                ":outcome": r.outcome, ":output": r.output,
            })?,
        Entry::Alert(a) => step
            .prepare_cached(
                "INSERT OR REPLACE INTO alert (id, time, alert, subject, room, severity, summary, resolved) \
                 VALUES (:id, :time, :alert, :subject, :room, :severity, :summary, :resolved)",
            )?
            .execute(named_params! {
                ":id": id, ":time": time, ":alert": a.alert, ":subject": a.subject, ":room": a.room,
                ":severity": a.severity, ":summary": a.summary, ":resolved": a.resolved.map(|at| at.0),
            })?,
        Entry::Order(o) => step
            .prepare_cached(
                "INSERT OR REPLACE INTO manual (id, time, room, \"order\", \"by\", \"from\", over, reason) \
                 VALUES (:id, :time, :room, :order, :by, :from, :over, :reason)",
            )?
            .execute(named_params! {
                ":id": id, ":time": time, ":room": o.room, ":order": o.order, ":by": o.by, ":from": o.from,
                ":over": o.over.map(|at| at.0), ":reason": o.reason,
            })?,
        Entry::Wait(w) => step
            .prepare_cached(
                "INSERT OR REPLACE INTO wait (id, time, room, place, over, reason) \
                 VALUES (:id, :time, :room, :place, :over, :reason)",
            )?
            .execute(named_params! {
                ":id": id, ":time": time, ":room": w.room, ":place": w.place, ":over": w.over.map(|at| at.0),
                ":reason": w.reason,
            })?,
    };
    Ok(())
}

/// The newest entries, at most `limit` of each table: of one room, or all; that lasted beyond `since`.
pub(super) fn read(
    file: &Connection,
    room: Option<&str>,
    since: Moment,
    limit: usize,
) -> rusqlite::Result<Vec<Record>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let of_room = if room.is_some() { "room = :room AND" } else { ":room IS NULL AND" };
    let mut records = Vec::new();
    for (table, is_late, row) in [
        (
            "attempt",
            "(time >= :since OR \"off\" >= :since OR outcome IN ('waiting', 'starting', 'pending', 'recording'))",
            attempt as fn(&Row<'_>) -> rusqlite::Result<Record>,
        ),
        ("alert", "(time >= :since OR resolved >= :since OR resolved IS NULL)", alert),
        ("recovery", "time >= :since", recovery),
        ("manual", "(time >= :since OR over >= :since OR over IS NULL)", order),
        ("wait", "(time >= :since OR over >= :since OR over IS NULL)", wait),
    ] {
        if table == "recovery" && room.is_some() {
            continue;
        }
        let sql = format!(
            "SELECT * FROM {table} WHERE {of_room} {is_late} ORDER BY time DESC, id DESC LIMIT :limit"
        );
        let mut query = file.prepare(&sql)?;
        let rows =
            query.query_map(named_params! { ":room": room, ":since": since.0, ":limit": limit }, row)?;
        for record in rows {
            records.push(record?);
        }
    }
    Ok(records)
}

/// The restarts that were begun since then: of whom, why, and when.
pub(super) fn restarts(file: &Connection, since: Moment) -> rusqlite::Result<Vec<(String, String, Moment)>> {
    // Somebody has made the file, and nobody has written to it.
    if version(file)? == 0 {
        return Ok(Vec::new());
    }
    let mut query =
        file.prepare("SELECT instance, \"trigger\", time FROM recovery WHERE time >= ?1 AND outcome <> ?2")?;
    let restart = |row: &Row<'_>| Ok((row.get("instance")?, row.get("trigger")?, Moment(row.get("time")?)));
    query.query_map(rusqlite::params![since.0, Recovery::DRY_RUN], restart)?.collect()
}

/// The rooms of recordings that have begun since then and are on.
pub(super) fn recorded(file: &Connection, since: Moment) -> rusqlite::Result<Vec<String>> {
    if version(file)? == 0 {
        return Ok(Vec::new());
    }
    let mut query = file.prepare("SELECT room FROM attempt WHERE \"on\" >= ?1 AND outcome = 'recording'")?;
    query.query_map([since.0], |row| row.get("room"))?.collect()
}

fn moment(row: &Row<'_>, name: &str) -> rusqlite::Result<Option<Moment>> {
    row.get::<_, Option<i64>>(name).map(|at| at.map(Moment))
}

fn attempt(row: &Row<'_>) -> rusqlite::Result<Record> {
    let entry = Entry::Attempt(Attempt {
        room: row.get("room")?,
        trigger: row.get("trigger")?,
        jid: row.get("jid")?,
        session_id: row.get("session_id")?,
        jibri: row.get("jibri")?,
        wanted: moment(row, "wanted")?,
        sent: moment(row, "sent")?,
        on: moment(row, "on")?,
        off: moment(row, "off")?,
        outcome: Outcome::named(&row.get::<_, String>("outcome")?),
        reason: row.get("reason")?,
    });
    Ok(Record { id: row.get("id")?, entry })
}

fn recovery(row: &Row<'_>) -> rusqlite::Result<Record> {
    let entry = Entry::Recovery(Recovery {
        instance: row.get("instance")?,
        trigger: row.get("trigger")?,
        time: Moment(row.get("time")?),
        outcome: row.get("outcome")?,
        output: row.get("output")?,
    });
    Ok(Record { id: row.get("id")?, entry })
}

fn alert(row: &Row<'_>) -> rusqlite::Result<Record> {
    let entry = Entry::Alert(Alert {
        alert: row.get("alert")?,
        subject: row.get("subject")?,
        room: row.get("room")?,
        severity: row.get("severity")?,
        summary: row.get("summary")?,
        raised: Moment(row.get("time")?),
        resolved: moment(row, "resolved")?,
    });
    Ok(Record { id: row.get("id")?, entry })
}

fn order(row: &Row<'_>) -> rusqlite::Result<Record> {
    let entry = Entry::Order(Order {
        room: row.get("room")?,
        order: row.get("order")?,
        by: row.get("by")?,
        from: row.get("from")?,
        given: Moment(row.get("time")?),
        over: moment(row, "over")?,
        reason: row.get("reason")?,
    });
    Ok(Record { id: row.get("id")?, entry })
}

fn wait(row: &Row<'_>) -> rusqlite::Result<Record> {
    let entry = Entry::Wait(Wait {
        room: row.get("room")?,
        place: row.get::<_, Option<i64>>("place")?.and_then(|place| u32::try_from(place).ok()),
        began: Moment(row.get("time")?),
        over: moment(row, "over")?,
        reason: row.get("reason")?,
    });
    Ok(Record { id: row.get("id")?, entry })
}
