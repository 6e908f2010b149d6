//! Scenarios that mostly wait, many of them at once.

use std::sync::Arc;
use std::time::Instant;

use testkit::{Result, Version};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

/// Each has a Prosody and up to five processes; where all of them start in one moment, starts time out that would work.
const AT_ONCE: usize = 20;

/// Runs scenarios with their footprints on both Prosodys, side by side, as one test. With `SCENARIO=text` in the
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

pub(crate) struct AtOnce {
    running: Vec<(String, JoinHandle<Result>)>,
    turns: Arc<Semaphore>,
}

impl Default for AtOnce {
    fn default() -> Self {
        AtOnce { running: Vec::new(), turns: Arc::new(Semaphore::new(AT_ONCE)) }
    }
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
        let (told, turns) = (name.clone(), self.turns.clone());
        let scenario = async move {
            let _turn = turns.acquire().await?;
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
