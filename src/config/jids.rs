//! JIDs and domains as they are written, held to what they can be.

use jid::BareJid;

use super::mistake::{Complaint, is_not};

fn bare(text: &str, what: &str, example: &str) -> Result<BareJid, Complaint> {
    let jid = BareJid::new(text)
        .map_err(|error| is_not(text, &format!("{what} ({error})"), hint(text, example)))?;
    // Prosody would take some that no server can have, and nothing would ever be heard of them.
    let domain = jid.domain().as_str();
    let is_address = domain.parse::<std::net::Ipv4Addr>().is_ok() || domain.starts_with('[');
    match domain.chars().find(|c| c.is_ascii() && !c.is_ascii_alphanumeric() && !"-_.".contains(*c)) {
        Some(odd) if !is_address => {
            Err(is_not(text, &format!("{what}: there is no {odd:?} in a domain"), hint(text, example)))
        }
        _ => Ok(jid),
    }
}

fn hint(text: &str, example: &str) -> String {
    if text.contains(['"', '\'']) {
        // Docker's compose passes on those around a value in a list: - KEY="value".
        format!(
            "take the quotes out of the value: it has some in it, besides those around it; like \"{example}\""
        )
    } else if text.contains("://") {
        format!("write only the name, without {}: like \"{example}\"", quoted_scheme(text))
    } else {
        format!("write it like \"{example}\", without a /resource or a port")
    }
}

fn quoted_scheme(text: &str) -> String {
    text.split_once("://").map_or(String::new(), |(scheme, _)| format!("{scheme}://"))
}

/// An account: a node that is its own kind keeps `user@` apart from a domain alone.
pub(super) fn account(text: &str, what: &str, example: &str) -> Result<String, Complaint> {
    let jid = bare(text, what, example)?;
    match jid.node() {
        Some(_) => Ok(jid.into_inner()),
        None => Err(is_not(text, &format!("{what}: there is no @"), format!("write it like \"{example}\""))),
    }
}

/// A domain, as Prosody prepares it.
pub(super) fn domain(text: &str, example: &str) -> Result<String, Complaint> {
    let jid = bare(text, "a domain", example)?;
    match jid.node() {
        None => Ok(jid.into_inner()),
        Some(_) => Err(is_not(text, "a domain", "take away everything up to the @")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_is_what_a_server_can_be_called() {
        for good in [
            "meet.jitsi",
            "MUC.Meet.Jitsi",
            "a",
            "xn--bcher-kva.example",
            "bücher.example",
            "127.0.0.1",
            "[::1]",
            "a_b.c",
            "a.",
        ] {
            assert!(domain(good, "meet.jitsi").is_ok(), "{good}");
        }
        assert_eq!(domain("MUC.Meet.Jitsi", "").unwrap(), "muc.meet.jitsi");
        for (bad, word) in [
            ("\"muc.meet.jitsi\"", "take the quotes out"),
            ("'muc.meet.jitsi'", "take the quotes out"),
            ("https://meet.jitsi", "without https://"),
            ("meet.jitsi:5222", "a port"),
            ("meet.jitsi/", "/resource"),
            ("*.meet.jitsi", "'*'"),
            ("${XMPP_MUC_DOMAIN}", "'$'"),
            ("a,b", "','"),
            ("a b", "a domain"),
            ("a..b", "a domain"),
            ("-a.b", "a domain"),
            ("", "a domain"),
            ("a@b", "up to the @"),
        ] {
            let complaint = domain(bad, "muc.meet.jitsi").unwrap_err();
            let said = format!("{}; {}", complaint.message, complaint.hint);
            assert!(said.contains(word), "{bad}: {said}");
        }
    }

    #[test]
    fn an_account_has_such_a_domain() {
        assert_eq!(
            account("Recorder@hidden.meet.jitsi", "an account", "").unwrap(),
            "recorder@hidden.meet.jitsi"
        );
        for bad in [
            "recorder@\"hidden.meet.jitsi\"",
            "\"recorder@hidden.meet.jitsi\"",
            "recorder@hid*den",
            "hidden.meet.jitsi",
        ] {
            assert!(account(bad, "an account", "recorder@hidden.meet.jitsi").is_err(), "{bad}");
        }
    }
}
