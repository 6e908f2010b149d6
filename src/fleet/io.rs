//! What goes into the fleet: what each source says of the Jibris, and what became of each start.

use crate::address::RoomJid;
use crate::config::JibriInstance;
pub use crate::jibri::{Busy, Detected, Health, JibriName, Report, Seat, Stamp};
use crate::meeting::{Ended, Hold, SessionId, StartFailure, State, What};
use crate::time::Time;

/// One thing that has become known.
#[derive(Debug, Clone)]
pub enum Input {
    /// From the brewery room.
    Brewery(Brewery),
    /// Jicofo's `jibri_detector` (docs/jitsi.md 7), whole; `None`: it could not be had.
    Detector(Option<Vec<Detected>>),
    /// An answer of the HTTP health port of a configured Jibri, or none (docs/jitsi.md 6).
    Health {
        /// Whose port was asked.
        name: JibriName,
        /// What it says, or why it says nothing, in words.
        answer: Result<Report, String>,
    },
    /// The health port of a configured Jibri refuses connections; [`Input::Health`] comes as well.
    PortRefused {
        /// Whose port was asked.
        name: JibriName,
    },
    /// Jibri's webhook `v1/status` (docs/jitsi.md 6).
    Webhook {
        /// Its `jibriId`: a configured `id`, or a name.
        id: String,
        /// What it says.
        report: Report,
    },
    /// What became of [`super::Effect::Ping`]. An error that the Jibri itself answers with is an answer.
    Pinged {
        /// Who was asked.
        name: JibriName,
        /// Whether anything came back in time.
        answered: bool,
    },
    /// Whose recorders are in a meeting, by Jicofo's REST interface or by what they show inside (docs/jitsi.md 13.2.6).
    Recorders {
        /// Where.
        room: RoomJid,
        /// Theirs.
        seats: Vec<Seat>,
        /// By Jicofo's REST interface, which lists all that there are.
        listed: bool,
    },
    /// From the meetings: a recorder is alone in a room that is to be recorded, as was just seen; or not any more.
    Alone {
        /// Where.
        room: RoomJid,
        /// It is.
        is_alone: bool,
    },
    /// From the meetings: some wait for a Jibri, or none does any more.
    InWant(bool),
    /// From the meetings: what became of a start, or of a recording.
    Meeting {
        /// Where.
        room: RoomJid,
        /// What.
        news: News,
    },
    /// From the book of recordings: so many in a row of this Jibri, two at least, have left no file; 0: one has again.
    WithoutFiles {
        /// Whose.
        name: JibriName,
        /// How many.
        count: u32,
    },
    /// What became of [`super::Effect::Recover`].
    Recovered {
        /// Whose recovery.
        name: JibriName,
        /// Whether the command, or the request, succeeded; else why not, in words.
        result: Result<(), String>,
    },
    /// Restarts that were begun before we were started, and when: they count for the limits as if we had been there.
    Remembered(Vec<(Whom, Time)>),
    /// What became of [`super::Effect::RestartJicofo`].
    JicofoRestarted(Result<(), String>),
    /// `[[jibri.instance]]` has changed: all of them.
    Instances(Vec<JibriInstance>),
    /// Another instance acts, or not any more: till then nothing is restarted.
    StandBy(bool),
    /// Nothing new but the time: some deadline has passed.
    Tick,
}

/// Who was restarted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whom {
    /// A Jibri.
    Jibri(JibriName),
    /// Jicofo.
    Jicofo,
}

/// What the brewery shows (docs/jitsi.md 5).
#[derive(Debug, Clone)]
pub enum Brewery {
    /// Our own presence came back (status 110): everybody inside has been told before it.
    Complete,
    /// We are not inside any more, or the link is gone: nothing more will be told, and what was is stale.
    Lost,
    /// A presence of one nickname.
    Presence {
        /// The nickname.
        name: JibriName,
        /// `jibri-status`; none in the first presence after a join.
        status: Option<Report>,
        /// How many `<item>`s the presence has: more than one is two Jibris under one nickname.
        items: usize,
    },
    /// Whether Jicofo is among the occupants; told after [`Brewery::Complete`], and when it changes.
    Jicofo {
        /// It is.
        is_there: bool,
    },
    /// A nickname has left.
    Left {
        /// The nickname.
        name: JibriName,
    },
}

/// What became of a start, or of a recording, in one room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// A start request goes out.
    StartSent,
    /// Jicofo has found a Jibri for it.
    Accepted,
    /// The start came to nothing.
    Failed {
        /// Why.
        why: StartFailure,
        /// Somebody is still in the room. Where nobody is, a recorder fails for that reason
        /// (docs/jitsi.md 4.4), and a session ends because Jicofo closes the conference.
        people: bool,
    },
    /// Nothing more will be heard of the start, and nobody is to blame: a person's stop, somebody else's
    /// session, the meeting or the link is gone, our request was wrong.
    Over,
    /// The recording is on, started by us or found.
    On {
        /// Its session, if it is known.
        session: Option<SessionId>,
        /// Only a recorder stands for it: focus was heard, and knows of none.
        is_denied: bool,
    },
    /// The recording is over.
    Ended {
        /// In which manner.
        how: Ended,
        /// As in [`News::Failed`].
        people: bool,
    },
}

impl News {
    /// What an event of the meetings means for the fleet, if anything. `people`: somebody is in that room.
    pub fn of(what: &What, people: bool) -> Option<Self> {
        Some(match what {
            What::StartSent { .. } => Self::StartSent,
            What::Accepted { .. } => Self::Accepted,
            What::On { session, is_denied, .. } => {
                Self::On { session: session.clone(), is_denied: *is_denied }
            }
            What::Ended { how, .. } => Self::Ended { how: how.clone(), people },
            What::StartFailed { why, .. } | What::Held(Hold::GaveUp(why)) => {
                Self::Failed { why: *why, people }
            }
            What::Adopted | What::Held(_) => Self::Over,
            // Told after the event that says why, if there was one; then there is no start left to end.
            What::State {
                from: State::Starting | State::Pending,
                to: State::Idle | State::Settling | State::Waiting | State::Backoff | State::Held,
            } => Self::Over,
            _ => return None,
        })
    }
}
