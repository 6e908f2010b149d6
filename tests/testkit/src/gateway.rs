//! A SIP gateway in a meeting: the Chrome of a Jibri in SIP mode. It has the account of the recorders and says that it is
//! a Jibri, but it records nothing, so it never shows a session or a mode.

use crate::client::Client;
use crate::config::HIDDEN;
use crate::login::Login;
use crate::manners::Manners;
use crate::occupancy::Occupancy;
use crate::xml::{Node, ns};
use crate::{Prosody, Result};

/// A gateway in a room. It stays, whoever comes or goes, until it hangs up.
pub struct Gateway {
    occupancy: Occupancy,
}

impl Gateway {
    /// Somebody at a telephone is brought into a room.
    pub async fn call(prosody: &Prosody, room: &str) -> Result<Gateway> {
        let login = Login::account("recorder", HIDDEN, None);
        let (client, inbox) = Client::connect(prosody.c2s(), &login, Manners::default()).await?;
        let nick = format!("{:08x}", rand::random::<u32>());
        let feature = Node::new("feature", "").attr("var", ns::JIBRI);
        let extras = vec![
            Node::new("nick", ns::NICK).with_text("SIP gateway"),
            Node::new("features", "").child(feature),
        ];
        let occupancy = Occupancy::enter(client, inbox, room, &nick, extras, false);
        occupancy.until_inside().await?;
        Ok(Gateway { occupancy })
    }

    /// Its nick.
    pub fn nick(&self) -> String {
        self.occupancy.nick()
    }
}
