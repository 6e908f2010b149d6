//! The companion inside Prosody: whether it answers where it is wanted (docs/companion.md).

use super::Finding;
use super::seen::Seen;
use super::service::Snapshot;
use crate::config::{Footprint, FootprintSetting, Notice, Settings};
use crate::surface::NOT_TOLD;

/// What to do where it is wanted and does not answer.
const LOAD_IT: &str = "put mod_jibri_autostart_companion.lua into a folder of Prosody's plugin_paths and its name into modules_enabled \
                       of that conference service (jibri-autostart prosody prints how), restart Prosody and look at its log; or \
                       set muc.footprint = \"auto\"";
/// What to do where people cannot be told.
const LOAD_METADATA: &str = "load Jitsi's mod_room_metadata_component, or set \
                             muc.notice = \"off\" where people are told otherwise";

/// By our own link, on one conference service; none if it is not wanted.
pub(super) fn by_link(settings: &Settings, domain: &str, seen: &Seen) -> Option<Finding> {
    if !settings.muc.footprint.wants_companion() {
        return None;
    }
    let step = format!("companion {domain}");
    Some(match seen.companions.get(domain)? {
        Ok((version, can_notify)) => {
            answers(&step, &format!("version {version} answers"), *can_notify, settings)
        }
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
    Some(match (snapshot.footprint, reason) {
        (Footprint::Companion, None) => answers(STEP, "it answers the service", true, settings),
        (Footprint::Companion, Some(NOT_TOLD)) => answers(STEP, "it answers the service", false, settings),
        (_, why) => silent(
            STEP,
            why.unwrap_or("the service was started before it was wanted"),
            settings.muc.footprint,
        ),
    })
}

fn answers(step: &str, found: &str, can_notify: bool, settings: &Settings) -> Finding {
    if can_notify || settings.muc.notice == Notice::Off {
        return Finding::ok(step, found);
    }
    let found = format!(
        "{found}, but people cannot be told that they are recorded: nobody tells clients of a room's metadata"
    );
    Finding::warn(step, found, LOAD_METADATA)
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
