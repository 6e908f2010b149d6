//! Attribution and recovery at their corners, one at a time.

use std::time::Duration;

use super::*;
use crate::address::RoomJid;
use crate::config;
use crate::meeting::Ended;

const SETTINGS: &str = r#"
[xmpp]
domain = "autostart.meet.jitsi"
secret = "s"
[muc]
domains = ["muc.meet.jitsi"]
[[jibri.instance]]
name = "a"
[[jibri.instance]]
name = "b"
[recovery]
on = ["wedged", "unhealthy", "expired"]
command = ["true"]
"#;

const IDLE: Report = Report { busy: Busy::Idle, health: Health::Healthy };
const BUSY: Report = Report { busy: Busy::Busy, health: Health::Healthy };
const EXPIRED: Report = Report { busy: Busy::Expired, health: Health::Healthy };
const UNHEALTHY: Report = Report { busy: Busy::Idle, health: Health::Unhealthy };

struct Bench {
    fleet: Fleet,
    now: Time,
    effects: Vec<Effect>,
}

fn name(text: &str) -> JibriName {
    JibriName::new(text)
}

fn room(text: &str) -> RoomJid {
    RoomJid::new(&format!("{text}@muc.meet.jitsi")).unwrap()
}

impl Bench {
    fn with(settings: &str) -> Self {
        let settings = config::from_toml(settings).unwrap().settings;
        let now = Time::new(Duration::from_secs(10_000));
        Self { fleet: Fleet::new(&settings, now), now, effects: Vec::new() }
    }

    /// These Jibris in a brewery that we see, idle for long.
    fn new(present: &[&str]) -> Self {
        Self::from(SETTINGS, present)
    }

    fn from(settings: &str, present: &[&str]) -> Self {
        let mut bench = Self::with(settings);
        for jibri in present {
            bench.shows(jibri, IDLE);
        }
        bench.give(Input::Brewery(Brewery::Complete));
        bench.pass(200);
        bench.effects.clear();
        bench
    }

    fn give(&mut self, input: Input) {
        self.effects.extend(self.fleet.handle(self.now, input));
    }

    /// Lets seconds pass, with every deadline in them; pings are answered.
    fn pass(&mut self, secs: u64) {
        let until = self.now.after(Duration::from_secs(secs));
        while let Some(at) = self.fleet.next_deadline().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            for effect in self.fleet.handle(self.now, Input::Tick) {
                if let Effect::Ping { name } = &effect {
                    let pinged = Input::Pinged { name: name.clone(), answered: true };
                    self.effects.extend(self.fleet.handle(self.now, pinged));
                }
                self.effects.push(effect);
            }
        }
        self.now = until;
    }

    fn shows(&mut self, jibri: &str, report: Report) {
        let status = Some(report);
        self.give(Input::Brewery(Brewery::Presence { name: name(jibri), status, items: 1 }));
    }

    fn news(&mut self, at: &str, news: News) {
        self.give(Input::Meeting { room: room(at), news });
    }

    fn fails(&mut self, at: &str, why: StartFailure) {
        self.news(at, News::Failed { why, people: true });
    }

    /// A start that nobody could be used for.
    fn all_busy(&mut self, at: &str) {
        self.news(at, News::StartSent);
        self.pass(1);
        self.fails(at, StartFailure::AllBusy);
    }

    fn detector(&mut self, rows: &[(&str, Report, &str)]) {
        let row = |(jibri, report, failed): &(&str, Report, &str)| Detected {
            name: name(jibri),
            report: *report,
            selected: Stamp("2026".into()),
            failed: Stamp((*failed).into()),
        };
        self.give(Input::Detector(Some(rows.iter().map(row).collect())));
    }

    fn failures(&self, jibri: &str) -> u32 {
        self.fleet.jibri_view(jibri, self.now).unwrap().failures
    }

    fn verdict(&self, jibri: &str) -> Verdict {
        self.fleet.jibri_view(jibri, self.now).unwrap().verdict
    }

    fn recovered(&self) -> Vec<(String, Reason)> {
        let recover = |effect: &Effect| match effect {
            Effect::Recover { name, reason } => Some((name.to_string(), *reason)),
            _ => None,
        };
        self.effects.iter().filter_map(recover).collect()
    }

    fn told(&self, is: impl Fn(&Event) -> bool) -> usize {
        self.effects.iter().filter(|effect| matches!(effect, Effect::Tell(event) if is(event))).count()
    }
}

const NEVER: &str = "-1000000000-01-01T00:00:00Z";

#[test]
fn all_busy_with_one_idle_counts_once_a_minute() {
    let mut bench = Bench::new(&["a", "b"]);
    bench.shows("b", BUSY);
    bench.all_busy("r1");
    assert_eq!(bench.failures("a"), 0, "what is under way has to show itself first");
    bench.pass(25);
    assert_eq!((bench.failures("a"), bench.verdict("a")), (1, Verdict::Suspect));
    bench.all_busy("r1");
    bench.pass(25);
    assert_eq!(bench.failures("a"), 1, "it was not selected again so soon");
    for _ in 0..2 {
        bench.pass(60);
        bench.all_busy("r2");
        bench.pass(25);
    }
    assert_eq!((bench.failures("a"), bench.failures("b")), (3, 0));
    assert_eq!(bench.verdict("a"), Verdict::Wedged);
    assert_eq!(bench.recovered(), [("a".to_owned(), Reason::Wedged)]);
}

#[test]
fn all_busy_with_two_idle_is_nobodys() {
    let mut bench = Bench::new(&["a", "b"]);
    bench.all_busy("r1");
    bench.pass(25);
    assert_eq!((bench.failures("a"), bench.failures("b")), (0, 0));
    let among = [name("a"), name("b")];
    assert_eq!(bench.told(|event| matches!(event, Event::InDoubt { among: a, .. } if a[..] == among)), 1);
}

#[test]
fn one_that_has_just_become_idle_is_not_accused() {
    for lead in [0, 2, 4] {
        let mut bench = Bench::new(&["a"]);
        bench.shows("a", BUSY);
        bench.pass(100);
        bench.shows("a", IDLE);
        bench.pass(lead);
        bench.all_busy("r1");
        bench.pass(60);
        assert_eq!(bench.failures("a"), 0, "{lead} s before");
    }
    let mut bench = Bench::new(&["a"]);
    bench.shows("a", BUSY);
    bench.pass(100);
    bench.all_busy("r1");
    bench.shows("a", IDLE);
    bench.pass(60);
    assert_eq!(bench.failures("a"), 0, "just after");
}

#[test]
fn one_that_was_launching_or_unwell_meanwhile_is_not_accused() {
    for report in [BUSY, UNHEALTHY] {
        let mut bench = Bench::new(&["a"]);
        bench.all_busy("r1");
        bench.pass(15);
        bench.shows("a", report);
        bench.pass(1);
        bench.shows("a", IDLE);
        bench.pass(60);
        assert_eq!(bench.failures("a"), 0, "{report:?}");
    }
}

#[test]
fn what_the_room_is_the_reason_of_counts_against_nobody() {
    use StartFailure as F;
    let reasons = [
        F::NoRecorder,
        F::NotKnownYet,
        F::NoFocus,
        F::NoRoom,
        F::NotInside,
        F::FocusError,
        F::NoJibri,
        F::NoAnswer,
        F::SeveralFailed,
        F::Unknown,
        F::Vanished,
    ];
    for why in reasons {
        let mut bench = Bench::new(&["a"]);
        bench.news("r1", News::StartSent);
        bench.pass(2);
        bench.fails("r1", why);
        bench.pass(60);
        assert_eq!(bench.failures("a"), 0, "{why:?}");
    }
}

#[test]
fn jicofos_own_word_goes_before_all_busy() {
    let mut bench = Bench::new(&["a"]);
    for failed in [NEVER, NEVER, NEVER, NEVER, NEVER] {
        bench.detector(&[("a", IDLE, failed)]);
        bench.pass(1);
    }
    bench.news("r1", News::StartSent);
    bench.detector(&[("a", IDLE, NEVER)]);
    bench.fails("r1", StartFailure::AllBusy);
    for _ in 0..30 {
        bench.pass(1);
        bench.detector(&[("a", IDLE, NEVER)]);
    }
    assert_eq!(bench.failures("a"), 0, "Jicofo never tried it");
    bench.news("r1", News::StartSent);
    for _ in 0..10 {
        bench.pass(1);
        bench.detector(&[("a", IDLE, "2026-01-01T00:00:00Z")]);
    }
    assert_eq!(bench.failures("a"), 1);
    let view = bench.fleet.jibri_view("a", bench.now).unwrap();
    let words = view.evidence.words(|_| "14:02:11".to_owned());
    assert_eq!(
        words,
        "1 start failed while it reported idle and healthy, last 14:02:11 in r1@muc.meet.jitsi"
    );
    bench.detector(&[("a", IDLE, NEVER)]);
    bench.pass(10);
    assert_eq!(bench.failures("a"), 1, "a failure that is cleared is no failure");
}

#[test]
fn who_answered_busy_because_it_was_is_not_accused() {
    let mut bench = Bench::new(&["a"]);
    bench.detector(&[("a", IDLE, NEVER)]);
    bench.pass(1);
    bench.detector(&[("a", IDLE, "2026-01-01")]);
    bench.pass(2);
    bench.shows("a", BUSY);
    bench.pass(20);
    assert_eq!(bench.failures("a"), 0);
}

#[test]
fn a_new_process_does_not_answer_for_the_old_one() {
    let mut bench = Bench::new(&["a"]);
    bench.detector(&[("a", IDLE, NEVER)]);
    bench.give(Input::Brewery(Brewery::Left { name: name("a") }));
    bench.pass(1);
    bench.shows("a", IDLE);
    bench.detector(&[("a", IDLE, NEVER)]);
    bench.pass(1);
    bench.detector(&[("a", IDLE, "2026-01-01")]);
    bench.pass(20);
    assert_eq!(bench.failures("a"), 0);
}

#[test]
fn a_fallback_exonerates_itself_and_not_the_one_that_failed() {
    let mut bench = Bench::new(&["a", "b"]);
    bench.news("r1", News::StartSent);
    bench.pass(3);
    bench.shows("a", BUSY);
    bench.news("r1", News::Accepted);
    bench.pass(5);
    assert_eq!(bench.fleet.serving(&room("r1")), Serving::Known(&name("a")));
    bench.pass(50);
    bench.shows("a", IDLE);
    bench.pass(3);
    bench.shows("b", BUSY);
    bench.pass(8);
    bench.news("r1", News::On);
    bench.pass(5);
    assert_eq!(bench.fleet.serving(&room("r1")), Serving::Known(&name("b")));
    assert_eq!(bench.failures("a"), 0, "the recording has to last first");
    bench.pass(60);
    assert_eq!((bench.failures("a"), bench.failures("b")), (1, 0));
    // Another day it records, and all is forgotten.
    bench.news("r2", News::StartSent);
    bench.shows("a", BUSY);
    bench.news("r2", News::Accepted);
    bench.pass(5);
    bench.news("r2", News::On);
    bench.pass(70);
    assert_eq!((bench.failures("a"), bench.verdict("a")), (0, Verdict::Ok));
}

#[test]
fn a_room_that_keeps_recorders_out_wedges_nobody() {
    let mut bench = Bench::new(&["a"]);
    for _ in 0..6 {
        bench.news("secret", News::StartSent);
        bench.shows("a", BUSY);
        bench.news("secret", News::Accepted);
        bench.pass(40);
        bench.fails("secret", StartFailure::Failed);
        bench.pass(3);
        bench.shows("a", IDLE);
        bench.pass(10);
    }
    assert_eq!((bench.failures("a"), bench.verdict("a")), (1, Verdict::Suspect));
}

#[test]
fn an_empty_room_and_a_persons_stop_blame_nobody() {
    for news in [News::Failed { why: StartFailure::Failed, people: false }, News::Over] {
        let mut bench = Bench::new(&["a"]);
        bench.news("r1", News::StartSent);
        bench.shows("a", BUSY);
        bench.news("r1", News::Accepted);
        bench.pass(20);
        bench.news("r1", news);
        bench.pass(3);
        bench.shows("a", IDLE);
        bench.pass(60);
        assert_eq!(bench.failures("a"), 0);
    }
}

#[test]
fn two_starts_at_once_are_told_apart_only_by_what_is_sure() {
    let mut bench = Bench::new(&["a", "b"]);
    bench.news("r1", News::StartSent);
    bench.news("r2", News::StartSent);
    bench.pass(2);
    bench.shows("a", BUSY);
    bench.shows("b", BUSY);
    bench.news("r1", News::Accepted);
    bench.news("r2", News::Accepted);
    bench.pass(5);
    assert!(matches!(bench.fleet.serving(&room("r1")), Serving::OneOf(set) if set.len() == 2));
    bench.news("r1", News::On);
    bench.pass(5);
    assert!(matches!(bench.fleet.serving(&room("r1")), Serving::OneOf(_)));
    bench.shows("a", IDLE);
    bench.fails("r2", StartFailure::Failed);
    bench.pass(60);
    assert_eq!((bench.failures("a"), bench.failures("b")), (0, 0));
}

#[test]
fn a_later_start_is_known_by_elimination() {
    let mut bench = Bench::new(&["a", "b"]);
    bench.news("r1", News::StartSent);
    bench.news("r2", News::StartSent);
    bench.pass(2);
    bench.shows("a", BUSY);
    bench.news("r1", News::Accepted);
    bench.pass(5);
    bench.shows("b", BUSY);
    bench.news("r2", News::Accepted);
    bench.pass(5);
    assert_eq!(bench.fleet.serving(&room("r1")), Serving::Known(&name("a")));
    assert_eq!(bench.fleet.serving(&room("r2")), Serving::Known(&name("b")));
}

#[test]
fn a_room_whose_jibri_goes_is_looked_at() {
    let mut bench = Bench::new(&["a"]);
    bench.news("r1", News::StartSent);
    bench.shows("a", BUSY);
    bench.news("r1", News::Accepted);
    bench.pass(5);
    bench.news("r1", News::On);
    bench.pass(100);
    bench.effects.clear();
    bench.give(Input::Brewery(Brewery::Left { name: name("a") }));
    assert!(bench.effects.contains(&Effect::Look { room: room("r1") }));
    assert_eq!(bench.verdict("a"), Verdict::Offline);
    bench.news("r1", News::Ended { how: Ended::Failed, people: true });
}

#[test]
fn who_is_busy_when_the_brewery_is_seen_again_has_taken_nothing() {
    let taken = |bench: &Bench| bench.effects.iter().filter(|e| matches!(e, Effect::Taken { .. })).count();
    let mut bench = Bench::new(&["a", "b"]);
    bench.shows("a", BUSY);
    bench.pass(100);
    bench.news("r", News::StartSent);
    bench.give(Input::Brewery(Brewery::Lost));
    bench.shows("a", BUSY);
    bench.shows("b", IDLE);
    bench.give(Input::Brewery(Brewery::Complete));
    assert_eq!(taken(&bench), 0);
    bench.shows("b", BUSY);
    assert_eq!(taken(&bench), 1);
}

#[test]
fn a_freed_jibri_is_told_at_once() {
    let mut bench = Bench::new(&["a", "b"]);
    bench.shows("a", BUSY);
    bench.shows("b", BUSY);
    assert!(!bench.fleet.availability().has_room());
    let before = bench.fleet.availability().change;
    bench.effects.clear();
    bench.shows("a", IDLE);
    let is_told =
        |effect: &Effect| matches!(effect, Effect::Available(a) if a.free == 1 && a.change > before);
    assert!(bench.effects.iter().any(is_told), "{:?}", bench.effects);
    bench.news("r1", News::StartSent);
    assert!(!bench.fleet.availability().has_room(), "the start is about to take it");
}

#[test]
fn an_unhealthy_jibri_at_work_is_left_alone_whoever_says_so() {
    let unwell = Report { health: Health::Unhealthy, ..BUSY };
    let mut bench = Bench::new(&["a"]);
    bench.shows("a", unwell);
    bench.pass(100);
    assert_eq!(bench.recovered(), []);
    let mut bench = Bench::new(&["a"]);
    bench.shows("a", UNHEALTHY);
    for _ in 0..10 {
        bench.give(Input::Health { name: name("a"), answer: Ok(unwell) });
        bench.pass(10);
    }
    assert_eq!(bench.recovered(), [], "its port says that it is at work");
    bench.give(Input::Health { name: name("a"), answer: Ok(UNHEALTHY) });
    bench.pass(10);
    assert_eq!(bench.recovered(), [("a".to_owned(), Reason::Unhealthy)]);
}

#[test]
fn an_expired_jibri_shows_busy_and_is_restarted_and_watched() {
    let mut bench = Bench::new(&["a"]);
    bench.shows("a", BUSY);
    bench.pass(100);
    bench.give(Input::Webhook { id: "a".into(), report: EXPIRED });
    bench.pass(15);
    assert_eq!(bench.verdict("a"), Verdict::Expired);
    assert_eq!(bench.recovered(), [("a".to_owned(), Reason::Expired)]);
    bench.give(Input::Recovered { name: name("a"), result: Ok(()) });
    bench.give(Input::Brewery(Brewery::Left { name: name("a") }));
    bench.pass(20);
    bench.shows("a", IDLE);
    assert_eq!(bench.told(|event| matches!(event, Event::Back { .. })), 1);
    assert_eq!(bench.verdict("a"), Verdict::Ok);
}

#[test]
fn one_that_is_not_back_is_told_of_and_does_not_hold_up_others() {
    let mut bench = Bench::new(&["a", "b"]);
    bench.shows("a", UNHEALTHY);
    bench.shows("b", UNHEALTHY);
    bench.pass(20);
    assert_eq!(bench.recovered().len(), 1, "one at a time");
    bench.give(Input::Recovered { name: name("a"), result: Ok(()) });
    bench.give(Input::Brewery(Brewery::Left { name: name("a") }));
    bench.pass(170);
    assert_eq!(bench.recovered().len(), 1);
    bench.pass(30);
    assert_eq!(bench.told(|event| matches!(event, Event::NotBack { has_gone: true, .. })), 1);
    assert_eq!(bench.recovered().len(), 2);
}

/// The alert that it could not be restarted would stand for ever.
#[test]
fn one_that_could_not_be_restarted_is_told_to_be_back_whoever_mends_it() {
    let is_back = |event: &Event| matches!(event, Event::Back { .. });
    let failing = || {
        let mut bench = Bench::new(&["a"]);
        bench.shows("a", UNHEALTHY);
        bench.pass(20);
        assert_eq!(bench.recovered(), [("a".to_owned(), Reason::Unhealthy)]);
        bench
    };
    let no = || Input::Recovered { name: name("a"), result: Err("exit status 1".into()) };
    // By hand.
    let mut bench = failing();
    bench.give(no());
    bench.give(Input::Brewery(Brewery::Left { name: name("a") }));
    bench.pass(5);
    assert_eq!(bench.told(is_back), 0);
    bench.shows("a", IDLE);
    assert_eq!((bench.told(is_back), bench.verdict("a")), (1, Verdict::Ok));
    // By the command, which only says that it has failed.
    let mut bench = failing();
    bench.give(Input::Brewery(Brewery::Left { name: name("a") }));
    bench.shows("a", IDLE);
    bench.give(no());
    assert_eq!(bench.told(is_back), 1);
    bench.shows("a", BUSY);
    assert_eq!(bench.told(is_back), 1, "once");
}

#[test]
fn one_that_could_not_be_recycled_is_not_back_before_it_has_been_gone() {
    let settings = SETTINGS.replace(r#"on = ["#, "recycle_after = 1\non = [\"recycle\", ");
    let mut bench = Bench::from(&settings, &["a"]);
    bench.shows("a", BUSY);
    bench.pass(100);
    bench.shows("a", IDLE);
    bench.pass(20);
    assert_eq!(bench.recovered(), [("a".to_owned(), Reason::Recycle)]);
    bench.give(Input::Recovered { name: name("a"), result: Err("exit status 1".into()) });
    bench.pass(60);
    assert_eq!(bench.told(|event| matches!(event, Event::Back { .. })), 0);
    bench.give(Input::Brewery(Brewery::Left { name: name("a") }));
    bench.shows("a", IDLE);
    assert_eq!(bench.told(|event| matches!(event, Event::Back { .. })), 1);
}

#[test]
fn restarts_of_before_we_were_started_count_for_the_limits() {
    let ago = |bench: &Bench, secs| Time::new(bench.now.since_start() - Duration::from_secs(secs));
    let remembering = |secs: &[(&str, u64)]| {
        let mut bench = Bench::new(&["a", "b"]);
        let restarts = secs.iter().map(|(jibri, secs)| (name(jibri), ago(&bench, *secs))).collect();
        bench.give(Input::Remembered(restarts));
        bench.shows("a", UNHEALTHY);
        bench.pass(20);
        bench
    };
    let cools = Limit::Cooldown;
    let mut bench = remembering(&[("a", 100)]);
    assert_eq!(bench.recovered(), []);
    assert_eq!(bench.told(|event| matches!(event, Event::Limited { limit, .. } if *limit == cools)), 1);
    bench.pass(200 - 20 - 1);
    assert_eq!(bench.recovered(), [], "five minutes are not over");
    bench.pass(1);
    assert_eq!(bench.recovered(), [("a".to_owned(), Reason::Unhealthy)]);

    // Six in an hour, whoever they were; told in any order.
    let six = [("b", 3000), ("gone", 500), ("b", 1000), ("b", 2000), ("b", 2500), ("b", 900)];
    let mut bench = remembering(&six);
    assert_eq!(bench.recovered(), []);
    assert_eq!(bench.told(|event| matches!(event, Event::Limited { limit: Limit::PerHour, .. })), 1);
    bench.pass(600 - 20 - 1);
    assert_eq!(bench.recovered(), [], "the hour is not over");
    bench.pass(1);
    assert_eq!(bench.recovered(), [("a".to_owned(), Reason::Unhealthy)]);

    let old = remembering(&[("a", 400), ("b", 4000), ("b", 4001), ("b", 4002), ("b", 4003), ("b", 4004)]);
    assert_eq!(old.recovered(), [("a".to_owned(), Reason::Unhealthy)]);
}

#[test]
fn a_stranger_and_twins_are_never_restarted() {
    let mut bench = Bench::new(&["stranger"]);
    bench.shows("stranger", UNHEALTHY);
    bench.pass(100);
    let (status, items) = (Some(UNHEALTHY), 2);
    bench.give(Input::Brewery(Brewery::Presence { name: name("a"), status, items }));
    bench.pass(1000);
    assert_eq!(bench.recovered(), []);
    assert_eq!(bench.told(|event| matches!(event, Event::Limited { limit: Limit::NotConfigured, .. })), 1);
    assert_eq!(bench.told(|event| matches!(event, Event::Limited { limit: Limit::Twins, .. })), 1);
    assert_eq!(bench.told(|event| matches!(event, Event::Twins { items: 2, .. })), 1);
}

#[test]
fn a_dry_run_tells_once_and_does_nothing() {
    let mut bench = Bench::from(&format!("{SETTINGS}dry_run = true\n"), &["a"]);
    bench.shows("a", UNHEALTHY);
    bench.pass(3000);
    assert_eq!(bench.recovered(), []);
    assert_eq!(bench.told(|event| matches!(event, Event::WouldRecover { .. })), 1);
}

#[test]
fn an_unseen_brewery_makes_nobody_offline() {
    let mut bench = Bench::new(&["a"]);
    assert_eq!((bench.verdict("a"), bench.verdict("b")), (Verdict::Ok, Verdict::Offline));
    bench.give(Input::Brewery(Brewery::Lost));
    assert_eq!((bench.verdict("a"), bench.verdict("b")), (Verdict::Ok, Verdict::Ok));
    assert!(bench.fleet.availability().has_room(), "who knows");
}

/// Issue 4: 500 idle Jibris, polled by all sources, cost less than a hundredth of a core.
/// docker-jitsi-meet lets nobody else into the brewery, so there Jicofo's list is all that shows who is missing.
#[test]
fn one_that_jicofo_has_never_seen_is_offline() {
    let mut bench = Bench::with(SETTINGS);
    bench.detector(&[("a", IDLE, NEVER)]);
    assert_eq!((bench.verdict("a"), bench.verdict("b")), (Verdict::Ok, Verdict::Offline));
    bench.detector(&[("a", IDLE, NEVER), ("b", IDLE, NEVER)]);
    assert_eq!(bench.verdict("b"), Verdict::Ok);
}

#[test]
fn five_hundred_are_cheap() {
    let names: Vec<String> = (0..500).map(|n| format!("jibri-{n}")).collect();
    let instances: String =
        names.iter().map(|name| format!("[[jibri.instance]]\nname = \"{name}\"\n")).collect();
    let head = SETTINGS.split("[[").next().unwrap();
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut bench = Bench::from(&format!("{head}{instances}"), &all);
    let rows: Vec<(&str, Report, &str)> = all.iter().map(|name| (*name, IDLE, NEVER)).collect();
    let (begun, secs) = (std::time::Instant::now(), 300);
    for second in 0..secs {
        bench.detector(&rows);
        for jibri in all.iter().skip(second % 10).step_by(10) {
            bench.give(Input::Health { name: name(jibri), answer: Ok(IDLE) });
        }
        bench.pass(1);
        bench.effects.clear();
    }
    let share = begun.elapsed().as_secs_f64() / f64::from(u32::try_from(secs).unwrap());
    println!("{:.3} % of a core", share * 100.0);
    assert!(share < 0.01, "{share}");
}
