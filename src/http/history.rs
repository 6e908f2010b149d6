//! `GET /api/v1/history`: what became of recordings, restarts and alerts, the newest first.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::Response;
use axum::routing::get;
use serde::Deserialize;
use tokio::sync::Semaphore;

use super::Error;
use super::api::{full_names, json};
use crate::ledger::{self, Moment, Reader, Record, Unreadable};

/// Entries, if nothing is said.
const LIMIT: usize = 100;
/// Entries at most.
const MOST: usize = 1000;
/// Who reads the file at once; others wait.
const READERS: usize = 4;

#[derive(Debug, Clone)]
struct History {
    reader: Reader,
    services: Arc<[String]>,
    turns: Arc<Semaphore>,
}

pub(super) fn routes(reader: Reader, services: Arc<[String]>) -> Router {
    let turns = Arc::new(Semaphore::new(READERS));
    Router::new().route("/api/v1/history", get(history)).with_state(History { reader, services, turns })
}

/// As it stands in the URL. Forms leave empty what is not asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    room: String,
    since: String,
    limit: String,
}

impl Asked {
    /// Questions of which the first that has an answer counts: one for each form of the room's name.
    fn queries(&self, services: &[String]) -> Result<Vec<ledger::Query>, Error> {
        let names = full_names(&self.room, services);
        // That nothing is known of it would be taken for the truth.
        if !self.room.is_empty() && names.iter().any(|name| !name.contains('@')) {
            return Err(Error::bad_request(
                "several MUC domains are watched, and room does not say which",
                "give the room's full JID: local@domain",
            ));
        }
        let since = (!self.since.is_empty()).then(|| since(&self.since)).transpose()?;
        let limit = match self.limit.as_str() {
            "" => LIMIT,
            limit => {
                limit.parse().ok().filter(|limit| (1..=MOST).contains(limit)).ok_or(Error::bad_request(
                    "limit is no number of entries",
                    "write a number from 1 to 1000, or leave it out",
                ))?
            }
        };
        let query = |room| ledger::Query { room, since, limit };
        if self.room.is_empty() {
            return Ok(vec![query(None)]);
        }
        Ok(names.into_iter().map(Some).map(query).collect())
    }
}

/// A moment, or how long ago that was.
fn since(text: &str) -> Result<Moment, Error> {
    const HINT: &str =
        "write a moment in UTC like 2026-11-22T12:00:00Z, or how long ago it was, like 2h or 7d";
    if let Ok(moment) = humantime::parse_rfc3339(text) {
        return Ok(SystemTime::into(moment));
    }
    let ago: Duration =
        humantime::parse_duration(text).map_err(|_| Error::bad_request("since is no time", HINT))?;
    Ok(Moment::now().before(ago))
}

async fn history(
    State(history): State<History>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, Error> {
    let hint = "room=, since= and limit= are known, each once and URL-encoded as UTF-8";
    let Query(asked) = asked.map_err(|_| Error::bad_request("this is no question", hint))?;
    let queries = asked.queries(&history.services)?;
    // The file is read on a thread that may wait for the disk; nobody else does.
    let turn = history.turns.acquire_owned().await.map_err(|_| Error::no_history())?;
    let reading = move || {
        // Until it is read, even if whoever asked has gone.
        let _turn = turn;
        read(&history.reader, &queries)
    };
    let records = tokio::task::spawn_blocking(reading).await;
    match records {
        Ok(Ok(records)) => Ok(json(records)),
        Ok(Err(unreadable)) => {
            tracing::warn!("{unreadable}");
            Err(Error::no_history())
        }
        Err(_) => Err(Error::no_history()),
    }
}

fn read(reader: &Reader, queries: &[ledger::Query]) -> Result<Vec<Record>, Unreadable> {
    for query in queries {
        let records = reader.read(query)?;
        if !records.is_empty() {
            return Ok(records);
        }
    }
    Ok(Vec::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_is_asked_for_as_people_write_it() {
        let asked = |room: &str| Asked { room: room.to_owned(), ..Asked::default() };
        let rooms = |room: &str, services: &[String]| {
            let queries = asked(room).queries(services).ok()?;
            Some(queries.into_iter().map(|query| query.room.unwrap_or_default()).collect::<Vec<_>>())
        };
        let (one, two) = (["a".to_owned()], ["a".to_owned(), "b".to_owned()]);
        assert_eq!(rooms("Lesson", &one).unwrap(), ["lesson@a"]);
        assert_eq!(rooms("Lesson", &two), None);
        assert_eq!(rooms("lesson@B", &two).unwrap(), ["lesson@b"]);
        assert_eq!(rooms("Täst", &one).unwrap(), ["täst@a", "t%c3%a4st@a"]);
        assert_eq!(rooms("", &two).unwrap(), [""]);
        // One that Prosody could not hold is asked for as it stands.
        assert_eq!(rooms("a'b", &one).unwrap()[0], "a'b@a");
    }
}
