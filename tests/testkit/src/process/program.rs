//! Which program is run to be a Jibri, and who runs it.

use super::run::ARGUMENTS;
use crate::{Error, Result};
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::mpsc;

/// Name of the test that [`jibri_processes`](crate::jibri_processes) defines.
const TEST: &str = "be_a_jibri_if_asked";

/// A program that can be a Jibri.
#[derive(Clone, Debug)]
pub struct Program {
    path: PathBuf,
    /// Whether it is a program that is mainly something else.
    is_other: bool,
}

impl Program {
    /// The program that runs now: a test executable with [`jibri_processes`](crate::jibri_processes) in its root, or
    /// a program whose `main` begins with [`be_a_jibri_if_asked`](super::be_a_jibri_if_asked).
    ///
    /// So a test needs nothing built but itself, and can never meet an old build of the model.
    pub fn this() -> Result<Program> {
        Ok(Program { path: std::env::current_exe()?, is_other: true })
    }

    /// `testkit-jibri`, as `env!("CARGO_BIN_EXE_testkit-jibri")` names it in the kit's own tests.
    pub fn at(path: impl Into<PathBuf>) -> Program {
        Program { path: path.into(), is_other: false }
    }

    pub(crate) fn command(&self, words: &[String]) -> Command {
        let mut command = Command::new(&self.path);
        if self.is_other {
            // A test executable runs one test alone; another program does not look.
            command.args([TEST, "--exact", "--ignored", "--nocapture", "--test-threads=1"]);
            command.env(ARGUMENTS, serde_json::json!(words).to_string());
        } else {
            command.args(words);
        }
        command
    }
}

/// Put into the root of a test executable, this makes [`Program::this`] work there.
#[macro_export]
macro_rules! jibri_processes {
    () => {
        #[test]
        #[ignore = "not a test: how this executable is started to be a Jibri"]
        fn be_a_jibri_if_asked() {
            $crate::process::be_a_jibri_if_asked();
        }
    };
}

/// [`Program::this`] for tests, which give up without it.
pub fn this_test() -> Program {
    Program::this().expect("a running program has a path")
}

/// A thread that starts processes. They die with the thread that started them, so it lives as long as this does; one
/// of a pool may end at any time.
#[derive(Clone)]
pub(crate) struct Starter {
    orders: mpsc::Sender<Order>,
}

type Order = (Command, mpsc::Sender<std::io::Result<Child>>);

impl Starter {
    pub(crate) fn new() -> Result<Starter> {
        let (orders, queue) = mpsc::channel::<Order>();
        std::thread::Builder::new().name("starter".into()).spawn(move || {
            for (mut command, answer) in queue {
                let _ = answer.send(command.spawn());
            }
        })?;
        Ok(Starter { orders })
    }

    pub(crate) fn start(&self, command: Command) -> Result<Child> {
        let gone = |_| Error::from("nobody starts processes any more");
        let (answer, answered) = mpsc::channel();
        self.orders.send((command, answer)).map_err(|_| "nobody starts processes any more")?;
        Ok(answered.recv().map_err(gone)??)
    }
}
