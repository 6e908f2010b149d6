//! The page before axe, which knows the rules of WCAG: in each situation, light and dark, on a screen and on a phone.

use std::time::Duration;

use fantoccini::wd::TimeoutConfiguration;
use serde_json::Value;

use super::browser::Browser;
use super::situations::{self, SITUATIONS};

#[tokio::test]
#[ignore = "needs axe-core, which no Debian package has: tests/axe.sh"]
async fn axe_finds_nothing() {
    let path = std::env::var("AXE").expect("AXE: the path of axe.min.js; tests/axe.sh has it");
    let axe = std::fs::read_to_string(path).unwrap();
    let mut found = Vec::new();
    let mut rules = 0;
    for situation in SITUATIONS {
        let (_world, browser) = situations::show(situation).await;
        browser.client.execute(&axe, Vec::new()).await.unwrap();
        for (scheme, width) in [("light", 1200), ("dark", 1200), ("light", 390), ("dark", 390)] {
            browser.screen(width, 900, width < 500).await;
            browser.scheme(scheme).await;
            let results = examine(&browser).await;
            rules += results["passed"].as_u64().unwrap();
            for violation in results["violations"].as_array().unwrap() {
                found.push(format!("{situation}, {scheme}, {width} wide: {violation}"));
            }
        }
    }
    println!("{} situations, {rules} rules were met", SITUATIONS.len());
    assert!(rules > 1000, "it has looked at nothing");
    assert!(found.is_empty(), "{} violations:\n{}", found.len(), found.join("\n"));
}

async fn examine(browser: &Browser) -> Value {
    // A thousand meetings take long.
    let patience = TimeoutConfiguration::new(Some(Duration::from_secs(300)), None, None);
    browser.client.update_timeouts(patience).await.unwrap();
    let script = "const done = arguments[arguments.length - 1]; \
                  axe.run().then((all) => done({ passed: all.passes.length, violations: all.violations.map((it) => \
                  ({ id: it.id, help: it.help, where: it.nodes.slice(0, 3).map((node) => node.html.slice(0, 200)) })) }));";
    browser.client.execute_async(script, Vec::new()).await.unwrap()
}
