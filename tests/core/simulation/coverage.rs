//! What was met on the way, so that the simulation cannot silently stop testing.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::seeds::Seen;

#[derive(Debug, Default)]
pub struct Coverage(BTreeMap<Cow<'static, str>, u64>);

/// Each of these has to happen in a full run.
pub const HAVE_TO_HAPPEN: &[&str] = &[
    "a Jibri crashes",
    "a Jibri hangs",
    "a Jibri left an empty room",
    "a Jibri pending for ever",
    "a Jibri refuses",
    "a Jibri seen to stop",
    "a person with our nickname",
    "a recording unknown to focus",
    "a resident comes in to stop",
    "a room is watched on trial",
    "a room on trial is missed",
    "a room on trial is proven",
    "a source is down",
    "a source lists late",
    "a source lists nothing, wrongly",
    "a source lists what is not there",
    "a start waited in focus's queue",
    "a recording seen from outside",
    "adopted",
    "an entry came through late",
    "an impostor named focus",
    "asked for the form",
    "bounced and removed",
    "by hand: record, held",
    "by hand: record, idle",
    "by hand: record, recording",
    "by hand: record, refused",
    "by hand: record, under way",
    "by hand: release, held",
    "by hand: release, idle",
    "by hand: release, recording",
    "by hand: release, refused",
    "by hand: release, under way",
    "by hand: stop, held",
    "by hand: stop, idle",
    "by hand: stop, recording",
    "by hand: stop, refused",
    "by hand: stop, under way",
    "by hand: refused, Nobody",
    "by hand: refused, NotSeen",
    "by hand: refused, NotWatched",
    "conferences",
    "discreet: ended by a person",
    "discreet: ended by us",
    "discreet: ended by itself",
    "discreet: ended lost",
    "discreet: ended with a failure",
    "discreet: ended with the meeting",
    "discreet: ended, and nobody says why",
    "discreet: ended when nothing was wanted any more",
    "ended by a person",
    "ended by itself",
    "ended by us",
    "ended lost",
    "ended with a failure",
    "ended with the meeting",
    "entries into an empty room, to stop",
    "entries refused",
    "entries without an answer",
    "failed: AllBusy",
    "failed: EndedBeforeOn",
    "failed: Failed",
    "failed: FocusError",
    "failed: NoAnswer",
    "failed: NoFocus",
    "failed: NoJibri",
    "failed: NoRecorder",
    "failed: NoSign",
    "failed: SenderLeft",
    "failed: NotKnownYet",
    "failed: PendingTimeout",
    "failed: SeveralFailed",
    "failed: Unknown",
    "failed: Vanished",
    "focus kept out by its nickname",
    "focus restarts during a session",
    "forged presences",
    "forgotten by all sources while it goes on",
    "gave up",
    "held for a misfit",
    "held for a person's stop",
    "left within 50 ms",
    "link drops during a start",
    "looks refused",
    "looks without an answer",
    "an outage for people, too",
    "off before on",
    "off by a person",
    "off by itself",
    "off by us",
    "off with a failure",
    "on by the recorder's word",
    "our nickname was taken",
    "promoted",
    "Prosody restarts",
    "re-entered over a ghost",
    "recorded in the end",
    "recordings on",
    "reloads",
    "removed in silence",
    "renames",
    "role changes",
    "rooms destroyed",
    "rooms ended",
    "rules reloaded",
    "silent fallback to another Jibri",
    "starts by hand",
    "starts refused by Prosody",
    "stop failed: NobodyToSpeakFor",
    "stop failed: UnknownSession",
    "stops of an unknown session",
    "stops while people are there",
    "supply: lost",
    "supply: one too few",
    "supply: one too many",
    "supply: rooms wait in line",
    "supply: served in the step in which one became free",
    "supply: several rooms wait in line",
    "supply: starts by it",
    "supply: waits for another's visit",
    "supply: woken before the pause was over",
    "telephones",
    "told of a room created",
    "unreadable stanzas",
    "unseen: a look for another meeting",
    "unseen: a look for what was before",
    "unseen: a look for why a recorder is gone",
    "unseen: a sender refused",
    "unseen: a sender refused during another flight",
    "unseen: a visit to stop",
    "unseen: asked in a name",
    "unseen: ended by a person",
    "unseen: ended by us",
    "unseen: ended lost",
    "unseen: ended with the meeting",
    "unseen: ended, and nobody says why",
    "unseen: focus has left",
    "unseen: held for ends that nobody explains",
    "unseen: nobody to speak for",
    "unseen: the sender has left",
    "unseen: the sender is no moderator any more",
    "visits",
    "unseen: a look for what became of a start",
    "unseen: seen not to be taken",
    "unseen: seen to be taken",
    "we were removed",
    "companion: a late answer",
    "companion: held for a person's stop",
    "companion: it answers",
    "companion: it answers and sets no notice",
    "companion: it is silent",
    "companion: nobody to speak for",
    "companion: notices",
    "companion: on",
    "companion: pictures that leave somebody out",
    "companion: stops",
    "companion: stops where nobody is left to speak for",
];

impl Coverage {
    pub fn count(&mut self, what: &'static str) {
        *self.0.entry(Cow::Borrowed(what)).or_default() += 1;
    }

    pub fn count_owned(&mut self, what: String) {
        *self.0.entry(Cow::Owned(what)).or_default() += 1;
    }
}

impl Seen for Coverage {
    fn add(&mut self, other: &Self) {
        for (what, times) in &other.0 {
            *self.0.entry(what.clone()).or_default() += times;
        }
    }

    fn missing(&self) -> Vec<&'static str> {
        HAVE_TO_HAPPEN.iter().copied().filter(|what| !self.0.contains_key(*what)).collect()
    }

    fn table(&self) -> String {
        self.0.iter().map(|(what, times)| format!("{times:>9}  {what}\n")).collect()
    }
}
