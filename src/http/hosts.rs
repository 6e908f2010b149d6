//! By which names the port may be called: a defence against DNS rebinding.
//!
//! The owner of a web page can have its name resolve to our address. Then the browser takes the page and this port for one
//! origin and lets the page read what is shown here. But the browser sends the page's name in `Host` (RFC 9110, section
//! 7.2), so every name that is not known to be ours is refused.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::http::header::HOST;
use axum::http::uri::Authority;
use axum::middleware::Next;
use axum::response::Response;

use super::Error;
use super::told::Told;
use crate::http_client;

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

    /// `called`: a `Host`, with its port or without.
    fn has(&self, called: &str) -> bool {
        let name = match called.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => called,
        };
        if let Some(ip) = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            return ip.parse::<Ipv6Addr>().is_ok();
        }
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        name == "localhost" || name.parse::<Ipv4Addr>().is_ok() || self.names.contains(&name)
    }
}

/// Lets a request through that calls us by a name of ours, or by none, as no browser does. Also one from another part of
/// this program.
pub(super) async fn called_by_our_name(
    State(hosts): State<Hosts>,
    request: Request,
    next: Next,
) -> Result<Response, Error> {
    if request.headers().contains_key(http_client::OURS) {
        return Ok(next.run(request).await);
    }
    let in_uri = request.uri().authority().map(Authority::as_str);
    if let Some(called) = in_uri.into_iter().chain(named(request.headers())).find(|called| !hosts.has(called))
    {
        if let Some(host) = hosts.told.first(called) {
            tracing::warn!(
                host,
                "an HTTP request was refused, as http.hosts does not list the name by which it calls this port; if the name is \
                 right, add it there"
            );
        }
        return Err(Error::misdirected());
    }
    Ok(next.run(request).await)
}

/// Each `Host` of the request; one that is not ASCII counts as an empty one, which is not ours.
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
