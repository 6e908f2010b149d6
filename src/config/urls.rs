//! Whether something has the shape of a URL or of `host:port`.
//!
//! What is wrong is said without repeating a URL: many hold a token.

use super::mistake::{Complaint, quoted};

/// `http://` or `https://`, a host, perhaps a port and a path; no user and no password.
pub(super) fn check(url: &str) -> Result<(), Complaint> {
    let wrong = |why: &str| {
        let hint = "write it like \"http://host:port/path\" or \"https://host/path\"";
        Err(Complaint::new(format!("not a URL: {why}"), hint))
    };
    let Some(rest) = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://")) else {
        return wrong("it begins with neither http:// nor https://");
    };
    if url.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return wrong("there is a space in it");
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return wrong("it must not contain a user or a password");
    }
    match split_port(authority) {
        (host, _) if !is_host(host) => wrong("it has no host"),
        (_, Some(port)) if !is_port(port) => wrong("the port is not a number from 1 to 65535"),
        _ => Ok(()),
    }
}

/// A host and a port.
pub(super) fn check_host_port(text: &str) -> Result<(), Complaint> {
    let wrong = |why: &str| {
        let hint = "write a host and a port, like \"127.0.0.1:5347\" or \"[::1]:5347\"";
        Err(Complaint::new(format!("{} {why}", quoted(text)), hint))
    };
    match split_port(text) {
        (_, None) => wrong("has no port"),
        (host, _) if !is_host(host) => wrong("has no usable host"),
        (_, Some(port)) if !is_port(port) => wrong("has a port that is not a number from 1 to 65535"),
        _ => Ok(()),
    }
}

/// Splits at the last colon, but not inside the brackets of an IPv6 address.
fn split_port(text: &str) -> (&str, Option<&str>) {
    match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    }
}

fn is_host(host: &str) -> bool {
    match host.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']').is_some_and(|ip| ip.parse::<std::net::Ipv6Addr>().is_ok()),
        None => {
            // Braces stand for what is put in: {instance}.
            let odd = |c: char| !c.is_alphanumeric() && !"-_.{}".contains(c);
            !host.is_empty() && !host.contains(odd)
        }
    }
}

/// A host's name as it stands in a URL, in small letters and without a dot at its end. Names beyond ASCII are sent as
/// `xn--…`; those of docker compose may have a `_` in them.
pub(super) fn host_name(text: &str) -> Option<String> {
    let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    (name.len() <= 253 && name.split('.').all(is_label)).then_some(name)
}

fn is_port(port: &str) -> bool {
    port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        for good in ["http://jicofo:8888", "https://a/b?c#d", "http://[::1]:80/x", "http://{instance}:3333/y"]
        {
            assert!(check(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "jicofo:8888",
            "ftp://a",
            "http://",
            "http://:80",
            "http://a:b",
            "http://a:0/",
            "http://a b",
            "http://'a'/",
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
        let complaint = check("http://me:hunter2@host/").unwrap_err();
        assert!(!format!("{complaint:?}").contains("hunter2"));
    }

    #[test]
    fn names_of_hosts() {
        assert_eq!(host_name("Autostart.Example.org.").as_deref(), Some("autostart.example.org"));
        for good in ["jibri-autostart", "meet_jibri_1", "xn--bcher-kva.example", "a"] {
            assert_eq!(host_name(good).as_deref(), Some(good));
        }
        let long = "a".repeat(64);
        for bad in [
            "",
            ".",
            "a..b",
            "a:8790",
            "http://a",
            "a/b",
            "*.example.org",
            "a b",
            "bücher.example",
            "[::1]",
            &long,
        ] {
            assert_eq!(host_name(bad), None, "{bad}");
        }
    }

    #[test]
    fn hosts_and_ports() {
        for good in ["127.0.0.1:5347", "xmpp.meet.jitsi:5347", "[::1]:5347"] {
            assert!(check_host_port(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "prosody",
            ":5347",
            "a:",
            "a:0",
            "a:65536",
            "a:+1",
            "::1:5347",
            "[::1]",
            "a b:1",
            "http://a:1",
            "'a:1'",
            "\"a:1\"",
            "*:1",
        ] {
            assert!(check_host_port(bad).is_err(), "{bad}");
        }
    }
}
