//! Running one test on every Prosody there is.

use crate::{Result, Version, lock};
use std::sync::Mutex;

/// Runs each test once per Prosody version, as `NAME::debian12` and `NAME::debian13`; passes over a version that this
/// system does not have.
///
/// The body gets the [`Version`](crate::Version) and gives a [`Result`](crate::Result).
#[macro_export]
macro_rules! on_each_prosody {
    ($($(#[$meta:meta])* async fn $name:ident($version:ident) $body:block)*) => {
        $(
            mod $name {
                use super::*;

                async fn run($version: $crate::Version) -> $crate::Result<()> $body

                $(#[$meta])*
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn debian12() {
                    $crate::each::unless_missing($crate::Version::Debian12, run).await;
                }

                $(#[$meta])*
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn debian13() {
                    $crate::each::unless_missing($crate::Version::Debian13, run).await;
                }
            }
        )*
    };
}

tokio::task_local! {
    /// What the servers of this test logged at the end: a test that gives an error has dropped them by then.
    static LAST_WORDS: Mutex<String>;
}

/// Keeps what a server logged last, if this is one of the tests above.
pub(crate) fn keep_last_words(words: &str) {
    let _ = LAST_WORDS.try_with(|kept| lock(kept).push_str(words));
}

/// Runs a test if this Prosody is here; says so if it is not.
pub async fn unless_missing<F>(version: Version, test: impl FnOnce(Version) -> F)
where
    F: Future<Output = Result<()>>,
{
    if !version.available() {
        eprintln!("passed over: {version:?} is not available here");
        return;
    }
    let run = async {
        if let Err(error) = test(version).await {
            eprintln!("{}", LAST_WORDS.with(|kept| lock(kept).clone()));
            panic!("{error}");
        }
    };
    LAST_WORDS.scope(Mutex::default(), run).await;
}
