//! A real Prosody, and honest models of people, Jicofo and Jibri.
//!
//! The models do what the real ones were read to do, failures included; a test scripts the failures. Nothing here
//! sleeps to be safe: everything waits for a condition, within a bound.

pub mod behaviour;
mod brewery;
mod caps;
pub mod client;
pub mod component;
pub mod config;
pub mod cut;
pub mod each;
mod environment;
pub mod focus;
mod focus_failures;
pub mod focus_options;
pub mod focus_room;
pub mod gateway;
pub mod heads;
pub mod http;
pub mod jibri;
mod jibri_work;
pub mod jicofo_rest;
pub mod login;
pub mod manners;
pub mod occupancy;
pub mod person;
pub mod ports;
pub mod process;
pub mod prosody;
mod recorder;
pub mod room;
pub mod watch;
pub mod world;
pub mod xml;
pub mod xml_stream;

pub use behaviour::{Behaviour, JibriOptions, Started};
pub use client::{Client, Inbox, Received};
pub use component::Component;
pub use config::ProsodyOptions;
pub use cut::Cut;
pub use environment::BareEnvironment;
pub use focus::Focus;
pub use focus_options::{Fault, FocusOptions, StartRequest};
pub use focus_room::Answered;
pub use gateway::Gateway;
pub use heads::Heads;
pub use jibri::Jibri;
pub use jicofo_rest::{JicofoRest, RestFault};
pub use login::Login;
pub use manners::{Manners, Media};
pub use occupancy::Occupancy;
pub use person::{Person, PersonOptions, Refusal};
pub use process::{
    HealthPort, JibriProcess, JibriProcessOptions, Life, Program, RestartPolicy, ServiceManager,
};
pub use prosody::{Prosody, Version};
pub use room::{Occupant, RecordingStatus, RoomView};
pub use watch::{Visit, Watch};
pub use world::{World, WorldOptions};
pub use xml::{Node, ns};

use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// What goes wrong is only ever told to a person.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
/// See [`Error`].
pub type Result<T = ()> = std::result::Result<T, Error>;

/// A test that panicked while it held a lock must not hide why.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Waits until a condition holds; false if it does not within the bound.
pub async fn eventually(bound: Duration, condition: impl Fn() -> bool) -> bool {
    let end = Instant::now() + bound;
    loop {
        if condition() {
            return true;
        }
        if Instant::now() > end {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Longer than any test.
pub(crate) const LONG: Duration = Duration::from_secs(24 * 3600);

/// Has a model act when it is due; news may make that sooner or later.
pub(crate) async fn keep_time(
    mut news: tokio::sync::watch::Receiver<u64>,
    due: impl Fn() -> Option<Duration>,
    act: impl Fn(),
) {
    loop {
        news.mark_unchanged();
        if tokio::time::timeout(due().unwrap_or(LONG), news.changed()).await.is_err() {
            act();
        }
    }
}

/// A bound for what takes no time but that of a very busy machine.
pub const SOON: Duration = Duration::from_secs(60);
