//! Which of Jibri's accounts in a room stand for a recording. A gateway to telephones has the same account and records
//! nothing, and a live stream has a recorder as well; only what it shows inside the room tells them apart (docs/jitsi.md 1.1).

use std::time::Duration;

use crate::address::{Nick, RealJid};
use crate::config::Mode;
use crate::meeting::io::SessionId;
use crate::meeting::occupancy::Visibility;
use crate::meeting::roster::{RecorderAccount, Roster, Shown};
use crate::time::Time;

/// A recorder shows its session as soon as it is inside (docs/jitsi.md 1.1); one that has not by then is none.
pub(in crate::meeting) const SHOWS_WITHIN: Duration = Duration::from_secs(10);

/// So long a recorder may stay after its recording is over; one that stays longer may be another's.
const LEAVES_WITHIN: Duration = Duration::from_secs(10);

/// What an account of Jibri's stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stands {
    /// A recording of the mode that is wanted.
    Recording,
    /// A session of the other mode.
    OtherMode,
    /// It has not been looked at from inside, or is too new to show anything.
    Unknown,
    /// It has shown nothing in time: a gateway, or what is left of a recorder.
    Nothing,
}

#[derive(Debug)]
struct Account {
    nick: Nick,
    jid: Option<RealJid>,
    /// Since when we see it.
    since: Time,
    /// It was there before we could see.
    was_there: bool,
    shown: Shown,
    /// When it was seen last, from inside, to show no session.
    silent: Option<Time>,
    /// It came when the recorder of a start of ours was awaited.
    is_awaited: bool,
    /// It is the only one in a room that was being recorded when this program ended.
    is_remembered: bool,
    /// It is taken for the recorder, because nothing better can be known.
    is_believed: bool,
    /// Its Jibri does not record this meeting.
    is_orphan: bool,
    /// Its recording is over, since when; and which one it showed then.
    over: Option<(Time, Option<SessionId>)>,
    stands: Stands,
}

impl Account {
    fn new(seen: &RecorderAccount<'_>, was_there: bool, now: Time) -> Self {
        Self {
            nick: seen.nick.clone(),
            jid: seen.jid.cloned(),
            since: now,
            was_there,
            shown: Shown::default(),
            silent: None,
            is_awaited: false,
            is_remembered: false,
            is_believed: false,
            is_orphan: false,
            over: None,
            stands: Stands::Unknown,
        }
    }

    fn is(&self, seen: &RecorderAccount<'_>) -> bool {
        self.nick == *seen.nick && self.jid.as_ref() == seen.jid
    }

    fn has_been_seen(&self) -> bool {
        self.shown.session.is_some() || self.silent.is_some()
    }

    fn judge(&self, mode: Mode) -> Stands {
        if self.is_orphan {
            return Stands::Nothing;
        }
        if self.shown.session.is_some() {
            let fits = self.shown.mode.is_none_or(|shown| shown == mode);
            return if fits { Stands::Recording } else { Stands::OtherMode };
        }
        // Of one that was there before we could see it is not known how long.
        let is_late = |seen: Time| seen.since(self.since) >= SHOWS_WITHIN;
        match self.silent {
            _ if self.is_believed => Stands::Recording,
            Some(seen) if is_late(seen) => Stands::Nothing,
            _ if self.is_awaited || self.is_remembered => Stands::Recording,
            _ => Stands::Unknown,
        }
    }
}

/// What the recording is about to be, where that says which account belongs to it.
#[derive(Debug, Clone, Copy)]
pub(in crate::meeting) struct Outlook {
    /// What is to be recorded to.
    pub(in crate::meeting) mode: Mode,
    /// A start of ours has gone out then and is not on yet: whose account comes after it is its recorder.
    pub(in crate::meeting) awaited: Option<Time>,
    /// Something of ours is under way, or on. Whoever came for what was before that may not go.
    pub(in crate::meeting) is_live: bool,
    /// There is no way to find out, so an account that is there is believed.
    pub(in crate::meeting) must_believe: bool,
}

/// All accounts of Jibri's in one room, as far as they are known.
#[derive(Debug)]
pub(in crate::meeting) struct Recorders {
    accounts: Vec<Account>,
    /// The room was being recorded when this program ended, and we have not seen it since.
    remembers: bool,
    /// Not everybody was seen all the time: whoever is new may have been there for long.
    blind: bool,
    /// The last session that one has shown.
    last: Option<SessionId>,
    /// Those whose Jibri did not record this meeting. They may be out of sight, and be there still.
    orphans: Vec<(Nick, Option<RealJid>)>,
}

/// More orphans than this in one room are not remembered.
const MOST_ORPHANS: usize = 8;

impl Default for Recorders {
    fn default() -> Self {
        Self { accounts: Vec::new(), remembers: false, blind: true, last: None, orphans: Vec::new() }
    }
}

impl Recorders {
    /// The room was being recorded when this program ended.
    pub(in crate::meeting) fn remember(&mut self) {
        self.remembers = true;
    }

    /// Takes in who is there now.
    pub(in crate::meeting) fn update(
        &mut self,
        roster: &Roster,
        visibility: Visibility,
        outlook: Outlook,
        now: Time,
    ) {
        match visibility {
            Visibility::Blind => self.blind = true,
            Visibility::Blinking => {}
            Visibility::Inside | Visibility::Outside => {
                self.meet(roster, now);
                self.look(roster, visibility, now);
                self.attribute(outlook.awaited);
            }
        }
        if !outlook.is_live {
            // What came for what is over need not go with it.
            for account in &mut self.accounts {
                account.was_there |= account.is_awaited && !account.has_been_seen();
                account.is_awaited = false;
            }
        }
        for account in &mut self.accounts {
            account.is_believed |= outlook.must_believe && account.stands == Stands::Unknown;
            account.stands = account.judge(outlook.mode);
            account.over.take_if(|(at, _)| now.since(*at) > LEAVES_WITHIN);
        }
    }

    fn meet(&mut self, roster: &Roster, now: Time) {
        self.accounts.retain(|account| roster.recorders().any(|seen| account.is(&seen)));
        let was_there = std::mem::take(&mut self.blind);
        for seen in roster.recorders() {
            if !self.accounts.iter().any(|account| account.is(&seen)) {
                let mut account = Account::new(&seen, was_there, now);
                account.is_orphan =
                    self.orphans.iter().any(|(nick, jid)| nick == seen.nick && jid.as_ref() == seen.jid);
                self.accounts.push(account);
            }
        }
        if std::mem::take(&mut self.remembers)
            && let [account] = self.accounts.as_mut_slice()
        {
            account.is_remembered = true;
        }
    }

    /// What presences show is of this moment only while we are inside.
    fn look(&mut self, roster: &Roster, visibility: Visibility, now: Time) {
        for seen in roster.recorders() {
            let Some(shown) = seen.shown else { continue };
            let Some(account) = self.accounts.iter_mut().find(|account| account.is(&seen)) else { continue };
            if shown.session.is_some() {
                account.over.take_if(|(_, session)| *session != shown.session);
                (account.shown, account.silent) = (shown.clone(), None);
                self.last.clone_from(&shown.session);
            } else if visibility == Visibility::Inside || account.silent.is_none() {
                account.shown = Shown::default();
                account.silent = Some(now);
            }
        }
    }

    /// Two that come at once are not told apart.
    fn attribute(&mut self, awaited: Option<Time>) {
        let Some(since) = awaited else { return };
        if self.accounts.iter().any(|account| account.is_awaited && account.since >= since) {
            return;
        }
        let is_new = |account: &&mut Account| {
            !account.was_there && account.since >= since && account.shown.session.is_none()
        };
        let mut new = self.accounts.iter_mut().filter(is_new);
        if let (Some(account), None) = (new.next(), new.next()) {
            account.is_awaited = true;
        }
    }

    /// Something is on, and there is nobody else whose recording it could be. `silent`: one that has shown nothing may be
    /// it as well.
    pub(in crate::meeting) fn believe(&mut self, silent: bool) {
        for account in &mut self.accounts {
            account.is_believed |=
                account.stands == Stands::Unknown || silent && account.stands == Stands::Nothing;
        }
    }

    /// Whether one has shown this session.
    pub(in crate::meeting) fn have_shown(&self, session: &SessionId) -> bool {
        self.accounts.iter().any(|account| account.shown.session.as_ref() == Some(session))
            || self.last.as_ref() == Some(session)
    }

    /// Whoever was taken for the recorder that was awaited, without having been seen from inside, may not be it.
    pub(in crate::meeting) fn doubt(&mut self) {
        for account in self.accounts.iter_mut().filter(|account| !account.has_been_seen()) {
            account.was_there |= account.is_awaited;
            account.is_awaited = false;
            account.is_remembered = false;
        }
    }

    /// A recording is over, of this session as far as is told: whoever stands for it now has to leave.
    pub(in crate::meeting) fn are_over(&mut self, session: Option<&SessionId>, now: Time) {
        for account in self.accounts.iter_mut().filter(|account| account.stands == Stands::Recording) {
            let shown = account.shown.session.as_ref();
            if shown.is_none() || session.is_none() || shown == session {
                account.over = Some((now, account.shown.session.clone()));
            }
        }
    }

    /// Nothing records what these stand for.
    pub(in crate::meeting) fn are_orphans(&mut self) {
        for account in self.accounts.iter_mut().filter(|account| account.stands == Stands::Recording) {
            (account.is_orphan, account.stands) = (true, Stands::Nothing);
            self.orphans.insert(0, (account.nick.clone(), account.jid.clone()));
        }
        self.orphans.truncate(MOST_ORPHANS);
    }

    /// Those that stand for a recording.
    fn recording(&self) -> impl Iterator<Item = &Account> {
        self.accounts.iter().filter(|account| account.stands == Stands::Recording && account.over.is_none())
    }

    /// Whether one stands for a recording.
    pub(in crate::meeting) fn records(&self) -> bool {
        self.recording().next().is_some()
    }

    /// Whether one of these has come in since then, as far as was seen.
    pub(in crate::meeting) fn has_come_since(&self, then: Time) -> bool {
        self.recording().any(|account| !account.was_there && account.since > then)
    }

    /// The sessions that these show; none for one that has not been seen to.
    pub(in crate::meeting) fn sessions(&self) -> impl Iterator<Item = Option<&SessionId>> {
        self.recording().map(|account| account.shown.session.as_ref())
    }

    /// The session of the one that came last, if it is known.
    pub(in crate::meeting) fn session(&self) -> Option<&SessionId> {
        self.recording()
            .filter(|account| account.shown.session.is_some())
            .max_by_key(|account| account.since)?
            .shown
            .session
            .as_ref()
    }

    /// Whether one belongs to a session of the other mode.
    pub(in crate::meeting) fn is_of_other_mode(&self) -> bool {
        self.accounts.iter().any(|account| account.stands == Stands::OtherMode)
    }

    /// Whether of one it is not known what it stands for.
    pub(in crate::meeting) fn is_unknown(&self) -> bool {
        self.accounts.iter().any(|account| account.stands == Stands::Unknown)
    }

    /// Whether one that stands for a recording does so only because it came in time, and another one is there too.
    pub(in crate::meeting) fn is_ambiguous(&self) -> bool {
        self.is_unknown() && self.recording().all(|account| !account.has_been_seen())
    }

    /// Whether one may record anything, as far as is known.
    pub(in crate::meeting) fn may_record(&self) -> bool {
        self.accounts.iter().any(|account| account.stands != Stands::Nothing)
    }

    /// Whether one is there, whatever it stands for.
    pub(in crate::meeting) fn is_any(&self) -> bool {
        !self.accounts.is_empty()
    }

    /// Whether one shows nothing.
    pub(in crate::meeting) fn is_silent(&self) -> bool {
        self.accounts.iter().any(|account| account.stands == Stands::Nothing)
    }

    /// Whether one was taken for the recorder of a start, and stands for nothing.
    pub(in crate::meeting) fn were_mistaken(&self) -> bool {
        self.accounts.iter().any(|account| account.is_awaited && account.stands == Stands::Nothing)
    }

    /// From when a look from inside tells what all of them stand for.
    pub(in crate::meeting) fn tell_from(&self) -> Option<Time> {
        let unknown = self.accounts.iter().filter(|account| account.stands == Stands::Unknown);
        let may_show = |account: &Account| account.was_there && account.silent.is_none();
        unknown
            .map(|account| if may_show(account) { account.since } else { account.since.after(SHOWS_WITHIN) })
            .max()
    }

    /// When one that shows nothing has had its time, while we can see it.
    pub(in crate::meeting) fn deadline(&self, visibility: Visibility) -> Option<Time> {
        let waits = |account: &&Account| {
            account.silent.is_some()
                && !account.is_believed
                && matches!(account.stands, Stands::Unknown | Stands::Recording)
        };
        let until = self.accounts.iter().filter(waits).map(|account| account.since.after(SHOWS_WITHIN)).min();
        until.filter(|_| visibility == Visibility::Inside)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meeting::identity::tests::identity;
    use crate::meeting::io::{Affiliation, Listed, Marks, Presence, Role};

    /// A room with Jibri's accounts in it, from outside and from inside.
    struct Watched {
        roster: Roster,
        recorders: Recorders,
        outlook: Outlook,
    }

    impl Watched {
        /// Nobody is there at first, so that whoever comes is new.
        fn new() -> Self {
            let outlook = Outlook { mode: Mode::File, awaited: None, is_live: false, must_believe: false };
            let mut watched = Self { roster: Roster::default(), recorders: Recorders::default(), outlook };
            watched.look(0, Visibility::Outside);
            watched
        }

        fn listed(name: &str) -> Listed {
            Listed {
                nick: Nick::new(name).unwrap(),
                jid: RealJid::new(&format!("recorder@hidden.meet.jitsi/{name}")).ok(),
                role: Role::Participant,
                affiliation: Affiliation::None,
            }
        }

        /// These are in the list.
        fn list(&mut self, names: &[&str], second: u64) {
            let all: Vec<Listed> = names.iter().map(|name| Self::listed(name)).collect();
            self.roster.apply_lists(&identity(), &all, self.roster.moment());
            self.look(second, Visibility::Outside);
        }

        /// We are inside and see what one shows.
        fn show(&mut self, name: &str, session: Option<&str>, mode: Option<Mode>, second: u64) {
            let Listed { nick, jid, role, affiliation } = Self::listed(name);
            let session = session.map(|id| SessionId(id.into()));
            let presence = Presence {
                nick,
                jid,
                role,
                affiliation,
                marks: Marks::default(),
                session,
                mode,
                jibri: None,
                name: None,
                recording: None,
                conference: None,
                own: false,
                created: false,
            };
            self.roster.presence(&identity(), &presence);
            self.look(second, Visibility::Inside);
        }

        fn look(&mut self, second: u64, visibility: Visibility) {
            let now = Time::new(Duration::from_secs(second));
            self.recorders.update(&self.roster, visibility, self.outlook, now);
        }

        fn await_from(&mut self, second: u64) {
            self.outlook.awaited = Some(Time::new(Duration::from_secs(second)));
            self.outlook.is_live = true;
        }
    }

    #[test]
    fn an_account_that_shows_nothing_in_time_is_a_gateway() {
        let mut room = Watched::new();
        room.list(&["gw"], 1);
        assert!(room.recorders.is_unknown() && !room.recorders.records(), "from outside nobody knows");
        assert_eq!(room.recorders.tell_from(), Some(Time::new(Duration::from_secs(11))));
        room.show("gw", None, None, 5);
        assert!(room.recorders.is_unknown(), "it has just come in");
        room.look(11, Visibility::Inside);
        assert!(!room.recorders.is_unknown() && !room.recorders.records() && room.recorders.is_silent());
        room.look(20, Visibility::Outside);
        assert!(!room.recorders.is_unknown(), "what was seen from inside is still known");
    }

    #[test]
    fn what_is_shown_says_of_which_kind_it_is() {
        let mut room = Watched::new();
        room.show("rec", Some("s1"), Some(Mode::File), 1);
        assert!(room.recorders.records());
        assert_eq!(room.recorders.session(), Some(&SessionId("s1".into())));
        let mut room = Watched::new();
        room.show("rec", Some("s1"), Some(Mode::Stream), 1);
        assert!(!room.recorders.records() && room.recorders.is_of_other_mode());
    }

    #[test]
    fn whoever_comes_while_a_recorder_is_awaited_is_taken_for_it_until_there_is_doubt() {
        let mut room = Watched::new();
        room.list(&["gw"], 1);
        room.await_from(5);
        room.list(&["gw", "rec"], 8);
        assert!(room.recorders.records());
        room.list(&["gw"], 9);
        assert!(!room.recorders.records(), "the gateway was there before");
        room.list(&["gw", "rec2"], 10);
        assert!(room.recorders.records(), "Jicofo has taken another Jibri");
        room.recorders.doubt();
        room.look(11, Visibility::Outside);
        assert!(!room.recorders.records() && room.recorders.is_unknown());
    }

    #[test]
    fn after_a_restart_the_only_recorder_of_a_room_that_was_recorded_is_it() {
        for (names, expected) in [(&["rec"][..], true), (&["rec", "gw"][..], false)] {
            let mut room = Watched::new();
            room.recorders = Recorders::default();
            room.recorders.remember();
            room.list(names, 1);
            assert_eq!(room.recorders.records(), expected, "{names:?}");
        }
    }

    #[test]
    fn of_one_that_nobody_saw_come_it_is_not_known_that_it_has_come_since() {
        let at = |second| Time::new(Duration::from_secs(second));
        let mut room = Watched::new();
        room.outlook.must_believe = true;
        room.list(&["rec"], 5);
        assert!(room.recorders.has_come_since(at(4)) && !room.recorders.has_come_since(at(5)));
        room.look(6, Visibility::Blind);
        room.list(&["rec2"], 7);
        assert!(room.recorders.records() && !room.recorders.has_come_since(at(4)));
    }
}
