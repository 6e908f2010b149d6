//! Whatever comes in, in whatever order: the roster stays consistent, nothing panics, the core goes on.

#![allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, clippy::unwrap_used, clippy::panic)]

#[path = "simulation/plan.rs"]
#[allow(dead_code, unreachable_pub)]
mod plan;

use std::collections::BTreeSet;
use std::time::Duration;

use jibri_autostart::address::{Nick, RealJid, RoomJid};
use jibri_autostart::config::{Footprint, FootprintSetting, Mode, Notice};
use jibri_autostart::meeting::{
    Action, Affiliation, Answer, AttemptId, By, Condition, ConferenceId, Departure, Effect, Input, ListError,
    Listed, Marks, MeetingId, Meetings, Out, Presence, QueryId, RecordingStatus, Refusal, Role, RoomEvent,
    RoomPicture, SessionId, Speaker, State, Unsent, Who,
};
use jibri_autostart::time::Time;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

fn nicks() -> impl Strategy<Value = Nick> {
    select(vec!["focus", "autostart", "a", "b", "c", "rec", "phone"]).prop_map(plan::nick)
}

fn jids() -> impl Strategy<Value = Option<RealJid>> {
    let all = vec![
        "focus@auth.meet.jitsi/focus",
        "autostart@autostart.meet.jitsi/a",
        "autostart.meet.jitsi",
        "a@meet.jitsi/1",
        "b@meet.jitsi/2",
        "recorder@hidden.meet.jitsi/x",
        "recorder-12345678@hidden.meet.jitsi/y",
        "jigasi@auth.meet.jitsi/z",
    ];
    option::weighted(0.9, select(all)).prop_map(|jid| jid.map(|jid| RealJid::new(jid).unwrap()))
}

fn roles() -> impl Strategy<Value = Role> {
    select(vec![Role::None, Role::Visitor, Role::Participant, Role::Moderator])
}

fn affiliations() -> impl Strategy<Value = Affiliation> {
    select(vec![Affiliation::None, Affiliation::Member, Affiliation::Admin, Affiliation::Owner])
}

fn sessions() -> impl Strategy<Value = Option<SessionId>> {
    option::of(select(vec!["s1", "s2"]).prop_map(|id| SessionId(id.into())))
}

fn statuses() -> impl Strategy<Value = Option<RecordingStatus>> {
    let mode = option::of(select(vec![Mode::File, Mode::Stream]));
    let status = (any::<bool>(), sessions(), mode, any::<bool>(), option::of(nicks())).prop_map(
        |(on, session, mode, failed, initiator)| RecordingStatus { on, session, mode, failed, initiator },
    );
    option::of(status)
}

fn presences() -> impl Strategy<Value = Presence> {
    let marks = any::<(bool, bool, bool)>().prop_map(|(jibri, jigasi, transcriber)| Marks {
        jibri: jibri && jigasi,
        jigasi: jigasi && transcriber,
        transcriber: transcriber && jibri,
    });
    let own = prop::bool::weighted(0.15);
    let created = prop::bool::weighted(0.05);
    let mode = option::of(select(vec![Mode::File, Mode::Stream]));
    let conference = option::of((0..3_u64).prop_map(ConferenceId));
    let shown = (sessions(), mode, conference);
    (nicks(), jids(), roles(), affiliations(), marks, shown, statuses(), own, created).prop_map(
        |(nick, jid, role, affiliation, marks, (session, mode, conference), recording, own, created)| {
            Presence {
                nick,
                jid,
                role,
                affiliation,
                marks,
                session,
                mode,
                jibri: None,
                name: None,
                recording,
                conference,
                own,
                created,
            }
        },
    )
}

fn refusals() -> impl Strategy<Value = Refusal> {
    use Condition as C;
    let conditions = vec![
        C::BadRequest,
        C::Conflict,
        C::Forbidden,
        C::InternalServerError,
        C::ItemNotFound,
        C::NotAcceptable,
        C::NotAllowed,
        C::NotAuthorized,
        C::RegistrationRequired,
        C::RemoteServer,
        C::ResourceConstraint,
        C::ServiceUnavailable,
        C::UnexpectedRequest,
        C::Other,
    ];
    let by = select(vec![By::Unsaid, By::Room, By::Service, By::Other]);
    (select(conditions), by, any::<(bool, bool)>(), option::of(Just("text".to_owned()))).prop_map(
        |(condition, by, (display_name_required, lobby), text)| Refusal {
            condition,
            text,
            by,
            display_name_required,
            lobby,
        },
    )
}

fn lists() -> impl Strategy<Value = Result<Vec<Listed>, ListError>> {
    let listed = (nicks(), jids(), roles(), affiliations())
        .prop_map(|(nick, jid, role, affiliation)| Listed { nick, jid, role, affiliation });
    let errors = vec![ListError::Gone, ListError::Forbidden, ListError::TimedOut, ListError::Other];
    prop_oneof![9 => vec(listed, 0..8).prop_map(Ok), 1 => select(errors).prop_map(Err)]
}

/// An id is a guess near the ones in use, or the one last handed out.
#[derive(Debug, Clone, Copy)]
enum Id {
    Last,
    Guess(u64),
}

fn ids() -> impl Strategy<Value = Id> {
    prop_oneof![4 => Just(Id::Last), 1 => (0..40_u64).prop_map(Id::Guess)]
}

#[derive(Debug, Clone)]
enum Step {
    Wait(Duration),
    UntilDue,
    LinkUp,
    LinkDown,
    Watch,
    Look,
    Counted,
    ForgottenAndFound,
    Roles(Id, Result<Vec<Listed>, ListError>),
    Start(Id, Answer),
    Room(RoomEvent),
    Companion(bool, bool),
}

fn pictures() -> impl Strategy<Value = Option<Box<RoomPicture>>> {
    let meeting = option::of(select(vec!["m1", "m2"]).prop_map(|id| MeetingId(id.into())));
    let picture = (
        vec(presences(), 0..6),
        vec(nicks(), 0..3),
        prop_oneof![9 => Just(0), 1 => any::<u32>()],
        meeting,
        any::<bool>(),
    )
        .prop_map(|(mut occupants, may_not_record, left_out, meeting, notice)| {
            // We are nowhere.
            occupants.iter_mut().for_each(|occupant| occupant.own = false);
            Box::new(RoomPicture { occupants, left_out, may_not_record, meeting, notice })
        });
    option::weighted(0.95, picture)
}

fn steps() -> impl Strategy<Value = Step> {
    let outs = vec![
        Out::Left,
        Out::Destroyed,
        Out::Removed { code: None },
        Out::Removed { code: Some(307) },
        Out::Removed { code: Some(333) },
    ];
    let how = prop_oneof![Just(Departure::Gone), nicks().prop_map(Departure::Renamed)];
    let answers = prop_oneof![
        sessions().prop_map(|session| Answer::Accepted { session }),
        refusals().prop_map(Answer::Refused),
        Just(Answer::TimedOut),
        select(vec![Unsent::SpeakerGone, Unsent::NoRoom, Unsent::NoFocus, Unsent::TooMuch, Unsent::Bad])
            .prop_map(Answer::Unsent),
    ];
    prop_oneof![
        4 => (0..120_000_u64).prop_map(|ms| Step::Wait(Duration::from_millis(ms))),
        12 => Just(Step::UntilDue),
        3 => Just(Step::LinkUp),
        1 => Just(Step::LinkDown),
        1 => Just(Step::Watch),
        2 => Just(Step::Look),
        2 => Just(Step::Counted),
        1 => Just(Step::ForgottenAndFound),
        10 => (ids(), lists()).prop_map(|(id, result)| Step::Roles(id, result)),
        6 => (ids(), answers).prop_map(|(id, answer)| Step::Start(id, answer)),
        30 => presences().prop_map(|p| Step::Room(RoomEvent::Presence(p))),
        8 => (nicks(), how).prop_map(|(nick, how)| Step::Room(RoomEvent::Left { nick, how })),
        2 => select(outs).prop_map(|out| Step::Room(RoomEvent::Out(out))),
        1 => refusals().prop_map(|refusal| Step::Room(RoomEvent::EntryRefused(refusal))),
        1 => Just(Step::Room(RoomEvent::Unreadable)),
        3 => any::<(bool, bool)>().prop_map(|(answers, can_notify)| Step::Companion(answers, can_notify)),
        20 => pictures().prop_map(|picture| Step::Room(RoomEvent::Pictured(picture))),
        1 => Just(Step::Room(RoomEvent::Over)),
    ]
}

struct Driven {
    core: Meetings,
    room: RoomJid,
    now: Time,
    query: u64,
    attempt: u64,
}

impl Driven {
    fn new(seed: u64, footprint: FootprintSetting) -> Self {
        let mut settings = plan::settings();
        (settings.muc.footprint, settings.muc.notice) = (footprint, Notice::Every);
        let room = RoomJid::new("r0@muc.meet.jitsi").unwrap();
        settings.discovery.rooms = vec![room.clone()];
        let core = Meetings::new(&settings, false, seed, Time::default());
        Self { core, room, now: Time::default(), query: 0, attempt: 0 }
    }

    fn feed(&mut self, input: Input) {
        for effect in self.core.handle(self.now, input) {
            match effect {
                Effect::Do(Action::AskRoles { query, .. }) => self.query = query.0,
                Effect::Do(Action::Start { attempt, speaker, .. }) => {
                    self.attempt = attempt.0;
                    let view = self.core.room(&self.room).unwrap();
                    let may_ask = match speaker {
                        Speaker::Companion(nick) => {
                            self.core.roster(&self.room).unwrap().who(&nick) == Some(Who::Person)
                        }
                        _ => view.inside.is_some(),
                    };
                    assert!(may_ask && view.moderators > 0, "start without a reason");
                }
                _ => {}
            }
        }
        let roster = self.core.roster(&self.room).unwrap();
        assert!(roster.is_consistent());
        let view = self.core.room(&self.room).unwrap();
        assert!(view.moderators <= view.people);
        assert!(view.inside.is_none() || view.people > 0, "stays where nobody is");
        self.is_not_busy();
    }

    /// A deadline that has come is passed after a few ticks.
    fn is_not_busy(&mut self) {
        for _ in 0..8 {
            if self.core.next_deadline().is_none_or(|at| at > self.now) {
                return;
            }
            for effect in self.core.handle(self.now, Input::Tick) {
                match effect {
                    Effect::Do(Action::AskRoles { query, .. }) => self.query = query.0,
                    Effect::Do(Action::Start { attempt, .. }) => self.attempt = attempt.0,
                    _ => {}
                }
            }
        }
        panic!("asks for a Tick at once, for ever");
    }

    fn take(&mut self, step: Step) {
        let room = self.room.clone();
        let id = |id: Id, last: u64| match id {
            Id::Last => last,
            Id::Guess(guess) => guess,
        };
        match step {
            Step::Wait(wait) => {
                self.now = self.now.after(wait);
                self.feed(Input::Tick);
            }
            Step::UntilDue => {
                self.now = self.core.next_deadline().unwrap_or(self.now).max(self.now);
                self.feed(Input::Tick);
            }
            Step::LinkUp => self.feed(Input::LinkUp),
            Step::LinkDown => self.feed(Input::LinkDown),
            Step::Watch => self.feed(Input::Watch { room }),
            Step::Look => self.feed(Input::Poll { room }),
            Step::Counted => self.feed(Input::Counted { room }),
            Step::ForgottenAndFound => {
                let before = self.core.room(&room).unwrap();
                let is_kept = before.inside.is_some() || before.state != State::Idle;
                self.core.handle(self.now, Input::Forget { room: room.clone() });
                assert!(self.core.room(&room).is_some() || !is_kept, "forgot what goes on");
                self.feed(Input::Watch { room });
            }
            Step::Roles(query, result) => {
                let query = QueryId(id(query, self.query));
                self.feed(Input::Room { room, event: RoomEvent::Roles { query, result } });
            }
            Step::Start(attempt, answer) => {
                let attempt = AttemptId(id(attempt, self.attempt));
                self.feed(Input::Room { room, event: RoomEvent::StartAnswered { attempt, answer } });
            }
            Step::Room(event) => self.feed(Input::Room { room, event }),
            Step::Companion(answers, can_notify) => {
                let service = room.service().to_owned();
                self.feed(Input::Companion { service, answers, can_notify });
            }
        }
    }

    fn enter(&mut self) {
        self.take(Step::LinkUp);
        let listed = |name: &str, jid: &str| Listed {
            nick: plan::nick(name),
            jid: Some(RealJid::new(jid).unwrap()),
            role: Role::Moderator,
            affiliation: Affiliation::Owner,
        };
        let all = vec![listed("focus", "focus@auth.meet.jitsi/focus"), listed("a", "zoe@meet.jitsi/1")];
        self.take(Step::Roles(Id::Last, Ok(all.clone())));
        let us = listed("autostart", "autostart@autostart.meet.jitsi/a");
        for who in all.into_iter().chain([us]) {
            let own = who.nick.as_str() == "autostart";
            self.take(Step::Room(RoomEvent::Presence(Presence {
                nick: who.nick,
                jid: who.jid,
                role: who.role,
                affiliation: who.affiliation,
                marks: Marks::default(),
                session: None,
                mode: None,
                jibri: None,
                name: None,
                recording: None,
                conference: None,
                own,
                created: false,
            })));
        }
        assert!(self.core.room(&self.room).unwrap().inside.is_some());
    }
}

/// What focus says is new when it comes back, even if it says the same.
#[test]
fn focus_comes_back_with_the_same_word() {
    let mut driven = Driven::new(1, Footprint::Resident.into());
    driven.enter();
    let focus = |on: bool| {
        Step::Room(RoomEvent::Presence(Presence {
            nick: plan::nick("focus"),
            jid: Some(RealJid::new("focus@auth.meet.jitsi/focus").unwrap()),
            role: Role::Moderator,
            affiliation: Affiliation::Owner,
            marks: Marks::default(),
            session: None,
            mode: None,
            jibri: None,
            name: None,
            recording: on.then(|| RecordingStatus {
                on: true,
                session: Some(SessionId("s1".into())),
                mode: Some(Mode::File),
                failed: false,
                initiator: None,
            }),
            conference: None,
            own: false,
            created: false,
        }))
    };
    let state = |driven: &Driven| driven.core.room(&driven.room).unwrap().state;
    driven.take(focus(true));
    assert_eq!(state(&driven), State::Recording);
    driven.take(Step::Room(RoomEvent::Left { nick: plan::nick("focus"), how: Departure::Gone }));
    assert_eq!(state(&driven), State::Settling);
    driven.take(focus(true));
    assert_eq!(state(&driven), State::Recording);
    assert_eq!(driven.attempt, 0, "a start, although a recording was on all the time");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    #[test]
    fn anything_in_any_order(seed: u64, inside: bool, footprint in 0..3_usize, steps in vec(steps(), 1..120)) {
        let footprint = [FootprintSetting::Auto, Footprint::Companion.into(), Footprint::Resident.into()][footprint];
        let mut driven = Driven::new(seed, footprint);
        if inside && footprint == Footprint::Resident.into() {
            driven.enter();
        }
        for step in steps {
            driven.take(step);
        }
        driven.take(Step::LinkDown);
        let view = driven.core.room(&driven.room).unwrap();
        prop_assert!(view.inside.is_none());
        prop_assert!(!matches!(view.state, State::Starting | State::Pending));
    }

    /// Whatever was before: with honest answers from now on it looks into the room and enters it.
    #[test]
    fn comes_back_from_anything(seed: u64, steps in vec(steps(), 1..80)) {
        let mut driven = Driven::new(seed, Footprint::Resident.into());
        driven.enter();
        for step in steps {
            driven.take(step);
        }
        driven.take(Step::LinkDown);
        driven.enter();
    }

    /// However many rooms there are, and however their queries are answered.
    #[test]
    fn asks_about_few_rooms_at_once(rooms in 1..200_usize, answered in vec(any::<bool>(), 0..400)) {
        let settings = plan::settings();
        let mut core = Meetings::new(&settings, false, 1, Time::default());
        let mut under_way = BTreeSet::new();
        let note = |effects: Vec<Effect>, under_way: &mut BTreeSet<(RoomJid, u64)>| {
            for effect in effects {
                if let Effect::Do(Action::AskRoles { room, query, .. }) = effect {
                    under_way.insert((room, query.0));
                }
            }
        };
        let all: Vec<RoomJid> =
            (0..rooms).map(|i| RoomJid::new(&format!("x{i}@{}", plan::MUC)).unwrap()).collect();
        note(core.handle(Time::default(), Input::LinkUp), &mut under_way);
        for room in all {
            note(core.handle(Time::default(), Input::Watch { room }), &mut under_way);
        }
        // So many go out together; the others have their turn a moment later.
        prop_assert!((rooms.min(8)..=32).contains(&under_way.len()));
        for exists in answered {
            let Some((room, query)) = under_way.pop_first() else { break };
            let result = if exists { Ok(vec![]) } else { Err(ListError::Gone) };
            let event = RoomEvent::Roles { query: QueryId(query), result };
            note(core.handle(Time::default(), Input::Room { room, event }), &mut under_way);
            prop_assert!(under_way.len() <= 32);
        }
        while let Some((room, query)) = under_way.pop_first() {
            let event = RoomEvent::Roles { query: QueryId(query), result: Err(ListError::Gone) };
            note(core.handle(Time::default(), Input::Room { room, event }), &mut under_way);
        }
        prop_assert!(core.rooms().count() <= rooms);
    }
}
