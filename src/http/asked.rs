//! Questions to the ledger, as people write them into a URL; and its file read by a few at once.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::Semaphore;

use super::Error;
use super::api::full_names;
use crate::ledger::{Moment, Reader, Unreadable};

/// Entries, if nothing is said.
const LIMIT: usize = 100;
/// Entries at most.
const MOST: usize = 1000;
/// Who reads the file at once; others wait.
const READERS: usize = 4;

/// Where the ledger is read.
#[derive(Debug, Clone)]
pub(super) struct Desk {
    reader: Reader,
    pub(super) services: Arc<[String]>,
    turns: Arc<Semaphore>,
}

impl Desk {
    pub(super) fn new(reader: Reader, services: Arc<[String]>) -> Self {
        Self { reader, services, turns: Arc::new(Semaphore::new(READERS)) }
    }

    /// What `read` reads. The file is read on a thread that may wait for the disk; nobody else does.
    pub(super) async fn read<T: Send + 'static>(
        self,
        read: impl FnOnce(&Reader) -> Result<T, Unreadable> + Send + 'static,
    ) -> Result<T, Error> {
        let turn = self.turns.acquire_owned().await.map_err(|_| Error::no_history())?;
        let reading = move || {
            // Until it is read, even if whoever asked has gone.
            let _turn = turn;
            read(&self.reader)
        };
        match tokio::task::spawn_blocking(reading).await {
            Ok(Ok(read)) => Ok(read),
            Ok(Err(unreadable)) => {
                tracing::warn!("{unreadable}");
                Err(Error::no_history())
            }
            Err(_) => Err(Error::no_history()),
        }
    }
}

/// The rooms that may be meant, of which the first counts that anything is known of: one for each form of the room's name.
/// One none: no room is asked for.
pub(super) fn rooms(room: &str, services: &[String]) -> Result<Vec<Option<String>>, Error> {
    if room.is_empty() {
        return Ok(vec![None]);
    }
    let names = full_names(room, services);
    // That nothing is known of it would be taken for the truth.
    if names.iter().any(|name| !name.contains('@')) {
        return Err(Error::bad_request(
            "several MUC domains are watched, and the room does not say which",
            "give the room's full JID: local@domain",
        ));
    }
    Ok(names.into_iter().map(Some).collect())
}

/// A moment, or how long ago that was.
pub(super) fn since(text: &str) -> Result<Option<Moment>, Error> {
    const HINT: &str =
        "write a moment in UTC like 2026-11-22T12:00:00Z, or how long ago it was, like 2h or 7d";
    if text.is_empty() {
        return Ok(None);
    }
    if let Ok(moment) = humantime::parse_rfc3339(text) {
        return Ok(Some(SystemTime::into(moment)));
    }
    let ago: Duration =
        humantime::parse_duration(text).map_err(|_| Error::bad_request("since is not a time", HINT))?;
    Ok(Some(Moment::now().before(ago)))
}

/// How many.
pub(super) fn limit(text: &str) -> Result<usize, Error> {
    if text.is_empty() {
        return Ok(LIMIT);
    }
    text.parse().ok().filter(|limit| (1..=MOST).contains(limit)).ok_or(Error::bad_request(
        "limit is not a number of entries",
        "write a number from 1 to 1000, or leave it out",
    ))
}

/// What the first of these questions brings that has an answer.
pub(super) fn first<Q, T>(
    questions: &[Q],
    ask: impl Fn(&Q) -> Result<Vec<T>, Unreadable>,
) -> Result<Vec<T>, Unreadable> {
    for question in questions {
        let answer = ask(question)?;
        if !answer.is_empty() {
            return Ok(answer);
        }
    }
    Ok(Vec::new())
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_room_is_asked_for_as_people_write_it() {
        let rooms = |room: &str, services: &[String]| {
            let rooms = super::rooms(room, services).ok()?;
            Some(rooms.into_iter().map(Option::unwrap_or_default).collect::<Vec<_>>())
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
