//! Jibris as processes of their own, with ports of their own, under a service manager that can restart them.
//!
//! What hangs or freezes here really does, and what mends it is a restart that really happens: for tests of the program
//! that has to notice the one and do the other.

mod api;
mod arguments;
mod life;
mod manager;
mod program;
mod run;
mod unit;
mod webhook;

pub use life::{HealthPort, Life};
pub use manager::{RestartFault, Restarted, ServiceManager};
pub use program::{Program, this_test};
pub use run::{be_a_jibri, be_a_jibri_if_asked};
pub use unit::{JibriProcess, JibriProcessOptions, RestartPolicy, State};
