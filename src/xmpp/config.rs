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
}

impl Config {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            me: format!("{}@{}/a", settings.xmpp.user, settings.xmpp.domain),
            xmpp: settings.xmpp.clone(),
            focus: settings.muc.focus_nickname.clone(),
            services: Services::new(&settings.muc.domains).without(settings.jibri.brewery.clone()),
        }
    }
}
