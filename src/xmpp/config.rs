//! What the link and its sessions need of the settings.

use crate::address::Nick;
use crate::address::tenant::Services;
use crate::config::{Settings, Xmpp};

/// What a session needs of the settings.
#[derive(Debug)]
pub(super) struct Config {
    pub(super) xmpp: Xmpp,
    /// The `from` of all that we send (docs/jitsi.md 0.6).
    pub(super) me: String,
    pub(super) focus: Nick,
    pub(super) services: Services,
    /// The conference services whose companions are used; none where the footprint has no use for one.
    pub(super) companions: Vec<String>,
}

impl Config {
    pub(super) fn new(settings: &Settings) -> Self {
        let muc = &settings.muc;
        let companions = if muc.footprint.wants_companion() { muc.domains.clone() } else { Vec::new() };
        Self {
            me: format!("{}@{}/a", settings.xmpp.user, settings.xmpp.domain),
            xmpp: settings.xmpp.clone(),
            focus: muc.focus_nickname.clone(),
            services: Services::new(&muc.domains).without(settings.jibri.brewery.clone()),
            companions,
        }
    }
}
