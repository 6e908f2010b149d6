//! What there is to tell people: the kinds of alerts, how bad each is, and what to do about it.

use std::fmt;
use std::time::Duration;

/// A kind of alert. Its name is stable: other people's rules depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A room is to be recorded and is not, for `alerts.start_overdue`.
    StartOverdue,
    /// A recording ended, and nobody ended it.
    RecordingLost,
    /// A recording is over, and there is no file of it, or nothing in it.
    RecordingMissing,
    /// There is less in a recording's files than there should be.
    RecordingShort,
    /// The site's own command has not taken a recording's files.
    RecordingFailed,
    /// A Jibri says that it is idle and healthy, and does not work.
    JibriWedged,
    /// A Jibri says that it is unhealthy.
    JibriUnhealthy,
    /// A configured Jibri is not to be seen.
    JibriOffline,
    /// The brewery shows a Jibri otherwise than it is.
    JibriStale,
    /// A Jibri is alive and not in the brewery.
    JibriDetached,
    /// A Jibri's disk is nearly full.
    JibriDiskLow,
    /// A Jibri was restarted by us.
    JibriRestarted,
    /// A Jibri did not come back from its restart.
    JibriNotBack,
    /// Starts keep failing in one room.
    RoomFails,
    /// Jicofo lists a meeting in a room that Prosody does not have.
    ZombieMeeting,
    /// A recorder is in a room where nobody is.
    GhostRecording,
    /// Rooms wait for a Jibri.
    NoJibriFree,
    /// Jicofo does not know the Jibris that are there.
    JicofoLostBrewery,
    /// The companion is configured and does not answer.
    CompanionMissing,
    /// We have no moderator rights in a room.
    NotAModerator,
    /// No link to Prosody, for `alerts.prosody_down`.
    ProsodyDown,
    /// A source of rooms, or of what Jicofo knows of Jibris, does not answer.
    SourceDown,
    /// A room does not let us in.
    CannotEnter,
    /// The brewery does not let us in.
    BreweryUnreadable,
    /// A live stream keeps a room from being recorded to a file, or the other way round.
    StreamInstead,
    /// A room with people in it is not recorded because a person has stopped it.
    Held,
    /// More alerts stand than are told one by one.
    TooManyAlerts,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Nothing has to be done.
    Info,
    /// Something does not work that something else makes up for, as yet.
    Warning,
    /// Recordings are being lost, or soon will be.
    Critical,
}

impl Severity {
    /// As it is sent.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// How long an event without an end counts as standing.
const HOUR: Duration = Duration::from_secs(60 * 60);
/// So long it stands that a file is missing: it may be reported late, and the list of recordings has it for good.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Kind {
    /// All of them.
    pub const ALL: [Self; 27] = [
        Self::StartOverdue,
        Self::RecordingLost,
        Self::RecordingMissing,
        Self::RecordingShort,
        Self::RecordingFailed,
        Self::JibriWedged,
        Self::JibriUnhealthy,
        Self::JibriOffline,
        Self::JibriStale,
        Self::JibriDetached,
        Self::JibriDiskLow,
        Self::JibriRestarted,
        Self::JibriNotBack,
        Self::RoomFails,
        Self::ZombieMeeting,
        Self::GhostRecording,
        Self::NoJibriFree,
        Self::JicofoLostBrewery,
        Self::CompanionMissing,
        Self::NotAModerator,
        Self::ProsodyDown,
        Self::SourceDown,
        Self::CannotEnter,
        Self::BreweryUnreadable,
        Self::StreamInstead,
        Self::Held,
        Self::TooManyAlerts,
    ];

    /// Its stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::StartOverdue => "start_overdue",
            Self::RecordingLost => "recording_lost",
            Self::RecordingMissing => "recording_missing",
            Self::RecordingShort => "recording_short",
            Self::RecordingFailed => "recording_failed",
            Self::JibriWedged => "jibri_wedged",
            Self::JibriUnhealthy => "jibri_unhealthy",
            Self::JibriOffline => "jibri_offline",
            Self::JibriStale => "jibri_stale",
            Self::JibriDetached => "jibri_detached",
            Self::JibriDiskLow => "jibri_disk_low",
            Self::JibriRestarted => "jibri_restarted",
            Self::JibriNotBack => "jibri_not_back",
            Self::RoomFails => "room_fails",
            Self::ZombieMeeting => "zombie_meeting",
            Self::GhostRecording => "ghost_recording",
            Self::NoJibriFree => "no_jibri_free",
            Self::JicofoLostBrewery => "jicofo_lost_brewery",
            Self::CompanionMissing => "companion_missing",
            Self::NotAModerator => "not_a_moderator",
            Self::ProsodyDown => "prosody_down",
            Self::SourceDown => "source_down",
            Self::CannotEnter => "cannot_enter",
            Self::BreweryUnreadable => "brewery_unreadable",
            Self::StreamInstead => "stream_instead",
            Self::Held => "held",
            Self::TooManyAlerts => "too_many_alerts",
        }
    }

    /// A Jibri is there, or should be, and is of no use.
    pub const fn is_of_a_broken_jibri(self) -> bool {
        matches!(
            self,
            Self::JibriWedged
                | Self::JibriUnhealthy
                | Self::JibriOffline
                | Self::JibriStale
                | Self::JibriDetached
                | Self::JibriNotBack
        )
    }

    /// How bad it is, always the same for one kind.
    pub const fn severity(self) -> Severity {
        match self {
            Self::StartOverdue
            | Self::RecordingLost
            | Self::RecordingMissing
            | Self::RecordingFailed
            | Self::JibriWedged
            | Self::JibriStale
            | Self::JibriDetached
            | Self::JibriNotBack
            | Self::RoomFails
            | Self::ZombieMeeting
            | Self::NoJibriFree
            | Self::JicofoLostBrewery
            | Self::CompanionMissing
            | Self::NotAModerator
            | Self::StreamInstead
            | Self::ProsodyDown => Severity::Critical,
            Self::JibriUnhealthy
            | Self::JibriOffline
            | Self::JibriDiskLow
            | Self::RecordingShort
            | Self::GhostRecording
            | Self::SourceDown
            | Self::CannotEnter
            | Self::BreweryUnreadable
            | Self::TooManyAlerts => Severity::Warning,
            Self::JibriRestarted | Self::Held => Severity::Info,
        }
    }

    /// For an event, which has no end of its own: after how long it counts as resolved. None: it stands
    /// until it is resolved.
    pub const fn stands_for(self) -> Option<Duration> {
        match self {
            Self::RecordingLost | Self::JibriRestarted | Self::Held => Some(HOUR),
            Self::RecordingMissing | Self::RecordingShort | Self::RecordingFailed => Some(DAY),
            _ => None,
        }
    }

    /// What to do about it, if whoever raises it knows nothing more exact.
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::StartOverdue => {
                "the summary has the last reason; look at other alerts first (Jibris, moderator rights). If this \
                 room does not have to be recorded, give it a [[rule]] with record = false"
            }
            Self::RecordingLost => {
                "a new start is tried by itself. Look at the Jibri's log at that time \
                 (/config/logs or /var/log/jitsi/jibri) and whether its disk is full"
            }
            Self::RecordingMissing => {
                "look at that Jibri's log at the end of the recording (/config/logs or /var/log/jitsi/jibri), and for the \
                 session's directory in its recordings directory. If it is there, finalize.sh could not report it: its own \
                 lines in that log say why"
            }
            Self::RecordingShort => {
                "look at that Jibri's log at the time of the recording: Chrome or ffmpeg may have ended before the meeting did. \
                 If it had moved to another Jibri, the first one's file may still be salvaged there (finalize.sh --leftovers)"
            }
            Self::RecordingFailed => {
                "the summary has the exit status and the last of what the site's command (JIBRI_REPORT_THEN) wrote; the files \
                 are still on that Jibri: run it by hand with the session's directory as its argument"
            }
            Self::JibriDiskLow => {
                "free some space in the recordings directory of that Jibri, or have its files moved away sooner \
                 (JIBRI_REPORT_THEN): when the disk is full, recordings are lost without any message"
            }
            Self::JibriWedged => {
                "restart its process or container (docker restart NAME, systemctl restart jibri; a shutdown over \
                 its API may hang with it), or have that done: recovery.on = [\"wedged\"] with recovery.command"
            }
            Self::JibriUnhealthy => {
                "check that ffmpeg runs there and that the recordings directory can be written to and is not full, \
                 then restart it: nothing else makes it healthy again (recovery.on = [\"unhealthy\"] does that)"
            }
            Self::JibriOffline => {
                "start it, or remove its [[jibri.instance]]. If it runs: its nickname in the brewery \
                 (JIBRI_INSTANCE_ID) must be that name, and it must reach Prosody"
            }
            Self::JibriStale => {
                "restart its process or container, or have that done: recovery.on = [\"stale\"]. If its health port \
                 says busy, check first that it is not recording anybody; then check that its webhooks are answered"
            }
            Self::JibriDetached => {
                "restart its process or container, or have that done: recovery.on = [\"detached\"]. If it was never in the \
                 brewery: its nickname (JIBRI_INSTANCE_ID) must be the name of its [[jibri.instance]]"
            }
            Self::JibriRestarted => {
                "nothing, if it is rare. If it is frequent: does the container have 2 GB of shm_size, and do Chrome \
                 and chromedriver have the same version?"
            }
            Self::JibriNotBack => {
                "run recovery.command by hand and look at what it says; a Debian jibri.service stays down after \
                 the API's shutdown, so use systemctl restart there"
            }
            Self::RoomFails => {
                "restart that Jibri, or have it restarted (recovery.on = [\"wedged\"]): if the room is recorded then, the \
                 Jibri was the cause. If not, check whether a password or a lobby keeps recorders out"
            }
            Self::ZombieMeeting => {
                "tell the people there to reload the page: they believe that they are in the meeting, but nobody else gets \
                 in. If it happens again: Prosody's muc_cleanup_backend_services causes this, when people come back within \
                 20 s to a meeting in which only the recorder was left"
            }
            Self::GhostRecording => {
                "nothing, if it is rare: when a Jibri goes away, Jicofo may start what it had refused before. The Jibri stops \
                 when it has been alone for a while, and is told to stop earlier if a meeting needs it. If it stays for minutes, \
                 restart that Jibri with its Chrome"
            }
            Self::NoJibriFree => {
                "repair those that the summary names; if it names none, add Jibris: each records one meeting at a time (an \
                 autoscaler can use the metric jibri_autostart_rooms_waiting)"
            }
            Self::JicofoLostBrewery => {
                "restart Jicofo (docker compose restart jicofo, systemctl restart jicofo): nothing else helps, and no \
                 meeting is recorded until then. Running meetings are interrupted for a moment. To have it done: \
                 recovery.jicofo_command"
            }
            Self::CompanionMissing => {
                "load mod_jibri_autostart_companion on that conference service (`jibri-autostart prosody` prints the lines) \
                 and look at Prosody's log, or set muc.footprint = \"auto\": then meetings are recorded without it"
            }
            Self::NotAModerator => {
                "list the JID user@domain of [xmpp] in `admins` of Prosody's conference component; on Prosody 13 \
                 set component_admins_as_room_owners = true there, too"
            }
            Self::ProsodyDown => {
                "check that Prosody runs, that xmpp.server is its component port (component_ports), and that \
                 xmpp.domain and xmpp.secret are those of its Component"
            }
            Self::SourceDown => {
                "check that Jicofo runs and that discovery.jicofo.url is its REST (JICOFO_ENABLE_REST=1); meanwhile the \
                 other sources of rooms carry on, if there are any"
            }
            Self::CannotEnter => {
                "the summary has Prosody's reason; list the JID user@domain of [xmpp] in `admins` of Prosody's \
                 conference component, and if rooms are full, xmpp.domain in muc_access_whitelist"
            }
            Self::BreweryUnreadable => {
                "add xmpp.domain to muc_filter_whitelist of the Component that jibri.brewery is in, or set \
                 jibri.brewery = \"\": the other sources carry on"
            }
            Self::StreamInstead => {
                "Jicofo runs one session per meeting, so whoever started the other one has to end it; the right one \
                 then starts by itself. A room that is to be streamed gets a [[rule]] with mode = \"stream\""
            }
            Self::Held => {
                "nothing, if those people meant it; `jibri-autostart record ROOM` records anyway. Where nobody \
                 may stop a recording, set stop.respect_manual = false"
            }
            Self::TooManyAlerts => "look at the alerts that stand: so many at once have a common cause",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_kind_is_listed_once_by_a_name_of_its_own() {
        let names: BTreeSet<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
        assert_eq!(names.len(), Kind::ALL.len());
        assert!(Kind::ALL.is_sorted(), "in the order in which they are declared");
        assert_eq!(Kind::ALL.last(), Some(&Kind::TooManyAlerts), "the last one declared");
        let is_snake = |name: &str| name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        assert!(names.iter().all(|name| is_snake(name)));
        assert!(Kind::ALL.iter().all(|kind| kind.remedy().len() < super::super::alert::MOST_TEXT));
    }
}
