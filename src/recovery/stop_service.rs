//! Ends what a Jibri records, by its own `stopService` (docs/jitsi.md 6).

use std::time::Duration;

use crate::http_client::Client;

/// Jibri answers once it has stopped.
const LIMIT: Duration = Duration::from_secs(30);

/// Where a Jibri is told to stop, by where its health is asked for; none if that is not Jibri's own path.
pub fn stop_service_url(health_url: &str) -> Option<String> {
    let base = health_url.strip_suffix("/jibri/api/v1.0/health")?;
    Some(format!("{base}/jibri/api/v1.0/stopService"))
}

/// Tells it.
///
/// # Errors
/// Why it has not stopped, in words.
pub async fn stop_service(url: &str) -> Result<(), String> {
    let client = Client::new(url, LIMIT).map_err(|why| format!("no HTTP client: {why}"))?;
    let status = client.post(url, None).await.map_err(|fault| fault.to_string())?.status();
    if status.is_success() { Ok(()) } else { Err(format!("HTTP status {}", status.as_u16())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_beside_the_health() {
        let url = |health| stop_service_url(health);
        let stop = "http://jibri-1:2222/jibri/api/v1.0/stopService";
        assert_eq!(url("http://jibri-1:2222/jibri/api/v1.0/health").as_deref(), Some(stop));
        assert_eq!(url("http://proxy/jibri-1"), None);
    }
}
