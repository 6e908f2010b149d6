//! The metrics in the format of OpenMetrics: counters of their own, and what the board and
//! the link have anyway.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric as _, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::{Board, Counters};
use crate::fleet::Reason;
use crate::meeting::StartFailure;
use crate::plain::plain_name;
use crate::recordings::RecordingState;

/// From the moderator to the request, in seconds: a look from outside, an entry, `start.settle`.
const REQUEST: [f64; 12] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0, 300.0];
/// From the moderator to the recording, in seconds: a Jibri takes some, a failed one the whole of a limit.
const START: [f64; 13] = [0.5, 1.0, 2.0, 3.0, 5.0, 7.5, 10.0, 15.0, 20.0, 30.0, 60.0, 120.0, 300.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct State {
    state: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, EncodeLabelSet)]
struct Instance {
    instance: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Recovery {
    reason: &'static str,
    outcome: &'static str,
}

/// What may become of a start request that does not fail.
const STARTS: [&str; 5] = ["on", "ended", "refused", "superseded", "abandoned"];
/// What may become of a restart.
const RESTARTS: [&str; 3] = ["restarted", "failed", "dry_run"];

/// Most Jibris whose disks are shown. Names come from reports, and whoever has the token could make up any number.
const MOST_DISKS: usize = 1000;

/// Longest name of a Jibri that is shown as it is, in characters.
const LONGEST_NAME: usize = 200;

/// Seconds, and what is left of one.
type Seconds = Counter<f64, AtomicU64>;

/// What has happened since the program started, in numbers.
#[derive(Debug)]
pub struct Metrics {
    registry: Mutex<Registry>,
    starts: Family<Outcome, Counter>,
    recoveries: Family<Recovery, Counter>,
    companion_up: Gauge,
    request_seconds: Histogram,
    start_seconds: Histogram,
    recordings: Family<State, Counter>,
    recorded_seconds: Seconds,
    wanted_seconds: Seconds,
    disk_free: Family<Instance, Gauge>,
    /// Those that `disk_free` has.
    disks: Mutex<BTreeSet<Instance>>,
}

impl Metrics {
    /// All zero.
    pub fn new(board: Arc<Board>, link: Arc<Counters>) -> Self {
        let metrics = Self {
            registry: Mutex::new(Registry::with_prefix("jibri_autostart")),
            starts: Family::default(),
            recoveries: Family::default(),
            companion_up: Gauge::default(),
            request_seconds: Histogram::new(REQUEST),
            start_seconds: Histogram::new(START),
            recordings: Family::default(),
            recorded_seconds: Counter::default(),
            wanted_seconds: Counter::default(),
            disk_free: Family::default(),
            disks: Mutex::default(),
        };
        let mut registry = metrics.registry.lock().unwrap_or_else(PoisonError::into_inner);
        // A counter that is first seen as 1 has not grown, as Prometheus counts.
        let failures = StartFailure::ALL.map(StartFailure::name);
        for outcome in STARTS.into_iter().chain(failures) {
            drop(metrics.starts.get_or_create(&Outcome { outcome }));
        }
        for reason in Reason::ALL.map(Reason::name) {
            for outcome in RESTARTS {
                drop(metrics.recoveries.get_or_create(&Recovery { reason, outcome }));
            }
        }
        registry.register("start_requests", "Start requests by what became of them", metrics.starts.clone());
        registry.register("recoveries", "Restarts of Jibris", metrics.recoveries.clone());
        registry.register(
            "companion_up",
            "The module in Prosody answers on all conference services",
            metrics.companion_up.clone(),
        );
        registry.register(
            "request_seconds",
            "From a recording being wanted to the first start request",
            metrics.request_seconds.clone(),
        );
        registry.register(
            "start_seconds",
            "From a recording being wanted to its being on",
            metrics.start_seconds.clone(),
        );
        for state in RecordingState::ALL {
            drop(metrics.recordings.get_or_create(&State { state: state.name() }));
        }
        registry.register(
            "recordings",
            "Recordings by the state that they have come into",
            metrics.recordings.clone(),
        );
        registry.register("recorded_seconds", "What is recorded", metrics.recorded_seconds.clone());
        registry.register("wanted_seconds", "What was to be recorded", metrics.wanted_seconds.clone());
        registry.register(
            "jibri_disk_free_bytes",
            "Free on a Jibri's disk, as it has reported last",
            metrics.disk_free.clone(),
        );
        registry.register_collector(Box::new(Sampled { board, link }));
        drop(registry);
        metrics
    }

    /// A first start request went out, so long after a recording was wanted.
    pub fn requested(&self, after: Duration) {
        self.request_seconds.observe(after.as_secs_f64());
    }

    /// A recording is on, so long after it was wanted.
    pub fn recording(&self, after: Duration) {
        self.start_seconds.observe(after.as_secs_f64());
    }

    /// A recording has come into this state.
    pub fn recording_is(&self, state: RecordingState) {
        self.recordings.get_or_create(&State { state: state.name() }).inc();
    }

    /// So much more is recorded, by what is known of its files.
    pub fn recorded(&self, more: Duration) {
        self.recorded_seconds.inc_by(more.as_secs_f64());
    }

    /// So much more was to be recorded.
    pub fn wanted(&self, more: Duration) {
        self.wanted_seconds.inc_by(more.as_secs_f64());
    }

    /// So much is free on the disk of this Jibri. Of more Jibris than can be it is not shown.
    pub fn disk_free(&self, instance: &str, bytes: u64) {
        let instance = Instance { instance: plain_name(instance, LONGEST_NAME) };
        let mut disks = self.disks.lock().unwrap_or_else(PoisonError::into_inner);
        if !disks.contains(&instance) {
            if disks.len() >= MOST_DISKS {
                return;
            }
            disks.insert(instance.clone());
        }
        self.disk_free.get_or_create(&instance).set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    /// Whether the companion answers on all conference services.
    pub fn companion(&self, answers: bool) {
        self.companion_up.set(i64::from(answers));
    }

    /// This became of a start request.
    pub fn start(&self, outcome: &'static str) {
        self.starts.get_or_create(&Outcome { outcome }).inc();
    }

    /// This became of a restart.
    pub fn recovery(&self, reason: &'static str, outcome: &'static str) {
        self.recoveries.get_or_create(&Recovery { reason, outcome }).inc();
    }

    /// All of them, as a scrape has them.
    ///
    /// # Errors
    /// None that is known: only writing could fail, and it writes to memory.
    pub fn text(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        text::encode(&mut text, &registry)?;
        Ok(text)
    }
}

/// What is counted elsewhere, read when it is asked for.
#[derive(Debug)]
struct Sampled {
    board: Arc<Board>,
    link: Arc<Counters>,
}

impl Collector for Sampled {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let status = self.board.status();
        let totals = &status.totals;
        let mut out = Out(&mut encoder);
        out.gauge("up", "Linked to Prosody and able to act", u64::from(status.link.linked))?;
        let standby = u64::from(status.link.standby);
        out.gauge("standby", "Another instance has the link, and this one waits for its turn", standby)?;
        out.gauge("people", "People in all rooms", totals.people)?;
        let overdue = "Rooms whose recording has been missing for alerts.start_overdue and longer";
        out.gauge("rooms_overdue", overdue, totals.rooms_overdue)?;
        out.gauge("rooms_waiting", "Rooms to be recorded with no Jibri free", totals.rooms_waiting)?;
        let of = |map: &std::collections::BTreeMap<String, u64>| map.clone().into_iter().collect::<Vec<_>>();
        out.gauges("rooms", "Rooms by state", "state", &of(&totals.rooms))?;
        out.gauges("jibris", "Jibris by verdict", "verdict", &of(&totals.jibris))?;
        let (received, sent, rejected) = (&self.link.received, &self.link.sent, &self.link.rejected);
        let mut stanzas = Vec::new();
        for (direction, kinds) in [("in", received), ("out", sent)] {
            for (kind, counter) in [
                ("presence", &kinds.presence),
                ("iq", &kinds.iq),
                ("message", &kinds.message),
                ("other", &kinds.other),
            ] {
                stanzas.push((vec![("direction", direction), ("kind", kind)], counter.get()));
            }
        }
        out.counters("stanzas", "Stanzas on the link to Prosody", &stanzas)?;
        let rejected = [
            (vec![("reason", "unreadable")], rejected.unreadable.get()),
            (vec![("reason", "malformed")], rejected.malformed.get()),
            (vec![("reason", "stray")], rejected.stray.get()),
        ];
        out.counters("stanzas_rejected", "Stanzas that were dropped", &rejected)?;
        out.counters(
            "reconnects",
            "Times the link has come up again",
            &[(vec![], self.link.reconnects.get())],
        )?;
        let raised = self.board.raised();
        let raised: Vec<_> = raised.into_iter().map(|(kind, count)| (vec![("kind", kind)], count)).collect();
        out.counters("alerts", "Alerts raised", &raised)
    }
}

/// Writes constants.
struct Out<'a, 'b>(&'a mut DescriptorEncoder<'b>);

impl Out<'_, '_> {
    fn gauge(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        let gauge = ConstGauge::<u64>::new(value);
        gauge.encode(self.0.encode_descriptor(name, help, None, MetricType::Gauge)?)
    }

    fn gauges(&mut self, name: &str, help: &str, label: &str, values: &[(String, u64)]) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (value, count) in values {
            let labels = [(label, value.as_str())];
            ConstGauge::<u64>::new(*count).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }

    fn counters(&mut self, name: &str, help: &str, values: &[(Vec<(&str, &str)>, u64)]) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (labels, count) in values {
            if labels.is_empty() {
                return ConstCounter::new(*count).encode(family);
            }
            ConstCounter::new(*count).encode(family.encode_family(labels)?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_those_of_the_interface() {
        let board = Arc::new(Board::new("a", false));
        board.set_alerts(Vec::new(), [("prosody_down", 2)].into());
        let metrics = Metrics::new(board, Arc::default());
        let first = metrics.text().unwrap();
        for line in [
            "jibri_autostart_start_requests_total{outcome=\"on\"} 0\n",
            "jibri_autostart_start_requests_total{outcome=\"all_busy\"} 0\n",
            "jibri_autostart_start_requests_total{outcome=\"abandoned\"} 0\n",
            "jibri_autostart_recoveries_total{reason=\"wedged\",outcome=\"failed\"} 0\n",
        ] {
            assert!(first.contains(line), "{line}\n{first}");
        }
        metrics.requested(Duration::from_millis(30));
        metrics.recording(Duration::from_secs(4));
        metrics.start("on");
        metrics.recovery("wedged", "restarted");
        for state in RecordingState::ALL {
            let line = format!("jibri_autostart_recordings_total{{state=\"{}\"}} 0\n", state.name());
            assert!(first.contains(&line), "{line}\n{first}");
        }
        for line in
            ["jibri_autostart_recorded_seconds_total 0.0\n", "jibri_autostart_wanted_seconds_total 0.0\n"]
        {
            assert!(first.contains(line), "{line}\n{first}");
        }
        metrics.recording_is(RecordingState::Written);
        metrics.recorded(Duration::from_millis(1500));
        metrics.wanted(Duration::from_secs(2));
        metrics.disk_free("jibri-1", 7);
        metrics.disk_free("jibri-1", u64::MAX);
        let text = metrics.text().unwrap();
        for line in [
            "jibri_autostart_up 0",
            "jibri_autostart_rooms{state=\"recording\"} 0",
            "jibri_autostart_people 0",
            "jibri_autostart_stanzas_total{direction=\"in\",kind=\"presence\"} 0",
            "jibri_autostart_stanzas_rejected_total{reason=\"stray\"} 0",
            "jibri_autostart_start_requests_total{outcome=\"on\"} 1",
            "jibri_autostart_start_seconds_count 1",
            "jibri_autostart_request_seconds_bucket{le=\"0.05\"} 1",
            "jibri_autostart_reconnects_total 0",
            "jibri_autostart_jibris{verdict=\"wedged\"} 0",
            "jibri_autostart_rooms_waiting 0",
            "jibri_autostart_rooms_overdue 0",
            "jibri_autostart_recoveries_total{reason=\"wedged\",outcome=\"restarted\"} 1",
            "jibri_autostart_alerts_total{kind=\"prosody_down\"} 2",
            "jibri_autostart_recordings_total{state=\"written\"} 1",
            "jibri_autostart_recorded_seconds_total 1.5",
            "jibri_autostart_wanted_seconds_total 2.0",
            "jibri_autostart_jibri_disk_free_bytes{instance=\"jibri-1\"} 9223372036854775807",
        ] {
            assert!(text.lines().any(|is| is == line), "{line}\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }

    /// Whoever may report chooses the name.
    #[test]
    fn names_of_disks_are_bounded_and_forge_no_line() {
        let metrics = Metrics::new(Arc::new(Board::new("a", false)), Arc::default());
        metrics.disk_free("a\"} 1\njibri_autostart_up 1 \\", 5);
        metrics.disk_free(&"x".repeat(10_000), 6);
        for n in 0..2 * MOST_DISKS {
            metrics.disk_free(&format!("j{n}"), 7);
        }
        // One that is known is kept up to date.
        metrics.disk_free("j0", 8);
        let text = metrics.text().unwrap();
        let disks: Vec<&str> =
            text.lines().filter(|line| line.starts_with("jibri_autostart_jibri_disk_free_bytes{")).collect();
        assert_eq!(disks.len(), MOST_DISKS);
        assert!(disks.iter().all(|line| line.len() < 300), "{text:.1000}");
        assert!(
            disks.iter().any(|line| line.contains("{instance=\"a\\\"} 1") && line.ends_with("} 5")),
            "{text:.1000}"
        );
        assert!(disks.contains(&"jibri_autostart_jibri_disk_free_bytes{instance=\"j0\"} 8"));
        assert_eq!(text.lines().filter(|line| line.starts_with("jibri_autostart_up ")).count(), 1);
    }
}
