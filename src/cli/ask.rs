//! Asking the running service.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use hyper::Method;
use tokio::runtime::Runtime;

use super::service::Service;
use crate::config::Secret;
use crate::http_client::{Client, Fault, Refusal};
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
    /// Nothing came back. `is_named`: the command line says where it should be.
    NoAnswer { base: String, fault: Fault, is_named: bool },
    /// The answer is an error.
    Refused { status: u16, error: String, hint: String },
    /// The token is not the service's, or none was given.
    WrongToken { is_given: bool },
    /// The answer is something else; what its status says, if that is no success.
    Strange { base: String, refusal: Option<Refusal> },
    /// Not even asked.
    Cannot(String),
}

impl AskFailure {
    /// It has answered, and the answer cannot be read.
    pub(super) fn strange(service: &Service) -> Self {
        Self::Strange { base: service.base.clone().unwrap_or_default(), refusal: None }
    }
}

impl fmt::Display for AskFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => {
                f.write_str("http.listen is \"\", so the service cannot be asked: give it an address")
            }
            Self::NoAnswer { base, fault, is_named: false } => write!(
                f,
                "the service cannot be reached at {base}: {fault}; is it running, and with this configuration?"
            ),
            Self::NoAnswer { base, fault, is_named: true } => {
                write!(f, "the service cannot be reached at {base}: {fault}; is it running there?")
            }
            Self::Refused { status, error, hint } => {
                write!(f, "the service says: {error} (status {status})")?;
                if hint.is_empty() { Ok(()) } else { write!(f, "\n  {hint}") }
            }
            Self::WrongToken { is_given: true } => f.write_str(
                "the service does not accept this token\n  take the one of its http.token or http.token_file",
            ),
            Self::WrongToken { is_given: false } => {
                f.write_str("the service asks for its token\n  name the file that holds it with --token-file")
            }
            Self::Strange { base, refusal } => {
                write!(f, "what answers at {base} is not this version of the service")?;
                refusal.as_ref().map_or(Ok(()), |refusal| write!(f, " ({refusal})"))
            }
            Self::Cannot(why) => write!(f, "cannot ask the service: {why}"),
        }
    }
}

/// The body of the answer to a GET, if it is no error.
pub(super) fn get(service: &Service, path: &str) -> Result<Vec<u8>, AskFailure> {
    request(service, Method::GET, path)
}

/// The body of the answer to a POST that bears the token, if it is no error.
pub(super) fn post(service: &Service, path: &str) -> Result<Vec<u8>, AskFailure> {
    request(service, Method::POST, path)
}

fn request(service: &Service, method: Method, path: &str) -> Result<Vec<u8>, AskFailure> {
    runtime()?.block_on(ask(service, method, path))
}

pub(super) fn runtime() -> Result<Runtime, AskFailure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| AskFailure::Cannot(error.to_string()))
}

/// The body of the answer to a request, if it is no error; a POST bears the token.
pub(super) async fn ask(service: &Service, method: Method, path: &str) -> Result<Vec<u8>, AskFailure> {
    let base = service.base.as_deref().ok_or(AskFailure::Off)?;
    let url = format!("{base}{path}");
    let client = Client::of_service(&url, PATIENCE).map_err(AskFailure::Cannot)?;
    let token = Some(&service.token).filter(|token| !token.is_empty());
    let answer = if method == Method::POST {
        client.post(&url, token.map(Secret::expose)).await
    } else {
        client.get(&url).await
    };
    let no_answer = |fault| AskFailure::NoAnswer { base: base.to_owned(), fault, is_named: service.is_named };
    let answer = answer.map_err(no_answer)?;
    let (is_success, refusal) = (answer.status().is_success(), answer.refusal());
    let body = answer.body(MOST).await.map_err(no_answer)?;
    if is_success {
        return Ok(body);
    }
    let said: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    let word = |name| said.get(name).and_then(serde_json::Value::as_str).map(|word| plain(word, MOST_SAID));
    match (word("error"), refusal.status) {
        (Some(_), 401) => Err(AskFailure::WrongToken { is_given: token.is_some() }),
        (Some(error), status) => {
            Err(AskFailure::Refused { status, error, hint: word("hint").unwrap_or_default() })
        }
        (None, _) => Err(AskFailure::Strange { base: base.to_owned(), refusal: Some(refusal) }),
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
