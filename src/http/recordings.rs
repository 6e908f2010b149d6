//! `GET /api/v1/recordings`: what became of each recording's files, the newest first.

use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::Response;
use axum::routing::get;
use serde::Deserialize;

use super::Error;
use super::api::json;
use super::asked::{self, Desk};
use crate::ledger::{Moment, RecordingsQuery};
use crate::recordings::RecordingState;
use crate::surface::Recording;

/// So many more are read than are shown, so that the oldest meeting among those is whole.
const BEYOND: usize = 50;

/// `url`: `recordings.url`.
pub(super) fn routes(desk: Desk, url: Option<String>) -> Router {
    let url = url.map(Arc::from);
    Router::new().route("/api/v1/recordings", get(recordings)).with_state((desk, url))
}

/// As it stands in the URL. Forms leave empty what is not asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    room: String,
    since: String,
    state: String,
    limit: String,
}

/// What is asked for.
struct Question {
    /// Of these the first that has an answer counts.
    queries: Vec<RecordingsQuery>,
    /// At most so many are shown.
    limit: usize,
    /// No state is left out, so that there are all recordings of a meeting.
    is_whole: bool,
}

impl Asked {
    fn question(&self, services: &[String]) -> Result<Question, Error> {
        const HINT: &str = "write one of recording, ended, written, delivered, missing, short, empty, failed, salvaged and \
                            unknown, or leave it out";
        let rooms = asked::rooms(&self.room, services)?;
        let (since, limit) = (asked::since(&self.since)?, asked::limit(&self.limit)?);
        let state = match self.state.as_str() {
            "" => None,
            name => {
                let state = RecordingState::named(name);
                Some(state.ok_or(Error::bad_request("no recording can be in this state", HINT))?)
            }
        };
        let read = if state.is_none() { limit.saturating_add(BEYOND) } else { limit };
        let query = |room| RecordingsQuery { room, since, state, limit: read };
        Ok(Question { queries: rooms.into_iter().map(query).collect(), limit, is_whole: state.is_none() })
    }
}

async fn recordings(
    State((desk, url)): State<(Desk, Option<Arc<str>>)>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, Error> {
    let hint = "room=, since=, state= and limit= are understood, each once and URL-encoded as UTF-8";
    let Query(asked) = asked.map_err(|_| Error::bad_request("this question is not understood", hint))?;
    let Question { queries, limit, is_whole } = asked.question(&desk.services)?;
    let read = move |reader: &crate::ledger::Reader| asked::first(&queries, |query| reader.recordings(query));
    let known = desk.read(read).await?;
    let mut shown = Recording::shown(&known, url.as_deref(), is_whole, Moment::now());
    shown.truncate(limit);
    Ok(json(shown))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_can_be_asked_for_and_is_named_where_none_is() {
        let asked = |state: &str| Asked { state: state.to_owned(), ..Asked::default() }.question(&[]);
        let Err(refused) = asked("Missing") else { panic!("there is no such state") };
        for state in RecordingState::ALL {
            assert_eq!(asked(state.name()).unwrap().queries[0].state, Some(state));
            assert!(format!("{refused:?}").contains(state.name()), "{refused:?}");
        }
    }
}
