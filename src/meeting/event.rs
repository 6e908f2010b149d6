//! What the core has to tell people: one event, one thing that happened, and why.

use std::fmt;
use std::time::Duration;

use super::answer::{Misfit, StartFailure, StopFailure};
use super::io::{AttemptId, ListError, Out, Refusal, SessionId, Speaker};
use super::manual::{ManualOrder, OrderEnd, Origin};
use super::person::Person;
use crate::address::{RealJid, RoomJid};
use crate::config::Mode;
use crate::jibri::{Contradiction, JibriName, Seat};

/// Something that came out of the core.
#[derive(Debug, Clone)]
pub enum Effect {
    /// To be carried out.
    Do(super::io::Action),
    /// To be told.
    Tell(Event),
    /// A look has shown that there is no such room; or, of one on trial, it has found no room with focus. Whoever
    /// vouches for it may want to know.
    NoSuchRoom(RoomJid),
    /// A look at a room on trial has shown that focus is in it, or it was known before: it is on trial no more.
    Proven(RoomJid),
}

/// Something that happened in a room.
#[derive(Debug, Clone)]
pub struct Event {
    /// Where.
    pub room: RoomJid,
    /// What.
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone)]
pub enum What {
    /// The room is in another state now.
    State {
        /// The state before.
        from: State,
        /// The state now.
        to: State,
    },
    /// We are in the room and know who else is.
    Entered {
        /// People inside.
        people: u32,
        /// Moderators among them.
        moderators: u32,
    },
    /// Seen from outside, others are in the room than before.
    Seen {
        /// People inside.
        people: u32,
        /// Moderators among them.
        moderators: u32,
    },
    /// We are no longer in the room.
    Left(Out),
    /// A start request goes out.
    StartSent {
        /// Which.
        attempt: AttemptId,
        /// Since a recording is wanted and there is none.
        wanted_for: Duration,
        /// In whose name.
        speaker: Speaker,
    },
    /// With `--dry-run`: a start request would have gone out.
    WouldStart,
    /// A stop request goes out.
    StopSent {
        /// In whose name.
        speaker: Speaker,
    },
    /// With `--dry-run`: a stop request would have gone out.
    WouldStop,
    /// A stop came to nothing.
    StopFailed {
        /// Why.
        why: StopFailure,
        /// When the next one may go out; none if none will.
        retry_in: Option<Duration>,
    },
    /// A Jibri has turned busy for what was asked in a moderator's name.
    Taken,
    /// Focus has found a Jibri.
    Accepted {
        /// The session.
        session: Option<SessionId>,
    },
    /// A session of somebody else was found and is taken for ours.
    Adopted,
    /// The recording is on.
    On {
        /// The session.
        session: Option<SessionId>,
        /// How long a recording was wanted and missing; none if it was not wanted.
        wanted_for: Option<Duration>,
        /// Only a recorder stands for it: focus was heard, and knows of none.
        is_denied: bool,
    },
    /// The recording is over.
    Ended {
        /// The session.
        session: Option<SessionId>,
        /// In which manner.
        how: Ended,
    },
    /// Seen from inside, these Jibris have a recorder here.
    Recorders(Vec<Seat>),
    /// A start came to nothing.
    StartFailed {
        /// Why.
        why: StartFailure,
        /// When the next one may go out; none if none will.
        retry_in: Option<Duration>,
    },
    /// A start is due, and no Jibri is free for it. Starts that fail for want of one do not end that.
    Waits {
        /// Its place among those who wait, from 1; none if there are too many to count.
        place: Option<usize>,
    },
    /// It waits for no Jibri any more.
    WaitsNoMore(WaitEnd),
    /// Nothing will be started here for now.
    Held(Hold),
    /// Somebody has taken this room in hand, or given it back.
    Manual {
        /// What is ordered.
        order: ManualOrder,
        /// Where the order has come from.
        origin: Origin,
    },
    /// An order is in effect no more.
    OrderOver {
        /// Which.
        order: ManualOrder,
        /// Why.
        end: OrderEnd,
    },
    /// The room would not let us in.
    EntryRefused {
        /// Its refusal.
        refusal: Refusal,
        /// When we try again.
        retry_in: Duration,
    },
    /// The room has not answered our entry yet.
    EntryDelayed,
    /// Everybody had left since the room was looked at, so our entry has created it anew; we have left at once
    /// (docs/jitsi.md 4.1).
    CreatedRoom,
    /// Somebody shows the session that Jicofo says to be on and is no recorder by its account; from now on it is one.
    UnlistedRecorder(RealJid),
    /// Jicofo is in the room with an account that is of none of `muc.service_domains`.
    UnlistedFocus(RealJid),
    /// Nobody in the room was a moderator for a while, so we wait outside for one.
    AwaitsModerator,
    /// The room's occupants cannot be listed.
    NoList(ListError),
    /// Nobody is in the room but a recorder, and that for a while; told again each time that this is seen.
    RecorderAlone,
    /// It is not alone any more, or nobody knows.
    RecorderNotAlone,
    /// Jicofo lists a meeting here for a while, and Prosody has no such room: a meeting that only seems to be.
    Zombie,
    /// The room exists again, or Jicofo does not list it any more.
    NoZombie,
}

/// Why a room waits for no Jibri any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitEnd {
    /// There is one for it.
    Found,
    /// Nothing is started any more, as [`What::Held`] says.
    Held,
    /// A start has failed for another reason than that none is free.
    Failed,
    /// No recording is wanted any more.
    NotWanted,
}

impl fmt::Display for WaitEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Found => "a Jibri was found",
            Self::Held => "nothing was to be started any more",
            Self::Failed => "a start failed for another reason",
            Self::NotWanted => "no recording was wanted any more",
        })
    }
}

/// The state of a room, as users see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// No recording is wanted.
    Idle,
    /// Wanted; the condition has to last, or something is still to be waited for.
    Settling,
    /// Wanted, and no Jibri is free.
    Waiting,
    /// A start request is on its way.
    Starting,
    /// A Jibri was found, it is not recording yet.
    Pending,
    /// Recording.
    Recording,
    /// A stop request is on its way.
    Stopping,
    /// A start has failed; the next one waits.
    Backoff,
    /// Nothing is started here, for the reason told.
    Held,
}

impl State {
    /// Its name in the API and the metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Settling => "settling",
            Self::Waiting => "waiting",
            Self::Starting => "starting",
            Self::Pending => "pending",
            Self::Recording => "recording",
            Self::Stopping => "stopping",
            Self::Backoff => "backoff",
            Self::Held => "held",
        }
    }
}

/// How a recording ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// A person stopped it.
    ByPerson(Box<Person>),
    /// We stopped it.
    ByUs,
    /// It failed and Jicofo's own retries are used up.
    Failed,
    /// It ended by itself: nobody left, all muted, a time limit, Jibri told to stop.
    Naturally,
    /// Focus, or the recorder, is gone and took it along.
    Lost,
    /// The recorder is gone, and focus, which was asked, does not say why.
    Unexplained,
    /// Its recorder is in the room, or was, and its Jibri does not record it.
    Refuted(Refutation),
    /// The recorder is gone while people were there and no recording was wanted any more; nobody was asked why.
    Unasked,
    /// The meeting is over.
    WithMeeting,
}

/// What shows that nothing records a meeting, though its recorder or focus's word says so (docs/jitsi.md 13.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refutation {
    /// Its Jibri does not.
    Jibri(JibriName, Contradiction),
    /// Its recorder has left, and focus goes on saying that it is on.
    RecorderLeft,
    /// Focus says that it is on, and no recorder has come: the Jibri that says so is at work for another meeting.
    NoRecorder,
}

impl fmt::Display for Refutation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // Debug, because anybody may enter a brewery under any nickname.
            Self::Jibri(name, why) => write!(f, "its Jibri {name:?} {why}"),
            Self::RecorderLeft => f.write_str("the recorder has left, and Jicofo does not know"),
            Self::NoRecorder => f.write_str("Jicofo says that it is on, and no recorder is in the room"),
        }
    }
}

/// Why nothing is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hold {
    /// A person has stopped the recording; respected until the meeting ends.
    StoppedBy(Box<Person>),
    /// Trying again does not help until a setting has changed.
    Misfit(Misfit),
    /// `start.retry_limit` is reached.
    GaveUp(StartFailure),
    /// Footprint `unseen`: it has ended too often, and nobody could be asked why.
    Untold,
    /// A session of this mode, which is not the one wanted, is on; Jicofo takes one a meeting.
    Instead(Mode),
    /// [`ManualOrder::Stop`], and where it has come from.
    Manual(Origin),
    /// `--dry-run`.
    DryRun,
}

impl StartFailure {
    /// What it means, and where something can be changed, what.
    pub const fn words(self) -> &'static str {
        match self {
            Self::AllBusy => "all Jibris are busy",
            Self::NoJibri => "Jicofo sees no Jibri",
            Self::SeveralFailed => "Jicofo has tried several Jibris and all failed",
            Self::FocusError => "Jicofo failed without a reason",
            Self::NotKnownYet => "Jicofo does not know us as an occupant yet",
            Self::NoRecorder => {
                "Jicofo has no recorder for this meeting: it is just beginning, or recording is not enabled \
                 (docker-jitsi-meet: ENABLE_RECORDING=1; jicofo.conf: jibri.brewery-jid)"
            }
            Self::NoFocus => "Jicofo is not in the room",
            Self::NoRoom => "the room is gone",
            Self::NotInside => "we are not in the room",
            Self::NoAnswer => "no answer from Jicofo within start.request_timeout",
            Self::PendingTimeout => "not on within start.pending_timeout",
            Self::EndedBeforeOn => "ended before it was on",
            Self::NoSign => {
                "asked in a moderator's name, and no recorder came within start.request_timeout: all Jibris busy or \
                 failing? (Jicofo's answer goes to that moderator)"
            }
            Self::NotTaken => {
                "asked in a moderator's name, and Jicofo has not selected any Jibri for it (its answer goes to that \
                 moderator)"
            }
            Self::SenderLeft => "the moderator in whose name it was asked left at that moment",
            Self::SpeakerGone => {
                "the moderator in whose name it was to be asked had just left, so it was not"
            }
            Self::CompanionBusy => "the module in Prosody has too much to do, so nothing was asked",
            Self::Vanished => "the recorder is gone and Jicofo does not say why",
            Self::Failed => "Jibri failed and Jicofo has given up on it",
            Self::Unknown => "an unknown answer from Jicofo",
        }
    }
}

impl fmt::Display for StartFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}

impl fmt::Display for StopFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoAnswer => "the request to stop has no effect",
            Self::UnknownSession => {
                "Jicofo knows of no recording here (it was restarted?): it ends when Jibri finds the room empty, or \
                 when that Jibri is restarted"
            }
            Self::NotModerator => return Misfit::NotModerator.fmt(f),
            Self::NotInside => "we are not in the room",
            Self::NobodyToSpeakFor => {
                "no moderator is left in whose name it could be stopped (muc.footprint = \"discreet\", or \"unseen\" with \
                 muc.peek = true, lets us in for that)"
            }
            Self::NoRights => {
                "no moderator is left in whose name it could be stopped, and to stop it ourselves we need the rights of the \
                 discreet footprint in rooms: see `jibri-autostart prosody`"
            }
            Self::SenderLeft => "the moderator in whose name it was asked left at that moment",
            Self::DryRun => "this is a dry run",
            Self::Unknown => "an unknown answer from Jicofo",
        })
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotModerator => {
                "Jicofo does not treat us as a moderator: list user@domain of [xmpp] in `admins` of Prosody's \
                 MUC component, and set `component_admins_as_room_owners = true` there"
            }
            Self::BadRequest => {
                "Jicofo does not understand the start request: check start.mode, start.stream_key and \
                 start.app_data"
            }
        })
    }
}

impl fmt::Display for Out {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Left => f.write_str("we left"),
            Self::Destroyed => f.write_str("it was destroyed"),
            Self::Removed { code: None } => f.write_str("we were removed"),
            Self::Removed { code: Some(code) } => {
                let why = match code {
                    301 => "banned",
                    307 => "kicked by a moderator",
                    321 => "we are no longer an owner",
                    322 => "it is for members only now",
                    333 => "the server thought we were gone",
                    _ => "removed",
                };
                write!(f, "{why} (status {code})")
            }
        }
    }
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StoppedBy(person) => write!(f, "stopped by {person}, respected until the meeting ends"),
            Self::Misfit(misfit) => misfit.fmt(f),
            Self::GaveUp(why) => write!(f, "start.retry_limit reached, last: {why}"),
            Self::Untold => f.write_str(
                "the recording has ended again and again in this meeting, and nobody could be asked why: that may \
                 be what a person wanted (muc.peek = true lets us ask)",
            ),
            Self::Instead(Mode::Stream) => f.write_str(
                "a live stream is on instead: Jicofo runs one session per meeting, so the recording to a file starts \
                 when the stream ends",
            ),
            Self::Instead(Mode::File) => f.write_str(
                "a recording to a file is on instead: Jicofo runs one session per meeting, so the live stream starts \
                 when the recording ends",
            ),
            Self::Manual(origin) => {
                write!(f, "stopped by order of {origin}: kept off until nobody is left, or it is released")
            }
            Self::DryRun => f.write_str("would start now, but this is a dry run"),
        }
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ByPerson(person) => write!(f, "stopped by {person}"),
            Self::ByUs => f.write_str("stopped by us"),
            Self::Failed => f.write_str("failed, and Jicofo's own retries are used up"),
            Self::Naturally => f.write_str("ended by itself (empty, all muted, or a time limit)"),
            Self::Lost => f.write_str("lost: Jicofo or the recorder has left"),
            Self::Unexplained => f.write_str("the recorder is gone and Jicofo does not say why"),
            Self::Refuted(why) => write!(f, "nothing is recorded any more: {why}"),
            Self::Unasked => f.write_str("the recorder has left, and nothing was to be recorded any more"),
            Self::WithMeeting => f.write_str("the meeting is over"),
        }
    }
}
