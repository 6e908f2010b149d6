//! Telling people when something is wrong, and what to do about it.
//!
//! [`Book`] is pure: it knows which alerts stand, and what is to be told of them when. [`spawn`] starts what
//! tells it to the receivers of `[alerts]`; nothing that they do, or do not do, is ever waited for. What
//! administrators need to know of either is in `docs/alerts.md`.

mod alert;
mod alertmanager;
mod body;
mod book;
mod deliver;
mod kind;
mod queue;
mod standing;
mod webhook;

pub use alert::{Alert, Delivery, Report, Status};
pub use book::{Book, MOST_STANDING};
pub use deliver::{Deliverer, DeliveryLimits, spawn, spawn_with};
pub use kind::{Kind, Severity};
