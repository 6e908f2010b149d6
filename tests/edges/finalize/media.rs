//! Small recordings made by ffmpeg, whole and cut off.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use super::LONG;

fn ffmpeg(format: &str, to: &Path, seconds: u32) -> Command {
    let mut command = Command::new("ffmpeg");
    let picture = format!("testsrc2=size=320x240:rate=30:duration={seconds}");
    let sound = format!("sine=duration={seconds}");
    command
        .args(["-nostdin", "-y", "-v", "error", "-f", "lavfi", "-i", &picture, "-f", "lavfi", "-i", &sound]);
    // As Jibri's own.
    command.args(["-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac", "-f", format]).arg(to);
    command.stdin(Stdio::null());
    command
}

struct Media {
    dir: tempfile::TempDir,
}

fn all() -> &'static Media {
    static ALL: OnceLock<Media> = OnceLock::new();
    ALL.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        for (format, ending) in FORMATS {
            let whole = dir.path().join(format!("whole.{ending}"));
            let status = ffmpeg(format, &whole, 1).status().expect("ffmpeg: run tests/prepare.sh");
            assert!(status.success(), "{format}");
            killed(format, &dir.path().join(format!("killed.{ending}")));
        }
        Media { dir }
    })
}

const FORMATS: [(&str, &str); 2] = [("mp4", "mp4"), ("matroska", "mkv")];

/// What is there of a recording when ffmpeg is killed in the middle of it (docs/jitsi.md 13.2.9).
fn killed(format: &str, path: &Path) {
    let mut writing = ffmpeg(format, path, 3600).spawn().unwrap();
    let begun = Instant::now();
    while !std::fs::metadata(path).is_ok_and(|file| file.len() > 500_000) {
        assert!(begun.elapsed() < LONG, "nothing is written");
        std::thread::sleep(Duration::from_millis(5));
    }
    writing.kill().unwrap();
    writing.wait().unwrap();
}

/// One of a second.
pub(super) fn whole(ending: &str) -> PathBuf {
    all().dir.path().join(format!("whole.{ending}"))
}

pub(super) fn cut_off(ending: &str) -> PathBuf {
    all().dir.path().join(format!("killed.{ending}"))
}

/// One that is being written, slowly, until this is killed.
pub(super) fn writing(to: &Path) -> std::process::Child {
    let mut command = Command::new("ffmpeg");
    command.args([
        "-nostdin",
        "-y",
        "-v",
        "error",
        "-re",
        "-f",
        "lavfi",
        "-i",
        "testsrc2=size=640x480:rate=30",
    ]);
    command.args(["-c:v", "mjpeg", "-flush_packets", "1", "-f", "matroska"]).arg(to).stdin(Stdio::null());
    command.spawn().unwrap()
}

/// Seconds that ffprobe finds in it, by itself.
pub(super) fn seconds(path: &Path) -> Option<f64> {
    let mut command = Command::new("ffprobe");
    command.args(["-v", "error", "-show_entries", "format=duration", "-of", "default=nk=1:nw=1"]).arg(path);
    String::from_utf8(command.output().unwrap().stdout).unwrap().trim().parse().ok()
}
