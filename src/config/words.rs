//! The kinds of values that are written as one string: addresses, names, patterns, secrets.

use std::net::SocketAddr;
use std::path::PathBuf;

use jid::{NodePart, ResourcePart};
use regex::Regex;

use super::kinds::Word;
use super::mistake::{Complaint, is_not, nearest, quoted};
use super::settings::{
    Footprint, FootprintSetting, LogFormat, LogLevel, Mode, Notice, RecoveryTrigger, StopWhen,
};
use super::{jids, patterns, urls};
use crate::address::room_name;
use crate::address::{Nick, RealJid, RoomJid};
use crate::config::Secret;

macro_rules! words {
    ($(
        $(#[$doc:meta])*
        $Name:ident($what:literal) -> $Value:ty {
            parse: |$text:ident| $parse:expr,
            print: |$value:ident| $print:expr $(,)?
        }
    )*) => {$(
        $(#[$doc])*
        pub(super) struct $Name;

        impl Word for $Name {
            type Value = $Value;
            const WHAT: &'static str = $what;

            fn parse($text: &str) -> Result<$Value, Complaint> {
                $parse
            }

            fn print($value: &$Value) -> String {
                $print
            }
        }
    )*};
}

words! {
    /// Any text.
    Text("a string in quotes") -> String {
        parse: |text| Ok(text.to_owned()),
        print: |value| value.clone(),
    }

    /// The name of a Jibri, which ends up in addresses and commands.
    InstanceName("a name in quotes") -> String {
        parse: |text| if text.is_empty() || text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            Err(is_not(text, "a name of a Jibri", "write its nickname in the brewery"))
        } else {
            Ok(text.to_owned())
        },
        print: |value| value.clone(),
    }

    /// A secret.
    Hidden("a string in quotes") -> Secret {
        parse: |text| Ok(Secret::new(text)),
        print: |value| blank(value),
    }

    /// A URL that may hold a token.
    HiddenUrl("a URL in quotes") -> Secret {
        parse: |text| if text.is_empty() { Ok(Secret::default()) } else { urls::check(text).map(|()| Secret::new(text)) },
        print: |value| blank(value),
    }

    /// A URL.
    Url("a URL in quotes") -> String {
        parse: |text| urls::check(text).map(|()| text.to_owned()),
        print: |value| value.clone(),
    }

    /// Where a file of a recording can be had.
    FileUrl("a URL in quotes") -> String {
        parse: |text| {
            let other = text.split('{').skip(1).find(|rest| !rest.starts_with("session_id}") && !rest.starts_with("name}"));
            match other {
                Some(_) => Err(Complaint::new(
                    "something in braces is neither {session_id} nor {name}",
                    "write it like \"https://files.example/{session_id}/{name}\"",
                )),
                None => urls::check(text).map(|()| text.to_owned()),
            }
        },
        print: |value| value.clone(),
    }

    /// A URL, or `host:port` for short.
    PeerUrl("a URL in quotes") -> String {
        parse: |text| if text.contains("://") {
            urls::check(text).map(|()| text.to_owned())
        } else {
            urls::check_host_port(text).map(|()| format!("http://{text}"))
        },
        print: |value| value.clone(),
    }

    /// `host:port`.
    HostPort("\"host:port\" in quotes") -> String {
        parse: |text| urls::check_host_port(text).map(|()| text.to_owned()),
        print: |value| value.clone(),
    }

    /// An address to listen on.
    Listen("\"address:port\" in quotes") -> SocketAddr {
        parse: |text| text.parse().map_err(|_| {
            let hint = "write an IP address and a port, like \"127.0.0.1:8790\", \"0.0.0.0:8790\" or \"[::]:8790\"";
            is_not(text, "an address to listen on", hint)
        }),
        print: |value| value.to_string(),
    }

    /// A name out of a URL.
    HostName("a name in quotes") -> String {
        parse: |text| urls::host_name(text).ok_or_else(|| {
            let hint = "write only the name, without http://, port and path, like \"autostart.example.org\" (beyond ASCII \
                        as xn--...)";
            is_not(text, "a host's name", hint)
        }),
        print: |value| value.clone(),
    }

    /// A file.
    File("a path in quotes") -> PathBuf {
        parse: |text| if text.contains('\0') {
            Err(is_not(text, "a path", "remove the zero byte"))
        } else {
            Ok(PathBuf::from(text))
        },
        print: |value| value.to_string_lossy().into_owned(),
    }

    /// A domain, as Prosody prepares it.
    Domain("a domain in quotes") -> String {
        parse: |text| jids::domain(text, "meet.jitsi"),
        print: |value| value.clone(),
    }

    /// The local part of a JID.
    LocalPart("a name in quotes") -> String {
        parse: |text| NodePart::new(text).map(|part| part.into_owned().into_inner()).map_err(|error| {
            is_not(text, &format!("the local part of a JID ({error})"), "write only what stands before the @")
        }),
        print: |value| value.clone(),
    }

    /// A nickname that `mod_muc_resource_validate` lets in.
    OwnNick("a nickname in quotes") -> Nick {
        parse: |text| {
            let hint = "only the letters a-z and A-Z, digits and _ are let into rooms, and no _ at the start";
            let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_';
            if text.chars().all(allowed) && !text.starts_with('_') {
                Nick::new(text).map_err(|_| is_not(text, "a nickname", hint))
            } else {
                Err(is_not(text, "a nickname", hint))
            }
        },
        print: |value| value.as_str().to_owned(),
    }

    /// The nickname of somebody else.
    OtherNick("a nickname in quotes") -> Nick {
        parse: |text| {
            let error = |why: String| is_not(text, &format!("a nickname{why}"), "in Jitsi it is \"focus\"");
            let part = ResourcePart::new(text).map_err(|why| error(format!(" ({why})")))?;
            Nick::new(part.as_str()).map_err(|_| error(String::new()))
        },
        print: |value| value.as_str().to_owned(),
    }

    /// A room.
    Room("a room's JID in quotes") -> RoomJid {
        parse: |text| {
            let jid = jids::account(text, "a room", "room@muc.meet.jitsi")?;
            RoomJid::new(&jid).map_err(|_| is_not(text, "a room", "write it like \"room@muc.meet.jitsi\""))
        },
        print: |value| value.as_str().to_owned(),
    }

    /// The room of a meeting, as people write it.
    Meeting("a room's JID in quotes") -> RoomJid {
        parse: |text| {
            let (example, wrong) = ("room@muc.meet.jitsi", || is_not(text, "a room", "write it like \"room@muc.meet.jitsi\""));
            let service = text.split_once('@').ok_or_else(wrong)?.1;
            jids::domain(service, "muc.meet.jitsi").map_err(|Complaint { message, .. }| {
                Complaint::new(format!("{} is not a room: {message}", quoted(text)), format!("write it like \"{example}\""))
            })?;
            room_name::jid(text).map_err(|_| wrong())
        },
        print: |value| value.as_str().to_owned(),
    }

    /// A bare JID with a local part.
    Account("a JID in quotes") -> RealJid {
        parse: |text| {
            let example = "recorder@hidden.meet.jitsi";
            let jid = jids::account(text, "an account", example)?;
            RealJid::new(&jid).map_err(|_| is_not(text, "an account", format!("write it like \"{example}\"")))
        },
        print: |value| value.as_str().to_owned(),
    }

    /// A regular expression on rooms' names.
    Pattern("a regular expression in quotes") -> Regex {
        parse: |text| patterns::parse(text),
        print: |value| value.as_str().to_owned(),
    }

    /// The one object that Jibri reads; any other makes every Jibri in turn fail, and Jicofo shun it.
    AppData("a string in quotes") -> String {
        parse: |text| {
            let hint = r#"Jibri takes only {"file_recording_metadata":{...}}, and fails on anything else; "" sends none"#;
            let wrong = |why: String| Complaint::new(why, hint);
            let json: serde_json::Value = serde_json::from_str(text)
                .map_err(|error| wrong(format!("not JSON ({error})")))?;
            let object = json.as_object().ok_or_else(|| wrong("not a JSON object".to_owned()))?;
            if let Some(other) = object.keys().find(|key| *key != "file_recording_metadata") {
                return Err(wrong(format!("Jibri does not know {}", quoted(other))));
            }
            match object.get("file_recording_metadata") {
                Some(serde_json::Value::Object(_)) => Ok(text.to_owned()),
                Some(_) => Err(wrong("file_recording_metadata is not an object".to_owned())),
                None => Err(wrong("file_recording_metadata is missing".to_owned())),
            }
        },
        print: |value| value.clone(),
    }
}

fn blank(secret: &Secret) -> String {
    if secret.is_empty() { String::new() } else { "***".to_owned() }
}

/// A value out of a few, each with its name.
pub(super) trait Choice: Copy + PartialEq + 'static {
    /// All of them.
    const ALL: &'static [(&'static str, Self)];
}

/// One of the names of a [`Choice`].
pub(super) struct OneOf<C>(std::marker::PhantomData<C>);

impl<C: Choice> Word for OneOf<C> {
    type Value = C;
    const WHAT: &'static str = "a word in quotes";

    fn parse(text: &str) -> Result<C, Complaint> {
        if let Some((_, value)) = C::ALL.iter().find(|(name, _)| *name == text) {
            return Ok(*value);
        }
        let names: Vec<_> = C::ALL.iter().map(|(name, _)| *name).collect();
        let message = format!("{} is not one of {}", quoted(text), names.join(", "));
        let near = nearest(&text.to_lowercase(), names);
        Err(Complaint::new(
            message,
            near.map_or("write one of them".to_owned(), |name| format!("did you mean \"{name}\"?")),
        ))
    }

    fn print(value: &C) -> String {
        C::ALL.iter().find(|(_, choice)| choice == value).map_or("", |(name, _)| name).to_owned()
    }
}

macro_rules! choices {
    ($($Type:ident { $($name:literal => $Variant:ident),* })*) => {$(
        impl Choice for $Type {
            const ALL: &'static [(&'static str, Self)] = &[$(($name, Self::$Variant)),*];
        }
    )*};
}

impl Choice for FootprintSetting {
    const ALL: &'static [(&'static str, Self)] = &[
        ("auto", Self::Auto),
        ("companion", Self::Fixed(Footprint::Companion)),
        ("discreet", Self::Fixed(Footprint::Discreet)),
        ("unseen", Self::Fixed(Footprint::Unseen)),
        ("resident", Self::Fixed(Footprint::Resident)),
    ];
}

choices! {
    Notice { "every" => Every, "once" => Once, "off" => Off }
    Mode { "file" => File, "stream" => Stream }
    StopWhen { "never" => Never, "no-moderator" => NoModerator, "empty" => Empty }
    RecoveryTrigger {
        "wedged" => Wedged, "unhealthy" => Unhealthy, "expired" => Expired, "recycle" => Recycle,
        "stale" => Stale, "detached" => Detached
    }
    LogLevel { "error" => Error, "warn" => Warn, "info" => Info, "debug" => Debug, "trace" => Trace }
    LogFormat { "auto" => Auto, "text" => Text, "json" => Json }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts<W: Word>(texts: &[&str]) {
        for text in texts {
            assert!(W::parse(text).is_ok(), "{text}");
        }
    }

    fn refuses<W: Word>(texts: &[&str]) {
        for text in texts {
            assert!(W::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn jids() {
        assert_eq!(Domain::parse("MUC.Meet.Jitsi").unwrap(), "muc.meet.jitsi");
        refuses::<Domain>(&["", "a@b", "a/b", "a b", "@"]);
        accepts::<Room>(&["r1@muc.meet.jitsi", "[acme]r1@muc.meet.jitsi"]);
        refuses::<Room>(&["muc.meet.jitsi", "r1@muc.meet.jitsi/x", "a b@c", "@c", ""]);
        accepts::<Meeting>(&["r1@muc.meet.jitsi", "[acme]r1@muc.meet.jitsi", "a b@c"]);
        assert_eq!(Meeting::parse("Täst@MUC.meet.jitsi").unwrap().as_str(), "t%c3%a4st@muc.meet.jitsi");
        refuses::<Meeting>(&["muc.meet.jitsi", "r1@muc.meet.jitsi/x", "r1@\"muc\"", "a@b@c", "@c", ""]);
        accepts::<Account>(&["recorder@hidden.meet.jitsi"]);
        refuses::<Account>(&["hidden.meet.jitsi", "a@b/c"]);
        refuses::<LocalPart>(&["", "a@b", "a b"]);
    }

    #[test]
    fn nicknames() {
        accepts::<OwnNick>(&["autostart", "A_1", "0"]);
        refuses::<OwnNick>(&["", "_a", "auto-start", "a b", "ü"]);
    }

    #[test]
    fn app_data_is_what_jibri_reads() {
        accepts::<AppData>(&[
            r#"{"file_recording_metadata":{"share":true}}"#,
            r#" { "file_recording_metadata" : {} } "#,
        ]);
        refuses::<AppData>(&[
            "x",
            "{}",
            "[]",
            "null",
            r#"{"file_recording_metadata":true}"#,
            r#"{"file_recording_metadata":{},"more":1}"#,
            r#"{"file_recording_metadata":{}} x"#,
            &"[".repeat(100_000),
        ]);
    }

    #[test]
    fn choices_suggest() {
        assert_eq!(
            OneOf::<StopWhen>::parse("no_moderator").unwrap_err().hint,
            "did you mean \"no-moderator\"?"
        );
        assert_eq!(OneOf::<LogLevel>::parse("INFO").unwrap_err().hint, "did you mean \"info\"?");
    }
}
