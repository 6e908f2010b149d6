//! Tells webhooks how a Jibri is: at every change, and every so often.

use super::api::Api;
use crate::http;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::MissedTickBehavior;

/// Jibri waits no longer for a receiver.
const LIMIT: Duration = Duration::from_secs(2);

/// Tells one receiver. A refused connection ends what is sent every so often for good, as it does with Jibri.
pub(crate) async fn tell(api: Arc<Api>, base: String, every: Duration) {
    let url = format!("{}/v1/status", base.trim_end_matches('/'));
    let mut news = api.jibri.news();
    let mut clock = tokio::time::interval_at(tokio::time::Instant::now() + every, every);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut ticks = true;
    let mut told = api.status();
    loop {
        let at_its_time = tokio::select! {
            changed = news.changed() => {
                if changed.is_err() {
                    return;
                }
                false
            }
            _ = clock.tick(), if ticks => true,
        };
        let now = api.status();
        if !at_its_time && now == told {
            continue;
        }
        told = now.clone();
        let body = json!({ "jibriId": api.jibri.name(), "status": now }).to_string();
        let answer = http::ask("POST", &url, &body, LIMIT).await;
        let refused = answer.is_err_and(|error| error.is::<std::io::Error>());
        ticks &= !(at_its_time && refused);
    }
}
