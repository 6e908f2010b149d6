//! What becomes of recordings, case by case.

use super::*;
use crate::config::{Mode, from_toml};
use crate::moment::Moment;

const ROOM: &str = "r1@muc.meet.jitsi";

struct Play {
    book: Recordings,
    effects: Vec<Effect>,
}

fn settings(toml: &str) -> RecordingSettings {
    let toml = format!(
        "[xmpp]\ndomain = \"autostart.meet.jitsi\"\nsecret = \"x\"\n[muc]\ndomains = [\"muc.meet.jitsi\"]\n\
         [recordings]\n{toml}"
    );
    from_toml(&toml).unwrap().settings.recordings
}

fn at(second: u64) -> Now {
    let wall = Moment(1_800_000_000_000).after(Duration::from_secs(second));
    Now { time: Time::new(Duration::from_secs(second)), wall }
}

fn room() -> RoomJid {
    RoomJid::new(ROOM).unwrap()
}

fn report(happened: Happened, session: &str, instance: &str, files: &[(&str, u64, Option<u64>)]) -> Report {
    let file = |(name, bytes, seconds): &(&str, u64, Option<u64>)| {
        ((*name).to_owned(), File { bytes: *bytes, ms: seconds.map(|s| s.saturating_mul(1000)) })
    };
    Report {
        session_id: session.to_owned(),
        instance: instance.to_owned(),
        happened,
        files: files.iter().map(file).collect(),
        disk_free_bytes: None,
        exit_status: None,
        message: String::new(),
        room: Some(ROOM.to_owned()),
    }
}

fn failed(session: &str, instance: &str, files: &[(&str, u64, Option<u64>)]) -> Report {
    let report = report(Happened::Failed, session, instance, files);
    Report { exit_status: Some(7), message: "no space".to_owned(), ..report }
}

const FILM: &[(&str, u64, Option<u64>)] = &[("r1.mkv", 60_000_000, Some(600))];

impl Play {
    fn new(toml: &str) -> Self {
        Self { book: Recordings::new(&settings(toml)), effects: Vec::new() }
    }

    fn feed(&mut self, second: u64, input: Input) -> &mut Self {
        self.effects.extend(self.book.handle(at(second), input));
        self
    }

    fn on(&mut self, second: u64, session: Option<&str>) -> &mut Self {
        let session = session.map(|session| SessionId(session.into()));
        let wanted_for = Some(Duration::from_secs(5));
        let (meeting, mode, by) = (None, Some(Mode::File), None);
        self.feed(second, Input::On { room: room(), session, meeting, mode, wanted_for, by })
    }

    fn served_by(&mut self, second: u64, jibri: &str) -> &mut Self {
        self.feed(second, Input::ServedBy { room: room(), jibri: JibriName::new(jibri) })
    }

    fn busy(&mut self, second: u64, jibri: &str, is_busy: bool) -> &mut Self {
        self.feed(second, Input::Jibri { name: JibriName::new(jibri), is_busy })
    }

    fn ended(&mut self, second: u64) -> &mut Self {
        self.feed(second, Input::Ended { room: room(), session: None, how: "the meeting is over".to_owned() })
    }

    fn reported(&mut self, second: u64, report: Report) -> &mut Self {
        self.feed(second, Input::Report(report))
    }

    /// Ten minutes of `session` by this Jibri, from this second on.
    fn ten_minutes(&mut self, from: u64, session: &str, jibri: &str) -> &mut Self {
        self.on(from, Some(session)).served_by(from, jibri).ended(from.saturating_add(600))
    }

    fn tick(&mut self, second: u64) -> &mut Self {
        self.feed(second, Input::Tick)
    }

    #[track_caller]
    fn is(&self, session: &str, state: RecordingState) -> &Recording {
        let recording = self.book.all().find(|known| known.session_id.as_deref() == Some(session));
        let recording = recording.unwrap_or_else(|| panic!("no {session}: {:?}", self.book));
        assert_eq!(self.book.state_of(recording), state, "{recording:?}");
        recording
    }

    fn suspects(&self) -> Vec<(&str, u32)> {
        let suspect = |effect: &'_ Effect| match effect {
            Effect::Suspect { in_a_row, .. } => Some(*in_a_row),
            _ => None,
        };
        let name = |effect: &Effect| match effect {
            Effect::Suspect { jibri, .. } => jibri.as_str().to_owned(),
            _ => String::new(),
        };
        self.effects.iter().filter_map(|e| suspect(e).map(|n| (leak(name(e)), n))).collect()
    }
}

fn leak(name: String) -> &'static str {
    Box::leak(name.into_boxed_str())
}

#[test]
fn a_recording_is_followed_to_its_file() {
    let mut play = Play::new("");
    play.on(10, Some("s1")).served_by(11, "jibri-1");
    play.is("s1", RecordingState::Recording);
    play.ended(610);
    play.is("s1", RecordingState::Ended);
    play.reported(620, report(Happened::Written, "s1", "jibri-1", FILM));
    let recording = play.is("s1", RecordingState::Written);
    assert_eq!(recording.recorded(at(700).wall), Some(Duration::from_secs(600)));
    assert_eq!(recording.gap(at(700).wall), Some(Duration::from_secs(5)), "it was wanted 5 s before");
    play.reported(660, report(Happened::Delivered, "s1", "jibri-1", FILM));
    play.is("s1", RecordingState::Delivered);
    assert_eq!(play.book.next_deadline(), None);
}

#[test]
fn reports_of_one_jibri_mean_the_same_in_any_order_and_any_number() {
    let written = report(Happened::Written, "s1", "jibri-1", FILM);
    let unmeasured = report(Happened::Written, "s1", "jibri-1", &[("r1.mkv", 10, None)]);
    let reports = [
        written,
        unmeasured,
        failed("s1", "jibri-1", FILM),
        report(Happened::Delivered, "s1", "jibri-1", FILM),
    ];
    let mut outcomes = BTreeSet::new();
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1], [1, 3, 0, 2]] {
        let mut play = Play::new("");
        play.ten_minutes(10, "s1", "jibri-1");
        for index in order {
            play.reported(700 + index as u64, reports[index].clone());
            let news = play.effects.len();
            play.reported(710, reports[index].clone());
            assert_eq!(play.effects.len(), news, "the second time it is no news");
        }
        let recording = play.is("s1", RecordingState::Delivered);
        outcomes.insert(format!("{:?}", recording.parts));
    }
    assert_eq!(outcomes.len(), 1, "{outcomes:?}");
}

#[test]
fn what_nobody_reports_in_time_is_missing_until_somebody_does() {
    let mut play = Play::new("expect = true");
    play.ten_minutes(10, "s1", "jibri-1").tick(610 + 899);
    play.is("s1", RecordingState::Ended);
    play.tick(610 + 900);
    let recording = play.is("s1", RecordingState::Missing);
    assert_eq!(recording.recorded(at(2000).wall), None);
    play.reported(300_000, report(Happened::Written, "s1", "jibri-1", FILM));
    play.is("s1", RecordingState::Written);
}

#[test]
fn a_report_is_due_of_a_jibri_that_has_ever_sent_one() {
    let mut play = Play::new("");
    play.ten_minutes(10, "s1", "jibri-1").tick(10_000);
    play.is("s1", RecordingState::Ended);
    assert!(!play.book.has_reported("jibri-1"));
    // It reports under another name than it has in the brewery.
    play.ten_minutes(20_000, "s2", "jibri-1")
        .reported(20_700, report(Happened::Written, "s2", "host-7", FILM));
    assert!(play.book.has_reported("jibri-1") && play.book.has_reported("host-7"));
    play.ten_minutes(30_000, "s3", "jibri-1").ten_minutes(31_000, "s4", "jibri-2").tick(40_000);
    play.is("s3", RecordingState::Missing);
    play.is("s4", RecordingState::Ended);
    let mut never = Play::new("expect = false");
    never.ten_minutes(10, "s1", "jibri-1").reported(700, report(Happened::Written, "s1", "jibri-1", FILM));
    never.ten_minutes(10_000, "s2", "jibri-1").tick(20_000);
    never.is("s2", RecordingState::Ended);
}

#[test]
fn a_jibri_that_still_works_on_its_files_is_waited_for() {
    let mut play = Play::new("expect = true");
    play.on(10, Some("s1")).served_by(11, "jibri-1").busy(11, "jibri-1", true).ended(610).tick(5_000);
    play.is("s1", RecordingState::Ended);
    play.busy(6_000, "jibri-1", false).tick(6_899);
    play.is("s1", RecordingState::Ended);
    play.tick(6_900);
    play.is("s1", RecordingState::Missing);
    // It may have been taken for another meeting before anybody saw it idle.
    play.on(10_000, Some("s2")).served_by(10_000, "jibri-1").busy(10_000, "jibri-1", true).ended(10_600);
    let other = RoomJid::new("r2@muc.meet.jitsi").unwrap();
    let (session, meeting) = (Some(SessionId("s3".into())), None);
    play.feed(
        10_700,
        Input::On { room: other.clone(), session, meeting, mode: None, wanted_for: None, by: None },
    );
    play.feed(10_700, Input::ServedBy { room: other, jibri: JibriName::new("jibri-1") }).tick(11_600);
    play.is("s2", RecordingState::Missing);
    play.is("s3", RecordingState::Recording);
    // And one that is never seen idle is not waited for for ever.
    play.on(20_000, Some("s4")).served_by(20_000, "jibri-2").busy(20_000, "jibri-2", true).ended(20_600);
    play.tick(20_600 + 6 * 3600);
    play.is("s4", RecordingState::Missing);
}

#[test]
fn less_in_its_files_than_it_was_on_is_short() {
    let film = |seconds| [("r1.mkv", 1_000, Some(seconds))];
    for (seconds, state) in [
        (600, RecordingState::Written),
        (541, RecordingState::Written),
        (539, RecordingState::Short),
        (1, RecordingState::Short),
        (0, RecordingState::Empty),
    ] {
        let mut play = Play::new("");
        play.ten_minutes(10, "s1", "jibri-1");
        play.reported(700, report(Happened::Written, "s1", "jibri-1", &film(seconds)));
        play.is("s1", state);
    }
    let mut play = Play::new("");
    play.on(10, Some("s1")).ended(20).reported(30, report(Happened::Written, "s1", "jibri-1", &film(1)));
    play.is("s1", RecordingState::Written);
}

#[test]
fn what_nobody_could_measure_is_not_judged() {
    let mut play = Play::new("");
    play.ten_minutes(10, "s1", "jibri-1");
    play.reported(700, report(Happened::Written, "s1", "jibri-1", &[("r1.mkv", 9, None)]));
    let recording = play.is("s1", RecordingState::Written);
    assert_eq!((recording.recorded(at(800).wall), recording.gap(at(800).wall)), (None, None));
    for files in [&[][..], &[("r1.mkv", 0, None)][..]] {
        let mut play = Play::new("");
        play.ten_minutes(10, "s1", "jibri-1")
            .reported(700, report(Happened::Written, "s1", "jibri-1", files));
        play.is("s1", RecordingState::Empty);
    }
}

#[test]
fn a_command_that_has_failed_says_so_until_it_succeeds() {
    let mut play = Play::new("");
    play.ten_minutes(10, "s1", "jibri-1").reported(700, failed("s1", "jibri-1", FILM));
    let recording = play.is("s1", RecordingState::Failed);
    assert_eq!(recording.failure().unwrap().1.exit_status, Some(7));
    assert_eq!(recording.message(), Some("no space"));
    play.reported(800, report(Happened::Delivered, "s1", "jibri-1", FILM));
    play.is("s1", RecordingState::Delivered);
}

#[test]
fn a_session_that_moves_has_the_files_of_both() {
    let mut play = Play::new("");
    play.on(10, Some("s1")).served_by(11, "jibri-2");
    let gap = Duration::from_secs(22);
    play.feed(310, Input::Moved { room: room(), to: JibriName::new("jibri-1"), gap })
        .served_by(311, "jibri-1");
    play.ended(610).reported(620, report(Happened::Written, "s1", "jibri-1", &[("b.mkv", 9, Some(280))]));
    let recording = play.is("s1", RecordingState::Short);
    assert_eq!(recording.jibris, ["jibri-2", "jibri-1"]);
    let lost = Report {
        message: "the last seconds are missing".to_owned(),
        ..report(Happened::Salvaged, "s1", "jibri-2", &[("a.mkv", 9, None), ("a.salvaged.mkv", 9, Some(290))])
    };
    play.reported(9_000, lost);
    let recording = play.is("s1", RecordingState::Salvaged);
    assert_eq!(recording.message(), Some("the last seconds are missing"));
    assert_eq!(recording.recorded(at(9_000).wall), Some(Duration::from_secs(570)));
    assert_eq!(
        recording.gap(at(9_000).wall),
        Some(Duration::from_secs(35)),
        "5 s before, 22 s and 8 s in it"
    );
}

/// Which Jibri serves a room may be seen otherwise each second.
#[test]
fn who_has_served_it_is_named_once() {
    let mut play = Play::new("");
    play.on(0, Some("s1"));
    for n in 0..100 {
        play.served_by(n, if n % 2 == 0 { "jibri-1" } else { "jibri-2" });
    }
    assert_eq!(play.is("s1", RecordingState::Recording).jibris, ["jibri-1", "jibri-2"]);
}

#[test]
fn a_report_while_it_goes_on_elsewhere_does_not_end_it() {
    let mut play = Play::new("");
    play.on(10, Some("s1")).served_by(11, "jibri-2").served_by(310, "jibri-1");
    play.reported(400, report(Happened::Salvaged, "s1", "jibri-2", FILM));
    play.is("s1", RecordingState::Recording);
    play.ended(1_210);
    play.is("s1", RecordingState::Short);
}

#[test]
fn whose_session_nobody_knew_is_found_by_its_room() {
    let mut play = Play::new("expect = true");
    play.on(10, None).ended(600).on(1_000, None).ended(1_600);
    play.reported(1_700, report(Happened::Written, "s2", "jibri-1", FILM));
    let recording = play.is("s2", RecordingState::Written);
    assert_eq!(recording.started, Some(at(1_000).wall));
    assert_eq!(play.book.all().count(), 2);
    // Its session is learned while it is on.
    play.on(2_000, None).on(2_005, Some("s3")).ended(2_600);
    let key = play.is("s3", RecordingState::Ended).key.clone();
    play.reported(2_700, report(Happened::Written, "s3", "jibri-1", FILM));
    assert_eq!(play.is("s3", RecordingState::Written).key, key);
}

#[test]
fn a_session_is_found_by_the_name_of_its_directory() {
    let mut play = Play::new("");
    play.ten_minutes(10, "a b/c.d", "jibri-1");
    play.reported(700, report(Happened::Written, "a_b_c_d", "jibri-1", FILM));
    play.is("a b/c.d", RecordingState::Written);
}

#[test]
fn what_only_a_report_tells_of_is_kept_and_bounded() {
    let mut play = Play::new("");
    for n in 0..1_500 {
        play.reported(n, report(Happened::Written, &format!("s{n}"), "jibri-1", FILM));
    }
    let recording = play.is("s1499", RecordingState::Written);
    assert_eq!((recording.started, recording.room.as_deref()), (None, Some(ROOM)));
    assert_eq!(play.book.all().count(), super::which::MOST_UNKNOWN);
    assert!(play.book.all().all(|known| known.session_id.as_deref() != Some("s0")));
}

#[test]
fn a_jibri_that_leaves_no_files_twice_in_a_row_is_suspect() {
    let mut play = Play::new("expect = true");
    play.ten_minutes(0, "s1", "jibri-1").tick(5_000);
    assert!(play.suspects().is_empty());
    play.ten_minutes(10_000, "s2", "jibri-1");
    play.reported(10_700, report(Happened::Written, "s2", "jibri-1", &[]));
    assert_eq!(play.suspects(), [("jibri-1", 2)]);
    play.ten_minutes(20_000, "s3", "jibri-1").tick(25_000);
    assert_eq!(play.suspects(), [("jibri-1", 2), ("jibri-1", 3)]);
    play.reported(26_000, report(Happened::Written, "s3", "jibri-1", FILM));
    assert!(play.effects.contains(&Effect::Cleared { jibri: JibriName::new("jibri-1") }));
    // One that was on for a moment says nothing.
    let mut play = Play::new("expect = true");
    for n in 0..3 {
        play.on(n * 2_000, Some(&format!("s{n}"))).served_by(n * 2_000, "jibri-1").ended(n * 2_000 + 3);
        play.tick(n * 2_000 + 1_500);
    }
    assert!(play.suspects().is_empty());
}

#[test]
fn a_stream_has_no_file() {
    let mut play = Play::new("expect = true");
    let (session, meeting) = (Some(SessionId("s1".into())), None);
    let mode = Some(Mode::Stream);
    play.feed(0, Input::On { room: room(), session, meeting, mode, wanted_for: None, by: None });
    play.ended(600).tick(5_000);
    play.is("s1", RecordingState::Ended);
}

#[test]
fn taken_for_over_and_on_again_it_is_the_same() {
    let mut play = Play::new("expect = true");
    play.on(10, Some("s1")).served_by(10, "jibri-1").ended(310).on(340, Some("s1")).tick(5_000);
    play.is("s1", RecordingState::Recording);
    play.ended(6_010);
    let recording = play.is("s1", RecordingState::Ended);
    assert_eq!(recording.recorded(at(6_010).wall), Some(Duration::from_secs(5_970)));
    play.on(6_500, Some("s2"));
    play.is("s1", RecordingState::Ended);
    play.on(6_510, Some("s3"));
    assert_eq!(
        play.is("s2", RecordingState::Ended).ended_by.as_deref(),
        Some("another recording took its place")
    );
}

/// The program ends, and begins again with what stands in the ledger.
fn restarted(play: &Play, second: u64) -> Play {
    let mut again = Play { book: Recordings::new(&play.book.settings), effects: Vec::new() };
    let stored = play.book.all().map(|known| serde_json::to_string(known).unwrap());
    let stored = stored.map(|json| serde_json::from_str(&json).unwrap()).collect();
    again.book.remember(stored, at(second).time);
    again
}

#[test]
fn a_restart_of_this_program_forgets_nothing() {
    let mut play = Play::new("");
    play.ten_minutes(0, "s0", "jibri-1").reported(650, report(Happened::Written, "s0", "jibri-1", FILM));
    play.ten_minutes(1_000, "s1", "jibri-1").on(2_000, Some("s2")).served_by(2_000, "jibri-1");
    let mut play = restarted(&play, 2_100);
    assert!(play.book.has_reported("jibri-1"));
    play.on(2_101, Some("s2")).tick(2_500);
    let recording = play.is("s2", RecordingState::Recording);
    assert_eq!(recording.started, Some(at(2_000).wall));
    play.tick(2_100 + 900);
    play.is("s1", RecordingState::Missing);
    // Not heard of again, it ended while nobody watched.
    let mut play = restarted(&play, 3_100);
    play.tick(3_219);
    play.is("s2", RecordingState::Recording);
    play.tick(3_220);
    let recording = play.is("s2", RecordingState::Unknown);
    assert_eq!((recording.ended, recording.gap(at(4_000).wall)), (None, None));
    play.tick(3_220 + 900);
    play.is("s2", RecordingState::Missing);
    play.reported(5_000, report(Happened::Written, "s2", "jibri-1", FILM));
    play.is("s2", RecordingState::Written);
    // Another one is on in its room.
    let mut play = Play::new("");
    play.on(0, Some("s1"));
    let mut play = restarted(&play, 100);
    play.on(101, Some("s2"));
    play.is("s1", RecordingState::Unknown);
    play.is("s2", RecordingState::Recording);
}

#[test]
fn how_long_a_disk_lasts_follows_from_its_own_recordings() {
    let mut play = Play::new("");
    let disk = |play: &Play| match play.effects.last() {
        Some(Effect::Disk { free, lasts, .. }) => (*free, *lasts),
        other => panic!("{other:?}"),
    };
    let with_disk = |session: &str, files| Report {
        disk_free_bytes: Some(360_000_000),
        ..report(Happened::Written, session, "jibri-1", files)
    };
    play.reported(0, with_disk("s0", &[]));
    assert_eq!(disk(&play), (360_000_000, None));
    // 60 MB in 10 minutes.
    for _ in 0..2 {
        play.reported(1, with_disk("s1", FILM));
        assert_eq!(disk(&play), (360_000_000, Some(Duration::from_secs(3_600))));
    }
}

#[test]
fn what_is_old_and_over_is_forgotten_first() {
    let mut play = Play::new("");
    play.on(0, Some("on"));
    let stored = (0..MOST + 10).map(|n| Recording {
        key: format!("s{n}"),
        session_id: Some(format!("s{n}")),
        started: Some(at(n as u64).wall),
        ended: Some(at(n as u64 + 1).wall),
        is_overdue: true,
        ..Recording::default()
    });
    play.book.remember(stored.collect(), at(0).time);
    assert_eq!(play.book.all().count(), MOST);
    play.is("on", RecordingState::Recording);
    assert!(play.book.get("s5").is_none() && play.book.get("s50").is_some());
}

#[test]
fn each_turn_tells_what_it_was_before() {
    let mut play = Play::new("");
    play.ten_minutes(10, "s1", "jibri-1").reported(700, failed("s1", "jibri-1", FILM));
    play.effects.clear();
    play.reported(800, report(Happened::Written, "s1", "jibri-1", FILM));
    play.reported(801, report(Happened::Delivered, "s1", "jibri-1", FILM));
    let turns = play.effects.iter().filter_map(|effect| match effect {
        Effect::Changed { before, state, .. } => Some((*before, *state)),
        _ => None,
    });
    assert_eq!(turns.collect::<Vec<_>>(), [(Some(RecordingState::Failed), RecordingState::Delivered)]);
}

#[test]
fn whoever_waits_for_files_is_told_when_they_are_ready() {
    let mut play = Play::new("webhook = \"http://files.example/\"");
    play.ten_minutes(10, "s1", "jibri-1");
    assert_eq!(play.is("s1", RecordingState::Ended).untold, None);
    play.reported(700, report(Happened::Written, "s1", "jibri-1", FILM));
    assert_eq!(play.is("s1", RecordingState::Written).untold, Some(at(700).wall));
    play.reported(710, report(Happened::Delivered, "s1", "jibri-1", FILM));
    let told = |since| Input::Told { key: "s1".to_owned(), since };
    play.feed(711, told(at(700).wall));
    assert_eq!(play.is("s1", RecordingState::Delivered).untold, Some(at(710).wall), "of what was before");
    play.feed(712, told(at(710).wall));
    assert_eq!(play.is("s1", RecordingState::Delivered).untold, None);
}

/// A session that has moved, in a directory that its Jibris share: both report all that is in it.
#[test]
fn a_file_that_two_report_is_counted_once() {
    let mut play = Play::new("");
    play.ten_minutes(10, "s1", "jibri-2");
    let both = &[("a.mkv", 9, None), ("a.salvaged.mkv", 9, Some(290)), ("b.mkv", 9, Some(280))];
    play.reported(700, report(Happened::Salvaged, "s1", "jibri-1", &both[..2]));
    play.reported(800, report(Happened::Written, "s1", "jibri-2", both));
    let recording = play.is("s1", RecordingState::Salvaged);
    assert_eq!((recording.media(), recording.number_of_files()), (Some(Duration::from_secs(570)), 2));
}
