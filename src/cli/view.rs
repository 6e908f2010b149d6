//! What the running service shows, once or until Ctrl-C.

use std::io::{IsTerminal as _, Stdout, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use hyper::Method;
use terminal_size::{Height, terminal_size};
use tokio::signal::unix::{SignalKind, signal};

use super::ask::{self, AskFailure};
use super::complain;
use super::ending::{EXIT_UNREACHABLE, finish, line};
use super::service::Service;

/// The service is asked again so often.
const EVERY: Duration = Duration::from_secs(1);

/// Something that the service shows.
#[derive(Debug, Clone, Copy)]
pub(super) struct View {
    /// What is asked for; the first is what `--json` prints.
    pub(super) paths: &'static [&'static str],
    /// The answers, for people; none if they are none of ours.
    pub(super) text: fn(&[Vec<u8>]) -> Option<String>,
}

impl View {
    /// Prints it once, or `until` Ctrl-C.
    pub(super) fn show(self, service: &Service, json: bool, watch: bool) -> ExitCode {
        let runtime = match ask::runtime() {
            Ok(runtime) => runtime,
            Err(trouble) => return finish(Err(trouble)),
        };
        runtime.block_on(async {
            if !watch {
                return finish(
                    self.ask(service, json).await.and_then(|answers| self.print(service, &answers, json)),
                );
            }
            let mut interrupted = match signal(SignalKind::interrupt()) {
                Ok(interrupted) => interrupted,
                Err(error) => return finish(Err(AskFailure::Cannot(error.to_string()))),
            };
            tokio::select! {
                code = self.watch(service, json) => code,
                _ = interrupted.recv() => ExitCode::SUCCESS,
            }
        })
    }

    async fn ask(self, service: &Service, json: bool) -> Result<Vec<Vec<u8>>, AskFailure> {
        let mut answers = Vec::new();
        for path in self.paths.iter().take(if json { 1 } else { self.paths.len() }) {
            answers.push(ask::ask(service, Method::GET, path).await?);
        }
        Ok(answers)
    }

    fn print(self, service: &Service, answers: &[Vec<u8>], json: bool) -> Result<String, AskFailure> {
        let text = match answers {
            [answer] if json => serde_json::from_slice(answer).ok().map(line),
            answers => (self.text)(answers),
        };
        text.ok_or_else(|| AskFailure::strange(service))
    }

    /// Ends if the service does not answer at all, or if nobody reads.
    async fn watch(self, service: &Service, json: bool) -> ExitCode {
        let mut screen = Screen::new(json);
        let mut shown = None;
        let mut last_trouble = None;
        loop {
            let answers = self.ask(service, json).await;
            let text = answers.as_ref().map_err(ToString::to_string).and_then(|answers| {
                self.print(service, answers, json).map_err(|trouble| trouble.to_string())
            });
            let written = match text {
                Ok(text) => {
                    let answers = answers.ok();
                    // What a terminal shows grows old: how long ago something was.
                    let is_news = last_trouble.take().is_some() || shown != answers;
                    shown = answers;
                    screen.show(&text, is_news)
                }
                Err(trouble) if shown.is_none() => {
                    complain(&trouble);
                    return ExitCode::from(EXIT_UNREACHABLE);
                }
                Err(trouble) => {
                    let is_news = last_trouble.as_ref() != Some(&trouble);
                    let written = screen.lost(&trouble, is_news);
                    last_trouble = Some(trouble);
                    written
                }
            };
            if written.is_err() {
                return ExitCode::FAILURE;
            }
            tokio::time::sleep(EVERY).await;
        }
    }
}

/// Where it goes.
struct Screen {
    stdout: Stdout,
    is_terminal: bool,
    /// What was shown last.
    last: String,
}

impl Screen {
    fn new(json: bool) -> Self {
        let stdout = std::io::stdout();
        // JSON is for scripts, and those may have a terminal as well.
        let is_terminal = stdout.is_terminal() && !json;
        Self { stdout, is_terminal, last: String::new() }
    }

    fn show(&mut self, text: &str, is_news: bool) -> std::io::Result<()> {
        if self.is_terminal {
            text.clone_into(&mut self.last);
            self.draw(text)
        } else if is_news {
            self.stdout.write_all(text.as_bytes())?;
            self.stdout.flush()
        } else {
            Ok(())
        }
    }

    /// What was shown last stays, and is said to be old.
    fn lost(&mut self, trouble: &str, is_news: bool) -> std::io::Result<()> {
        if self.is_terminal {
            let text = format!(
                "CONTACT LOST, trying again: {trouble}\nThis is what was last received:\n\n{}",
                self.last
            );
            self.draw(&text)
        } else if is_news {
            complain(format_args!("{trouble}; trying again"));
            Ok(())
        } else {
            Ok(())
        }
    }

    /// Over what is there, without a flicker, and as much as fits.
    fn draw(&mut self, text: &str) -> std::io::Result<()> {
        let lines = terminal_size().map_or(24, |(_, Height(lines))| usize::from(lines));
        let fitting = lines.saturating_sub(1);
        let all = text.lines().count();
        let shown = if all > fitting { fitting.saturating_sub(1) } else { all };
        let mut frame = String::from("\u{1b}[H");
        for line in text.lines().take(shown) {
            frame.push_str(line);
            frame.push_str("\u{1b}[K\r\n");
        }
        if shown < all {
            frame.push_str(&format!("… and {} more lines\u{1b}[K\r\n", all.saturating_sub(shown)));
        }
        frame.push_str("\u{1b}[J");
        self.stdout.write_all(frame.as_bytes())?;
        self.stdout.flush()
    }
}
