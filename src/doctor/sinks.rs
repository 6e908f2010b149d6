//! The receivers of alerts, asked without an alert being sent.

use std::time::Duration;

use hyper::StatusCode;

use super::Finding;
use crate::config::Alerts;
use crate::http_client::Client;

/// How long each may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Where Alertmanager says that it works: its own port, and behind a proxy that passes on its API alone.
const ALERTMANAGER: [&str; 2] = ["/-/ready", "/api/v2/status"];

/// One step for each.
pub(super) async fn findings(alerts: &Alerts) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !alerts.webhook.is_empty() {
        findings.push(webhook(alerts.webhook.expose()).await);
    }
    if let Some(base) = &alerts.alertmanager {
        findings.push(alertmanager(base.trim_end_matches('/')).await);
    }
    if findings.is_empty() {
        findings.push(Finding::ok(
            "alerts",
            "nobody is told: alerts.webhook and alerts.alertmanager are not set",
        ));
    }
    findings
}

/// HEAD does nothing, and most receivers refuse it: what counts is that HTTP is spoken. The address may hold a token.
async fn webhook(url: &str) -> Finding {
    const STEP: &str = "webhook";
    let status = match ask(url, true).await {
        Ok(status) => status,
        Err(why) => {
            let found = format!("the receiver of alerts.webhook does not answer: {why}");
            return Finding::fail(STEP, found, "start it, or correct alerts.webhook");
        }
    };
    let found = format!("answers a HEAD request with HTTP status {}", status.as_u16());
    match status.as_u16() {
        300..=399 => Finding::fail(
            STEP,
            found,
            "redirects are not followed: set alerts.webhook to the address where this one leads",
        ),
        401 | 403 => Finding::warn(STEP, found, "check the token in alerts.webhook"),
        404 => Finding::warn(STEP, found, "check the path of alerts.webhook"),
        500 | 502..=599 => Finding::warn(STEP, found, "look at the receiver's log"),
        _ => Finding::ok(STEP, found),
    }
}

async fn alertmanager(base: &str) -> Finding {
    const STEP: &str = "alertmanager";
    let remedy = "correct alerts.alertmanager: it is the base URL, like http://alertmanager:9093";
    let mut statuses = Vec::new();
    for path in ALERTMANAGER {
        match ask(&format!("{base}{path}"), false).await {
            Ok(status) if status.is_success() => {
                return Finding::ok(STEP, format!("{path} answers with HTTP status {}", status.as_u16()));
            }
            Ok(status) => statuses.push(format!("{path} with HTTP status {}", status.as_u16())),
            Err(why) => {
                let remedy = format!("start it, or {remedy}");
                return Finding::fail(STEP, format!("Alertmanager does not answer: {why}"), remedy);
            }
        }
    }
    Finding::fail(STEP, format!("what answers there is not an Alertmanager: {}", statuses.join(", ")), remedy)
}

async fn ask(url: &str, head: bool) -> Result<StatusCode, String> {
    let client = Client::new(url, PATIENCE)?;
    let answer = if head { client.head(url).await } else { client.get(url).await };
    answer.map(|answer| answer.status()).map_err(|fault| fault.to_string())
}
