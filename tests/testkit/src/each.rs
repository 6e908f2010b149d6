//! Running one test on every Prosody there is.

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

/// Runs a test if this Prosody is here; says so if it is not.
pub async fn unless_missing<F>(version: crate::Version, test: impl FnOnce(crate::Version) -> F)
where
    F: Future<Output = crate::Result<()>>,
{
    if !version.available() {
        eprintln!("passed over: {version:?} is not available here");
        return;
    }
    if let Err(error) = test(version).await {
        panic!("{error}");
    }
}
