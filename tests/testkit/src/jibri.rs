//! Jibri as the brewery sees it: it waits, takes work or fails at it, and says how it is.

use crate::behaviour::{Behaviour, JibriOptions, Started};
use crate::client::Client;
use crate::config::BREWERY;
use crate::jibri_work::{Inner, State, sort};
use crate::login::Login;
use crate::manners::Manners;
use crate::xml::{Node, ns};
use crate::{Prosody, Result, SOON, lock};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
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
        let inner = Inner {
            name: name.into(),
            address: server,
            options: Mutex::new(options),
            state: Mutex::default(),
            news: watch::Sender::new(0),
            manager: tokio::sync::Mutex::default(),
            client: Mutex::default(),
            tasks: Mutex::default(),
        };
        let jibri = Jibri { inner: Arc::new(inner) };
        jibri.connect().await?;
        Ok(jibri)
    }

    /// Connects (again) as a new process would: not recording, not hung.
    pub async fn connect(&self) -> Result<()> {
        {
            let mut state = lock(&self.inner.state);
            *state =
                State { starts: std::mem::take(&mut state.starts), stops: state.stops, ..State::default() };
        }
        self.join().await
    }

    /// The same process connects again: a recording is lost, but what hung hangs, and what was unhealthy is.
    pub async fn reconnect(&self) -> Result<()> {
        self.inner.disconnect();
        {
            let mut state = lock(&self.inner.state);
            state.working = false;
            state.published = None;
        }
        self.join().await
    }

    async fn join(&self) -> Result<()> {
        let resource = lock(&self.inner.options).resource.clone().unwrap_or_else(|| self.inner.name.clone());
        let login = Login::service("jibri", &resource);
        let (client, inbox) = Client::connect(self.inner.address, &login, Manners::of_a_service()).await?;
        *lock(&self.inner.client) = Some(client.clone());
        let occupancy = self.occupancy();
        client.send(&Node::presence(&occupancy).child(Node::new("x", ns::MUC)));
        client.wait_for(|node| node.name == "presence" && node.from() == occupancy, SOON).await?;
        self.inner.publish();
        let (queue_in, queue) = mpsc::unbounded_channel();
        let tasks = [tokio::spawn(sort(inbox, queue_in)), tokio::spawn(self.inner.clone().work(queue))];
        lock(&self.inner.tasks).extend(tasks);
        Ok(())
    }

    /// Is gone without a goodbye, and its recorder with it.
    pub fn crash(&self) {
        self.inner.crash();
    }

    /// The container restarts: whatever hung is whole again.
    pub async fn restart(&self) -> Result<()> {
        self.crash();
        self.connect().await
    }

    /// What the next start meets.
    pub fn set_behaviour(&self, behaviour: Behaviour) {
        lock(&self.inner.options).behaviour = behaviour;
        self.inner.publish();
    }

    /// Changes the rest of its set-up.
    pub fn configure(&self, change: impl FnOnce(&mut JibriOptions)) {
        change(&mut lock(&self.inner.options));
        self.inner.publish();
    }

    /// Reports that it is healthy or not.
    pub fn set_healthy(&self, healthy: bool) {
        lock(&self.inner.state).unhealthy = !healthy;
        self.inner.publish();
    }

    /// Its name in the brewery.
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// Does it say that it is busy?
    pub fn is_busy(&self) -> bool {
        lock(&self.inner.state).published.is_some_and(|(busy, _)| busy)
    }

    /// The session whose recorder is in its room.
    pub fn recording(&self) -> Option<String> {
        lock(&self.inner.state).recording.clone()
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
        let stop = lock(&self.inner.state).stop.clone();
        if let Some(stop) = stop {
            let _ = stop.send(());
        }
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
        self.inner.may_act().await;
        let _held = self.inner.manager.lock().await;
        self.stop_from_outside();
        let mut news = self.inner.news.subscribe();
        while lock(&self.inner.state).working && news.changed().await.is_ok() {}
    }

    /// Waits for the same lock, and then has it exit with this code as soon as it is idle.
    pub async fn exit_when_idle(&self, code: i32) {
        self.inner.may_act().await;
        let _held = self.inner.manager.lock().await;
        let mut state = lock(&self.inner.state);
        if state.working {
            state.exit_when_idle = Some(code);
        } else {
            drop(state);
            self.exit(code);
        }
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
        let state = lock(&self.inner.state);
        let busy = match (state.expired, state.published.is_some_and(|(busy, _)| busy)) {
            (true, _) => "EXPIRED",
            (false, true) => "BUSY",
            (false, false) => "IDLE",
        };
        (busy, !state.unhealthy)
    }

    /// Ticks whenever something about it has changed.
    pub(crate) fn news(&self) -> watch::Receiver<u64> {
        self.inner.news.subscribe()
    }

    /// The connection, if there is one.
    pub fn client(&self) -> Option<Client> {
        lock(&self.inner.client).clone()
    }

    fn occupancy(&self) -> String {
        format!("{BREWERY}/{}", self.inner.name)
    }
}
