//! By which names the port may be called.
//!
//! A web page whose name was made to lead here (DNS rebinding) is, to a browser, of one origin with all that is shown
//! here, and may read it. It cannot hide by which name we were called (`Host`, RFC 9110, section 7.2), so the names that
//! are right are listed.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::http::header::HOST;
use axum::http::uri::Authority;
use axum::middleware::Next;
use axum::response::Response;

use super::Error;
use super::client;
use super::told::Told;

/// The names of `http.hosts`.
#[derive(Debug, Clone)]
pub(super) struct Hosts {
    names: Arc<[String]>,
    told: Arc<Told>,
}

impl Hosts {
    /// `names`: small, without a port and without a dot at the end.
    pub(super) fn new(names: &[String]) -> Self {
        Self { names: names.into(), told: Arc::default() }
    }

    fn has(&self, called: &str) -> bool {
        // A browser sends neither of the two.
        if called.contains('@') {
            return false;
        }
        let Ok(authority) = called.parse::<Authority>() else { return false };
        let name = authority.host();
        if let Some(ip) = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            return ip.parse::<Ipv6Addr>().is_ok();
        }
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        name == "localhost" || name.parse::<Ipv4Addr>().is_ok() || self.names.contains(&name)
    }
}

/// Lets a request through that calls us by a name of ours, or by none, as no browser does; and one of another part of this
/// program, which is no browser.
pub(super) async fn called_by_our_name(
    State(hosts): State<Hosts>,
    request: Request,
    next: Next,
) -> Result<Response, Error> {
    if request.headers().contains_key(client::OURS) {
        return Ok(next.run(request).await);
    }
    let in_uri = request.uri().authority().map(Authority::as_str);
    if let Some(called) = in_uri.into_iter().chain(named(request.headers())).find(|called| !hosts.has(called))
    {
        if let Some(host) = hosts.told.first(called) {
            tracing::warn!(
                host,
                "this port was called by a name that is not its own; if the name is right, add it to http.hosts"
            );
        }
        return Err(Error::misdirected());
    }
    Ok(next.run(request).await)
}

/// Each `Host` that is said; one that is no text is said to be empty, which is nobody's name.
fn named(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers.get_all(HOST).iter().map(|host| host.to_str().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_localhost_and_the_names_of_the_configuration_are_ours() {
        let hosts = Hosts::new(&["jibri-autostart".to_owned(), "record.example.org".to_owned()]);
        for ours in [
            "127.0.0.1",
            "127.0.0.1:8790",
            "10.1.2.3:80",
            "[::1]",
            "[2001:db8::1]:8790",
            "localhost",
            "LocalHost:8790",
            "localhost.",
            "jibri-autostart:8790",
            "Record.Example.org",
            "record.example.org.:443",
        ] {
            assert!(hosts.has(ours), "{ours}");
        }
        for other in [
            "",
            ":8790",
            "evil.example",
            "evil.example:8790",
            "127.0.0.1.evil.example",
            "jibri-autostart.evil.example",
            "localhost.evil.example",
            "evil.localhost",
            "evil.example@127.0.0.1",
            "127.0.0.1@evil.example",
            "127.1",
            "2130706433",
            "0x7f.0.0.1",
            "::1",
            "[::1].evil.example",
            "[evil.example]",
            "127.0.0.1, evil.example",
            "127.0.0.1/evil",
            "localhost..",
            "*",
        ] {
            assert!(!hosts.has(other), "{other}");
        }
        assert!(!Hosts::new(&[]).has("jibri-autostart"));
    }
}
