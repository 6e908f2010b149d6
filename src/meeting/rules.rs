//! The part of the settings that the core decides by, and what it says for one room.

use std::collections::BTreeSet;

use super::FOUND_WITHIN;
use super::companions::Companions;
use super::context::Policy;
use super::identity::Identity;
use super::room::Room;
use crate::address::{Nick, RoomJid};
use crate::config::{Footprint, Notice, Rule, Start, Stop};
use crate::time::Time;

/// The part of the settings that the core decides by.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) identity: Identity,
    pub(super) companions: Companions,
    pub(super) notice: Notice,
    pub(super) peek: bool,
    pub(super) nickname: Nick,
    pub(super) services: Vec<String>,
    pub(super) start: Start,
    pub(super) stop: Stop,
    pub(super) rules: Vec<Rule>,
    pub(super) dry_run: bool,
    /// Rooms that were being recorded when this program ended.
    pub(super) recorded: BTreeSet<RoomJid>,
}

impl Rules {
    pub(super) fn policy_of(&self, room: &Room) -> Policy<'_> {
        let (record, start, stop) = match room.rule.and_then(|index| self.rules.get(index)) {
            Some(rule) => (rule.record, &rule.start, &rule.stop),
            None => (true, &self.start, &self.stop),
        };
        let in_names = room.footprint() == Footprint::Unseen;
        Policy { record: record || room.hand().is_some(), start, stop, in_names, peek: self.peek }
    }

    /// When people in this room are told by their clients that they are recorded.
    pub(super) fn notice_in(&self, room: &RoomJid) -> Notice {
        // Jitsi has no such notice for a live stream, which clients show by themselves.
        if self.companions.can_notify(room) { self.notice } else { Notice::Off }
    }

    pub(super) fn new_room(&self, jid: &RoomJid, linked: Option<Time>, now: Time) -> Room {
        let found_since =
            linked.map(|linked| self.companions.answers_since(jid).map_or(linked, |at| at.max(linked)));
        let is_new = found_since.is_some_and(|since| now.since(since) > FOUND_WITHIN);
        let footprint = self.companions.footprint_in(jid);
        let mut room = Room::new(footprint, self.rule_for(jid), linked.is_some(), !is_new, now);
        if !is_new && self.recorded.contains(jid) {
            room.remember();
        }
        room
    }

    pub(super) fn rule_for(&self, room: &RoomJid) -> Option<usize> {
        self.rules.iter().position(|rule| rule.is_about(room))
    }
}
