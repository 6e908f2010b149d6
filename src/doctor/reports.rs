//! Whether the Jibris report what becomes of their recordings' files, and whether those outlive a Jibri that is killed.

use std::collections::BTreeSet;

use super::Finding;
use super::jibris::list;
use super::service::{Service, Snapshot};
use crate::config::{Expect, Settings};
use crate::moment::Moment;
use crate::recordings::RecordingState;
use crate::surface::Recording;

const STEP: &str = "reports";
/// What is done on a Jibri.
const SET_UP: &str = "set deploy/jibri/finalize.sh as its finalize script, with JIBRI_REPORT_URL and the token, and see what \
                      finalize.sh --test says there (docs/recordings.md)";

/// A step for each Jibri, if any can report.
pub(super) fn findings(settings: &Settings, service: &Service) -> Vec<Finding> {
    if settings.jibri.webhook_token.is_empty() {
        return vec![without_token(settings.recordings.expect)];
    }
    let Service::Linked(snapshot) = service else {
        let found = "only the running service knows whether Jibris report their recordings' files";
        return vec![Finding::ok(STEP, found)];
    };
    match &snapshot.recordings {
        Ok(recordings) => of_all(settings, snapshot, recordings, Moment::now()),
        Err(why) => vec![Finding::warn(
            STEP,
            format!("the service does not show its recordings: {why}"),
            "see what its log says about the ledger",
        )],
    }
}

/// Nobody has to have reports; whoever has asked for them gets none.
fn without_token(expect: Expect) -> Finding {
    let found = "no Jibri can report what becomes of its recordings' files: jibri.webhook_token is not set";
    match expect {
        Expect::Auto | Expect::Never => Finding::ok(STEP, format!("{found} (docs/recordings.md)")),
        Expect::Always => Finding::fail(
            STEP,
            format!("recordings.expect is true, and {found}"),
            "set it, and finalize.sh on the Jibris (docs/recordings.md)",
        ),
    }
}

fn of_all(settings: &Settings, snapshot: &Snapshot, recordings: &[Recording], now: Moment) -> Vec<Finding> {
    let names: BTreeSet<&str> = snapshot.jibris.iter().map(|jibri| jibri.name.as_str()).collect();
    let reporters = recordings.iter().flat_map(|recording| &recording.files).map(|file| file.jibri.as_str());
    let strange: BTreeSet<&str> = reporters.filter(|name| !names.contains(name)).collect();
    let one = |name: &&str| of_one(settings, name, &strange, recordings, now);
    let mut findings: Vec<Finding> = names.iter().map(one).collect();
    findings.extend(mp4(recordings));
    findings
}

/// Whether this Jibri has ever reported. `strange`: names in reports that no Jibri has.
fn of_one(
    settings: &Settings,
    name: &str,
    strange: &BTreeSet<&str>,
    recordings: &[Recording],
    now: Moment,
) -> Finding {
    let step = format!("{STEP} {name}");
    if recordings.iter().any(|recording| has_reported(recording, name)) {
        return Finding::ok(&step, "has reported its recordings' files");
    }
    let is_due = |recording: &&Recording| {
        let ended = recording.ended.map(|ended| ended.after(settings.recordings.report_within));
        recording.jibris.iter().any(|jibri| jibri == name)
            && recording.mode.as_deref() != Some("stream")
            && ended.is_some_and(|due| due <= now)
    };
    let due = recordings.iter().filter(is_due).count();
    if due == 0 {
        return Finding::ok(&step, "has reported nothing yet, as it has had nothing to report");
    }
    let recorded = if due == 1 { "a recording".to_owned() } else { format!("{due} recordings") };
    let found = format!("has made {recorded}, but has never reported a file");
    match settings.recordings.expect {
        Expect::Never => Finding::ok(&step, format!("{found}; recordings.expect is false")),
        _ if strange.is_empty() => Finding::warn(&step, found, SET_UP),
        _ => Finding::warn(
            &step,
            format!("{found}; there are reports from {}, but no Jibri has that name", list(strange)),
            format!("{SET_UP}; JIBRI_REPORT_INSTANCE has to be its name in the brewery"),
        ),
    }
}

/// A recording that one Jibri alone has served is that one's, by whatever name it is reported.
fn has_reported(recording: &Recording, name: &str) -> bool {
    let is_reported = match RecordingState::named(&recording.state) {
        Some(
            RecordingState::Recording
            | RecordingState::Ended
            | RecordingState::Missing
            | RecordingState::Unknown,
        )
        | None => !recording.files.is_empty(),
        Some(_) => true,
    };
    let is_alone = matches!(recording.jibris.as_slice(), [only] if only == name);
    is_reported && is_alone || recording.files.iter().any(|file| file.jibri == name)
}

/// Those whose newest files are mp4.
fn mp4(newest_first: &[Recording]) -> Option<Finding> {
    let (mut seen, mut with) = (BTreeSet::new(), BTreeSet::new());
    for recording in newest_first {
        let new: Vec<_> = recording.files.iter().filter(|file| !seen.contains(file.jibri.as_str())).collect();
        let is_mp4 = |name: &str| name.to_ascii_lowercase().ends_with(".mp4");
        with.extend(new.iter().filter(|file| is_mp4(&file.name)).map(|file| file.jibri.as_str()));
        seen.extend(new.iter().map(|file| file.jibri.as_str()));
    }
    (!with.is_empty()).then(|| {
        Finding::warn(
            "format",
            format!(
                "mp4 files are reported by {}: a Jibri that is killed or restarted loses the whole file",
                list(&with)
            ),
            "set recording-format = \"matroska\" and recording-extension = \"mkv\" there (docs/jibris.md)",
        )
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::Footprint;
    use crate::surface::{File, Jibri};

    fn jibri(name: &str) -> Jibri {
        Jibri {
            name: name.to_owned(),
            busy: None,
            healthy: None,
            verdict: "ok".to_owned(),
            failures: 0,
            last_seen: None,
            room: None,
            restarts: 0,
            evidence: String::new(),
            testimonies: Vec::new(),
        }
    }

    /// Over for so many minutes; its files: the name of the reporter, and of the file.
    fn recording(jibris: &[&str], state: &str, minutes: u64, files: &[(&str, &str)]) -> Recording {
        let file = |(jibri, name): &(&str, &str)| File {
            name: (*name).to_owned(),
            bytes: 1,
            seconds: None,
            jibri: (*jibri).to_owned(),
            url: None,
        };
        let text = serde_json::json!({
            "id": "k", "session_id": null, "room": null, "meeting_id": null, "mode": "file", "jibris": jibris,
            "wanted": null, "started": null, "started_by": null, "ended": null, "ended_by": null, "state": state,
            "files": [], "recorded_seconds": null, "gap_seconds": null, "exit_status": null, "message": null,
            "meeting": null,
        });
        Recording {
            ended: Some(Moment::now().before(Duration::from_secs(minutes.saturating_mul(60)))),
            files: files.iter().map(file).collect(),
            ..serde_json::from_value(text).unwrap()
        }
    }

    fn found(expect: &str, token: &str, recordings: Result<Vec<Recording>, String>) -> Vec<String> {
        let text = format!(
            "[xmpp]\ndomain = \"autostart.meet.jitsi\"\nsecret = \"s\"\n[muc]\ndomains = [\"muc.meet.jitsi\"]\n\
             [jibri]\nwebhook_token = {token:?}\n[recordings]\nexpect = {expect}"
        );
        let settings = crate::config::from_toml(&text).unwrap().settings;
        let service = Service::Linked(Box::new(Snapshot {
            footprint: Footprint::Discreet,
            footprint_reason: None,
            rooms: Vec::new(),
            jibris: ["a", "b"].map(jibri).into(),
            alerts: Vec::new(),
            recordings,
        }));
        let told = findings(&settings, &service).into_iter();
        told.map(|finding| {
            let remedy = finding.remedy.unwrap_or_default();
            format!("{} {}: {} -> {remedy}", finding.verdict.word(), finding.step, finding.found)
        })
        .collect()
    }

    #[track_caller]
    fn says(found: &[String], words: &[&[&str]]) {
        assert_eq!(found.len(), words.len(), "{found:#?}");
        for (line, words) in found.iter().zip(words) {
            assert!(words.iter().all(|word| line.contains(word)), "{line}: {words:?}");
        }
    }

    #[test]
    fn each_jibri_is_told_of() {
        let auto = |recordings: Vec<Recording>| found("\"auto\"", "t", Ok(recordings));
        let nothing = "has had nothing to report";
        says(&auto(vec![]), &[&["ok reports a", nothing], &["ok reports b", nothing]]);
        // One of its recordings is over, and no report of it was due yet.
        says(&auto(vec![recording(&["a"], "ended", 14, &[])]), &[&["ok reports a", nothing], &["ok"]]);
        says(
            &auto(vec![
                recording(&["a"], "written", 1, &[("a", "x.mkv")]),
                recording(&["b"], "ended", 16, &[]),
                recording(&["b"], "ended", 90, &[]),
            ]),
            &[
                &["ok reports a", "has reported"],
                &["warn reports b", "2 recordings", "docs/recordings.md", "--test"],
            ],
        );
        // It reports by another name, or the session has moved to another.
        let other = || recording(&["a"], "written", 60, &[("host", "x.mkv")]);
        says(&auto(vec![other()]), &[&["ok reports a", "has reported"], &["ok reports b"]]);
        says(
            &auto(vec![recording(&["a", "b"], "written", 60, &[("b", "x.mkv")])]),
            &[&["warn reports a", "a recording, but"], &["ok reports b", "has reported"]],
        );
        says(
            &auto(vec![other(), recording(&["b"], "missing", 60, &[])]),
            &[&["ok"], &["warn reports b", "reports from host,", "JIBRI_REPORT_INSTANCE"]],
        );
        // A report without files is one.
        says(&auto(vec![recording(&["a"], "empty", 60, &[])]), &[&["ok reports a", "has reported"], &["ok"]]);
        let never = found("false", "t", Ok(vec![recording(&["a"], "ended", 60, &[])]));
        says(&never, &[&["ok reports a", "recordings.expect is false"], &["ok"]]);
    }

    #[test]
    fn a_live_stream_leaves_no_file() {
        let stream = Recording { mode: Some("stream".to_owned()), ..recording(&["a"], "ended", 60, &[]) };
        says(&found("\"auto\"", "t", Ok(vec![stream])), &[&["ok reports a", "nothing to report"], &["ok"]]);
    }

    #[test]
    fn where_nothing_can_be_known_that_is_said() {
        says(&found("\"auto\"", "", Ok(vec![])), &[&["ok reports:", "jibri.webhook_token is not set"]]);
        says(&found("true", "", Ok(vec![])), &[&["FAIL reports:", "recordings.expect is true", "-> set it"]]);
        says(&found("true", "t", Err("HTTP status 503".to_owned())), &[&["warn reports:", "503", "ledger"]]);
    }

    #[test]
    fn mp4_is_told_of_until_something_else_is_reported() {
        let mp4 = || recording(&["a"], "written", 60, &[("a", "x.MP4")]);
        let auto = |recordings: Vec<Recording>| found("\"auto\"", "t", Ok(recordings));
        says(
            &auto(vec![mp4()]),
            &[&["ok"], &["ok"], &["warn format", "by a:", "matroska", "docs/jibris.md"]],
        );
        let other = recording(&["b"], "written", 1, &[("b", "x.mkv")]);
        says(&auto(vec![other, mp4()]), &[&["ok"], &["ok"], &["warn format", "by a:"]]);
        let set = recording(&["a"], "written", 1, &[("a", "x.mkv")]);
        says(&auto(vec![set, mp4()]), &[&["ok"], &["ok"]]);
    }
}
