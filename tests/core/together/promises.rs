//! What has to hold of both cores together, by the numbers of ARCHITECTURE.md: 1, 2, 3, 5, 9; the fleet's
//! checks see to 8.

use jibri_autostart::config::Footprint;
use jibri_autostart::fleet::Serving;
use jibri_autostart::meeting::{Hold, Proof, State, Supply, What};

use super::link::us;
use super::plan::{SEC, Us};
use super::rooms::Room;
use super::world::{World, time};

/// A free Jibri is not kept for a room that cannot act for longer than this, and the next one's visit.
const KEPT: Us = 3 * SEC;
/// What Jicofo and a working Jibri need, with everything on its way: 8 s for Chrome, 12 s to join, a visit, a look.
const STARTING: Us = 40 * SEC;
/// Until Jicofo, which takes a session for one that goes on, has had its time to move it to another Jibri.
const MOVING: Us = 35 * SEC;
/// What one that does not work may cost: a page that does not load, and its end.
const LOST: Us = 115 * SEC;

/// A dead Jibri stays in the brewery for 15 s, comes back, and is idle for 3 s between two meetings; another one that has
/// turned busy then may have taken over for 30 s.
const UNPROVEN: Us = 60 * SEC;

#[derive(Debug)]
pub struct Promises {
    /// Starts of ours that Jicofo has not answered.
    pub in_flight: Vec<bool>,
    /// Rooms that wait in line before this step.
    denied: Vec<bool>,
    /// Starts of this step, and since when the recording was missing.
    started: Vec<(usize, Us)>,
    /// Since when a Jibri is free and a room waits in line, and no start goes out.
    kept_since: Option<Us>,
    /// Since when a room could be recorded and is not.
    owed_since: Vec<Option<Us>>,
    /// How many Jibris did not work at most since then; each may have cost its time before it was restarted.
    bad: Vec<u64>,
    /// How many starts have met a Jibri since then that another had taken, where Jicofo tries no other.
    met_busy: Vec<u64>,
    /// What it takes since then that Jicofo holds a session for one that goes on.
    mistaken: Vec<Us>,
    /// Since when a room is shown as recorded and is not.
    unproven_since: Vec<Option<Us>>,
    /// The longest that any room has waited so.
    pub longest: Us,
}

impl Promises {
    pub fn new(rooms: usize) -> Self {
        Self {
            in_flight: vec![false; rooms],
            denied: vec![false; rooms],
            started: Vec::new(),
            kept_since: None,
            owed_since: vec![None; rooms],
            bad: vec![0; rooms],
            met_busy: vec![0; rooms],
            mistaken: vec![0; rooms],
            unproven_since: vec![None; rooms],
            longest: 0,
        }
    }

    pub fn excuse_all(&mut self, _now: Us) {
        self.in_flight.fill(false);
        self.owed_since.fill(None);
        self.unproven_since.fill(None);
        self.kept_since = None;
    }
}

fn at(time: jibri_autostart::time::Time) -> Us {
    us(time.since_start())
}

impl Promises {
    /// Jicofo has given up a start at once.
    pub fn meets_busy(&mut self, r: usize) {
        self.met_busy[r] += 1;
    }

    /// What is owed to this room counts from now.
    pub fn begins_anew(&mut self, r: usize) {
        self.owed_since[r] = None;
    }
}

impl World {
    fn is_unseen(&self) -> bool {
        self.plan.settings.muc.footprint == Footprint::Unseen.into()
    }

    /// A start is being sent.
    pub fn check_start(&mut self, r: usize, in_name: bool) {
        self.seen.count("starts");
        self.cores.promises.kept_since = None;
        let room = &self.rooms[r];
        let may_be_companion = self.plan.companion || self.plan.companion_turns;
        if in_name != self.is_unseen() && (in_name || !may_be_companion) {
            self.fail(format!("(2) r{r}: a start in the wrong name"));
        } else if self.cores.promises.in_flight[r] && !in_name {
            self.fail(format!("(1) r{r}: another start is in flight"));
        } else if room.people.is_empty() && self.now > self.room_changed(r) + 5 * SEC {
            self.fail(format!("(2) start in r{r}, where nobody is"));
        }
        self.cores.promises.in_flight[r] = !in_name;
    }

    /// Since when the room's people are as they are; late news excuse.
    fn room_changed(&self, r: usize) -> Us {
        self.rooms[r].emptied_at
    }

    /// A start reaches Jicofo where there is a session.
    pub fn check_second_start(&mut self, r: usize, is_on: bool, is_ours: bool) {
        let is_old = self.rooms[r].on_since.is_some_and(|since| self.now > since + SEC);
        // From inside we hear focus say so; in a moderator's name the recorder is seen by a list of a second ago.
        if is_ours && is_on && is_old {
            self.fail(format!("(1) a second start in r{r}, which is recorded"));
        }
    }

    /// A start reaches Jicofo.
    pub fn check_stopped(&mut self, r: usize, is_ours: bool) {
        // While nobody can be listed all may have gone and others come, one after the other: then it is not seen whose
        // meeting it is.
        let was_deaf = |at| self.rooms[r].deaf_until > at;
        let is_bound = self.rooms[r].is_bound();
        if is_ours && is_bound && self.rooms[r].stopped.is_some_and(|at| self.now > at + SEC && !was_deaf(at))
        {
            self.fail(format!("(5) a start in r{r}, whose recording a person has stopped"));
        }
    }

    pub fn before_a_step(&mut self) {
        self.cores.promises.started.clear();
    }

    fn is_denied(&self, r: usize) -> bool {
        let view = self.cores.meetings.room(&self.rooms[r].jid);
        view.and_then(|view| view.reason).is_some_and(|why| why.contains("no Jibri is free"))
    }

    fn missing(&self, r: usize) -> Option<Us> {
        self.cores.meetings.room(&self.rooms[r].jid).and_then(|view| view.missing_since).map(at)
    }

    pub fn check_told(&mut self, r: usize, what: &What) {
        match what {
            What::StartSent { wanted_for, .. } => {
                let since = self.now.saturating_sub(us(*wanted_for));
                self.cores.promises.started.push((r, since));
            }
            What::Taken => self.seen.count("unseen: taken"),
            What::StartFailed { why, .. } => self.seen.count_owned(format!("failed: {why:?}")),
            What::Held(Hold::StoppedBy(_)) => {
                self.seen.count("held for a person's stop");
            }
            What::Held(Hold::Untold) if self.is_unseen() => self.seen.count("unseen: held"),
            What::Held(why) => self.fail(format!("(3) r{r} is held: {why:?}")),
            What::Adopted => self.seen.count("adopted"),
            What::Ended { how, .. } => {
                let words = format!("{how:?}");
                let kind = words.split(['(', ' ']).next().unwrap_or_default().to_owned();
                self.seen.count_owned(format!("ended: {kind}"));
            }
            _ => {}
        }
    }

    /// After a step of the meetings: nobody overtakes who waits longer.
    pub fn check_line(&mut self) {
        let denied: Vec<usize> = if self.cores.meetings.rooms_waiting() == 0 {
            Vec::new()
        } else {
            (0..self.rooms.len()).filter(|r| self.is_denied(*r)).collect()
        };
        if !denied.is_empty() {
            self.seen.count("rooms wait in line");
        }
        for (r, since) in std::mem::take(&mut self.cores.promises.started) {
            let name = |r: usize| &self.rooms[r].jid;
            let is_before =
                |o: &&usize| self.missing(**o).is_some_and(|missing| (missing, name(**o)) < (since, name(r)));
            let first = denied.iter().filter(|o| self.cores.promises.denied[**o]).find(is_before);
            if let Some(o) = first.copied() {
                self.fail(format!("(3) start in r{r}, but r{o} has waited longer"));
            }
            if self.cores.promises.denied[r] {
                self.seen.count("served when one became free");
            }
        }
        for r in 0..self.rooms.len() {
            self.cores.promises.denied[r] = denied.contains(&r);
        }
        let is_free = matches!(self.cores.fleet.supply(), Supply::Known { free, .. } if free > 0);
        if denied.is_empty() || !is_free || !self.is_linked() {
            self.cores.promises.kept_since = None;
        } else if self.cores.promises.kept_since.is_none() {
            self.cores.promises.kept_since = Some(self.now);
        }
    }

    /// Once a second.
    pub fn watch(&mut self) {
        // Whoever can be looked at again is when the last query in vain has timed out.
        let is_deaf = |room: &&Room| self.now < room.deaf_until + 12 * SEC || room.locked;
        let deaf = self.rooms.iter().filter(is_deaf).count();
        let kept = self.cores.promises.kept_since.filter(|since| self.now > since + KEPT * (1 + deaf as u64));
        if let Some(since) = kept {
            let waits: Vec<usize> = (0..self.rooms.len()).filter(|r| self.is_denied(*r)).collect();
            let since = (self.now - since) / SEC;
            self.fail(format!("(3) a Jibri is free since {since} s, and {waits:?} wait in line"));
        }
        for r in 0..self.rooms.len() {
            self.check_owed(r);
            self.check_notice(r);
            self.check_visit(r);
            self.check_proof(r);
        }
    }

    /// Some Jibri records it, or is about to.
    fn is_served(&self, r: usize) -> bool {
        (0..self.jibris.len()).any(|j| self.recorder_in(j, r).is_some())
    }

    /// No meeting is shown as recorded for long while nothing records it. Without Jicofo's REST that may be known from a
    /// visit only.
    fn check_proof(&mut self, r: usize) {
        let view = self.cores.meetings.room(&self.rooms[r].jid);
        let is_shown = view.is_some_and(|view| view.state == State::Recording);
        let is_seen = self.plan.detector.is_some() && !self.plan.detector_trouble && self.is_linked();
        let is_open = !self.rooms[r].locked && self.now >= self.rooms[r].deaf_until;
        let is_meeting = !self.rooms[r].people.is_empty();
        if !is_shown || !is_seen || !is_open || !is_meeting || self.is_served(r) {
            self.cores.promises.unproven_since[r] = None;
            return;
        }
        let since = *self.cores.promises.unproven_since[r].get_or_insert(self.now);
        let view = self.cores.meetings.room(&self.rooms[r].jid);
        // Nothing is known of its Jibri, and that is said: then focus is asked.
        let is_said = view.as_ref().is_some_and(|view| view.proof == Some(Proof::Seat));
        let asked = if is_said { us(self.plan.settings.start.pending_timeout) } else { 0 };
        if self.now - since > UNPROVEN + asked {
            let view = view.map(|view| (view.state, view.proof, view.reason));
            self.fail(format!(
                "(11) r{r}: nothing records it since {} s: {view:?}",
                (self.now - since) / SEC
            ));
        }
    }

    /// A room that could be recorded is, within a bound.
    fn check_owed(&mut self, r: usize) {
        let room = &self.rooms[r];
        let wants = |r: usize| {
            let room = &self.rooms[r];
            room.focus && room.has_moderator() && !self.is_served(r)
        };
        let others = (0..self.rooms.len()).filter(|o| *o != r && wants(*o)).count();
        let is_good = |j: &usize| {
            let jibri = &self.jibris[*j];
            let works = jibri.model.is_free() && jibri.fault.is_good() && !jibri.has_twin;
            works && self.would_select(*j) && !self.checks.is_restarting(*j, self.now)
        };
        let is_bad = |j: &usize| self.jibris[*j].server.is_some() && !self.jibris[*j].fault.is_good();
        let good = (0..self.jibris.len()).filter(is_good).count();
        let bad = (0..self.jibris.len()).filter(is_bad).count() as u64;
        // Jicofo may select one that does not work again and again, if nobody restarts it and it tries no other.
        let is_hopeless = bad > 0 && self.plan.num_retries == 0;
        // What an old recorder stands for is found out first, and where no Jibri is seen nobody knows.
        let is_haunted = !self.is_served(r) && self.has_recorder(r);
        let is_seen = self.plan.detector.is_some() && !self.plan.detector_trouble;
        let is_owed = self.is_linked()
            && (is_seen || !is_haunted)
            && wants(r)
            && good > others
            && !is_hopeless
            && !room.bad
            && !room.locked
            && self.now >= room.deaf_until
            && self.checks.lost_at.is_none()
            && room.stopped.is_none()
            && !room.is_doubtful;
        if !is_owed {
            self.cores.promises.owed_since[r] = None;
            self.cores.promises.bad[r] = 0;
            self.cores.promises.met_busy[r] = 0;
            self.cores.promises.mistaken[r] = 0;
            return;
        }
        let since = *self.cores.promises.owed_since[r].get_or_insert(self.now);
        let bad = bad.max(self.cores.promises.bad[r]);
        self.cores.promises.bad[r] = bad;
        let start = &self.plan.settings.start;
        // Of what is asked in somebody's name nobody may tell us that it has come to nothing.
        let untold = if self.is_unseen() { us(start.request_timeout) } else { 0 };
        // Two whose pages do not load are tried in turn until Jicofo's retries are used up: an idle presence
        // clears a failure (docs/jitsi.md 2).
        let rounds = if bad > 1 { 1 + u64::from(self.plan.num_retries) } else { 1 };
        let bound = us(start.settle) + us(start.retry_max) + untold + STARTING + bad * rounds * LOST;
        let bound = bound + self.cores.promises.met_busy[r] * (us(start.retry_max) + untold);
        // It may be moving it, and says nothing.
        let mistaken = match self.jicofo.session(&r) {
            Some(session) if session.on && self.has_job(session) => MOVING,
            // It takes the `on` of a Jibri that is at work for another meeting for this one's.
            Some(session) if session.on => us(start.pending_timeout) + MOVING,
            // A stop of another session has ended it before it was on, and nobody is told of that (docs/jitsi.md 13.2.10).
            Some(session) if session.jibri.is_some_and(|j| self.jibris[j].strayed) => {
                us(start.pending_timeout)
            }
            _ => 0,
        };
        let mistaken = mistaken.max(self.cores.promises.mistaken[r]);
        self.cores.promises.mistaken[r] = mistaken;
        let bound = bound + mistaken;
        let bound = if is_haunted { bound + us(start.pending_timeout) + 60 * SEC } else { bound };
        let waits = self.now - since;
        self.cores.promises.longest = self.cores.promises.longest.max(waits);
        if waits > bound {
            let view = self.cores.meetings.room(&self.rooms[r].jid);
            let view = view.map(|view| (view.state, view.reason));
            self.fail(format!(
                "(3) r{r}: could be recorded since {} s, {bad} Jibris do not work: {view:?}",
                waits / SEC
            ));
        }
    }

    /// Everybody has gone: nothing is left.
    pub fn cores_finish(&mut self) {
        if self.violation.is_some() {
            return;
        }
        // Where the Chrome of a dead Jibri lives on, nobody knows without the brewery or Jicofo's REST.
        let is_haunted = |room| (0..self.jibris.len()).any(|j| self.has_seat(j, self.cores.index[room]));
        let rooms = self.cores.meetings.rooms().filter(|view| !is_haunted(view.room));
        let left: Vec<String> = rooms.map(|view| view.room.to_string()).collect();
        let starting = self.cores.fleet.availability().starting;
        let busy: Vec<&usize> = self
            .cores
            .index
            .iter()
            .filter(|(room, _)| {
                !matches!(self.cores.fleet.serving(room), Serving::Unknown) && !is_haunted(room)
            })
            .map(|(_, r)| r)
            .collect();
        if !left.is_empty() || starting > 0 || !busy.is_empty() {
            let what = format!("(7) left at the end: rooms {left:?}, {starting} starts, served {busy:?}");
            return self.fail(what);
        }
        if self.cores.fleet.next_deadline().is_some_and(|at| at <= time(self.now)) {
            self.fail("(7) a deadline that has passed at the end".into());
        }
    }
}
