//! Orders by hand: given by whoever may, taken by the driver in their turn.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use crate::meeting::{ManualOrder, NotTaken, Origin};

/// Orders that may wait for the driver.
const MOST: usize = 16;

/// An order for a room, and where the answer goes.
#[derive(Debug)]
pub struct Order {
    /// The room's real JID.
    pub room: Arc<str>,
    /// What is ordered.
    pub hand: ManualOrder,
    /// Where it has come from.
    pub origin: Origin,
    /// Takes the answer when the board shows what came of it.
    pub answer: oneshot::Sender<Result<(), NotTaken>>,
}

/// Where orders are given. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Orders(mpsc::Sender<Order>);

/// A place for orders, and where they come out.
pub fn orders() -> (Orders, mpsc::Receiver<Order>) {
    let (sender, receiver) = mpsc::channel(MOST);
    (Orders(sender), receiver)
}

impl Orders {
    /// Gives an order; what came of it, or none if the service is too busy or about to end.
    pub async fn give(
        &self,
        room: Arc<str>,
        hand: ManualOrder,
        origin: Origin,
    ) -> Option<Result<(), NotTaken>> {
        let (answer, answered) = oneshot::channel();
        self.0.try_send(Order { room, hand, origin, answer }).ok()?;
        answered.await.ok()
    }
}
