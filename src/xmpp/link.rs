//! The task that keeps the link: connects, works, and begins again, for ever.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::brewery::occupancy::Occupancy;
use super::command::Command;
use super::config::Config;
use super::connect::connect;
use super::delays::Delays;
use super::event::LinkEvent;
use super::session::{End, Session};
use super::takeover::{Next, Takeover};
use crate::config::Settings;
use crate::standby::Gate;
use crate::surface::Counters;

/// Events that may wait for the driver before Prosody has to.
const EVENTS: usize = 1024;
/// How long [`Link::close`] may take.
const CLOSING: Duration = Duration::from_secs(2);

/// The link as its owner holds it. Dropped, it is closed.
#[derive(Debug)]
pub struct Link {
    commands: mpsc::UnboundedSender<Command>,
    counters: Arc<Counters>,
    task: JoinHandle<()>,
}

impl Link {
    /// Has something done; while the link is down it is dropped.
    pub fn send(&self, command: Command) {
        // The task ends early only if nobody takes its events, and then nobody waits for this either.
        let _ = self.commands.send(command);
    }

    /// What the link has seen and done.
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.counters)
    }

    /// Sends what is still to be sent, closes the stream in good order, and waits for that, but not long.
    pub async fn close(self) {
        drop(self.commands);
        let mut task = self.task;
        if timeout(CLOSING, &mut task).await.is_err() {
            task.abort();
        }
    }
}

/// Starts the task; it begins to connect as soon as the other instance, if there is one, lets it.
pub fn spawn(settings: &Settings) -> (Link, mpsc::Receiver<LinkEvent>) {
    let (xmpp, muc) = (&settings.xmpp, &settings.muc);
    let occupancy = settings
        .jibri
        .brewery
        .clone()
        .map(|room| Occupancy::new(room, &xmpp.domain, &xmpp.user, &muc.nickname, &muc.focus_nickname));
    let counters = Arc::new(Counters::default());
    let (commands, commands_end) = mpsc::unbounded_channel();
    let (events_end, events) = mpsc::channel(EVENTS);
    let task = tokio::spawn(keep(
        Config::new(settings),
        occupancy,
        Takeover::new(Gate::new(settings)),
        Arc::clone(&counters),
        commands_end,
        events_end,
    ));
    (Link { commands, counters, task }, events)
}

async fn keep(
    config: Config,
    mut occupancy: Option<Occupancy>,
    mut takeover: Takeover,
    counters: Arc<Counters>,
    mut commands: mpsc::UnboundedReceiver<Command>,
    events: mpsc::Sender<LinkEvent>,
) {
    let mut delays = Delays::new(&config.xmpp);
    let mut was_up = false;
    loop {
        let let_in = tokio::select! {
            let_in = takeover.is_open() => let_in,
            () = closed(&mut commands) => return,
        };
        if !let_in {
            if takeover.stand_by() && !tell_standing_by(&events, false).await {
                return;
            }
            tokio::select! {
                () = takeover.open() => {}
                () = closed(&mut commands) => return,
            }
        }
        let tried_at = Instant::now();
        let connected = tokio::select! {
            connected = connect(&config.xmpp) => connected,
            () = closed(&mut commands) => return,
        };
        let is_up = connected.is_ok();
        let end = match connected {
            Ok(stanzas) => {
                if was_up {
                    counters.reconnects.add();
                }
                was_up = true;
                takeover.link_up();
                let up_at = Instant::now();
                // What was wanted while there was no link is not wanted any more; what the driver wants
                // after it has been told comes later than that.
                while commands.try_recv().is_ok() {}
                if events.send(LinkEvent::Up).await.is_err() {
                    return;
                }
                let session = Session::new(&config, &mut occupancy, &counters, &events, stanzas);
                let end = session.run(&mut commands).await;
                delays.was_up_for(up_at.elapsed());
                if let Some(lost) = occupancy.as_mut().and_then(Occupancy::link_down)
                    && events.send(LinkEvent::Brewery(lost)).await.is_err()
                {
                    return;
                }
                end
            }
            Err(failure) => End::Failed(failure),
        };
        let End::Failed(failure) = end else { return };
        let retry_in = match takeover.link_failed(&failure, is_up) {
            Next::StandBy { thrown_out, pause } => {
                if takeover.stand_by() && !tell_standing_by(&events, thrown_out).await {
                    return;
                }
                tokio::select! {
                    () = sleep(pause) => continue,
                    () = closed(&mut commands) => return,
                }
            }
            Next::TryAgain { thrown_out: true } => delays.after_being_thrown_out(&failure),
            Next::TryAgain { thrown_out: false } => {
                let took = if is_up { Duration::ZERO } else { tried_at.elapsed() };
                delays.after(&failure, took)
            }
        };
        let retry_at = Instant::now().checked_add(retry_in);
        if events.send(LinkEvent::Down { failure, retry_in }).await.is_err() {
            return;
        }
        if let Some(retry_at) = retry_at {
            tokio::select! {
                () = sleep_until(retry_at) => {}
                () = closed(&mut commands) => return,
            }
        }
    }
}

/// Whether somebody still wants to know.
async fn tell_standing_by(events: &mpsc::Sender<LinkEvent>, thrown_out: bool) -> bool {
    events.send(LinkEvent::StandingBy { thrown_out }).await.is_ok()
}

/// Drops commands until their sender is gone.
async fn closed(commands: &mut mpsc::UnboundedReceiver<Command>) {
    while commands.recv().await.is_some() {}
}
