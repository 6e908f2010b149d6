//! Jicofo's settings, and what a test makes it do wrong.

use crate::SOON;
use crate::config::HIDDEN;
use crate::xml::Node;
use std::time::{Duration, Instant};

/// Jicofo's settings; the defaults are Jicofo's.
#[derive(Clone, Debug)]
pub struct FocusOptions {
    /// `enable-auto-owner`.
    pub auto_owner: bool,
    /// `trusted-domains`: whose members are believed to be a Jibri if they say so.
    pub trusted_domains: Vec<String>,
    /// How long an IQ may wait for its answer.
    pub reply_timeout: Duration,
    /// How long a session may be pending.
    pub pending_timeout: Duration,
    /// Other Jibris tried per session; below zero: no limit.
    pub num_retries: i32,
    /// A Jibri that failed is not taken for so long.
    pub failure_timeout: Duration,
    /// A Jibri that was taken is not taken again for so long.
    pub select_timeout: Duration,
    /// Members (without focus) from which on media is offered.
    pub min_participants: usize,
    /// Whether members are asked for `disco#info`.
    pub ask_disco: bool,
    /// Whether members are offered media.
    pub invite: bool,
    /// `ENABLE_RECORDING`: without it there is no recorder.
    pub recording: bool,
    /// `ENABLE_MODERATOR_CHECKS`.
    pub moderator_checks: bool,
}

impl Default for FocusOptions {
    fn default() -> Self {
        FocusOptions {
            auto_owner: true,
            trusted_domains: vec![HIDDEN.into()],
            reply_timeout: Duration::from_secs(15),
            pending_timeout: Duration::from_secs(90),
            num_retries: 5,
            failure_timeout: Duration::from_secs(60),
            select_timeout: Duration::from_millis(200),
            min_participants: 2,
            ask_disco: true,
            invite: true,
            recording: true,
            moderator_checks: true,
        }
    }
}

impl FocusOptions {
    /// The same with times that a test can wait for.
    pub fn fast() -> FocusOptions {
        FocusOptions {
            reply_timeout: Duration::from_secs(1),
            pending_timeout: Duration::from_secs(3),
            failure_timeout: Duration::from_secs(2),
            ..FocusOptions::default()
        }
    }

    /// Gives up on no Jibri that is only slow, as a busy machine makes one: for tests of what must not happen twice.
    pub fn be_patient(&mut self) {
        self.reply_timeout = SOON;
        self.pending_timeout = SOON;
    }
}

/// What a test makes Jicofo do with a start request instead of what it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The request is lost.
    Ignore,
    /// It is carried out and the answer is lost.
    LoseAnswer,
    /// It is carried out and the answer comes this much later.
    Late(Duration),
    /// It is refused with this condition and text.
    Refuse(String, Option<String>),
}

/// A start request that reached Jicofo.
#[derive(Clone, Debug)]
pub struct StartRequest {
    /// When.
    pub at: Instant,
    /// Room, as Jicofo knows it.
    pub room: String,
    /// Nick of the sender.
    pub nick: String,
    /// The whole IQ.
    pub iq: Node,
    /// When Jicofo answered it.
    pub answered: Option<Instant>,
}
