//! How a Jibri is, as the brewery shows it (docs/jitsi.md 5) and as its health port says it (docs/jitsi.md 6).

/// `busy-status`, and `busyStatus` over HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Busy {
    /// It waits for work.
    Idle,
    /// It records, or ends a recording.
    Busy,
    /// Single use, and used up; only HTTP and webhooks say so.
    Expired,
    /// Some other word.
    Undefined,
}

/// `health-status`, and `healthStatus` over HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// Nothing in the system is broken.
    Healthy,
    /// Something is, until a restart.
    Unhealthy,
    /// Some other word.
    Undefined,
}

/// `jibri-status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// Whether it is at work.
    pub busy: Busy,
    /// Whether it can be.
    pub health: Health,
}

impl Status {
    /// Jicofo takes nobody else.
    pub fn is_available(self) -> bool {
        self == IDLE
    }
}

/// Waits for work, and can do it.
pub const IDLE: Status = Status { busy: Busy::Idle, health: Health::Healthy };
