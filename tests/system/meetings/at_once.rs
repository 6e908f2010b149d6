//! Scenarios that mostly wait, all of them at once: together they take as long as the longest.

use std::time::Instant;

use testkit::{Result, Version};
use tokio::task::JoinHandle;

/// Runs scenarios with their footprints on both Prosodys, all at once, as one test. With `SCENARIO=text` in the
/// environment only those run that have the text in their name, like `a_stranger_is_left_alone on Debian13`.
macro_rules! all_at_once {
    ($test:ident: $($footprint:literal $module:ident::$scenario:ident),* $(,)?) => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $test() -> testkit::Result {
            let mut all = super::at_once::AtOnce::default();
            for version in [testkit::Version::Debian12, testkit::Version::Debian13] {
                $(all.begin(stringify!($scenario), version, $footprint, $module::$scenario(version));)*
            }
            all.end().await
        }
    };
}
pub(crate) use all_at_once;

#[derive(Default)]
pub(crate) struct AtOnce {
    running: Vec<(String, JoinHandle<Result>)>,
}

impl AtOnce {
    pub(crate) fn begin(
        &mut self,
        scenario: &str,
        version: Version,
        footprint: &'static str,
        future: impl Future<Output = Result> + Send + 'static,
    ) {
        let name = format!("{scenario} on {version:?}");
        if std::env::var("SCENARIO").is_ok_and(|only| !name.contains(&only)) {
            return;
        }
        let told = name.clone();
        let scenario = async move {
            let began = Instant::now();
            let result = future.await;
            let outcome = if result.is_ok() { "ok" } else { "FAILED" };
            println!("{told} ({footprint}): {outcome} after {:.1} s", began.elapsed().as_secs_f64());
            result
        };
        self.running.push((name, tokio::spawn(super::FOOTPRINT.scope(footprint, scenario))));
    }

    /// Waits for all of them, whatever becomes of the others.
    pub(crate) async fn end(self) -> Result {
        let mut failed = Vec::new();
        for (name, scenario) in self.running {
            match scenario.await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => failed.push(format!("{name}: {error}")),
                Err(panic) => failed.push(format!("{name}: {panic}")),
            }
        }
        if failed.is_empty() { Ok(()) } else { Err(failed.join("\n").into()) }
    }
}
