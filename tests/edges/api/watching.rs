//! `status --watch` and `rooms --watch`: into a pipe and on a terminal, while the service changes, goes and comes back.

use std::io::Write as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jibri_autostart::http::HttpEvent;
use testkit::BareEnvironment as _;
use tokio::time::{sleep, timeout};

use super::{LONG, World, room, world};

/// The program, and what it has written so far.
struct Watching {
    child: Child,
    stdout: Arc<Mutex<String>>,
    stderr: Arc<Mutex<String>>,
}

impl Watching {
    /// `on_terminal`: `script` has one for it, and passes on what is typed.
    fn start(url: &str, args: &[&str], on_terminal: bool) -> Self {
        let program = env!("CARGO_BIN_EXE_jibri-autostart");
        let mut command = Command::new(if on_terminal { "script" } else { program });
        if on_terminal {
            // The size is the terminal's own matter.
            let typed = format!("stty rows 12 cols 100; exec {program} {}", args.join(" "));
            command.args(["--quiet", "--return", "--command", &typed, "/dev/null"]);
        } else {
            command.args(args);
        }
        command.bare_environment().env("PATH", "/usr/bin:/bin").env("TERM", "xterm");
        for (key, value) in [
            ("XMPP__DOMAIN", "a.b"),
            ("XMPP__SECRET", "s"),
            ("MUC__DOMAINS", "muc.meet.jitsi"),
            ("HTTP__LISTEN", url.trim_start_matches("http://")),
        ] {
            command.env(format!("JIBRI_AUTOSTART_{key}"), value);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it runs");
        let stdout = collect(child.stdout.take().unwrap());
        let stderr = collect(child.stderr.take().unwrap());
        Self { child, stdout, stderr }
    }

    fn said(&self) -> String {
        self.stdout.lock().unwrap().clone()
    }

    fn complained(&self) -> String {
        self.stderr.lock().unwrap().clone()
    }

    async fn until(&self, what: &str, is: impl Fn(&Self) -> bool) {
        let waited = async {
            while !is(self) {
                sleep(Duration::from_millis(20)).await;
            }
        };
        let late = || panic!("never {what}: {}\n{}", self.said(), self.complained());
        timeout(LONG, waited).await.unwrap_or_else(|_| late());
    }

    /// Waits for this text on stdout.
    async fn says(&self, text: &str) {
        self.until(text, |watching| watching.said().contains(text)).await;
    }

    fn interrupt(&self) {
        let status = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status();
        assert!(status.unwrap().success());
    }

    async fn end(&mut self) -> ExitStatus {
        let ended = async {
            loop {
                if let Some(status) = self.child.try_wait().unwrap() {
                    return status;
                }
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(LONG, ended).await.expect("it ends")
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn collect(mut pipe: impl std::io::Read + Send + 'static) -> Arc<Mutex<String>> {
    let text = Arc::<Mutex<String>>::default();
    let told = Arc::clone(&text);
    std::thread::spawn(move || {
        let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
        while let Ok(n @ 1..) = pipe.read(&mut buffer) {
            bytes.extend_from_slice(&buffer[..n]);
            *told.lock().unwrap() = String::from_utf8_lossy(&bytes).into_owned();
        }
    });
    text
}

/// Nobody listens until [`serve_again`].
fn go_away(world: &mut World) {
    world.server = tokio::sync::mpsc::channel(1).1;
}

async fn serve_again(world: &mut World) {
    let address = world.url.trim_start_matches("http://").parse().unwrap();
    world.server = jibri_autostart::http::spawn_apart(address, world.router.clone());
    while !matches!(world.server.recv().await, Some(HttpEvent::Listening(_))) {}
}

#[tokio::test]
async fn into_a_pipe_each_change_is_printed_and_nothing_else() {
    let mut world = world().await;
    let mut watching = Watching::start(&world.url, &["rooms", "--watch"], false);
    watching.says("r1@muc.meet.jitsi").await;
    let tables = |watching: &Watching| watching.said().matches("ROOM ").count();
    // It is asked some times meanwhile, and there is no news.
    sleep(Duration::from_millis(2500)).await;
    assert_eq!(tables(&watching), 1);
    world.board.put_rooms(&[room("new", "pending")]);
    watching.says("new@muc.meet.jitsi").await;
    assert_eq!(tables(&watching), 2);
    assert!(!watching.said().contains('\u{1b}'), "{}", watching.said());

    go_away(&mut world);
    watching.until("a complaint", |watching| watching.complained().contains("trying again")).await;
    assert!(watching.complained().contains("cannot be reached"), "{}", watching.complained());
    serve_again(&mut world).await;
    watching.until("a third table", |watching| tables(watching) == 3).await;
    assert_eq!(watching.complained().lines().count(), 1, "{}", watching.complained());
    watching.interrupt();
    assert_eq!(watching.end().await.code(), Some(0));
}

#[tokio::test]
async fn json_is_a_line_for_each_change() {
    let world = world().await;
    let mut watching = Watching::start(&world.url, &["status", "--watch", "--json"], false);
    watching.says("\n").await;
    world.board.set_waiting(5);
    watching.says("\"rooms_waiting\":5").await;
    watching.interrupt();
    assert_eq!(watching.end().await.code(), Some(0));
    let said = watching.said();
    let lines: Vec<serde_json::Value> =
        said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!((&lines[0]["footprint"], &lines[0]["rooms_waiting"]), (&"discreet".into(), &0.into()));
}

#[tokio::test]
async fn who_never_answers_cannot_be_watched() {
    let mut world = world().await;
    go_away(&mut world);
    let mut watching = Watching::start(&world.url, &["status", "--watch"], false);
    assert_eq!(watching.end().await.code(), Some(3));
    watching.until("a complaint", |watching| watching.complained().contains("cannot be reached")).await;
    assert_eq!(watching.said(), "");
}

#[tokio::test]
async fn on_a_terminal_it_is_drawn_anew_and_ends_at_ctrl_c() {
    let mut world = world().await;
    let rooms: Vec<_> = (0..30).map(|n| room(&format!("m{n:02}"), "recording")).collect();
    world.board.put_rooms(&rooms);
    let mut watching = Watching::start(&world.url, &["rooms", "--watch"], true);
    // Home, in colour, and no more than fits on 12 lines.
    watching.says("\u{1b}[H").await;
    watching.says("\u{1b}[32mrecording").await;
    // 32 rooms and a head.
    watching.says("… and 23 more lines").await;
    watching.until("drawn twice", |watching| watching.said().matches("\u{1b}[H").count() >= 2).await;
    assert!(!watching.said().contains("m20@"), "{}", watching.said());
    go_away(&mut world);
    watching.says("CONTACT LOST").await;
    serve_again(&mut world).await;
    let drawn_since =
        |said: &str| said.rsplit("CONTACT LOST").next().is_some_and(|text| text.contains("\u{1b}[HROOM"));
    watching.until("itself again", |watching| drawn_since(&watching.said())).await;
    // What is typed reaches it by its terminal.
    watching.child.stdin.as_mut().unwrap().write_all(b"\x03").unwrap();
    assert_eq!(watching.end().await.code(), Some(0));
}
