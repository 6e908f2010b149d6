//! A client that sits in one room: what people and recorders have in common.

use crate::client::{Client, Inbox};
use crate::room::{self, RoomView};
use crate::xml::{Node, bare, ns};
use crate::{Result, SOON, lock};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;

/// A client in a room.
pub struct Occupancy {
    client: Client,
    room: String,
    view: Arc<Mutex<RoomView>>,
    news: watch::Sender<u64>,
    /// What every presence of ours carries.
    extras: Mutex<Vec<Node>>,
}

impl Occupancy {
    /// Asks to be let in; does not wait for the answer.
    pub fn enter(
        client: Client,
        inbox: Inbox,
        room: &str,
        nick: &str,
        extras: Vec<Node>,
        remember: bool,
    ) -> Occupancy {
        let occupancy = Occupancy {
            client,
            room: room::address(room),
            view: Arc::new(Mutex::new(RoomView::new(nick, remember))),
            news: watch::Sender::new(0),
            extras: Mutex::new(extras),
        };
        tokio::spawn(follow(inbox, occupancy.room.clone(), occupancy.view.clone(), occupancy.news.clone()));
        occupancy.ask_in(None);
        occupancy
    }

    /// Asks to be let in (again), with a password if the room has one.
    pub fn ask_in(&self, password: Option<&str>) {
        let mut x = Node::new("x", ns::MUC);
        if let Some(password) = password {
            x = x.child(Node::new("password", "").with_text(password));
        }
        self.client.send(&self.presence().child(x));
    }

    /// The room's address as this client knows it.
    pub fn room(&self) -> &str {
        &self.room
    }

    /// The connection.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Our nick.
    pub fn nick(&self) -> String {
        lock(&self.view).nick.clone()
    }

    /// Looks at the room.
    pub fn look<T>(&self, see: impl FnOnce(&RoomView) -> T) -> T {
        see(&lock(&self.view))
    }

    /// Waits until the room fits; an error tells what the room looks like instead.
    pub async fn until(&self, bound: Duration, what: &str, fits: impl Fn(&RoomView) -> bool) -> Result<()> {
        let mut news = self.news.subscribe();
        let wait = async {
            loop {
                news.borrow_and_update();
                if self.look(&fits) {
                    return;
                }
                if news.changed().await.is_err() {
                    return;
                }
            }
        };
        match tokio::time::timeout(bound, wait).await {
            Ok(()) => Ok(()),
            Err(_) => {
                let state = self.look(RoomView::summary);
                Err(format!("{} in {}: not {what} within {bound:?}:\n{state}", self.nick(), self.room).into())
            }
        }
    }

    /// Waits until we are in; an error if we are refused.
    pub async fn until_inside(&self) -> Result<()> {
        self.until(SOON, "inside", |view| view.inside || view.refused.is_some()).await?;
        match self.look(|view| view.refused.clone()) {
            Some(refused) => Err(format!("refused: {refused}").into()),
            None => Ok(()),
        }
    }

    /// Sends our presence with other extras from now on.
    pub fn set_extras(&self, extras: Vec<Node>) {
        *lock(&self.extras) = extras;
        self.client.send(&self.presence());
    }

    /// Our presence to the room.
    pub fn presence(&self) -> Node {
        self.presence_as(&self.nick())
    }

    fn presence_as(&self, nick: &str) -> Node {
        Node::presence(&format!("{}/{nick}", self.room)).with_children(lock(&self.extras).iter().cloned())
    }

    /// Asks for another nick.
    pub fn rename(&self, nick: &str) {
        self.client.send(&self.presence_as(nick));
    }

    /// Leaves the room politely.
    pub fn leave(&self) {
        self.client
            .send(&Node::presence(&format!("{}/{}", self.room, self.nick())).attr("type", "unavailable"));
    }
}

async fn follow(mut inbox: Inbox, room: String, view: Arc<Mutex<RoomView>>, news: watch::Sender<u64>) {
    while let Some(received) = inbox.recv().await {
        let node = &received.node;
        if node.is("presence", ns::CLIENT) && bare(node.from()) == room {
            lock(&view).apply(node);
            news.send_modify(|n| *n += 1);
        }
    }
    lock(&view).lost(Vec::new());
    news.send_modify(|n| *n += 1);
}
