//! The core: rooms, who is in them, and whether they are recorded. Pure: no clock, no I/O, no XML.
//!
//! [`Meetings`] is a value: [`Meetings::handle`] takes one [`Input`] and returns what is to be done and
//! told, [`Meetings::next_deadline`] says when it wants to be called with [`Input::Tick`] at the latest.

mod alone;
mod answer;
mod budget;
mod companions;
mod context;
mod event;
mod identity;
mod io;
mod knowledge;
mod manual;
mod notice;
mod occupancy;
mod occupants;
mod person;
mod polling;
mod queue;
mod recording;
mod room;
mod roster;
mod rules;
mod trial;
mod turns;
mod view;
pub mod watchlist;
mod zombie;

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rand::SeedableRng as _;
use rand::rngs::SmallRng;

pub use answer::{Meaning, Misfit, StartFailure, StopFailure, meaning};
pub use event::{Effect, Ended, Event, Hold, Refutation, State, WaitEnd, What};
pub use identity::{Identity, Who};
pub use io::*;
pub use manual::{ManualOrder, NotTaken, OrderEnd, OrderedBy, Origin};
pub use occupancy::{LETS_IN_SLOWLY, list_error_reason, refusal_reason};
pub use person::{DisplayName, Person};
pub use queue::MOST_PLACES;
pub use room::{NO_FOCUS_REASON, ZOMBIE_REASON, unlisted_focus_reason};
pub use roster::Roster;
pub use view::{Proof, RoomView};

use crate::address::RoomJid;
use crate::config::{Mode, Settings};
use crate::schedule::Schedule;
use crate::time::Time;
use companions::Companions;
use context::Ctx;
use occupancy::News;
use queue::{Queue, Standing};
use room::{Room, Wait};
use rules::Rules;
use trial::{Trial, Verdict};
use turns::{Turns, Urgency};
use watchlist::Sender;

/// The sources have named all rooms that were there before the link, or before the companion answered, by then.
const FOUND_WITHIN: Duration = Duration::from_secs(3);
/// So long after Jicofo has gone, or is back, everybody who comes to his room anew has come (docs/jitsi.md 13.2.13).
const COME_ANEW: Duration = Duration::from_secs(60);

/// All rooms.
#[derive(Debug)]
pub struct Meetings {
    /// In boxes: the nodes of a map are half empty, and there may be ten thousand rooms.
    rooms: BTreeMap<RoomJid, Box<Room>>,
    deadlines: Schedule<RoomJid>,
    /// Rooms whose turn for a role query has not come yet.
    turns: Turns,
    queue: Queue,
    /// Since when there is a link.
    linked: Option<Time>,
    /// Until when people may come anew to rooms that have not changed for long.
    unsettled_until: Time,
    rules: Rules,
    rng: SmallRng,
    next_id: u64,
}

impl Meetings {
    /// Starts with the rooms of `discovery.rooms`. `dry_run`: decides, but starts nothing. `seed`: for
    /// jitter and spare nicknames; the same seed and inputs give the same effects.
    pub fn new(settings: &Settings, dry_run: bool, seed: u64, now: Time) -> Self {
        let rules = Rules {
            identity: Identity::new(settings),
            companions: Companions::new(settings.muc.footprint, &settings.muc.domains),
            notice: settings.muc.notice,
            peek: settings.muc.peek,
            nickname: settings.muc.nickname.clone(),
            services: settings.muc.domains.clone(),
            start: settings.start.clone(),
            stop: settings.stop.clone(),
            rules: settings.rules.clone(),
            dry_run,
            recorded: BTreeSet::new(),
        };
        let mut meetings = Self {
            rooms: BTreeMap::new(),
            deadlines: Schedule::default(),
            turns: Turns::default(),
            queue: Queue::default(),
            linked: None,
            unsettled_until: Time::default(),
            rules,
            rng: SmallRng::seed_from_u64(seed),
            next_id: 0,
        };
        for room in &settings.discovery.rooms {
            // There is no link yet, so nothing follows.
            meetings.watch(room, now, &mut Vec::new());
        }
        meetings
    }

    /// These rooms were being recorded when this program ended: the only recorder in one of them is taken for the same, so
    /// that nobody sees us come to ask. To be called before there is a link.
    pub fn remember(&mut self, recorded: BTreeSet<RoomJid>) {
        for (jid, room) in &mut self.rooms {
            if recorded.contains(jid) {
                room.remember();
            }
        }
        self.rules.recorded = recorded;
    }

    /// Other `[start]`, `[stop]` and `[[rule]]`, from now on and for all rooms; nothing else is taken over.
    pub fn use_rules(&mut self, settings: &Settings, now: Time) -> Vec<Effect> {
        self.rules.start = settings.start.clone();
        self.rules.stop = settings.stop.clone();
        self.rules.rules = settings.rules.clone();
        let mut effects = Vec::new();
        for jid in self.rooms.keys().cloned().collect::<Vec<_>>() {
            self.with_room(&jid, now, &mut effects, |room, _, rules| {
                room.rule = rules.rule_for(&jid);
                room.rules_changed(rules.policy_of(room));
            });
        }
        self.pass_deadlines(now, &mut effects);
        self.serve(now, &mut effects);
        self.ask(now, &mut effects);
        effects
    }

    /// Takes in one thing that has become known; returns what follows.
    pub fn handle(&mut self, now: Time, input: Input) -> Vec<Effect> {
        let mut effects = Vec::new();
        match input {
            Input::LinkUp => {
                self.linked = Some(now);
                self.rules.companions.link_up(now);
                self.use_footprints(now, &mut effects);
                self.all_rooms(now, &mut effects, |room, _| room.link_up(now));
            }
            Input::SenderRefused => {
                self.rules.companions.sender_refused();
                self.use_footprints(now, &mut effects);
                self.all_rooms(now, &mut effects, |room, _| room.sender_refused());
            }
            Input::Companion { service, answers, can_notify } => {
                self.rules.companions.says(service, answers, can_notify, now);
                self.use_footprints(now, &mut effects);
            }
            Input::JicofoRestarts => {
                self.unsettled_until = now.after(COME_ANEW);
                self.all_rooms(now, &mut effects, |room, _| room.look_at_everybody(now));
            }
            Input::LinkDown => {
                self.linked = None;
                self.rules.companions.link_down();
                self.turns.clear();
                self.all_rooms(now, &mut effects, |room, _| room.link_down());
            }
            Input::Watch { room } => self.watch(&room, now, &mut effects),
            Input::WatchOnTrial { room, sender } => self.watch_on_trial(&room, sender, now, &mut effects),
            Input::Poll { room } => {
                self.with_room(&room, now, &mut effects, |room, _, _| room.look(now));
            }
            Input::Counted { room } => {
                self.with_room(&room, now, &mut effects, |room, _, _| room.look_from_outside(now));
            }
            // The last word has a look at the room: it may have begun anew, or go on unknown to all sources.
            Input::Forget { room } => {
                self.with_room(&room, now, &mut effects, |room, _, _| {
                    room.vouched = false;
                    room.look(now);
                });
            }
            Input::Supply(supply) => self.queue.supply(supply),
            Input::Room { room, event } => self.room_event(&room, event, now, &mut effects),
            Input::Tick => {}
        }
        if self.rules.companions.pass_deadline(now) {
            self.use_footprints(now, &mut effects);
        }
        self.pass_deadlines(now, &mut effects);
        self.serve(now, &mut effects);
        self.ask(now, &mut effects);
        effects
    }

    /// Jicofo lists these conferences, and no others.
    pub fn jicofo_lists(&mut self, now: Time, listed: &BTreeSet<RoomJid>) -> Vec<Effect> {
        let mut effects = Vec::new();
        for (jid, room) in &mut self.rooms {
            let is_listed = listed.contains(jid) && self.rules.policy_of(room).record;
            let turn = room.zombie.listed(is_listed, now);
            effects.extend(zombie_event(jid, turn));
        }
        effects
    }

    /// Takes a room in hand, or gives it back to the rules.
    ///
    /// # Errors
    /// Why the order is not taken; nothing has changed then.
    pub fn manual(
        &mut self,
        now: Time,
        jid: &RoomJid,
        hand: ManualOrder,
        origin: Origin,
    ) -> Result<Vec<Effect>, NotTaken> {
        let room = self.rooms.get(jid).ok_or(NotTaken::NotWatched)?;
        if self.rules.dry_run {
            return Err(NotTaken::DryRun);
        }
        room.takes(hand)?;
        let mut effects = Vec::new();
        self.with_room(jid, now, &mut effects, |room, ctx, _| room.manual(hand, origin, ctx));
        self.serve(now, &mut effects);
        self.ask(now, &mut effects);
        Ok(effects)
    }

    /// When [`Input::Tick`] is due, if nothing happens before.
    pub fn next_deadline(&self) -> Option<Time> {
        let turn = self.turns.deadline().filter(|_| self.linked.is_some());
        self.deadlines.next().into_iter().chain(turn).chain(self.rules.companions.deadline()).min()
    }

    /// The program ends: leaves all rooms. Recordings go on.
    pub fn leave_all(&mut self, now: Time) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.all_rooms(now, &mut effects, |room, ctx| room.leave(ctx));
        effects
    }

    /// All rooms as they can be shown, by name.
    pub fn rooms(&self) -> impl Iterator<Item = RoomView<'_>> {
        self.rooms.iter().map(|(jid, room)| self.view(jid, room))
    }

    /// One room as it can be shown.
    pub fn room(&self, jid: &RoomJid) -> Option<RoomView<'_>> {
        self.rooms.get_key_value(jid).map(|(jid, room)| self.view(jid, room))
    }

    fn view<'a>(&'a self, jid: &'a RoomJid, room: &'a Room) -> RoomView<'a> {
        room.view(jid, &self.rules, self.queue.place(jid, room.standing))
    }

    /// In how many rooms a recording to a file is wanted now, whether it is on or not.
    pub fn rooms_wanted(&self) -> usize {
        let is_wanted = |room: &Room| {
            let policy = self.rules.policy_of(room);
            policy.record && policy.start.mode == Mode::File && room.is_wanted_now()
        };
        self.rooms.values().filter(|room| is_wanted(room)).count()
    }

    /// Whether this room is recorded to a file or streamed, where it is.
    pub fn mode_of(&self, jid: &RoomJid) -> Option<Mode> {
        self.rooms.get(jid).map(|room| self.rules.policy_of(room).start.mode)
    }

    /// Who is in a room, as far as we see.
    pub fn roster(&self, jid: &RoomJid) -> Option<&Roster> {
        self.rooms.get(jid).map(|room| room.roster())
    }

    fn watch(&mut self, jid: &RoomJid, now: Time, effects: &mut Vec<Effect>) {
        if !watchlist::is_watched(jid, &self.rules.services) {
            return;
        }
        let (rules, linked) = (&self.rules, self.linked);
        let room =
            self.rooms.entry(jid.clone()).or_insert_with(|| Box::new(rules.new_room(jid, linked, now)));
        if room.trial.take().is_some() {
            // It may wait for a turn among those on trial.
            self.turns.forget(jid);
            self.turns.push(jid.clone(), Urgency::Eager);
        }
        self.with_room(jid, now, effects, |room, _, _| {
            room.vouched = true;
            room.look(now);
        });
    }

    fn watch_on_trial(&mut self, jid: &RoomJid, sender: Sender, now: Time, effects: &mut Vec<Effect>) {
        if !watchlist::is_watched(jid, &self.rules.services) {
            return;
        }
        // A room that goes on although nobody vouched for it any more is no stranger.
        if !self.rooms.contains_key(jid) {
            let mut room = self.rules.new_room(jid, self.linked, now);
            room.trial = Some(Trial::new(sender));
            self.rooms.insert(jid.clone(), Box::new(room));
        }
        let is_on_trial = self.with_room(jid, now, effects, |room, _, _| {
            room.vouched = true;
            room.look(now);
            room.trial.is_some()
        });
        if is_on_trial == Some(false) {
            effects.push(Effect::Proven(jid.clone()));
        }
    }

    fn room_event(&mut self, jid: &RoomJid, event: RoomEvent, now: Time, effects: &mut Vec<Effect>) {
        if matches!(event, RoomEvent::Roles { .. }) {
            self.turns.answered(jid);
        }
        let is_look = matches!(event, RoomEvent::Roles { .. } | RoomEvent::Pictured(_) | RoomEvent::Over);
        let found = self.with_room(jid, now, effects, |room, ctx, rules| {
            let policy = rules.policy_of(room);
            let turn = match &event {
                RoomEvent::Roles { result, .. } => room.zombie.seen(result.as_ref().err()),
                RoomEvent::Pictured(picture) => {
                    room.zombie.seen(picture.is_none().then_some(&ListError::Other))
                }
                RoomEvent::Over => room.zombie.seen(Some(&ListError::Gone)),
                _ => None,
            };
            ctx.effects.extend(zombie_event(jid, turn));
            let news = room.take(event, ctx, &rules.identity, policy);
            (news, if is_look { room.judge(news, now) } else { None })
        });
        match found {
            Some((_, Some(Verdict::Proven))) => effects.push(Effect::Proven(jid.clone())),
            Some((_, Some(Verdict::Missed)) | (News::RoomGone, _)) => {
                effects.push(Effect::NoSuchRoom(jid.clone()));
            }
            _ => {}
        }
    }

    /// The footprints in effect may be others now.
    fn use_footprints(&mut self, now: Time, effects: &mut Vec<Effect>) {
        let mut changed = Vec::new();
        for (jid, room) in &self.rooms {
            let footprint = self.rules.companions.footprint_in(jid);
            if footprint != room.footprint() {
                changed.push((jid.clone(), footprint));
            }
        }
        for (jid, footprint) in changed {
            self.with_room(&jid, now, effects, |room, ctx, _| room.use_footprint(footprint, ctx));
        }
    }

    /// Those who have moved up in the queue may start.
    fn serve(&mut self, now: Time, effects: &mut Vec<Effect>) {
        loop {
            let served = self.queue.served();
            if served.is_empty() {
                return;
            }
            for jid in served {
                self.with_room(&jid, now, effects, |_, _, _| ());
            }
        }
    }

    /// Rooms whose recording is wanted and due, and for which no Jibri is free.
    pub fn rooms_waiting(&self) -> usize {
        self.queue.in_want()
    }

    fn pass_deadlines(&mut self, now: Time, effects: &mut Vec<Effect>) {
        // A room is visited once at most: one whose new deadline has passed too has its turn next time.
        let due: Vec<RoomJid> = self.deadlines.due(now).cloned().collect();
        for jid in due {
            self.with_room(&jid, now, effects, |_, _, _| ());
        }
    }

    /// Hands out role queries, as many as the budget allows.
    fn ask(&mut self, now: Time, effects: &mut Vec<Effect>) {
        while self.linked.is_some()
            && let Some(jid) = self.turns.pop(now)
        {
            let asks = |room: &mut Room, ctx: &mut Ctx<'_>, _: &Rules| (room.ask(ctx), room.trial.is_some());
            if let Some((Some(queries), is_on_trial)) = self.with_room(&jid, now, effects, asks) {
                self.turns.asked(jid, is_on_trial, queries, now);
            }
        }
    }

    fn all_rooms(
        &mut self,
        now: Time,
        effects: &mut Vec<Effect>,
        mut change: impl FnMut(&mut Room, &mut Ctx<'_>),
    ) {
        let jids: Vec<RoomJid> = self.rooms.keys().cloned().collect();
        for jid in jids {
            self.with_room(&jid, now, effects, |room, ctx, _| change(room, ctx));
        }
    }

    /// Changes a room, lets it decide what follows, and writes down its next deadline. A room that is over
    /// then is forgotten.
    fn with_room<R>(
        &mut self,
        jid: &RoomJid,
        now: Time,
        effects: &mut Vec<Effect>,
        change: impl FnOnce(&mut Room, &mut Ctx<'_>, &Rules) -> R,
    ) -> Option<R> {
        let (jid, room) = self.rooms.get_key_value(jid).map(|(jid, _)| jid.clone()).and_then(|jid| {
            let room = self.rooms.get_mut(&jid)?;
            Some((jid, room))
        })?;
        let (stood, was_starting) = (room.standing, room.is_starting());
        let mut ctx = Ctx {
            now,
            is_unsettled: now < self.unsettled_until,
            alarm: Cell::new(None),
            chance: self.queue.chance(room.missing_since().unwrap_or(now), &jid),
            room: &jid,
            nickname: &self.rules.nickname,
            dry_run: self.rules.dry_run,
            rng: &mut self.rng,
            next_id: &mut self.next_id,
            effects,
        };
        let result = change(room, &mut ctx, &self.rules);
        // Before anything is decided: whoever has nothing to do inside leaves at once, and sees no more of it.
        let recorder = room.unlisted_recorder();
        if let Some(recorder) = recorder.filter(|recorder| self.rules.identity.learn_recorder(recorder)) {
            ctx.tell(What::UnlistedRecorder(recorder));
            room.reclassify(&self.rules.identity);
        }
        let policy = self.rules.policy_of(room);
        let notice = self.rules.notice_in(&jid);
        if let Some(urgency) = room.decide(&mut ctx, policy, notice) {
            match &room.trial {
                Some(trial) => self.turns.push_on_trial(trial.sender().clone(), jid.clone()),
                None => self.turns.push(jid.clone(), urgency),
            }
        }
        room.standing = room.standing(ctx.chance, policy, ctx.dry_run, now);
        if !was_starting && room.is_starting() {
            self.queue.sent();
        }
        self.queue.moved(&jid, stood, room.standing);
        if let Some(wait) = room.wait(room.is_over()) {
            let what = match wait {
                Wait::Begins => {
                    let place = self.queue.place(&jid, room.standing);
                    What::Waits { place: place.filter(|place| *place <= MOST_PLACES) }
                }
                Wait::Ends(end) => What::WaitsNoMore(end),
            };
            ctx.tell(what);
        }
        let focus = room.unlisted_focus();
        self.deadlines.set(&jid, room.deadline(now).into_iter().chain(ctx.alarm.get()).min());
        if room.is_over() {
            self.queue.moved(&jid, room.standing, Standing::Aside);
            if room.trial.is_some() {
                self.turns.forget(&jid);
            }
            self.rooms.remove(&jid);
            self.deadlines.clear(&jid);
        }
        if let Some(focus) = focus.filter(|focus| self.rules.identity.is_news_of_focus(focus)) {
            effects.push(Effect::Tell(Event { room: jid.clone(), what: What::UnlistedFocus(focus) }));
        }
        Some(result)
    }
}

fn zombie_event(room: &RoomJid, turn: Option<zombie::Turn>) -> Option<Effect> {
    let what = match turn? {
        zombie::Turn::Begins => What::Zombie,
        zombie::Turn::Ends => What::NoZombie,
    };
    Some(Effect::Tell(Event { room: room.clone(), what }))
}
