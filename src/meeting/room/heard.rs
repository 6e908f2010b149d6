//! What a room hears: of who is in it, of what focus answers, and of what the fleet knows.

use super::Room;
use crate::jibri::RecordedBy;
use crate::meeting::answer::{StartFailure, StopFailure};
use crate::meeting::context::{Ctx, Policy};
use crate::meeting::event::What;
use crate::meeting::identity::{Identity, Who};
use crate::meeting::io::{Departure, ListError, Presence, RoomEvent, RoomPicture};
use crate::meeting::occupancy::News;

impl Room {
    /// Takes in what has become known. Returns whether the room exists, as far as this tells.
    pub(in crate::meeting) fn take(
        &mut self,
        event: RoomEvent,
        ctx: &mut Ctx<'_>,
        identity: &Identity,
        policy: Policy<'_>,
    ) -> News {
        let is_look = matches!(event, RoomEvent::Roles { .. });
        let roster = &mut self.roster;
        let news = match event {
            RoomEvent::Roles { query, result } => {
                if result.is_ok() && std::mem::take(&mut self.is_in_doubt) {
                    self.recording.doubt();
                }
                if self.detour.is_under_way() && matches!(result, Err(ListError::Forbidden)) {
                    self.recording.may_not_stop(ctx);
                }
                self.occupancy.roles(query, result, ctx, identity, roster)
            }
            RoomEvent::Presence(presence) => self.presence(presence, ctx, identity),
            RoomEvent::Left { nick, how } if self.occupancy.listens() => {
                match how {
                    Departure::Gone => {
                        roster.left(&nick);
                    }
                    Departure::Renamed(to) => roster.renamed(identity, &nick, to),
                }
                News::None
            }
            RoomEvent::Left { .. } => News::None,
            RoomEvent::Out(out) => self.occupancy.out(&out, ctx, roster),
            RoomEvent::EntryRefused(refusal) => self.occupancy.refused(refusal, ctx, roster),
            RoomEvent::Form { query, password, meeting } => {
                self.occupancy.told_password(query, password, ctx);
                self.recording.meeting_is_called(query, meeting);
                News::None
            }
            RoomEvent::StartAnswered { attempt, answer } => {
                match self.recording.answered(attempt, answer, ctx, policy) {
                    Some(StartFailure::NotInside | StartFailure::NoRoom) => {
                        self.occupancy.lost(roster, ctx.now)
                    }
                    Some(StartFailure::NoFocus) => self.occupancy.look_soon(ctx.now),
                    _ => {}
                }
                News::None
            }
            RoomEvent::JibriStopped { gone } => {
                self.recording.jibri_stopped(gone, ctx.now);
                self.is_in_doubt = true;
                self.occupancy.look_at_everybody(ctx.now);
                News::None
            }
            RoomEvent::RecordedBy(recorded_by) => {
                if matches!(recorded_by, RecordedBy::Against(..)) {
                    self.occupancy.look_at_everybody(ctx.now);
                }
                self.recording.hears_who_records(recorded_by, ctx.now);
                News::None
            }
            RoomEvent::HoldBack(until) => {
                self.recording.hold_back(until);
                News::None
            }
            RoomEvent::Taken(taken) => {
                self.recording.taken(taken, ctx, policy);
                self.is_in_doubt |= !taken;
                News::None
            }
            RoomEvent::StopAnswered { attempt, answer } => {
                if self.recording.stop_answered(attempt, answer, ctx, policy) == Some(StopFailure::NotInside)
                {
                    self.occupancy.lost(roster, ctx.now);
                }
                News::None
            }
            RoomEvent::Pictured(picture) if self.occupancy.is_told() => {
                self.is_pictured(picture.as_deref(), ctx, identity);
                News::None
            }
            RoomEvent::Over if self.occupancy.is_told() => {
                self.notices.is_gone();
                self.occupancy.is_over(roster)
            }
            // Of a companion that does not count any more.
            RoomEvent::Pictured(_) | RoomEvent::Over => News::None,
            RoomEvent::Unreadable => {
                self.occupancy.doubt(ctx.now);
                News::None
            }
        };
        if is_look && policy.record && self.occupancy.is_listed(ctx.now) {
            self.seen_alone(ctx);
        }
        self.had_recorder |= self.roster.recorders().next().is_some();
        // When focus leaves, what it said is gone with it (docs/jitsi.md 3); when we leave, it is not heard.
        if !self.roster.has_focus() || !self.occupancy.hears_focus() {
            self.recording.focus_is_not_heard();
        }
        match news {
            News::None | News::Unanswered => {}
            News::RoomGone => {
                self.recording.meeting_over(ctx);
                self.seen_alone(ctx);
                // With the room all seats in it have gone, those that had outlived their Jibri among them.
                if std::mem::take(&mut self.had_recorder) {
                    ctx.tell(What::Recorders(Vec::new()));
                }
            }
            News::Listed => {
                // Going in, we forget who was there.
                let stayed = self.roster.has_stayed();
                self.recording.lists(&self.roster, stayed, ctx);
                self.occupancy.enter_or_look_again(ctx, &mut self.roster);
            }
        }
        news
    }

    /// The companion has told of everybody.
    fn is_pictured(&mut self, picture: Option<&RoomPicture>, ctx: &mut Ctx<'_>, identity: &Identity) {
        self.occupancy.is_pictured(picture.is_some(), &mut self.roster);
        let Some(picture) = picture else { return self.notices.is_not_seen() };
        if std::mem::take(&mut self.is_in_doubt) {
            self.recording.doubt();
        }
        let before = self.roster.summary();
        let focus = self.roster.is_pictured(identity, picture);
        if self.roster.summary() != before {
            ctx.tell(What::Seen { people: self.roster.people(), moderators: self.roster.moderators() });
        }
        if let Some(focus) = focus {
            self.recording.focus_says(focus.recording.clone(), None);
        }
        self.recording.meeting_is_named(picture.meeting.clone());
        self.notices.shows(picture.notice);
    }

    fn presence(&mut self, presence: Presence, ctx: &mut Ctx<'_>, identity: &Identity) -> News {
        self.occupancy.hears(ctx, &mut self.roster);
        if self.occupancy.listens() {
            // Anybody can write a status into his presence; only the focus's own counts.
            if self.roster.presence(identity, &presence) == Who::Focus {
                self.recording.focus_says(presence.recording.clone(), presence.conference);
            }
        }
        if presence.own {
            self.recording.entered(ctx.now);
            return self.occupancy.own_presence(&presence, ctx, &mut self.roster);
        }
        News::None
    }
}
