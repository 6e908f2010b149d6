//! Jicofo as others meet it: it opens rooms, watches the brewery and hands out work to Jibris.

use crate::caps::KnownCaps;
use crate::client::{Client, Inbox};
use crate::config::{AUTH, BREWERY};
use crate::focus_options::{Fault, FocusOptions, StartRequest};
use crate::focus_room::{Answered, FocusRoom};
use crate::login::Login;
use crate::manners::Manners;
use crate::recorder::Model;
use crate::room::address;
use crate::xml::{Node, bare, ns, resource};
use crate::{Prosody, Result, SOON, brewery, keep_time, lock};
use model::jicofo::Input;
use model::{JicofoSettings, Mode};
use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::watch;

/// Jicofo. Clones are the same Jicofo.
#[derive(Clone)]
pub struct Focus {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) address: SocketAddr,
    pub(crate) options: Mutex<FocusOptions>,
    /// What it decides about recordings, and since when.
    pub(crate) model: Mutex<Model>,
    pub(crate) acting: Mutex<()>,
    pub(crate) began: Instant,
    shown_began: SystemTime,
    pub(crate) caps: Mutex<KnownCaps>,
    pub(crate) rooms: Mutex<HashMap<String, Arc<FocusRoom>>>,
    client: Mutex<Option<Client>>,
    /// Counts connections: what an old one still delivers is nobody's any more.
    connection: AtomicU64,
    pub(crate) requests: Mutex<Vec<StartRequest>>,
    pub(crate) stops: Mutex<Vec<StartRequest>>,
    faults: Mutex<VecDeque<(Option<String>, Fault)>>,
    standing_fault: Mutex<Option<Fault>>,
    /// Sessions that no Jibri could be had for, counted once per nested attempt as Jicofo does.
    pub(crate) failures: AtomicU64,
    /// Conferences that it was asked for, and people who came into one.
    asked: AtomicU64,
    pub(crate) people: AtomicU64,
    pub(crate) news: watch::Sender<u64>,
}

impl Focus {
    /// Logs in and joins the brewery.
    pub async fn start(prosody: &Prosody, options: FocusOptions) -> Result<Focus> {
        let inner = Inner {
            address: prosody.c2s(),
            options: Mutex::new(options),
            model: Mutex::new(Model::new(JicofoSettings::default())),
            acting: Mutex::default(),
            began: Instant::now(),
            shown_began: SystemTime::now(),
            caps: Mutex::default(),
            rooms: Mutex::default(),
            client: Mutex::default(),
            connection: AtomicU64::new(0),
            requests: Mutex::default(),
            stops: Mutex::default(),
            faults: Mutex::default(),
            standing_fault: Mutex::default(),
            failures: AtomicU64::new(0),
            asked: AtomicU64::new(0),
            people: AtomicU64::new(0),
            news: watch::Sender::new(0),
        };
        let focus = Focus { inner: Arc::new(inner) };
        let (due, acts) = (focus.inner.clone(), focus.inner.clone());
        let due = move || Some(lock(&due.model).next_deadline()?.saturating_sub(due.began.elapsed()));
        tokio::spawn(keep_time(focus.inner.news.subscribe(), due, move || acts.meets(Input::Tick)));
        focus.reconnect().await?;
        Ok(focus)
    }

    /// Connects (again), with nothing in memory but the rooms to join again.
    pub async fn reconnect(&self) -> Result<()> {
        let login = Login::service("focus", "focus");
        let (client, inbox) = Client::connect(self.inner.address, &login, Manners::of_a_service()).await?;
        self.inner.meets(Input::Restarts);
        *lock(&self.inner.caps) = KnownCaps::default();
        *lock(&self.inner.client) = Some(client.clone());
        let connection = self.inner.connection.fetch_add(1, Ordering::AcqRel) + 1;
        tokio::spawn(self.inner.clone().serve(inbox, connection));
        let join = Node::presence(&format!("{BREWERY}/focus")).child(Node::new("x", ns::MUC));
        client.send(&join);
        let in_brewery = |node: &Node| node.name == "presence" && node.from() == format!("{BREWERY}/focus");
        client.wait_for(in_brewery, SOON).await?;
        let rooms: Vec<String> = lock(&self.inner.rooms).drain().map(|(room, _)| room).collect();
        for room in rooms {
            self.open_room(&room).await?;
        }
        Ok(())
    }

    /// Loses its connection without a goodbye, and with it all sessions; Jibris are told nothing.
    pub fn disconnect(&self) {
        self.inner.connection.fetch_add(1, Ordering::AcqRel);
        if let Some(client) = lock(&self.inner.client).take() {
            client.abort();
        }
        lock(&self.inner.rooms).values().for_each(|room| room.forget());
    }

    /// Jicofo restarts: it comes back to its rooms and knows of no recording.
    pub async fn restart(&self) -> Result<()> {
        self.disconnect();
        self.reconnect().await
    }

    /// Gives up all rooms, so that they are not joined again.
    pub fn forget_rooms(&self) {
        lock(&self.inner.rooms).drain().for_each(|(_, room)| room.forget());
    }

    /// Joins a room, as for the first person who is about to come.
    pub async fn open_room(&self, room: &str) -> Result<()> {
        let name = address(room);
        self.inner.asked.fetch_add(1, Ordering::AcqRel);
        let asked = Instant::now();
        while asked.elapsed() < SOON {
            let is_gone = || self.room(room).is_none_or(|room| !room.is_closed());
            self.until(SOON, "out of the conference before", is_gone).await?;
            let opened = FocusRoom::open(&self.inner, &name);
            let is_current = || self.room(room).is_some_and(|current| Arc::ptr_eq(&current, &opened));
            let has_ended = || opened.is_closed() || !is_current();
            self.until(SOON, "in the room", || opened.is_inside() || has_ended()).await?;
            if opened.is_inside() {
                return Ok(());
            }
            if opened.is_not_allowed() {
                return Err(format!("focus: may not open {name}").into());
            }
            // Whoever was there left in that moment, and nobody else: that conference has ended, and this is another.
        }
        Err(format!("focus: cannot stay in {name}").into())
    }

    /// Ends a conference: a recording is stopped, and Jicofo leaves.
    pub fn leave_room(&self, room: &str) {
        if let Some(room) = self.room(room) {
            room.close(&self.inner);
        }
    }

    /// All rooms that Jicofo is in, as its REST interface names them.
    pub fn rooms(&self) -> Vec<String> {
        let rooms = lock(&self.inner.rooms);
        rooms.iter().filter(|(_, room)| room.is_inside()).map(|(name, _)| name.clone()).collect()
    }

    /// Is Jicofo in this room?
    pub fn is_in(&self, room: &str) -> bool {
        self.room(room).is_some_and(|room| room.is_inside())
    }

    /// Makes somebody an owner.
    pub async fn promote(&self, room: &str, nick: &str) -> Result<()> {
        let name = address(room);
        let room = self.room(room).ok_or("Jicofo is not in that room")?;
        self.until(SOON, "known", || room.real_jid(nick).is_some()).await?;
        room.make_owner(&self.inner, nick).await.map_err(|e| format!("{name}: {e}").into())
    }

    /// Says of a recording whatever a bench wants to be heard, as far as its own sessions do not speak.
    pub fn says(&self, room: &str, status: Option<Node>) -> Result<()> {
        let room = self.room(room).ok_or("Jicofo is not in that room")?;
        lock(&room.state).status = status;
        self.inner.send(&room.own_presence());
        Ok(())
    }

    /// Nick of the owner that was elected.
    pub fn owner(&self, room: &str) -> Option<String> {
        self.room(room)?.owner()
    }

    /// Nicks in a room, focus not included.
    pub fn members(&self, room: &str) -> Vec<String> {
        self.room(room).map(|room| room.members()).unwrap_or_default()
    }

    /// What members answered to `disco#info` and to the media offer.
    pub fn answers(&self, room: &str) -> Vec<Answered> {
        self.room(room).map(|room| room.answers()).unwrap_or_default()
    }

    /// Nicks of members of which it logs that they came without the short form of what they can do (XEP-0115), or with a
    /// wrong one; since it is connected.
    pub fn without_caps(&self) -> Vec<String> {
        lock(&self.inner.caps).complaints.clone()
    }

    /// The session that is pending or on in a room.
    pub fn session(&self, room: &str) -> Option<String> {
        lock(&self.inner.model).session(&address(room)).map(|session| session.id.clone())
    }

    /// Start requests so far, all rooms.
    pub fn start_requests(&self) -> Vec<StartRequest> {
        lock(&self.inner.requests).clone()
    }

    /// Start requests so far in a room.
    pub fn start_requests_in(&self, room: &str) -> Vec<StartRequest> {
        let room = address(room);
        self.start_requests().into_iter().filter(|request| request.room == room).collect()
    }

    /// Stop requests so far, all rooms.
    pub fn stop_requests(&self) -> Vec<StartRequest> {
        lock(&self.inner.stops).clone()
    }

    /// Jibris by name, and whether Jicofo takes each for idle and healthy.
    pub fn jibris(&self) -> Vec<(String, bool)> {
        let model = lock(&self.inner.model);
        let all = model.detector.instances();
        all.map(|(jid, seen)| (resource(jid).to_owned(), seen.status.is_available())).collect()
    }

    /// `jibri_detector` of its REST interface: what it believes of each Jibri.
    pub fn detector(&self) -> serde_json::Value {
        brewery::debug(&lock(&self.inner.model).detector, self.inner.shown_began)
    }

    /// The state of a conference, as its REST interface shows it, as far as it is modelled.
    pub fn debug(&self, room: &str) -> Option<serde_json::Value> {
        let trusted = self.inner.settings().trusted_domains;
        self.room(room).filter(|room| room.is_inside()).map(|room| room.debug(&trusted))
    }

    /// Is it set up to record?
    pub fn records(&self) -> bool {
        lock(&self.inner.options).recording
    }

    /// Conferences that it was asked for so far, and people who came into one.
    pub fn conferences(&self) -> (u64, u64) {
        (self.inner.asked.load(Ordering::Acquire), self.inner.people.load(Ordering::Acquire))
    }

    /// How many starts came to nothing, as its statistics count them: once per nested attempt.
    pub fn recording_failures(&self) -> u64 {
        self.inner.failures.load(Ordering::Acquire)
    }

    /// How many recordings and streams are on.
    pub fn sessions_on(&self) -> (usize, usize) {
        let rooms: Vec<String> = lock(&self.inner.rooms).keys().cloned().collect();
        let model = lock(&self.inner.model);
        let sessions = rooms.iter().filter_map(|room| model.session(room)).filter(|session| session.on);
        let (files, streams): (Vec<_>, Vec<_>) = sessions.partition(|session| session.mode == Mode::File);
        (files.len(), streams.len())
    }

    /// Waits until Jicofo sees so many Jibris that are idle and healthy.
    pub async fn wait_available(&self, count: usize) -> Result<()> {
        let available = || self.jibris().iter().filter(|(_, available)| *available).count() == count;
        self.until(SOON, "that many Jibris", available).await
    }

    /// The next start request, in whatever room, meets this fault; several are met in turn.
    pub fn inject(&self, fault: Fault) {
        lock(&self.inner.faults).push_back((None, fault));
    }

    /// The next start request in this room meets this fault.
    pub fn inject_in(&self, room: &str, fault: Fault) {
        lock(&self.inner.faults).push_back((Some(address(room)), fault));
    }

    /// Every start request meets this fault until it is taken back.
    pub fn set_fault(&self, fault: Option<Fault>) {
        *lock(&self.inner.standing_fault) = fault;
    }

    /// Changes the settings for what comes.
    pub fn configure(&self, change: impl FnOnce(&mut FocusOptions)) {
        change(&mut lock(&self.inner.options));
    }

    /// Waits until a condition on Jicofo holds.
    pub async fn until(&self, bound: Duration, what: &str, holds: impl Fn() -> bool) -> Result<()> {
        let mut news = self.inner.news.subscribe();
        let wait = async {
            while !holds() {
                if news.changed().await.is_err() {
                    return;
                }
            }
        };
        tokio::time::timeout(bound, wait)
            .await
            .map_err(|_| format!("focus: not {what} within {bound:?}").into())
    }

    fn room(&self, room: &str) -> Option<Arc<FocusRoom>> {
        lock(&self.inner.rooms).get(&address(room)).cloned()
    }
}

impl Inner {
    /// The connection, if there is one.
    pub(crate) fn client(&self) -> Option<Client> {
        lock(&self.client).clone()
    }

    /// Sends if there is a connection.
    pub(crate) fn send(&self, node: &Node) {
        if let Some(client) = self.client() {
            client.send(node);
        }
    }

    /// Sends the answer to a start or stop request, and notes when.
    pub(crate) fn answer(&self, iq: &Node, answer: &Node) {
        self.send(answer);
        let asked = |request: &&mut StartRequest| {
            request.iq.from() == iq.from() && request.iq.get("id") == iq.get("id")
        };
        if let Some(request) = lock(&self.requests).iter_mut().rev().find(asked) {
            request.answered = Some(Instant::now());
        }
    }

    pub(crate) fn tell(&self) {
        self.news.send_modify(|n| *n += 1);
    }

    pub(crate) fn settings(&self) -> FocusOptions {
        lock(&self.options).clone()
    }

    async fn serve(self: Arc<Self>, mut inbox: Inbox, connection: u64) {
        while let Some(received) = inbox.recv().await {
            if self.connection.load(Ordering::Acquire) != connection {
                return;
            }
            let node = &received.node;
            let place = bare(node.from());
            if node.name == "presence" && place == BREWERY {
                self.brewery_shows(node);
            } else if node.name == "presence" {
                let room = lock(&self.rooms).get(place).cloned();
                if let Some(room) = room {
                    room.presence(&self, node);
                }
            } else if node.is("iq", ns::CLIENT) && node.find_ns("jibri", ns::JIBRI).is_some() {
                self.jibri_iq(&received);
            } else if let Some(conference) = node.find_ns("conference", ns::FOCUS) {
                tokio::spawn(self.clone().conference(node.clone(), conference.get_or_empty("room").into()));
            }
            self.tell();
        }
    }

    /// A client asks for a conference before it joins, so that Jicofo is there first.
    async fn conference(self: Arc<Self>, iq: Node, room: String) {
        let focus = Focus { inner: self };
        if !focus.is_in(&room) {
            // If it may not, the client is refused as well.
            let _ = focus.open_room(&room).await;
        }
        focus.inner.send(&iq.result());
    }

    pub(crate) fn fault(&self, room: &str) -> Option<Fault> {
        let mut faults = lock(&self.faults);
        let fits = |(place, _): &(Option<String>, Fault)| place.as_deref().is_none_or(|place| place == room);
        match faults.iter().position(fits) {
            Some(position) => faults.remove(position).map(|(_, fault)| fault),
            None => lock(&self.standing_fault).clone(),
        }
    }
}

/// Jicofo's own address.
pub fn focus_jid() -> String {
    format!("focus@{AUTH}/focus")
}
