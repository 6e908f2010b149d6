//! What a link has to do with the brewery: it carries what our occupant there asks and says.

use tokio::time::Instant;

use super::super::brewery::occupancy::Do;
use super::super::event::LinkEvent;
use super::{End, Session};
use crate::address::Nick;
use crate::meeting::{QueryId, Roles};

impl Session<'_> {
    pub(super) fn list_brewery(&mut self) {
        if let Some(occupancy) = self.occupancy {
            occupancy.list_again(Instant::now());
        }
    }

    /// Something is to be done about our occupant in the brewery.
    pub(super) async fn mind_seat(&mut self) -> Result<(), End> {
        let todo =
            self.occupancy.as_mut().map(|occupancy| occupancy.expire(Instant::now())).unwrap_or_default();
        self.in_brewery(todo).await
    }

    pub(super) async fn in_brewery(&mut self, todo: Vec<Do>) -> Result<(), End> {
        for one in todo {
            match one {
                Do::Look => {
                    let Some(room) = self.occupancy.as_ref().map(|occupancy| occupancy.room().clone()) else {
                        continue;
                    };
                    for iq in self.requests.roles(room, QueryId(0), Roles::Both) {
                        self.send_iq(&iq).await?;
                    }
                }
                Do::Send(presence) => {
                    self.counters.sent.presence.add();
                    self.send(&*presence).await?;
                }
                Do::Tell(event) => self.tell(LinkEvent::Brewery(event)).await?,
            }
        }
        Ok(())
    }

    pub(super) async fn ping_jibri(&mut self, nick: Nick) -> Result<(), End> {
        match self.occupancy.as_ref().filter(|occupancy| occupancy.is_inside()) {
            Some(occupancy) => {
                let iq = self.requests.ping_jibri(occupancy.me(), occupancy.room().clone(), nick);
                self.send_iq(&iq).await
            }
            None => Ok(()),
        }
    }

    pub(super) async fn stop_jibri(&mut self, nick: &Nick) -> Result<(), End> {
        match self.occupancy.as_ref().filter(|occupancy| occupancy.is_inside()) {
            Some(occupancy) => {
                let iq = self.requests.stop_jibri(occupancy.me(), occupancy.room(), nick);
                self.send_iq(&iq).await
            }
            None => Ok(()),
        }
    }
}
