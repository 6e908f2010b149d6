//! Whether Jicofo may open rooms: where it may not, there is no meeting in which anything else could be seen.

use std::time::Duration;

use serde::Deserialize;

use super::{Finding, meetings};
use crate::address::RoomJid;
use crate::config::Settings;
use crate::http_client::Client;
use crate::prosody::Focus;

/// How long Jicofo may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longest answer, in bytes.
const MOST: usize = 1024 * 1024;

/// What Jicofo has counted since it was started, without its health checks (`GET /stats`, docs/jitsi.md 7).
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct Counts {
    /// Meetings that it was asked for.
    #[serde(rename = "total_conferences_created")]
    asked: u64,
    /// People who have come into one.
    #[serde(rename = "total_participants")]
    people: u64,
}

/// None where it cannot be asked, or does not count; what is wrong then is said by another step.
pub(super) async fn counts(settings: &Settings) -> Option<Counts> {
    let url = format!("{}/stats", settings.discovery.jicofo.url.as_ref()?.trim_end_matches('/'));
    let client = Client::new(&url, PATIENCE).ok()?;
    let answer = client.get(&url).await.ok().filter(|answer| answer.status().is_success())?;
    serde_json::from_slice(&answer.body(MOST).await.ok()?).ok()
}

/// That nobody has ever come into any of the meetings that it was asked for, and there is none now.
pub(super) fn finding(
    settings: &Settings,
    listed: &Option<Result<Vec<RoomJid>, String>>,
    counts: Option<Counts>,
) -> Option<Finding> {
    let Some(Ok(rooms)) = listed else { return None };
    let Counts { asked, people } = counts?;
    if asked == 0 || people > 0 || !rooms.iter().all(meetings::is_health_check) {
        return None;
    }
    let found = format!(
        "Jicofo was asked for {} since it started, but nobody could enter any: it is not allowed to open rooms",
        meetings::count(usize::try_from(asked).unwrap_or(usize::MAX))
    );
    let focus = match Focus::by_settings(settings, true) {
        Ok(Focus::Account { user, domain }) => format!("{user}@{domain}"),
        _ => "focus@auth.DOMAIN".to_owned(),
    };
    let service = settings.muc.domains.first().map_or("", String::as_str);
    Some(Finding::fail("opened", found, meetings::rights_of_focus(service, &focus)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_meetings_that_nobody_could_enter_speak_against_jicofo() {
        let settings = crate::config::from_toml(
            "[xmpp]\ndomain = \"autostart.meet.jitsi\"\nsecret = \"s\"\n[muc]\ndomains = [\"muc.meet.jitsi\"]",
        );
        let settings = settings.unwrap().settings;
        let listed =
            |rooms: &[&str]| Some(Ok(rooms.iter().map(|room| RoomJid::new(room).unwrap()).collect()));
        let found = |listed: Option<Result<Vec<RoomJid>, String>>, asked, people| {
            finding(&settings, &listed, Some(Counts { asked, people }))
        };
        let failed = found(listed(&[]), 3, 0).unwrap();
        assert!(failed.remedy.unwrap().contains("list \"focus@auth.meet.jitsi\" in `admins`"));
        assert!(found(listed(&["__jicofo-health-check-1@muc.meet.jitsi"]), 1, 0).is_some());
        assert!(found(listed(&[]), 0, 0).is_none() && found(listed(&[]), 3, 1).is_none());
        assert!(found(listed(&["r1@muc.meet.jitsi"]), 1, 0).is_none(), "somebody is about to come");
        assert!(found(Some(Err("silent".to_owned())), 3, 0).is_none() && found(None, 3, 0).is_none());
        assert!(finding(&settings, &listed(&[]), None).is_none());
        let stats = br#"{"total_participants":0,"total_conferences_created":2,"conferences":0,"jibri":{}}"#;
        assert_eq!(serde_json::from_slice::<Counts>(stats).unwrap().asked, 2);
    }
}
