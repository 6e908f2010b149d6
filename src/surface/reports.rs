//! What Jibris' finalize scripts report of their recordings: posted by whoever has the token, taken by the driver in turn.

use tokio::sync::{mpsc, oneshot};

use crate::recordings::Report;

/// Reports that may wait for the driver; whoever finds no place sends again.
const MOST: usize = 64;

/// A report, and where the answer goes.
#[derive(Debug)]
pub struct Reported {
    /// What is reported.
    pub report: Report,
    /// Takes the answer: once so many entries of the ledger are safe, this one is (`Ledger::safe`).
    pub taken: oneshot::Sender<u64>,
}

/// Where reports are handed in. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Reports(mpsc::Sender<Reported>);

/// A place for reports, and where they come out.
pub fn reports() -> (Reports, mpsc::Receiver<Reported>) {
    let (sender, receiver) = mpsc::channel(MOST);
    (Reports(sender), receiver)
}

impl Reports {
    /// Hands one in; how many entries of the ledger have to be safe before this one is, or none if the service is too
    /// busy or about to end.
    pub async fn take(&self, report: Report) -> Option<u64> {
        let (taken, answer) = oneshot::channel();
        self.0.try_send(Reported { report, taken }).ok()?;
        answer.await.ok()
    }
}
