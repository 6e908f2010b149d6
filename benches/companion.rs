//! With the companion on a real Prosody (docs/performance.md): how soon a start request is at Jicofo, and
//! Jicofo's word at the program; what the companion costs Prosody; a storm of joins; and whether memory stays flat.
//!
//! `BENCH_PROSODY` (`12` or `13`) takes one of the two, `BENCH_ONLY` (`request`, `cost`, `storm` or `churn`) one of the
//! measurements. Each file of `companion/` says what else makes a run shorter or harder.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "not the program"
)]

#[path = "companion/churn.rs"]
mod churn;
#[path = "companion/cost.rs"]
mod cost;
#[path = "companion/crowd.rs"]
mod crowd;
#[path = "companion/meter.rs"]
mod meter;
#[path = "common/program.rs"]
mod program;
#[path = "common/quantiles.rs"]
mod quantiles;
#[path = "companion/request.rs"]
mod request;
#[path = "companion/storm.rs"]
mod storm;

use testkit::{Result, Version};

#[tokio::main]
async fn main() -> Result {
    let of = |name: &str| std::env::var(name).unwrap_or_default();
    let (prosody, only) = (of("BENCH_PROSODY"), of("BENCH_ONLY"));
    let is_wanted = |name: &str| only.is_empty() || only == name;
    for version in Version::all_available() {
        if !format!("{version:?}").contains(&prosody) {
            continue;
        }
        if is_wanted("request") {
            request::request(version).await?;
        }
        if is_wanted("cost") {
            cost::cost(version).await?;
        }
        if is_wanted("storm") {
            storm::storm(version).await?;
        }
        if is_wanted("churn") {
            churn::churn(version).await?;
        }
    }
    Ok(())
}
