//! What Prosody's configuration needs so that the program may do its work, as text in Lua for Prosody 0.12 and 13.
//!
//! It is for one configuration of ours: its names, footprint, brewery and events. It holds no secret, only the names of
//! the files that hold them; and it takes nobody's rights away: where an option of before would be replaced, what was
//! there stands in it (docs/jitsi.md 10.1, 10.2, 10.4, 13.4).

mod lua;

use std::net::{IpAddr, SocketAddr};

use crate::address::RealJid;
use crate::config::Settings;

/// Whose Prosody it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Platform {
    /// Jitsi's Debian packages: names as they are configured, files by their place.
    Debian,
    /// docker-jitsi-meet: names, secret and token come from the environment of its container.
    Docker,
    /// Somebody's own.
    Other,
}

/// Why no block can be written; the words say what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Written without Jicofo's account, the list of admins could take its rights away.
    #[error(
        "it is not known under which JID Jicofo logs in, and a list of admins without it lets no meeting open any more: \
         name it with --focus (Debian: focus@auth.DOMAIN), or set muc.service_domains{0}"
    )]
    Focus(String),
    /// Prosody would have to be given the secret itself.
    #[error(
        "xmpp.secret stands in the configuration itself, and a secret is never printed: put it into a file that \
         Prosody's user can read as well, and name that in xmpp.secret_file (docs/install-debian.md)"
    )]
    Secret,
    /// Nobody has such a name (RFC 2606).
    #[error("{0:?} is a name of an example: put your own into the configuration first")]
    Example(String),
}

/// What stands for Jicofo in the list of admins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Focus {
    /// Its JID.
    Jid(RealJid),
    /// Its local part and domain, by `muc.service_domains`; docker's environment may know another domain.
    Account {
        /// What it logs in as, which is its nickname, too (docs/jitsi.md 1.1).
        user: String,
        /// Where its account is.
        domain: String,
    },
}

impl Focus {
    /// By the settings: the one domain of services that is not the recorders'. `is_set`: whether somebody has set
    /// `muc.service_domains`, or may be taken to mean its default.
    ///
    /// # Errors
    /// [`Refusal::Focus`] where several would do, or none.
    pub fn by_settings(settings: &Settings, is_set: bool) -> Result<Self, Refusal> {
        if !is_set {
            return Err(Refusal::Focus(String::new()));
        }
        let muc = &settings.muc;
        let is_recorders = |domain: &&String| muc.recorders.iter().any(|jid| jid.domain() == domain.as_str());
        let left: Vec<&String> = muc.service_domains.iter().filter(|domain| !is_recorders(domain)).collect();
        match left.as_slice() {
            [domain] => {
                let user = muc.focus_nickname.as_str().to_lowercase();
                Ok(Self::Account { user, domain: (*domain).clone() })
            }
            [] => Err(Refusal::Focus(": all that stand there are the recorders'".to_owned())),
            several => {
                let names: Vec<&str> = several.iter().map(|domain| domain.as_str()).collect();
                Err(Refusal::Focus(format!(": of {} any may be Jicofo's", names.join(", "))))
            }
        }
    }

    fn domain(&self) -> &str {
        match self {
            Self::Jid(jid) => jid.domain(),
            Self::Account { domain, .. } => domain,
        }
    }
}

/// Whether Jicofo's account has to be known, as it stands in the list of admins.
pub fn needs_focus(settings: &Settings) -> bool {
    !lua::by_companion_alone(settings)
}

/// The block. `focus`: none where it is not known; needed unless [`needs_focus`] says no. `api`: where Prosody finds our
/// HTTP port, if there is one (docker's environment may say otherwise).
///
/// # Errors
/// Where it would have to guess, or could do harm.
pub fn block(
    settings: &Settings,
    platform: Platform,
    focus: Option<&Focus>,
    api: Option<SocketAddr>,
) -> Result<String, Refusal> {
    if focus.is_none() && needs_focus(settings) {
        return Err(Refusal::Focus(String::new()));
    }
    let names = settings.muc.domains.iter().map(String::as_str);
    let names = names.chain([settings.xmpp.domain.as_str()]).chain(focus.map(Focus::domain));
    if let Some(name) = names.into_iter().find(|name| is_example(name)) {
        return Err(Refusal::Example(name.to_owned()));
    }
    if platform != Platform::Docker && settings.xmpp.secret_file.is_none() {
        return Err(Refusal::Secret);
    }
    Ok(lua::text(settings, platform, focus, api))
}

/// Names that are kept for examples (RFC 2606, sections 2 and 3).
fn is_example(name: &str) -> bool {
    let mut labels = name.rsplit('.');
    match labels.next() {
        Some("example" | "invalid") => true,
        Some("com" | "net" | "org") => labels.next() == Some("example"),
        _ => false,
    }
}

/// Where Prosody has to listen for components, if not where it does by default (docs/jitsi.md 10.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Listener {
    port: Option<u16>,
    at: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Loopback,
    Address(IpAddr),
    /// A name, of which only its machine knows what it means there.
    Named,
}

impl Listener {
    fn of(server: &str) -> Self {
        const DEFAULT: u16 = 5347;
        let (host, port) = server.rsplit_once(':').unwrap_or((server, ""));
        let port = port.parse().ok().filter(|port| *port != DEFAULT);
        let address = server.parse::<SocketAddr>().map(|address| address.ip());
        let at = match address {
            Ok(ip) if ip.is_loopback() => Place::Loopback,
            Ok(ip) => Place::Address(ip),
            Err(_) if host == "localhost" => Place::Loopback,
            Err(_) => Place::Named,
        };
        Self { port, at }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::from_toml;

    fn settings(more: &str) -> Settings {
        let text = format!(
            "[xmpp]\ndomain = \"autostart.a.org\"\nsecret = \"hunter2\"\n[muc]\ndomains = [\"conference.a.org\"]\n{more}"
        );
        from_toml(&text).unwrap().settings
    }

    #[test]
    fn jicofos_account_is_in_the_domain_of_services_that_is_not_the_recorders() {
        let domain =
            |more: &str| Focus::by_settings(&settings(more), true).map(|focus| focus.domain().to_owned());
        assert_eq!(domain("").unwrap(), "auth.meet.jitsi");
        let debian = "service_domains = [\"recorder.a.org\", \"auth.a.org\"]\nrecorders = [\"recorder@recorder.a.org\"]";
        assert_eq!(domain(debian).unwrap(), "auth.a.org");
        for (unclear, word) in [
            ("service_domains = [\"a.b\", \"c.d\"]", "a.b, c.d"),
            ("service_domains = [\"hidden.meet.jitsi\"]", "the recorders'"),
        ] {
            let refusal = domain(unclear).unwrap_err().to_string();
            assert!(refusal.contains("--focus") && refusal.contains(word), "{refusal}");
        }
        assert!(Focus::by_settings(&settings(""), false).is_err());
    }

    #[test]
    fn names_of_examples_are_nobodys() {
        for name in ["autostart.meet.example.org", "example.com", "meet.example", "a.invalid"] {
            assert!(is_example(name), "{name}");
        }
        for name in ["meet.jitsi", "example.meet.jitsi", "examples.org", "org"] {
            assert!(!is_example(name), "{name}");
        }
    }

    #[test]
    fn where_prosody_listens_by_itself_nothing_is_said() {
        let listener = |port, at| Listener { port, at };
        for (server, expected) in [
            ("127.0.0.1:5347", listener(None, Place::Loopback)),
            ("localhost:5347", listener(None, Place::Loopback)),
            ("[::1]:5348", listener(Some(5348), Place::Loopback)),
            ("10.0.0.5:5347", listener(None, Place::Address(IpAddr::from([10, 0, 0, 5])))),
            ("xmpp.meet.jitsi:5347", listener(None, Place::Named)),
        ] {
            assert_eq!(Listener::of(server), expected, "{server}");
        }
    }

    #[test]
    fn it_is_for_this_configuration() {
        let mut settings = settings("[http]\ntoken = \"hunter2\"\n[standby]\nallowed = true");
        settings.xmpp.secret_file = Some("/etc/s".into());
        settings.xmpp.server = "10.0.0.5:5348".to_owned();
        settings.muc.domains.push("conference.b.org".to_owned());
        let focus = Focus::by_settings(&settings, true).unwrap();
        let print = |settings: &Settings| {
            block(settings, Platform::Debian, Some(&focus), settings.http.listen).unwrap()
        };
        let text = print(&settings);
        for line in [
            "local conferences = { \"conference.a.org\", \"conference.b.org\" }\n",
            "Component (conferences[2]) \"muc\"\n",
            "component_interfaces = { \"10.0.0.5\" }\ncomponent_ports = { 5348 }\n",
            "component_conflict_resolve = \"kick_new\"\n",
            "local secret = first_line(\"/etc/s\")\n",
            "-- Left out: http.token stands in the configuration itself",
            "-- The brewery is in",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
        assert!(!text.contains("hunter2"), "{text}");
        settings.jibri.brewery = None;
        settings.discovery.event_sync = false;
        let without = print(&settings);
        assert!(!without.contains("brewery") && !without.contains("event_sync"), "{without}");
    }

    #[test]
    fn the_companion_is_given_only_what_it_needs() {
        let print = |more: &str| {
            let mut settings = settings(&format!("focus_nickname = \"jicofo\"\n{more}"));
            settings.xmpp.secret_file = Some("/etc/s".into());
            let focus = Focus::by_settings(&settings, true).unwrap();
            let focus = needs_focus(&settings).then_some(&focus);
            block(&settings, Platform::Debian, focus, settings.http.listen).unwrap()
        };
        let alone = print("footprint = \"companion\"");
        let options = "Component (conferences[1]) \"muc\"\n  jibri_autostart_component = domain\n  jibri_autostart_focus = \"jicofo\"\n";
        assert!(alone.contains(options) && alone.contains("conf.avail/a.org.cfg.lua"), "{alone}");
        let rights = ["admins", "focus@", "local us", "validate_from", "event_sync"];
        assert!(rights.iter().all(|right| !alone.contains(right)), "{alone}");
        assert!(alone.contains("-- The brewery is in"), "{alone}");
        let stops = "footprint = \"companion\"\n[stop]\nwhen = \"empty\"";
        for both in ["", "footprint = \"auto\"", "footprint = \"unseen\"", stops] {
            let text = print(both);
            assert!(text.contains(options) && text.contains("admins = { focus, us, admins }"), "{text}");
        }
        for without in ["footprint = \"discreet\"", "footprint = \"resident\""] {
            let text = print(without);
            assert!(!text.contains("companion") && text.contains("admins = { focus, us, admins }"), "{text}");
        }
    }

    #[test]
    fn a_secret_is_never_written() {
        let focus = Focus::by_settings(&settings(""), true).unwrap();
        assert_eq!(block(&settings(""), Platform::Debian, Some(&focus), None), Err(Refusal::Secret));
        let docker =
            block(&settings("[http]\ntoken = \"hunter2\""), Platform::Docker, Some(&focus), None).unwrap();
        assert!(!docker.contains("hunter2"), "{docker}");
    }
}
