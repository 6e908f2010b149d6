//! The companion inside Prosody: whether it answers where it is wanted (docs/companion.md).

use super::Finding;
use super::seen::Seen;
use super::service::Snapshot;
use crate::config::{Footprint, FootprintSetting, Notice, Settings};
use crate::xmpp::Mute;

/// What to do where it is wanted and does not answer.
const LOAD_IT: &str = "put mod_jibri_autostart_companion.lua into a folder of Prosody's plugin_paths and its name into modules_enabled \
                       of that conference service (jibri-autostart prosody prints how), restart Prosody and look at its log; or \
                       set muc.footprint = \"auto\"";
/// What to do where people cannot be told.
const LOAD_METADATA: &str = "load Jitsi's mod_room_metadata_component, or set \
                             muc.notice = \"off\" where people are told otherwise";

const LOAD_ANOTHER: &str = "install the mod_jibri_autostart_companion.lua that comes with this version of jibri-autostart, \
                            and have Prosody reload it";

/// By our own link, on one conference service; none if it is not wanted.
pub(super) fn by_link(settings: &Settings, domain: &str, seen: &Seen) -> Option<Finding> {
    if !settings.muc.footprint.wants_companion() {
        return None;
    }
    let step = format!("companion {domain}");
    Some(match seen.companions.get(domain)? {
        Ok((version, mute)) => answers(&step, &format!("version {version} answers"), *mute, settings),
        Err(why) => silent(&step, why, settings.muc.footprint),
    })
}

/// As the service sees it; none if it is not wanted.
pub(super) fn by_service(settings: &Settings, snapshot: &Snapshot) -> Option<Finding> {
    const STEP: &str = "companion";
    if !settings.muc.footprint.wants_companion() {
        return None;
    }
    let reason = snapshot.footprint_reason.as_deref();
    let mute = Mute::ALL.into_iter().find(|mute| reason == Some(mute.reason()));
    Some(match (snapshot.footprint, reason) {
        (Footprint::Companion, why) if why.is_none() || mute.is_some() => {
            answers(STEP, "it answers the service", mute, settings)
        }
        (_, why) => silent(
            STEP,
            why.unwrap_or("the service was started before it was configured"),
            settings.muc.footprint,
        ),
    })
}

fn answers(step: &str, found: &str, mute: Option<Mute>, settings: &Settings) -> Finding {
    let Some(mute) = mute.filter(|_| settings.muc.notice != Notice::Off) else {
        return Finding::ok(step, found);
    };
    let (why, remedy) = match mute {
        Mute::NoMetadata => ("Prosody does not tell clients about room metadata", LOAD_METADATA),
        Mute::Unable => ("its module cannot set the notice", LOAD_ANOTHER),
    };
    Finding::warn(step, format!("{found}, but people cannot be told that they are recorded: {why}"), remedy)
}

fn silent(step: &str, why: &str, setting: FootprintSetting) -> Finding {
    match setting {
        FootprintSetting::Fixed(Footprint::Companion) => {
            Finding::fail(step, format!("nothing is done in meetings: {why}"), LOAD_IT)
        }
        other => {
            let instead = other.in_effect(false).name();
            Finding::ok(step, format!("there is none, so the footprint is {instead:?}: {why}"))
        }
    }
}
