//! Which running service a command asks: that of the configuration, or the one that `--url` and `--token-file` name.

use std::path::{Path, PathBuf};

use super::{Wrong, ask};
use crate::config::{self, Loaded, Mistakes, Secret};

/// What may be said on the command line.
#[derive(Debug, Default, clap::Args)]
pub(super) struct Arguments {
    /// Ask the service at this address, like http://autostart:8790; no configuration is read then
    #[arg(long, value_name = "URL", value_parser = base)]
    url: Option<String>,
    /// Read the token from this file, instead of http.token of the configuration
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

/// A running service, as a command asks it.
#[derive(Debug)]
pub(super) struct Service {
    /// Its URL, without a slash at the end; none if it does not listen.
    pub(super) base: Option<String>,
    /// Empty: there is none.
    pub(super) token: Secret,
    /// The command line says which service it is.
    pub(super) is_named: bool,
}

impl Arguments {
    /// The service that is meant. The configuration is loaded only if it is needed.
    pub(super) fn service(&self, load: impl Fn() -> Result<Loaded, Mistakes>) -> Result<Service, Wrong> {
        let token = self.token_file.as_deref().map(token).transpose()?;
        if let Some(url) = &self.url {
            let (base, token) = (Some(url.clone()), token.unwrap_or_default());
            return Ok(Service { base, token, is_named: true });
        }
        let http = load()?.settings.http;
        let base = http.listen.map(|listen| format!("http://{}", ask::reachable(listen)));
        Ok(Service { base, token: token.unwrap_or(http.token), is_named: false })
    }
}

/// A URL to which the paths of the API can be added.
fn base(text: &str) -> Result<String, String> {
    config::check_url(text)?;
    if text.contains(['?', '#']) {
        return Err("only the address is needed, like http://autostart:8790".to_owned());
    }
    Ok(text.trim_end_matches('/').to_owned())
}

fn token(path: &Path) -> Result<Secret, String> {
    config::read_token(path).map_err(|why| format!("--token-file: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_with_or_without_a_path() {
        for (text, expected) in [
            ("http://autostart:8790", "http://autostart:8790"),
            ("http://[::1]:8790/", "http://[::1]:8790"),
            ("https://status.example.org/autostart/", "https://status.example.org/autostart"),
        ] {
            assert_eq!(base(text).as_deref(), Ok(expected));
        }
        for bad in ["autostart:8790", "ftp://a", "http://me:hunter2@a", "http://a/?b", "http://a/#b", ""] {
            let why = base(bad).unwrap_err();
            assert!(!why.contains("hunter2") && !why.is_empty(), "{bad}: {why}");
        }
    }
}
