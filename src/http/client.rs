//! The HTTP client that every edge builds its own from.

use std::time::Duration;

/// Longest time for a connection to be made.
const CONNECT: Duration = Duration::from_secs(5);

/// A client for one base URL: no redirects, no proxy out of the environment, no decompression.
///
/// The system's certificates are read only where they are needed: a container that speaks plain HTTP need
/// not have any.
pub fn builder(url: &str) -> reqwest::ClientBuilder {
    let builder = reqwest::Client::builder()
        .user_agent(concat!("jibri-autostart/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .connect_timeout(CONNECT);
    // An error means that it is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    if url.starts_with("https:") { builder } else { builder.tls_certs_only([]) }
}
