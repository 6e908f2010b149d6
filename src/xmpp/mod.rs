//! The link to Prosody (XEP-0114). Only here is XML known; what leaves this module are our own types.

mod framer;
mod guard;
mod muc;
mod outbound;
mod refusal;
mod stanza;
mod tenant;
