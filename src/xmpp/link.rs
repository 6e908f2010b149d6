//! The task that keeps the link: connects, works, and begins again, for ever.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::brewery::BreweryEvent;
use super::brewery::seat::Seat;
use super::connect::connect;
use super::counters::Counters;
use super::delays::Delays;
use super::failure::Failure;
use super::session::{End, Session};
use crate::address::{Nick, RoomJid};
use crate::config::{Settings, Xmpp};
use crate::meeting::vouch::Sender;
use crate::meeting::{Action, RoomEvent};
use crate::polling::jittered;
use crate::standby::Gate;
use crate::tenant::Services;

/// Events that may wait for the driver before Prosody has to.
const EVENTS: usize = 1024;
/// Between two attempts of one that waits for its turn: short, because nobody tells it when that comes.
const CONFLICT: Duration = Duration::from_millis(900);
/// How long [`Link::close`] may take.
const CLOSING: Duration = Duration::from_secs(2);

/// Something that the link is to do.
#[derive(Debug)]
pub enum Command {
    /// What the core wants.
    Act(Action),
    /// Ask a conference service for its rooms; answered by [`LinkEvent::Items`].
    DiscoItems {
        /// The service.
        service: String,
    },
    /// Ask a service what it is (XEP-0030); answered by [`LinkEvent::Info`].
    DiscoInfo {
        /// The service.
        service: String,
    },
    /// Ask a conference service which commands it has for us (XEP-0050); answered by [`LinkEvent::Commands`].
    AskCommands {
        /// The service.
        service: String,
    },
    /// Send ourselves a stanza from an address that is not ours; answered by [`LinkEvent::SenderTried`], or the link
    /// ends with [`Failure::InvalidFrom`].
    TrySender {
        /// That address.
        stranger: String,
    },
    /// Ping a Jibri through the brewery (XEP-0199); answered by [`LinkEvent::Pinged`].
    PingJibri {
        /// Its nickname there.
        nick: Nick,
    },
    /// Have everybody in the brewery listed anew, or try to enter it again, now and not only when it is time.
    ListBrewery,
}

/// Something that the link tells.
#[derive(Debug)]
pub enum LinkEvent {
    /// The link is up; nothing is known of the rooms any more.
    Up,
    /// The link is gone, or was tried and did not come up. What was asked will not be answered, and what
    /// is asked before the next [`LinkEvent::Up`] is dropped.
    Down {
        /// Why.
        failure: Failure,
        /// When it is tried again.
        retry_in: Duration,
    },
    /// There is no link because another instance has it; this one waits for its turn. Told once.
    StandingBy {
        /// It had the link, and another connection has thrown it out.
        thrown_out: bool,
    },
    /// Something about a room of the configured services.
    Room {
        /// The room, by its real name.
        room: RoomJid,
        /// What about it.
        event: RoomEvent,
    },
    /// The answer to [`Command::DiscoItems`].
    Items {
        /// The service that was asked.
        service: String,
        /// Its rooms; none if it refused or did not answer in time.
        rooms: Option<Vec<RoomJid>>,
    },
    /// The answer to [`Command::DiscoInfo`].
    Info {
        /// The service that was asked.
        service: String,
        /// Whether it is one for conferences; none if it refused, does not exist, or did not answer in time.
        is_conference: Option<bool>,
    },
    /// The answer to [`Command::AskCommands`].
    Commands {
        /// The service that was asked.
        service: String,
        /// Whether it has those for us that are for its admins only; none if it did not say.
        has_admins: Option<bool>,
    },
    /// What became of [`Command::TrySender`].
    SenderTried {
        /// It has come. If not, it was lost on its way.
        accepted: bool,
    },
    /// Somebody, whoever it is, invites us to a room of the configured services.
    Invited {
        /// Whoever has sent the invitation, by Prosody's word: an account, or a room in somebody's stead.
        sender: Sender,
        /// The room, by its real name.
        room: RoomJid,
    },
    /// Something about the brewery.
    Brewery(BreweryEvent),
    /// What became of [`Command::PingJibri`]. Where we are not inside the brewery, nothing is known and nothing told.
    Pinged {
        /// The nickname.
        nick: Nick,
        /// Whether the Jibri itself has answered, be it with an error.
        answered: bool,
    },
}

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

/// What a session needs of the settings.
#[derive(Debug)]
pub(super) struct Config {
    pub(super) xmpp: Xmpp,
    /// The `from` of all that we send (docs/jitsi.md 0.6).
    pub(super) me: String,
    pub(super) focus: Nick,
    pub(super) services: Services,
}

/// Starts the task; it begins to connect as soon as the other instance, if there is one, lets it.
pub fn spawn(settings: &Settings) -> (Link, mpsc::Receiver<LinkEvent>) {
    let (xmpp, muc) = (&settings.xmpp, &settings.muc);
    let seat = settings
        .jibri
        .brewery
        .clone()
        .map(|room| Seat::new(room, &xmpp.domain, &xmpp.user, &muc.nickname, &muc.focus_nickname));
    let config = Config {
        me: format!("{}@{}/a", settings.xmpp.user, settings.xmpp.domain),
        xmpp: settings.xmpp.clone(),
        focus: settings.muc.focus_nickname.clone(),
        services: Services::new(&settings.muc.domains).without(settings.jibri.brewery.clone()),
    };
    let counters = Arc::new(Counters::default());
    let (commands, commands_end) = mpsc::unbounded_channel();
    let (events_end, events) = mpsc::channel(EVENTS);
    let task = tokio::spawn(keep(
        config,
        seat,
        Gate::new(settings),
        Arc::clone(&counters),
        commands_end,
        events_end,
    ));
    (Link { commands, counters, task }, events)
}

async fn keep(
    config: Config,
    mut seat: Option<Seat>,
    mut gate: Gate,
    counters: Arc<Counters>,
    mut commands: mpsc::UnboundedReceiver<Command>,
    events: mpsc::Sender<LinkEvent>,
) {
    let mut delays = Delays::new(&config.xmpp);
    let mut was_up = false;
    let mut stands_by = false;
    loop {
        let let_in = tokio::select! {
            let_in = gate.is_open() => let_in,
            () = closed(&mut commands) => return,
        };
        if !let_in {
            if !std::mem::replace(&mut stands_by, true) && !stand_by(&events, false).await {
                return;
            }
            tokio::select! {
                () = gate.open() => {}
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
                stands_by = false;
                let up_at = Instant::now();
                // What was wanted while there was no link is not wanted any more; what the driver wants
                // after it has been told comes later than that.
                while commands.try_recv().is_ok() {}
                if events.send(LinkEvent::Up).await.is_err() {
                    return;
                }
                let session = Session::new(&config, &mut seat, &counters, &events, stanzas);
                let end = session.run(&mut commands).await;
                delays.was_up_for(up_at.elapsed());
                if let Some(lost) = seat.as_mut().and_then(Seat::link_down)
                    && events.send(LinkEvent::Brewery(lost)).await.is_err()
                {
                    return;
                }
                end
            }
            Err(failure) => End::Failed(failure),
        };
        let End::Failed(failure) = end else { return };
        let is_conflict = matches!(failure, Failure::Conflict { .. });
        let is_thrown_out = is_conflict && is_up;
        if is_thrown_out {
            gate.thrown_out();
        }
        if is_conflict && gate.expects_another() && (gate.asks() || !is_thrown_out) {
            if !std::mem::replace(&mut stands_by, true) && !stand_by(&events, is_thrown_out).await {
                return;
            }
            // Where the other one can be asked, its answer is waited for and not the time.
            let pause = if is_thrown_out { Duration::ZERO } else { jittered(CONFLICT) };
            tokio::select! {
                () = sleep(pause) => continue,
                () = closed(&mut commands) => return,
            }
        }
        let took = if is_up { Duration::ZERO } else { tried_at.elapsed() };
        let retry_in = if is_thrown_out {
            delays.after_being_thrown_out(&failure)
        } else {
            delays.after(&failure, took)
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
async fn stand_by(events: &mpsc::Sender<LinkEvent>, thrown_out: bool) -> bool {
    events.send(LinkEvent::StandingBy { thrown_out }).await.is_ok()
}

/// Drops commands until their sender is gone.
async fn closed(commands: &mut mpsc::UnboundedReceiver<Command>) {
    while commands.recv().await.is_some() {}
}
