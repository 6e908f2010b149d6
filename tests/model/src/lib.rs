//! What Jicofo and Jibri do, as docs/jitsi.md says: state machines without clock, network or chance.
//!
//! Time is a [`Duration`](std::time::Duration) since the start of whatever drives them; what chance decides is handed
//! in, as a [`Course`]. The simulations drive them in virtual time, the tests on a real Prosody by the clock.

mod course;
mod detector;
pub mod jibri;
pub mod jicofo;
mod recorder;
mod request;
mod session;
mod status;

pub use course::{Course, Reply, Report, Settings as JibriSettings, Stage, Step, Turn};
pub use detector::{JibriDetector, JibriInstance, NoJibri};
pub use jibri::Jibri;
pub use jicofo::{Jicofo, Settings as JicofoSettings};
pub use request::{Action, Mode, RecordingStatus, Refusal, SessionId};
pub use session::JibriSession;
pub use status::{Busy, Health, IDLE, Status};
