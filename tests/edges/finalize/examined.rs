//! `--test` and `--help`: what an administrator types.

use std::ffi::OsStr;

use super::{Jibri, Ran, SCRIPT, receiver};
use crate::stand_in::{Manner, StandIn};

async fn examined(jibri: &Jibri) -> (Ran, String) {
    let ran = jibri.run(&[OsStr::new("--test"), jibri.recordings().as_os_str()]).await;
    let output = String::from_utf8(ran.output.clone()).unwrap();
    assert!(
        output.lines().all(|line| ["ok ", "warn", "FAIL"].iter().any(|word| line.starts_with(word))),
        "{output}"
    );
    (ran, output)
}

#[tokio::test]
async fn it_says_that_all_is_well() {
    // What is no report is refused, after the token was found to be right.
    let receiver = StandIn::start([Manner::Status("400 Bad Request", r#"{"error":"no report"}"#)]).await;
    let jibri = Jibri::new(&receiver.url());
    let (ran, output) = examined(&jibri).await;
    assert_eq!(
        (ran.status, output.contains("warn"), output.contains("FAIL")),
        (Some(0), false, false),
        "{output}"
    );
    assert!(output.contains("takes reports, with this token, as jibri-1"), "{output}");
    assert_eq!(receiver.seen()[0].body.trim(), "{}");
    assert!(!jibri.spool().exists(), "nothing is left behind");
}

#[tokio::test]
async fn it_says_what_is_wrong() {
    let receiver =
        StandIn::start([Manner::Status("401 Unauthorized", r#"{"error":"wrong or missing token"}"#)]).await;
    let (ran, output) = examined(&Jibri::new(&receiver.url())).await;
    assert!(
        ran.status == Some(1) && output.contains("jibri.webhook_token") && !output.contains("t0ken"),
        "{output}"
    );
    for (url, said) in [
        ("", "JIBRI_REPORT_URL is not set"),
        ("jibri-autostart:8790", "no URL"),
        ("http://127.0.0.1:1", "curl: (7)"),
    ] {
        let (ran, output) = examined(&Jibri::new(url)).await;
        assert!(ran.status == Some(1) && output.contains(said), "{url}: {output}");
    }
    let mut jibri = Jibri::new(&receiver.url()).without(&["ffprobe", "ffmpeg", "curl"]);
    jibri.set("JIBRI_REPORT_TOKEN", "");
    std::fs::remove_dir(jibri.recordings()).unwrap();
    let (ran, output) = examined(&jibri).await;
    assert_eq!(ran.status, Some(1));
    for said in ["FAIL  curl", "warn  ffprobe", "there is no token", "is no directory"] {
        assert!(output.contains(said), "{said}: {output}");
    }
}

#[tokio::test]
async fn it_can_be_asked_what_it_is() {
    let receiver = receiver().await;
    let jibri = Jibri::new(&receiver.url());
    let help = jibri.run(&[OsStr::new("--help")]).await;
    let text = String::from_utf8(help.output).unwrap();
    assert!(help.status == Some(0) && text.contains("--leftovers"), "{text}");
    let script = std::fs::read_to_string(SCRIPT).unwrap();
    let documents = include_str!("../../../docs/recordings.md");
    let is_of_a_name = |c: char| c.is_ascii_uppercase() || c == '_';
    let ends =
        script.split("JIBRI_REPORT_").skip(1).map(|rest| rest.split(|c| !is_of_a_name(c)).next().unwrap());
    let mut names: Vec<_> =
        ends.filter(|end| !end.is_empty()).map(|end| format!("JIBRI_REPORT_{end}")).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 8, "{names:?}");
    for name in names {
        assert!(text.contains(&name) && documents.contains(&name), "{name}");
    }
    for arguments in [&[][..], &["--nonsense"][..]] {
        let arguments: Vec<_> = arguments.iter().map(OsStr::new).collect();
        let output = jibri.command(&arguments).output().await.unwrap();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
    }
}
