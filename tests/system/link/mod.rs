//! The link to Prosody on a real Prosody: that it comes up, stays up, comes back, and says what it must.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::arithmetic_side_effects)]

mod harness;

/// Runs a test once for each Prosody that this system has.
macro_rules! on_each_prosody {
    ($($(#[$meta:meta])* async fn $name:ident($version:ident) $body:block)*) => {
        $(
            $(#[$meta])*
            mod $name {
                #[allow(clippy::wildcard_imports)]
                use super::*;

                async fn run($version: testkit::Version) -> testkit::Result<()> $body

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn debian12() {
                    if testkit::Version::Debian12.available() { run(testkit::Version::Debian12).await.unwrap() }
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn debian13() {
                    if testkit::Version::Debian13.available() { run(testkit::Version::Debian13).await.unwrap() }
                }
            }
        )*
    };
}

mod brewery;
mod companion;
mod entity;
mod failures;
mod hostile;
mod rooms;
