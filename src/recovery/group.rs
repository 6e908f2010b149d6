//! A program in a process group of its own, so that what it has started can be ended with it.

use std::io;
use std::process::ExitStatus;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tokio::time::sleep;

/// How long the programs have between the request to end and the end.
const GRACE: Duration = Duration::from_secs(1);

/// The program and all that it has started and that has not left the group. Dropped while the program
/// runs, all of them are killed.
#[derive(Debug)]
pub(super) struct Group {
    child: Child,
    /// Its number, while the program has not been waited for: until then no other group can bear it.
    id: Option<Pid>,
}

impl Group {
    pub(super) fn spawn(mut command: Command) -> io::Result<Self> {
        let child = command.process_group(0).spawn()?;
        let id = child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw);
        Ok(Self { child, id })
    }

    pub(super) fn take_stdout(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    pub(super) fn take_stderr(&mut self) -> Option<ChildStderr> {
        self.child.stderr.take()
    }

    /// Waits for the program itself. What it leaves behind is left alone: it may be the Jibri.
    pub(super) async fn wait(&mut self) -> io::Result<ExitStatus> {
        let status = self.child.wait().await;
        self.id = None;
        status
    }

    /// Asks all of them to end, and a moment later ends them.
    pub(super) async fn kill(&mut self) {
        self.signal(Signal::SIGTERM);
        // Not cut short when the program itself ends: waiting for it would free the group's number, and its
        // children may need the time, too.
        sleep(GRACE).await;
        self.signal(Signal::SIGKILL);
        // A program that hangs in the kernel does not even hear that; the runtime waits for it then.
        let _ = tokio::time::timeout(GRACE, self.wait()).await;
    }

    fn signal(&self, signal: Signal) {
        let Some(id) = self.id else { return };
        if let Err(error) = killpg(id, signal) {
            tracing::debug!("cannot send {signal} to the recovery's programs: {error}");
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if self.id.is_some() {
            self.signal(Signal::SIGKILL);
        }
    }
}
