//! The cores alone, in virtual time: simulations, properties, and what one step costs.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "also in what the tests share"
)]
#![allow(clippy::duplicate_mod, reason = "what is shared finds in its parent what differs")]

use std::net::{IpAddr, Ipv4Addr};

use jibri_autostart::meeting::{OrderedBy, Origin};

/// Where orders come from, where it does not matter.
const ORIGIN: Origin = Origin { by: OrderedBy::Api, from: IpAddr::V4(Ipv4Addr::LOCALHOST) };

mod companion;
mod fleet;
mod pace;
mod pictures;
mod proof;
mod properties;
mod reasons;
mod recordings;
mod seeds;
mod simulation;
mod stops;
mod together;
