//! `GET /api/v1/history`: what became of recordings, restarts and alerts, the newest first.

use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::Response;
use axum::routing::get;
use serde::Deserialize;

use super::Error;
use super::api::json;
use super::asked::{self, Desk};
use crate::ledger;

pub(super) fn routes(desk: Desk) -> Router {
    Router::new().route("/api/v1/history", get(history)).with_state(desk)
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
    /// Questions of which the first that has an answer counts.
    fn queries(&self, services: &[String]) -> Result<Vec<ledger::Query>, Error> {
        let rooms = asked::rooms(&self.room, services)?;
        let (since, limit) = (asked::since(&self.since)?, asked::limit(&self.limit)?);
        Ok(rooms.into_iter().map(|room| ledger::Query { room, since, limit }).collect())
    }
}

async fn history(
    State(desk): State<Desk>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, Error> {
    let hint = "room=, since= and limit= are understood, each once and URL-encoded as UTF-8";
    let Query(asked) = asked.map_err(|_| Error::bad_request("this question is not understood", hint))?;
    let queries = asked.queries(&desk.services)?;
    let records = desk.read(move |reader| asked::first(&queries, |query| reader.read(query))).await?;
    Ok(json(records))
}
