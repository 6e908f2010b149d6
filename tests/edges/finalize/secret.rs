//! The token: where it comes from, and who gets to see it.

use super::{Jibri, TOKEN, receiver, reports, until};
use crate::stand_in::{Manner, StandIn};

/// The command lines of all processes, as `ps` shows them to everybody.
fn command_lines() -> Vec<String> {
    let processes = std::fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path().join("cmdline"));
    let read = processes.filter_map(|path| std::fs::read(path).ok());
    read.map(|line| String::from_utf8_lossy(&line).replace('\0', " ")).collect()
}

#[tokio::test]
async fn no_command_line_shows_it() {
    let receiver = StandIn::start([Manner::Silence]).await;
    let jibri = Jibri::new(&receiver.url());
    let session = jibri.recorded("s1");
    let mut run = jibri.command(&[session.as_os_str()]).spawn().unwrap();
    let ours = jibri.spool().display().to_string();
    let looked = || {
        let lines = command_lines();
        for line in &lines {
            assert!(!line.contains("t0ken"), "{line}");
        }
        lines.iter().any(|line| line.contains("curl") && line.contains(&ours))
    };
    until("curl runs", looked).await;
    until("it was asked", || receiver.requests() == 1).await;
    assert!(looked() && receiver.seen()[0].head.contains(TOKEN));
    run.kill().await.unwrap();
}

#[tokio::test]
async fn it_is_read_from_a_file() {
    let receiver = receiver().await;
    let mut jibri = Jibri::new(&receiver.url());
    jibri.set("JIBRI_REPORT_TOKEN", "another");
    let file = jibri.path("token of it");
    jibri.set("JIBRI_REPORT_TOKEN_FILE", &file);
    for (n, end) in ["", "\n", "\r\n", "\nmore\n"].iter().enumerate() {
        std::fs::write(&file, format!("{TOKEN}{end}")).unwrap();
        assert_eq!(jibri.finalize(&jibri.recorded(&n.to_string())).await.log, "");
    }
    assert_eq!(reports(&receiver).len(), 4);
    std::fs::remove_file(&file).unwrap();
    let ran = jibri.finalize(&jibri.recorded("s1")).await;
    assert!(ran.status == Some(0) && ran.log.contains("no token can be read from"), "{}", ran.log);
}

/// What would be a line of its own in curl's configuration is no token.
#[tokio::test]
async fn it_sets_nothing_else() {
    let receiver = receiver().await;
    let mut jibri = Jibri::new(&receiver.url());
    let out = jibri.path("out");
    jibri.set("JIBRI_REPORT_TOKEN", format!("x\"\noutput = \"{}", out.display()));
    let ran = jibri.finalize(&jibri.recorded("s1")).await;
    assert!(ran.log.contains("control characters"), "{}", ran.log);
    assert!(receiver.requests() == 0 && !out.exists());
    jibri.set("JIBRI_REPORT_TOKEN", TOKEN);
    jibri.set("JIBRI_REPORT_URL", format!("{}/\"\nheader = \"x: y", receiver.url()));
    let ran = jibri.finalize(&jibri.recorded("s2")).await;
    assert!(ran.log.contains("control characters"), "{}", ran.log);
    assert_eq!(receiver.requests(), 0);
    // Nor does a file of curl's own in the home of the user.
    std::fs::write(jibri.path(".curlrc"), "header = \"x-from: curlrc\"\n").unwrap();
    jibri.set("HOME", jibri.path(""));
    jibri.set("JIBRI_REPORT_URL", receiver.url());
    jibri.finalize(&jibri.recorded("s3")).await;
    assert_eq!(reports(&receiver).len(), 3);
    assert!(!receiver.seen()[0].head.contains("curlrc"));
}
