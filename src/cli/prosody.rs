//! `prosody`: prints what Prosody's configuration needs for this one.

use std::net::SocketAddr;
use std::process::ExitCode;

use jid::BareJid;

use super::ending::finish;
use super::{EXIT_MISTAKES, ask, complain};
use crate::address::RealJid;
use crate::config::{Loaded, Settings};
use crate::doctor;
use crate::prosody::{self, Focus, Platform};

/// What may be said on the command line.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// For Jitsi's Debian packages: the file belongs in /etc/prosody
    #[arg(long, conflicts_with = "docker")]
    debian: bool,
    /// For docker-jitsi-meet: names, secret and token come from its environment
    #[arg(long)]
    docker: bool,
    /// The account that Jicofo logs in with [default: by muc.service_domains, else as seen in a meeting]
    #[arg(long, value_name = "JID", value_parser = account)]
    focus: Option<RealJid>,
}

fn account(text: &str) -> Result<RealJid, String> {
    let jid = BareJid::new(text).map_err(|error| error.to_string())?;
    if jid.node().is_none() {
        return Err("it has no @; on Debian it is focus@auth.DOMAIN".to_owned());
    }
    RealJid::new(jid.as_str()).map_err(|error| error.to_string())
}

/// Exits with 0, or with 2 where it would have to guess.
pub(super) fn prosody(loaded: &Loaded, arguments: Arguments) -> ExitCode {
    let Arguments { debian, docker, focus } = arguments;
    let platform = match (debian, docker) {
        (true, _) => Platform::Debian,
        (_, true) => Platform::Docker,
        _ => Platform::Other,
    };
    let settings = &loaded.settings;
    let api = settings.http.listen.map(ask::reachable);
    // The defaults are the names of docker-jitsi-meet.
    let is_set = platform == Platform::Docker || loaded.set.contains("muc.service_domains");
    let focus = match focus {
        Some(jid) => Ok(Some(Focus::Jid(jid))),
        None => match Focus::by_settings(settings, is_set) {
            Ok(focus) => Ok(Some(focus)),
            Err(_) if !prosody::needs_focus(settings) => Ok(None),
            Err(refusal) => seen(settings, api).map(|jid| Some(Focus::Jid(jid))).ok_or(refusal),
        },
    };
    match focus.and_then(|focus| prosody::block(settings, platform, focus.as_ref(), api)) {
        Ok(text) => finish(Ok(text)),
        Err(refusal) => {
            complain(format_args!("nothing is printed: {refusal}"));
            ExitCode::from(EXIT_MISTAKES)
        }
    }
}

/// Jicofo's JID by the role list of a meeting, where the component is let in already.
fn seen(settings: &Settings, api: Option<SocketAddr>) -> Option<RealJid> {
    ask::runtime().ok()?.block_on(doctor::focus_seen(settings, api))
}
