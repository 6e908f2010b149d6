//! The core: rooms, who is in them, and whether they are recorded. Pure: no clock, no I/O, no XML.

mod io;

pub use io::*;
