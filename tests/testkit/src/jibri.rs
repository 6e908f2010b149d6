//! Jibri as the brewery sees it: it waits, takes work or fails at it, and says how it is.

use crate::behaviour::{Behaviour, JibriOptions, Started};
use crate::client::Client;
use crate::config::AUTH;
use crate::jibri_work::{Inner, Work, busy_status, sort};
use crate::login::Login;
use crate::manners::Manners;
use crate::xml::Node;
use crate::{Prosody, Result, SOON, keep_time, lock};
use model::jibri::Input;
use model::{Busy, Health};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// A Jibri. Clones are the same Jibri.
#[derive(Clone)]
pub struct Jibri {
    inner: Arc<Inner>,
}

impl Jibri {
    /// Logs in, joins the brewery under its name and says that it is idle.
    pub async fn start(prosody: &Prosody, name: &str, options: JibriOptions) -> Result<Jibri> {
        Jibri::start_at(prosody.c2s(), name, options).await
    }

    /// The same at a server known by its address.
    pub async fn start_at(server: SocketAddr, name: &str, options: JibriOptions) -> Result<Jibri> {
        let jibri = Jibri { inner: Arc::new(Inner::new(name, server, options)) };
        jibri.connect().await?;
        Ok(jibri)
    }

    /// Connects (again) as a new process would: not recording, not hung.
    pub async fn connect(&self) -> Result<()> {
        {
            let mut state = lock(&self.inner.state);
            (state.exit_when_idle, state.exited) = (None, None);
        }
        self.join(Input::Boots).await
    }

    /// The same process connects again: a recording is lost, but what hung hangs, and what was unhealthy is.
    pub async fn reconnect(&self) -> Result<()> {
        self.inner.disconnect();
        self.join(Input::Reconnects).await
    }

    async fn join(&self, how: Input<Work>) -> Result<()> {
        let resource = lock(&self.inner.options).resource.clone();
        let login = Login::account("jibri", AUTH, resource.as_deref());
        let (client, inbox) = Client::connect(self.inner.address, &login, Manners::of_a_service()).await?;
        *lock(&self.inner.client) = Some(client.clone());
        self.inner.meets([how, self.elsewhere()]);
        let occupancy = self.inner.occupancy();
        client.wait_for(|node| node.name == "presence" && node.from() == occupancy, SOON).await?;
        let (queue_in, queue) = mpsc::unbounded_channel();
        let (due, acts) = (self.inner.clone(), self.inner.clone());
        let tasks = [
            tokio::spawn(sort(inbox, queue_in)),
            tokio::spawn(self.inner.clone().work(queue)),
            tokio::spawn(keep_time(self.news(), move || due.due(), move || acts.meets([Input::Tick]))),
        ];
        lock(&self.inner.tasks).extend(tasks);
        Ok(())
    }

    /// Is gone without a goodbye, and its recorder with it.
    pub fn crash(&self) {
        self.inner.meets([Input::Killed]);
        self.inner.is_gone();
    }

    /// The container restarts: whatever hung is whole again.
    pub async fn restart(&self) -> Result<()> {
        self.crash();
        self.connect().await
    }

    /// Its Chrome is killed in the middle of what it does, and it notices.
    pub fn kill_chrome(&self) {
        self.inner.kill_chrome();
        let notices = lock(&self.inner.options).notices;
        if notices.is_zero() {
            return self.inner.meets([Input::PutOut]);
        }
        let (inner, session) = (self.inner.clone(), self.inner.recording());
        tokio::spawn(async move {
            tokio::time::sleep(notices).await;
            if inner.recording() == session {
                inner.meets([Input::PutOut]);
            }
        });
    }

    /// Its link is lost, its recording ends meanwhile, and it is back with its last word: busy in the brewery for good,
    /// and idle on its health port (docs/jitsi.md 13.2.2).
    pub async fn lose_last_word(&self) {
        self.leave_brewery();
        self.stop_service().await;
        self.inner.meets([Input::Deaf(false)]);
    }

    /// Its process lives, its health port answers, and it is in the brewery no more.
    pub fn leave_brewery(&self) {
        self.inner.meets([Input::Deaf(true)]);
        self.inner.send(&Node::presence(&self.inner.occupancy()).attr("type", "unavailable"));
    }

    /// What the next start meets.
    pub fn set_behaviour(&self, behaviour: Behaviour) {
        lock(&self.inner.options).behaviour = behaviour;
        self.inner.meets([self.elsewhere()]);
    }

    /// Changes the rest of its set-up.
    pub fn configure(&self, change: impl FnOnce(&mut JibriOptions)) {
        change(&mut lock(&self.inner.options));
        self.inner.meets([self.elsewhere()]);
    }

    /// Reports that it is healthy or not.
    pub fn set_healthy(&self, healthy: bool) {
        self.inner.meets([Input::Unhealthy(!healthy)]);
    }

    /// Its name in the brewery.
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// Does it say that it is busy?
    pub fn is_busy(&self) -> bool {
        lock(&self.inner.state).model.shown().is_some_and(|shown| shown.busy != Busy::Idle)
    }

    /// The session whose recorder is in its room.
    pub fn recording(&self) -> Option<String> {
        self.inner.recording()
    }

    /// Whether it writes a recording of a room that its Chrome is in.
    pub fn is_filming(&self) -> bool {
        self.inner.recording().is_some() && self.inner.has_chrome()
    }

    /// Its Chrome loses the meeting, as every client does after Jicofo has been killed, and shows an empty page until Jibri
    /// finds itself alone (docs/jitsi.md 13.3.2).
    pub fn reload_page(&self) {
        self.inner.loses_meeting();
    }

    /// Starts that reached it.
    pub fn starts(&self) -> Vec<Started> {
        lock(&self.inner.state).starts.clone()
    }

    /// How many stops it carried out.
    pub fn stops(&self) -> usize {
        lock(&self.inner.state).stops
    }

    /// Somebody at the machine stops the recording (Jibri's HTTP): a clean end.
    pub fn stop_from_outside(&self) {
        self.inner.meets([Input::StopService]);
    }

    /// Waits until a condition on it holds.
    pub async fn until(&self, bound: Duration, what: &str, holds: impl Fn(&Jibri) -> bool) -> Result<()> {
        let mut news = self.inner.news.subscribe();
        let wait = async { while !holds(self) && news.changed().await.is_ok() {} };
        let waited = tokio::time::timeout(bound, wait).await;
        waited.map_err(|_| format!("{}: not {what} within {bound:?}", self.inner.name).into())
    }

    /// Waits for the lock that a hanging launch of Chrome never gives back; then stops what there is, and waits for
    /// its end.
    pub async fn stop_service(&self) {
        self.inner.unlocked().await;
        self.stop_from_outside();
        self.inner.until(|state| state.model.job().is_none()).await;
    }

    /// Waits for the same lock, and then has it exit with this code as soon as it is idle.
    pub async fn exit_when_idle(&self, code: i32) {
        self.inner.unlocked().await;
        lock(&self.inner.state).exit_when_idle = Some(code);
        self.inner.meets([Input::Tick]);
    }

    /// Exits at once, so to speak: a process of its own does, a model within a test only says so.
    pub fn exit(&self, code: i32) {
        lock(&self.inner.state).exited = Some(code);
        self.inner.tell();
    }

    /// What its process should have exited with by now, if at all.
    pub fn exited(&self) -> Option<i32> {
        lock(&self.inner.state).exited
    }

    /// What it says of itself over HTTP: `busyStatus`, and whether it is healthy.
    pub fn status(&self) -> (&'static str, bool) {
        let status = lock(&self.inner.state).model.own_status();
        (busy_status(status), status.health == Health::Healthy)
    }

    /// Ticks whenever something about it has changed.
    pub(crate) fn news(&self) -> watch::Receiver<u64> {
        self.inner.news.subscribe()
    }

    /// The connection, if there is one.
    pub fn client(&self) -> Option<Client> {
        lock(&self.inner.client).clone()
    }

    /// Whether it is busy with other people's work.
    fn elsewhere(&self) -> Input<Work> {
        Input::Elsewhere(lock(&self.inner.options).behaviour == Behaviour::Busy)
    }
}
