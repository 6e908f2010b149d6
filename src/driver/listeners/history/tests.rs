use super::*;
use crate::address::Nick;
use crate::meeting::{
    AttemptId, Hold, ManualOrder, OrderEnd, OrderedBy, Origin, Refutation, StartFailure, StopFailure, WaitEnd,
};
use crate::recovery;

struct Told {
    history: History,
    room: RoomJid,
    state: State,
    missing: Option<Time>,
    people: u32,
    reason: Option<String>,
}

fn secs(seconds: u64) -> Time {
    Time::new(Duration::from_secs(seconds))
}

impl Told {
    fn new() -> Self {
        let ledger = Ledger::spawn(None, Duration::from_secs(3600), ledger::LedgerLimits::default(), |_| {});
        Self {
            history: History::new(ledger, Clock::start()),
            room: RoomJid::new("r1@muc.meet.jitsi").unwrap(),
            state: State::Idle,
            missing: None,
            people: 1,
            reason: None,
        }
    }

    fn view(&self) -> RoomView<'_> {
        RoomView {
            room: &self.room,
            state: self.state,
            is_seen: true,
            people: self.people,
            moderators: self.people,
            recorder_present: false,
            proof: None,
            missing_for: None,
            place: None,
            attempt: 0,
            session: None,
            meeting: None,
            since: Time::default(),
            missing_since: self.missing,
            is_left_alone: false,
            inside: None,
            reason: self.reason.clone().map(Into::into),
        }
    }

    fn tell(&mut self, at: u64, what: What) {
        let event = Event { room: self.room.clone(), what };
        let mut history = std::mem::replace(&mut self.history, Told::new_history());
        history.meeting(secs(at), &event, Some(&self.view()), None);
        self.history = history;
    }

    fn new_history() -> History {
        let ledger = Ledger::spawn(None, Duration::from_secs(1), ledger::LedgerLimits::default(), |_| {});
        History::new(ledger, Clock::start())
    }

    /// The room is in this state now; whether a recording is missing since then.
    fn state(&mut self, at: u64, to: State, missing: Option<u64>) {
        let from = std::mem::replace(&mut self.state, to);
        self.missing = missing.map(secs);
        self.tell(at, What::State { from, to });
    }

    fn sent(&mut self, at: u64, wanted_for: u64) {
        let wanted_for = Duration::from_secs(wanted_for);
        self.tell(at, What::StartSent { attempt: AttemptId(at), wanted_for, speaker: Speaker::Ourselves });
    }

    fn on(&mut self, at: u64) {
        let session = Some(SessionId("s1".into()));
        self.tell(at, What::On { session, wanted_for: None, is_denied: false });
    }

    fn failed(&mut self, at: u64, why: StartFailure) {
        self.tell(at, What::StartFailed { why, retry_in: Some(Duration::from_secs(2)) });
    }

    fn ended(&mut self, at: u64, how: Ended) {
        self.tell(at, What::Ended { session: None, how });
    }

    fn sweep(&mut self, at: u64) {
        let mut history = std::mem::replace(&mut self.history, Told::new_history());
        history.sweep(secs(at), |_| Some(self.view()), |_| Some("jibri-1".to_owned()));
        self.history = history;
    }

    /// What was written, the oldest first.
    async fn entries(self) -> Vec<Entry> {
        let reader = self.history.ledger.reader();
        self.history.finish(Duration::from_secs(10)).await;
        let query = ledger::Query { room: None, since: None, limit: 100 };
        let mut records = reader.read(&query).unwrap();
        records.sort_by_key(|record| record.id);
        records.into_iter().map(|record| record.entry).collect()
    }

    async fn attempts(self) -> Vec<Attempt> {
        let attempts = self.entries().await.into_iter().filter_map(|entry| match entry {
            Entry::Attempt(attempt) => Some(attempt),
            _ => None,
        });
        attempts.collect()
    }

    async fn outcomes(self) -> Vec<(Outcome, String)> {
        let attempts = self.attempts().await.into_iter();
        attempts.map(|a| (a.outcome, a.reason.unwrap_or_default())).collect()
    }
}

fn is(outcomes: &[(Outcome, String)], expected: &[(Outcome, &str)]) {
    assert_eq!(outcomes.len(), expected.len(), "{outcomes:?}");
    for ((outcome, reason), (expected, part)) in outcomes.iter().zip(expected) {
        assert!(outcome == expected && reason.contains(part), "{outcomes:?} is not {expected:?}: {part}");
    }
}

#[tokio::test]
async fn what_others_begin_has_no_time_before_it_is_on() {
    let mut told = Told::new();
    told.state(10, State::Pending, None);
    assert_eq!(told.attempts().await, []);
    let mut told = Told::new();
    told.state(10, State::Pending, None);
    told.on(14);
    let attempts = told.attempts().await;
    assert_eq!((attempts.len(), attempts[0].outcome), (1, Outcome::Recording));
    assert!(attempts[0].on.is_some());
}

/// What is left of the meeting before looks like a start under way, until we send our own.
#[tokio::test]
async fn what_others_begin_and_comes_to_nothing_is_no_entry() {
    let mut told = Told::new();
    told.state(10, State::Pending, None);
    told.state(11, State::Settling, Some(11));
    told.sent(12, 1);
    told.on(14);
    let attempts = told.attempts().await;
    assert_eq!((attempts.len(), attempts[0].outcome), (1, Outcome::Recording), "{attempts:?}");
    assert!(attempts[0].wanted.is_some() && attempts[0].sent.is_some());
}

#[tokio::test]
async fn each_start_is_an_entry() {
    let mut told = Told::new();
    told.state(10, State::Settling, Some(10));
    told.sent(11, 1);
    told.state(11, State::Starting, Some(10));
    told.failed(12, StartFailure::AllBusy);
    told.state(12, State::Backoff, Some(10));
    told.sent(15, 5);
    told.state(15, State::Starting, Some(10));
    told.tell(16, What::Accepted { session: Some(SessionId("s1".into())) });
    told.state(16, State::Pending, Some(10));
    told.on(17);
    told.state(17, State::Recording, None);
    told.sweep(20);
    told.ended(60, Ended::Naturally);
    told.state(60, State::Idle, None);
    let attempts = told.attempts().await;
    let [failed, worked] = &attempts[..] else { panic!("{attempts:?}") };
    assert_eq!((failed.outcome, failed.on), (Outcome::Failed, None));
    assert_eq!(failed.reason.as_deref(), Some("all Jibris are busy"));
    assert_eq!((worked.outcome, worked.session_id.as_deref()), (Outcome::Recorded, Some("s1")));
    assert_eq!(worked.jibri.as_deref(), Some("jibri-1"));
    // Both were wanted since the same moment.
    assert!(
        failed.wanted == worked.wanted && worked.wanted < worked.sent && worked.sent < worked.on,
        "{attempts:?}"
    );
}

#[tokio::test]
async fn a_persons_stop_is_one_entry_and_respected_after_a_restart_it_is_one_too() {
    let ada = || Nick::new("Ada").unwrap();
    let mut told = Told::new();
    told.on(1);
    told.state(1, State::Recording, None);
    told.state = State::Held;
    told.missing = Some(secs(2));
    told.ended(2, Ended::ByPerson(ada().into()));
    told.tell(2, What::Held(Hold::StoppedBy(ada().into())));
    told.state(2, State::Held, Some(2));
    told.sweep(5);
    // Found after a restart of ours.
    told.state(6, State::Settling, Some(6));
    told.tell(6, What::Held(Hold::StoppedBy(ada().into())));
    told.state(6, State::Held, Some(6));
    is(
        &told.outcomes().await,
        &[
            (Outcome::Stopped, "stopped by \"Ada\""),
            (Outcome::NotStarted, "respected until the meeting ends"),
        ],
    );
}

#[tokio::test]
async fn a_refusal_is_told_with_its_remedy() {
    use crate::meeting::Misfit;
    let mut told = Told::new();
    told.state(1, State::Settling, Some(1));
    told.sent(1, 0);
    told.state(1, State::Starting, Some(1));
    told.tell(2, What::Held(Hold::Misfit(Misfit::NotModerator)));
    told.state(2, State::Held, Some(1));
    told.state(3, State::Idle, None);
    // In a dry run nothing is ever sent.
    told.missing = Some(secs(9));
    told.tell(9, What::Held(Hold::DryRun));
    told.state(9, State::Held, Some(9));
    // Nobody misses anything.
    told.missing = None;
    told.tell(12, What::Held(Hold::DryRun));
    is(
        &told.outcomes().await,
        &[(Outcome::Failed, "list user@domain of [xmpp]"), (Outcome::NotStarted, "dry run")],
    );
}

#[tokio::test]
async fn a_want_that_comes_to_nothing_says_what_it_waited_for() {
    let mut told = Told::new();
    told.state(100, State::Settling, Some(100));
    told.reason = Some("no Jibri is free".to_owned());
    told.sweep(101);
    told.sweep(820);
    told.people = 0;
    told.state(823, State::Idle, None);
    // Gone before it was on, and no word of it.
    told.people = 3;
    told.state(900, State::Settling, Some(900));
    told.sent(900, 0);
    told.state(900, State::Starting, Some(900));
    told.state(901, State::Idle, None);
    is(
        &told.outcomes().await,
        &[
            (
                Outcome::NotStarted,
                "wanted for 12 min, never recorded: no Jibri is free; then the meeting ended",
            ),
            (Outcome::Failed, "before it was on, no recording was wanted any more"),
        ],
    );
}

#[tokio::test]
async fn without_a_link_nothing_is_over_that_may_go_on() {
    let mut told = Told::new();
    told.state(1, State::Settling, Some(1));
    told.sent(1, 0);
    told.state(1, State::Starting, Some(1));
    // The link breaks, and comes back; the recorder is there.
    told.state(2, State::Idle, Some(1));
    told.sweep(3);
    told.on(5);
    told.state(5, State::Recording, None);
    // It breaks again, and nobody knows of that start any more.
    told.ended(6, Ended::Lost);
    told.state(6, State::Settling, Some(6));
    told.sent(6, 0);
    told.state(7, State::Idle, Some(6));
    told.state(8, State::Settling, Some(6));
    told.sent(8, 2);
    told.state(8, State::Starting, Some(6));
    // The meeting ended while nobody saw it.
    told.state(9, State::Idle, Some(6));
    told.missing = None;
    told.sweep(10);
    is(
        &told.outcomes().await,
        &[
            (Outcome::Failed, "lost"),
            (Outcome::Failed, "nobody knows what became of it"),
            (Outcome::Failed, "before it was on"),
        ],
    );
}

#[tokio::test]
async fn what_others_start_is_an_entry_too() {
    let mut told = Told::new();
    told.tell(1, What::StopFailed { why: StopFailure::NoAnswer, retry_in: None });
    told.on(1);
    told.state(1, State::Recording, None);
    told.tell(9, What::On { session: Some(SessionId("s2".into())), wanted_for: None, is_denied: false });
    let attempts = told.attempts().await;
    let [first, second] = &attempts[..] else { panic!("{attempts:?}") };
    assert_eq!(
        (first.outcome, first.sent, first.session_id.as_deref()),
        (Outcome::Recorded, None, Some("s1"))
    );
    assert_eq!((second.outcome, second.session_id.as_deref()), (Outcome::Recording, Some("s2")));
    assert!(second.reason.as_deref().is_some_and(|why| why.contains("we did not start it")));
}

#[tokio::test]
async fn restarts_are_written_with_what_they_said() {
    let mut told = Told::new();
    let name = || crate::fleet::JibriName::new("jibri-1");
    let outcome = recovery::Outcome {
        success: true,
        how: "exit status 0".to_owned(),
        took: Duration::from_secs(1),
        output: "restarting".to_owned(),
    };
    let reason = Reason::Wedged;
    told.history.fleet(secs(1), &fleet::Event::WouldRecover { name: name(), reason });
    let why = "x\n".repeat(5000);
    let whom = Whom::Jibri(name());
    told.history.restarting(secs(2), &whom, reason);
    told.history.fleet(secs(2), &fleet::Event::RecoveryFailed { name: name(), reason, why });
    told.history.restarting(secs(3), &whom, reason);
    told.history.restarted(&whom, &outcome);
    told.history.fleet(secs(3), &fleet::Event::Restarted { name: name(), reason });
    told.history.fleet(secs(4), &fleet::Event::NotBack { name: name(), since: secs(3), has_gone: true });
    told.history.restarting(secs(5), &whom, reason);
    let entries = told.entries().await;
    let restarts: Vec<_> = entries
        .iter()
        .map(|entry| match entry {
            Entry::Recovery(restart) => (restart.outcome.as_str(), restart.output.as_deref()),
            other => panic!("{other:?}"),
        })
        .collect();
    let [("dry_run", None), ("failed", Some(long)), ("not_back", Some(output)), ("running", None)] =
        &restarts[..]
    else {
        panic!("{restarts:?}")
    };
    assert!(output.contains("exit status 0") && output.contains("restarting"), "{output}");
    assert!(long.chars().count() == 1000 && !long.contains('\n'));
}

/// Nobody knows to the second when a Jibri or its Chrome has died.
#[tokio::test]
async fn a_recording_that_broke_off_says_that_its_end_may_be_missing() {
    for (how, is_missing) in [
        (Ended::Failed, true),
        (Ended::Refuted(Refutation::RecorderLeft), true),
        (Ended::Naturally, false),
        (Ended::WithMeeting, false),
    ] {
        let mut told = Told::new();
        told.sent(11, 1);
        told.on(17);
        told.ended(60, how.clone());
        let outcomes = told.outcomes().await;
        assert_eq!(outcomes[0].1.contains(BROKE_OFF), is_missing, "{how:?}: {outcomes:?}");
    }
}

/// Requests have failed, so nobody may be told that nothing was sent.
#[tokio::test]
async fn a_want_in_vain_says_what_was_tried() {
    let mut told = Told::new();
    told.state(100, State::Settling, Some(100));
    for at in [100, 300, 500] {
        told.sent(at, at - 100);
        told.state(at, State::Starting, Some(100));
        told.failed(at + 1, StartFailure::AllBusy);
        told.state(at + 1, State::Backoff, Some(100));
        told.reason = Some("all Jibris are busy".to_owned());
        told.sweep(at + 2);
    }
    let at: String = told.history.wall(secs(501)).to_string().chars().skip(11).take(8).collect();
    told.people = 0;
    told.state(820, State::Idle, None);
    // Another want counts anew; this one ends while an answer is awaited, and says what was before.
    told.people = 3;
    told.state(900, State::Settling, Some(900));
    told.sent(900, 0);
    told.failed(901, StartFailure::NoAnswer);
    told.state(901, State::Backoff, Some(900));
    told.sent(905, 5);
    told.state(905, State::Starting, Some(900));
    told.people = 0;
    told.state(906, State::Idle, None);
    let outcomes = told.outcomes().await;
    let busy = (Outcome::Failed, "all Jibris are busy");
    is(
        &outcomes,
        &[
            busy,
            busy,
            busy,
            (Outcome::Failed, "wanted for 12 min, never recorded: 3 requests failed, the last at "),
            (Outcome::Failed, "no answer from Jicofo within start.request_timeout"),
            (
                Outcome::Failed,
                "wanted for 6 s, never recorded: before it was on, the meeting ended; before that, one request \
                 failed, at ",
            ),
        ],
    );
    let end = format!("the last at {at} UTC: all Jibris are busy; then the meeting ended");
    assert!(outcomes[3].1.ends_with(&end), "{outcomes:?}");
}

#[tokio::test]
async fn the_last_start_that_is_allowed_says_so_and_a_hold_what_was_before_it() {
    let mut told = Told::new();
    told.state(1, State::Settling, Some(1));
    told.sent(1, 0);
    told.tell(2, What::StartFailed { why: StartFailure::Failed, retry_in: None });
    told.state(3, State::Settling, Some(1));
    told.tell(4, What::Held(Hold::DryRun));
    is(
        &told.outcomes().await,
        &[
            (Outcome::Failed, "Jicofo has given up on it; start.retry_limit is reached"),
            (Outcome::Failed, "this is a dry run; before that, one request failed, at "),
        ],
    );
}

#[tokio::test]
async fn time_without_a_link_is_told_of_what_it_falls_into() {
    let mut told = Told::new();
    told.history.link_down(secs(0));
    told.history.link_up(secs(9));
    told.state(10, State::Settling, Some(10));
    told.history.link_down(secs(12));
    told.history.link_down(secs(13));
    told.history.link_up(secs(24));
    told.people = 0;
    told.state(30, State::Idle, None);
    told.on(40);
    told.history.link_down(secs(45));
    told.ended(50, Ended::Lost);
    is(
        &told.outcomes().await,
        &[
            (Outcome::NotStarted, "then the meeting ended"),
            (Outcome::Failed, "there was no link to Prosody for 5 s of that time"),
        ],
    );
    let mut told = Told::new();
    told.state(10, State::Settling, Some(10));
    told.history.link_down(secs(12));
    told.people = 0;
    told.state(24, State::Idle, None);
    let reason = "no request was sent in that time; there was no link to Prosody for 12 s of that time; then";
    is(&told.outcomes().await, &[(Outcome::NotStarted, reason)]);
}

#[tokio::test]
async fn an_order_and_its_end_are_written_with_whose_they_are() {
    let cli = Origin { by: OrderedBy::CommandLine, from: [127, 0, 0, 1].into() };
    let page = Origin { by: OrderedBy::Page, from: [10, 0, 0, 7].into() };
    let api = Origin { by: OrderedBy::Api, from: std::net::Ipv6Addr::LOCALHOST.into() };
    let mut told = Told::new();
    let mut at = 0;
    let mut give = |told: &mut Told, order, origin| {
        at += 1;
        told.tell(at, What::Manual { order, origin });
    };
    give(&mut told, ManualOrder::Release, api);
    give(&mut told, ManualOrder::Stop, cli);
    give(&mut told, ManualOrder::Record, page);
    give(&mut told, ManualOrder::Release, cli);
    give(&mut told, ManualOrder::Record, cli);
    told.tell(20, What::OrderOver { order: ManualOrder::Record, end: OrderEnd::NobodyLeft });
    give(&mut told, ManualOrder::Stop, page);
    let entries = told.entries().await;
    let orders: Vec<_> = entries
        .iter()
        .map(|entry| match entry {
            Entry::Order(o) => {
                (o.order.as_str(), o.by.as_str(), o.from.as_str(), o.over.is_some(), o.reason.as_deref())
            }
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        orders,
        [
            ("release", "api", "::1", true, None),
            ("stop", "command_line", "127.0.0.1", true, Some("another order came")),
            ("record", "page", "10.0.0.7", true, Some("released by the command line from 127.0.0.1")),
            ("record", "command_line", "127.0.0.1", true, Some("nobody was left in the meeting")),
            ("stop", "page", "10.0.0.7", false, None),
        ]
    );
}

#[tokio::test]
async fn a_wait_for_a_jibri_begins_and_ends_as_one_entry() {
    let mut told = Told::new();
    for (at, people, end) in
        [(1, 1, WaitEnd::Found), (10, 1, WaitEnd::NotWanted), (20, 0, WaitEnd::NotWanted)]
    {
        told.tell(at, What::Waits { place: (people > 0).then_some(3) });
        told.people = people;
        told.tell(at + 5, What::WaitsNoMore(end));
    }
    told.tell(30, What::Waits { place: Some(1) });
    let entries = told.entries().await;
    let waits: Vec<_> = entries
        .iter()
        .map(|entry| match entry {
            Entry::Wait(wait) => {
                let lasted = wait.over.map(|over| over.since(wait.began));
                (wait.place, lasted, wait.reason.as_deref())
            }
            other => panic!("{other:?}"),
        })
        .collect();
    let five = Some(Duration::from_secs(5));
    assert_eq!(
        waits,
        [
            (Some(3), five, Some("a Jibri was found")),
            (Some(3), five, Some("no recording was wanted any more")),
            (None, five, Some("the meeting ended")),
            (Some(1), None, None),
        ]
    );
}
