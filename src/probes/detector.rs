//! What Jicofo believes of each Jibri: `jibri_detector` in its `GET /debug` (docs/jitsi.md 7); and which of its conferences are
//! counted otherwise than before, which stands in the same answer.
//!
//! The answer holds much more, and grows with the conferences. Of all else not a value is built.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, de};
use serde_json::value::RawValue;
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep, sleep_until};

use super::head_counts::HeadCounts;
use super::{ProbeLimits, Probed};
use crate::address::tenant::Services;
use crate::config::JicofoRest;
use crate::http_client::{Client, Fault, Refusal};
use crate::jibri::{Busy, Detected, Health, JibriName, Report, Stamp};
use crate::plain::plain;
use crate::polling::{Outage, jittered};

/// Jibris beyond which it is not read on.
const MOST_JIBRIS: usize = 5000;
/// Bytes of a nickname (RFC 7622, section 3.4).
const MOST_NAME: usize = 1023;
/// Characters of anything else.
const MOST_TEXT: usize = 64;

/// Why it cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum NotAsked {
    #[error("{0}; is discovery.jicofo.url right, and Jicofo's REST on (JICOFO_ENABLE_REST=1)?")]
    Unreachable(Fault),
    #[error(transparent)]
    Fault(Fault),
    #[error(
        "{0}; redirects are not followed: set discovery.jicofo.url to where Jicofo's REST is now, like \
         http://jicofo:8888"
    )]
    Moved(Refusal),
    #[error("{0}; is discovery.jicofo.url that of Jicofo's REST, like http://jicofo:8888?")]
    Refused(Refusal),
    #[error("the answer has no jibri_detector; is discovery.jicofo.url that of Jicofo's REST?")]
    NoDetector,
}

impl From<Fault> for NotAsked {
    fn from(fault: Fault) -> Self {
        if matches!(fault, Fault::Unreachable(_)) { Self::Unreachable(fault) } else { Self::Fault(fault) }
    }
}

/// Has Jicofo asked as soon as may be, which is no sooner than `discovery.jicofo.interval` after it was
/// asked last. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct AskNow(Arc<Notify>);

impl AskNow {
    /// Asks soon. Said several times before that, it is asked once.
    pub fn now(&self) {
        self.0.notify_one();
    }
}

/// One Jicofo.
#[derive(Debug)]
pub(super) struct Detector {
    client: Client,
    url: String,
    /// The shortest time between two requests.
    gap: Duration,
    services: Services,
    limits: ProbeLimits,
    look: AskNow,
}

impl Detector {
    /// None if it is not to be asked.
    pub(super) fn new(
        rest: &JicofoRest,
        services: Services,
        limits: ProbeLimits,
    ) -> Option<Result<Self, String>> {
        let base = rest.url.as_ref()?;
        let url = format!("{}/debug", base.trim_end_matches('/'));
        let client = Client::new(&url, limits.detector_time);
        let (gap, look) = (rest.interval, AskNow::default());
        Some(client.map(|client| Self { client, url, gap, services, limits, look }))
    }

    pub(super) fn look(&self) -> AskNow {
        self.look.clone()
    }

    /// Asks, one request at a time, until nobody wants to hear of it any more.
    pub(super) async fn watch(self, events: mpsc::Sender<Probed>) {
        let mut outage = Outage::default();
        let mut counted: Option<HeadCounts> = None;
        loop {
            let asked = Instant::now();
            let told = match self.ask().await {
                Ok(Debug { jibris, counts }) => {
                    let back = outage.worked().then_some(Probed::DetectorUp);
                    let rooms = counts.map_or(Vec::new(), |counts| {
                        let before = counted.replace(counts).zip(counted.as_ref());
                        before.map_or(Vec::new(), |(before, counts)| {
                            counts.changed_since(&before, &self.services)
                        })
                    });
                    let changed = (!rooms.is_empty()).then_some(Probed::Counted { rooms });
                    [back, Some(Probed::Detected { jibris }), changed]
                }
                Err(trouble) => {
                    tracing::debug!("Jicofo's jibri_detector: {trouble}");
                    let down = outage.failed(Instant::now());
                    [down.map(|since| Probed::DetectorDown { since, why: trouble.to_string() }), None, None]
                }
            };
            for probed in told.into_iter().flatten() {
                if events.send(probed).await.is_err() {
                    return;
                }
            }
            tokio::select! {
                () = sleep(jittered(self.limits.detector_interval)) => {}
                () = self.look.0.notified() => {}
            }
            sleep_until(asked.checked_add(self.gap).unwrap_or(asked)).await;
            // Whoever wanted to know until now will.
            let _ = self.look.0.notified().now_or_never();
        }
    }

    /// Asks once; the error in words.
    pub(super) async fn ask_once(&self) -> Result<Option<Vec<Detected>>, String> {
        self.ask().await.map(|debug| debug.jibris).map_err(|trouble| trouble.to_string())
    }

    async fn ask(&self) -> Result<Debug, NotAsked> {
        let answer = self.client.get(&self.url).await?;
        if !answer.status().is_success() {
            let (is_moved, refusal) = (answer.status().is_redirection(), answer.refusal());
            return Err(if is_moved { NotAsked::Moved(refusal) } else { NotAsked::Refused(refusal) });
        }
        let body = answer.body(self.limits.detector_bytes).await?;
        read(&body).ok_or(NotAsked::NoDetector)
    }
}

/// None: it does not have what Jicofo's has.
fn read(body: &[u8]) -> Option<Debug> {
    let Keys { detector, counts } = serde_json::from_slice(body).ok()?;
    let jibris = detector?.map(|Jibris(jibris)| jibris);
    Some(Debug { jibris, counts })
}

/// What is used of the answer.
struct Debug {
    /// None: it looks for none.
    jibris: Option<Vec<Detected>>,
    counts: Option<HeadCounts>,
}

/// The whole answer. `detector`: none, there is no such key; Some(None): it is null.
struct Keys {
    detector: Option<Option<Jibris>>,
    counts: Option<HeadCounts>,
}

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct State;
        impl<'de> Visitor<'de> for State {
            type Value = Keys;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("Jicofo's state")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Keys, A::Error> {
                let mut keys = Keys { detector: None, counts: None };
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "jibri_detector" => keys.detector = Some(map.next_value()?),
                        // Of another shape it is of another version: then there are no counts.
                        "focus_manager" => {
                            let text = map.next_value::<&RawValue>()?;
                            keys.counts = serde_json::from_str(text.get()).ok();
                        }
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(keys)
            }
        }
        deserializer.deserialize_map(State)
    }
}

/// The Jibris among the keys of `jibri_detector`, which has others, too.
struct Jibris(Vec<Detected>);

impl<'de> Deserialize<'de> for Jibris {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names;
        impl<'de> Visitor<'de> for Names {
            type Value = Jibris;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("Jibris by name")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Jibris, A::Error> {
                let mut jibris = BTreeMap::new();
                while let Some(name) = map.next_key::<String>()? {
                    // As the text it is: no value, however deep, is ever built.
                    let text = map.next_value::<&RawValue>()?;
                    let Some(detected) = detected(&name, text) else { continue };
                    if jibris.len() >= MOST_JIBRIS {
                        return Err(de::Error::custom("too many Jibris"));
                    }
                    if name.len() <= MOST_NAME {
                        jibris.insert(name, detected);
                    }
                }
                Ok(Jibris(jibris.into_values().collect()))
            }
        }
        deserializer.deserialize_map(Names)
    }
}

fn detected(name: &str, text: &RawValue) -> Option<Detected> {
    #[derive(Deserialize)]
    struct Raw {
        health_status: String,
        busy_status: String,
        /// What is said by the other two; but what lacks it is no Jibri.
        #[serde(rename = "reports_available")]
        _reports_available: bool,
        last_failed: Option<String>,
        last_selected: Option<String>,
    }
    let raw: Raw = serde_json::from_str(text.get()).ok()?;
    let stamp = |text: Option<String>| Stamp(plain(&text.unwrap_or_default(), MOST_TEXT).into());
    // Any other word Jicofo takes for neither.
    let busy = match raw.busy_status.as_str() {
        "idle" => Busy::Idle,
        "busy" => Busy::Busy,
        _ => Busy::Undefined,
    };
    let health = match raw.health_status.as_str() {
        "healthy" => Health::Healthy,
        "unhealthy" => Health::Unhealthy,
        _ => Health::Undefined,
    };
    Some(Detected {
        name: JibriName::new(name),
        report: Report { busy, health },
        selected: stamp(raw.last_selected),
        failed: stamp(raw.last_failed),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const JIBRI: &str = r#"{"health_status":"healthy","busy_status":"idle","reports_available":true,
        "last_failed":"-1000000000-01-01T00:00:00Z","last_selected":"2026-08-20T10:00:00.123Z"}"#;

    fn names(body: &str) -> Option<Option<Vec<String>>> {
        let names =
            |jibris: Vec<Detected>| jibris.iter().map(|jibri| jibri.name.as_str().to_owned()).collect();
        read(body.as_bytes()).map(|debug| debug.jibris.map(names))
    }

    #[test]
    fn reads_the_one_key_among_many() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        let body = format!(
            r#"{{"focus_manager":{{"r1@muc.meet.jitsi":2}},"deep":{deep},"jibri_detector":{{"is_sip":false,
            "brewery_jid":"b@internal-muc.meet.jitsi","jibri-1":{JIBRI},"j\u0032":{JIBRI},"odd":{{}},"o":[],
            "deep":{deep},"n":null}},"sip_jibri_detector":{{"sip":{JIBRI}}},"bridge_selector":{{}}}}"#
        );
        assert_eq!(names(&body), Some(Some(vec!["j2".to_owned(), "jibri-1".to_owned()])));
        let debug = read(body.as_bytes()).unwrap();
        assert_eq!(debug.counts, serde_json::from_str(r#"{"r1@muc.meet.jitsi":2}"#).unwrap());
        let jibri = debug.jibris.unwrap().remove(1);
        assert_eq!(jibri.report, Report { busy: Busy::Idle, health: Health::Healthy });
        assert_eq!(&*jibri.failed.0, "-1000000000-01-01T00:00:00Z");
        assert_eq!(&*jibri.selected.0, "2026-08-20T10:00:00.123Z");
        assert_eq!(names(r#"{"jibri_detector":null}"#), Some(None));
        assert_eq!(names(r#"{"jibri_detector":{}}"#), Some(Some(Vec::new())));
    }

    #[test]
    fn refuses_what_is_not_jicofos() {
        for bad in
            ["", "null", "[]", "{}", "<html>", r#"{"jibri_detector":[]}"#, r#"{"jibri_detector":{"a":"#]
        {
            assert_eq!(names(bad), None, "{bad}");
        }
        let many = vec![format!(r#""j":{JIBRI}"#); 10].join(",");
        assert_eq!(names(&format!(r#"{{"jibri_detector":{{{many}}}}}"#)), Some(Some(vec!["j".to_owned()])));
        let many: Vec<String> = (0..=MOST_JIBRIS).map(|n| format!(r#""j{n}":{JIBRI}"#)).collect();
        assert_eq!(names(&format!(r#"{{"jibri_detector":{{{}}}}}"#, many.join(","))), None);
    }
}
