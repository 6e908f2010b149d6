//! The program as a process, and the files beside it.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};

use testkit::BareEnvironment as _;

/// A file or directory of the project.
pub(crate) fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The text of a file of the project.
pub(crate) fn read(path: &str) -> String {
    std::fs::read_to_string(file(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Something that `tests/prepare.sh` has put on this machine.
pub(crate) fn prepared(name: &str) -> PathBuf {
    let chroot = std::env::var("JIBRI_AUTOSTART_TEST_CHROOT")
        .unwrap_or_else(|_| "/var/cache/jibri-autostart-tests/trixie".to_owned());
    let path = Path::new(&chroot).with_file_name(name);
    assert!(path.join(".complete").exists(), "{path:?} is missing: run tests/prepare.sh");
    path
}

/// The program that was just built, with nothing in its environment.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_jibri-autostart"));
    command.bare_environment();
    command
}

/// Runs a command and gives what it printed; its failure is the test's.
pub(crate) fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (stdout, stderr) = texts(&output);
    assert!(output.status.success(), "{command:?}: {}\n{stdout}\n{stderr}", output.status);
    stdout
}

/// Prints a figure, or that something was skipped, even where the output of tests that pass is not shown.
pub(crate) fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// What a command printed: results, and mistakes.
pub(crate) fn texts(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

/// A process that ends with this value.
pub(crate) struct Running(pub(crate) Child);

impl Running {
    /// Sends it a signal.
    pub(crate) fn signal(&self, name: &str) {
        run(Command::new("kill").arg(format!("-{name}")).arg(self.0.id().to_string()));
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
