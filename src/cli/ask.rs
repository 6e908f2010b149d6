//! Asking the running service, at `http.listen` of the same configuration.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use hyper::Method;
use tokio::runtime::Runtime;

use crate::config::{Secret, Settings};
use crate::http_client::{Client, Fault};
use crate::plain::plain;

/// How long the service may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Longest answer: some hundred bytes for each of some ten thousand rooms.
const MOST: usize = 64 * 1024 * 1024;
/// Most characters of what the service says that are repeated.
const MOST_SAID: usize = 300;

/// Why there is no answer that can be used.
#[derive(Debug)]
pub(super) enum AskFailure {
    /// It does not listen.
    Off,
    /// Nothing came back.
    NoAnswer { url: String, fault: Fault },
    /// The answer is an error.
    Refused { status: u16, error: String, hint: String },
    /// The answer is something else.
    Strange { url: String },
    /// Not even asked.
    Cannot(String),
}

impl fmt::Display for AskFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => {
                f.write_str("http.listen is \"\", so the service cannot be asked: give it an address")
            }
            Self::NoAnswer { url, fault } => write!(
                f,
                "the service cannot be reached at {url}: {fault}; is it running, and with this configuration?"
            ),
            Self::Refused { status, error, hint } => {
                write!(f, "the service says: {error} (status {status})")?;
                if hint.is_empty() { Ok(()) } else { write!(f, "\n  {hint}") }
            }
            Self::Strange { url } => write!(f, "what answers at {url} is not this version of the service"),
            Self::Cannot(why) => write!(f, "cannot ask the service: {why}"),
        }
    }
}

/// The body of the answer to a GET, if it is no error.
pub(super) fn get(settings: &Settings, path: &str) -> Result<Vec<u8>, AskFailure> {
    request(settings, Method::GET, path)
}

/// The body of the answer to a POST that bears the token, if it is no error.
pub(super) fn post(settings: &Settings, path: &str) -> Result<Vec<u8>, AskFailure> {
    request(settings, Method::POST, path)
}

fn request(settings: &Settings, method: Method, path: &str) -> Result<Vec<u8>, AskFailure> {
    runtime()?.block_on(ask(settings, method, path))
}

pub(super) fn runtime() -> Result<Runtime, AskFailure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| AskFailure::Cannot(error.to_string()))
}

/// The body of the answer to a request, if it is no error; a POST bears the token.
pub(super) async fn ask(settings: &Settings, method: Method, path: &str) -> Result<Vec<u8>, AskFailure> {
    let address = settings.http.listen.map(reachable).ok_or(AskFailure::Off)?;
    let url = format!("http://{address}{path}");
    let client = Client::of_service(&url, PATIENCE).map_err(AskFailure::Cannot)?;
    let answer = if method == Method::POST {
        let token = Some(&settings.http.token).filter(|token| !token.is_empty());
        client.post(&url, token.map(Secret::expose)).await
    } else {
        client.get(&url).await
    };
    let answer = match answer {
        Ok(answer) => answer,
        Err(fault) => return Err(AskFailure::NoAnswer { url, fault }),
    };
    let status = answer.status();
    let body = match answer.body(MOST).await {
        Ok(body) => body,
        Err(fault) => return Err(AskFailure::NoAnswer { url, fault }),
    };
    if status.is_success() {
        return Ok(body);
    }
    let said: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    let word = |name| said.get(name).and_then(serde_json::Value::as_str).map(|word| plain(word, MOST_SAID));
    match word("error") {
        Some(error) => {
            let hint = word("hint").unwrap_or_default();
            Err(AskFailure::Refused { status: status.as_u16(), error, hint })
        }
        None => Err(AskFailure::Strange { url }),
    }
}

/// Where a service that listens at this address is found from the same machine.
pub(super) fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_listens_everywhere_is_asked_here() {
        for (listen, asked) in
            [("0.0.0.0:8790", "127.0.0.1:8790"), ("[::]:8790", "[::1]:8790"), ("10.0.0.7:1", "10.0.0.7:1")]
        {
            assert_eq!(reachable(listen.parse().unwrap()), asked.parse().unwrap());
        }
    }
}
