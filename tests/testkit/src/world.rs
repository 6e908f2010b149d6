//! Everything a test needs at once: Prosody, Jicofo, Jibris, people.

use crate::behaviour::{Behaviour, JibriOptions};
use crate::config::ProsodyOptions;
use crate::focus::Focus;
use crate::focus_options::FocusOptions;
use crate::jibri::Jibri;
use crate::jicofo_rest::JicofoRest;
use crate::person::{Person, PersonOptions};
use crate::process::{JibriProcess, JibriProcessOptions, ServiceManager};
use crate::prosody::{Prosody, Version};
use crate::{Result, SOON, lock};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// How a world is set up.
#[derive(Clone, Debug)]
pub struct WorldOptions {
    /// Prosody's configuration.
    pub prosody: ProsodyOptions,
    /// Jicofo's settings; by default with times that a test can wait for.
    pub focus: FocusOptions,
    /// What Jibris get that are started without options of their own.
    pub jibri: JibriOptions,
    /// Whether Jicofo has its REST interface.
    pub rest: bool,
}

impl Default for WorldOptions {
    fn default() -> Self {
        WorldOptions {
            prosody: ProsodyOptions::default(),
            focus: FocusOptions::fast(),
            jibri: JibriOptions { empty_timeout: Duration::from_millis(500), ..JibriOptions::default() },
            rest: false,
        }
    }
}

/// A Prosody with a Jicofo, and whoever is added.
pub struct World {
    /// Jicofo.
    pub focus: Focus,
    /// The server.
    pub prosody: Prosody,
    rest: Option<JicofoRest>,
    options: WorldOptions,
    jibris: Mutex<Vec<Jibri>>,
}

impl World {
    /// Starts Prosody and Jicofo.
    pub async fn start(version: Version, options: WorldOptions) -> Result<World> {
        let prosody = Prosody::start_new(version, options.prosody.clone()).await?;
        let focus = Focus::start(&prosody, options.focus.clone()).await?;
        let rest = if options.rest { Some(JicofoRest::start(&focus).await?) } else { None };
        Ok(World { focus, prosody, rest, options, jibris: Mutex::default() })
    }

    /// Jicofo's REST interface, if the options have it.
    pub fn rest(&self) -> Result<&JicofoRest> {
        self.rest.as_ref().ok_or_else(|| "this world is set up without REST".into())
    }

    /// Starts a Jibri that works, and waits until Jicofo knows of it.
    pub async fn jibri(&self, name: &str) -> Result<Jibri> {
        self.jibri_with(name, self.options.jibri.clone()).await
    }

    /// Starts a Jibri that behaves like this, and waits until Jicofo knows of it.
    pub async fn jibri_that(&self, name: &str, behaviour: Behaviour) -> Result<Jibri> {
        self.jibri_with(name, JibriOptions { behaviour, ..self.options.jibri.clone() }).await
    }

    /// Starts a Jibri with all its options, and waits until Jicofo knows of it.
    pub async fn jibri_with(&self, name: &str, options: JibriOptions) -> Result<Jibri> {
        let jibri = Jibri::start(&self.prosody, name, options).await?;
        lock(&self.jibris).push(jibri.clone());
        self.wait_known(name).await?;
        Ok(jibri)
    }

    /// Starts a Jibri as a process of its own, and waits until Jicofo knows of it.
    pub async fn jibri_process(
        &self,
        manager: &ServiceManager,
        options: JibriProcessOptions,
    ) -> Result<JibriProcess> {
        let jibri = manager.jibri(&self.prosody, options).await?;
        self.wait_known(jibri.name()).await?;
        Ok(jibri)
    }

    /// Restarts a Jibri, and waits until Jicofo has seen both its end and its return; for one that is not missed, see
    /// [`Jibri::restart`].
    pub async fn restart(&self, jibri: &Jibri) -> Result<()> {
        jibri.crash();
        self.focus.until(SOON, "without the Jibri", || !self.knows(jibri.name())).await?;
        jibri.connect().await?;
        self.wait_known(jibri.name()).await
    }

    fn knows(&self, jibri: &str) -> bool {
        self.focus.jibris().iter().any(|(name, _)| name == jibri)
    }

    async fn wait_known(&self, jibri: &str) -> Result<()> {
        self.focus.until(SOON, "aware of the Jibri", || self.knows(jibri)).await
    }

    /// A person comes into a room; Jicofo is there first, as it is in Jitsi.
    pub async fn person(&self, room: &str) -> Result<Person> {
        self.person_with(room, PersonOptions::default()).await
    }

    /// The same with options.
    pub async fn person_with(&self, room: &str, options: PersonOptions) -> Result<Person> {
        let asked = Instant::now();
        let person = loop {
            if !self.focus.is_in(room) {
                self.focus.open_room(room).await?;
            }
            match Person::join(&self.prosody, room, options.clone()).await {
                // It left the conference before while we came, and with it went the room; who is told so tries again.
                Err(_) if !self.focus.is_in(room) && asked.elapsed() < SOON => {}
                joined => break joined?,
            }
        };
        // It may be about to leave the conference before; whoever is there without it makes it come back.
        let nick = person.nick();
        while asked.elapsed() < SOON {
            let is_seen = || self.focus.is_in(room) && self.focus.members(room).contains(&nick);
            self.focus.until(SOON, "aware of who came", || is_seen() || !self.focus.is_in(room)).await?;
            if is_seen() {
                break;
            }
            self.focus.open_room(room).await?;
        }
        Ok(person)
    }

    /// A person who is a moderator already.
    pub async fn moderator(&self, room: &str) -> Result<Person> {
        let person = self.person(room).await?;
        if !person.is_moderator() && self.focus.owner(room).is_some_and(|owner| owner != person.nick()) {
            self.focus.promote(room, &person.nick()).await?;
        }
        person.wait_until_moderator(SOON).await.map_err(|error| {
            format!(
                "{error}; focus has {:?} and owner {:?}",
                self.focus.members(room),
                self.focus.owner(room)
            )
        })?;
        Ok(person)
    }

    /// Restarts Prosody; Jicofo and the Jibris come back, people do not.
    pub async fn restart_prosody(&mut self) -> Result<()> {
        self.prosody.restart().await?;
        self.everybody_reconnects().await
    }

    /// Jicofo and the Jibris connect again, as after a time without Prosody; Jicofo has forgotten its rooms.
    pub async fn everybody_reconnects(&self) -> Result<()> {
        self.focus.forget_rooms();
        self.focus.restart().await?;
        let jibris = lock(&self.jibris).clone();
        for jibri in jibris {
            self.restart(&jibri).await?;
        }
        Ok(())
    }
}

impl Drop for World {
    fn drop(&mut self) {
        lock(&self.jibris).drain(..).for_each(|jibri| jibri.crash());
        self.focus.disconnect();
    }
}
