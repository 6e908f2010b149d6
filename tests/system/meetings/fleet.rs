//! Fleets of real processes: what does not work is found, restarted and of use again, and nobody else is touched.

mod contradictions;
mod limits;
mod line;
mod proof;
mod seeming;
mod sources;
mod wedged;
mod worn;

use std::time::Duration;

use testkit::{JibriProcess, Result, ServiceManager, World};

use super::alerts;
use super::at_once::all_at_once;
use super::autostart::Autostart;
use super::receiver::Receiver;

/// Longer than anything takes that a program waits for in these tests, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

all_at_once! {
    all_that_takes_long:
    "discreet" wedged::one_that_hangs_is_restarted_by_jicofos_word_and_the_meeting_recorded,
    "unseen" wedged::one_that_hangs_is_restarted_by_jicofos_word_and_the_meeting_recorded,
    "discreet" wedged::one_that_refuses_three_times_is_restarted_by_default,
    "resident" wedged::one_that_refuses_is_restarted_by_what_the_brewery_shows,
    "resident" wedged::a_dead_health_port_and_no_touch_of_the_one_that_records,
    "discreet" wedged::a_frozen_process_that_only_pings_can_tell,
    "discreet" wedged::a_wedged_stranger_is_told_of_and_left_alone,
    "resident" wedged::alertmanager_is_told_of_a_wedged_one,
    "discreet" worn::an_unhealthy_one_is_restarted,
    "resident" worn::an_unhealthy_one_is_restarted,
    "discreet" worn::of_two_instances_one_restarts_and_tells,
    "discreet" worn::a_post_restarts_as_well,
    "discreet" worn::a_used_up_one_is_restarted_by_its_webhooks_word,
    "resident" worn::one_that_has_done_its_share_is_made_new_when_it_is_idle,
    "resident" limits::a_stranger_is_left_alone,
    "discreet" limits::a_dry_run_restarts_nothing,
    "resident" limits::cooldown_and_hourly_limit,
    "discreet" limits::limits_hold_although_we_are_killed,
    "resident" limits::a_command_that_hangs_is_killed_and_told_of,
    "resident" limits::a_command_that_fails_or_does_nothing_is_no_restart,
    "discreet" sources::a_brewery_that_does_not_let_us_in,
    "discreet" sources::a_jicofo_that_loses_the_brewery,
    "resident" sources::a_jicofo_that_loses_the_brewery,
    "discreet" proof::killed_with_browser_alive,
    "discreet" proof::restarted_within_15_s,
    "resident" proof::restarted_within_15_s,
    "discreet" proof::silent_move,
    "discreet" proof::fast_failover,
    "resident" proof::fast_failover,
    "discreet" contradictions::stale_busy,
    "resident" contradictions::stale_busy,
    "discreet" contradictions::stale_idle,
    "resident" contradictions::detached,
    "discreet" contradictions::lost_brewery_with_its_list,
    "resident" contradictions::lost_brewery_without_a_list,
    "discreet" contradictions::one_jibri_one_room_failing,
    "resident" contradictions::one_jibri_one_room_failing,
    "discreet" contradictions::one_room_that_keeps_recorders_out,
    "resident" contradictions::one_room_that_keeps_recorders_out,
    "discreet" seeming::zombie,
    "resident" seeming::zombie,
    "discreet" seeming::ghost,
    "resident" seeming::ghost,
    "discreet" seeming::ghost_with_a_port,
    "discreet" alerts::a_recording_that_is_missing_and_no_jibri_to_make_it,
    "resident" alerts::a_recording_that_is_missing_and_no_jibri_to_make_it,
}

/// The program with a fleet: its settings, said one after the other.
#[derive(Clone)]
pub(crate) struct Setup {
    settings: Vec<(&'static str, String)>,
    instances: Vec<String>,
}

impl Setup {
    pub(crate) fn new() -> Self {
        Self { settings: vec![("JIBRI__HEALTH_INTERVAL", "500ms".to_owned())], instances: Vec::new() }
    }

    pub(crate) fn set(mut self, key: &'static str, value: &str) -> Self {
        self.settings.push((key, value.to_owned()));
        self
    }

    /// It is ours.
    pub(crate) fn jibri(mut self, name: &str) -> Self {
        self.instances.push(format!("{{name = {name:?}}}"));
        self
    }

    /// It is ours, and this is its health port.
    fn jibri_at(mut self, name: &str, url: &str) -> Self {
        self.instances.push(format!("{{name = {name:?}, health_url = {url:?}}}"));
        self
    }

    /// It is ours, and its health port is asked.
    pub(crate) fn asked(self, jibri: &JibriProcess) -> Self {
        let url = format!("{}/jibri/api/v1.0/health", jibri.health_url());
        self.jibri_at(jibri.name(), &url)
    }

    /// What is to be restarted, by the command of this manager.
    pub(crate) fn restarts(self, on: &str, manager: &ServiceManager) -> Self {
        self.set("RECOVERY__ON", on).set("RECOVERY__COMMAND", &manager.restart_command().join(","))
    }

    /// Jicofo is asked for what it knows.
    fn asks_jicofo(self, world: &World) -> Result<Self> {
        let url = world.rest()?.url();
        Ok(self.set("DISCOVERY__JICOFO__URL", &url).set("DISCOVERY__JICOFO__INTERVAL", "200ms"))
    }

    /// Alerts go there.
    pub(crate) fn tells(self, receiver: &Receiver) -> Self {
        self.set("ALERTS__WEBHOOK", &receiver.url())
    }

    pub(crate) fn start(self, world: &World, rooms: &[&str]) -> Result<Autostart> {
        let instances = format!("[{}]", self.instances.join(", "));
        let mut settings: Vec<(&str, &str)> =
            self.settings.iter().map(|(key, value)| (*key, value.as_str())).collect();
        settings.push(("JIBRI__INSTANCE", &instances));
        Autostart::start_with(&world.prosody, rooms, &settings, &[])
    }
}

/// Names of those that were restarted, in order.
fn restarted(manager: &ServiceManager) -> Vec<String> {
    manager.restarts().into_iter().map(|restart| restart.name).collect()
}
