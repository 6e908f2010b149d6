//! The README's picture of the page.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;

use super::sample;
use super::world::World;

const PICTURE: &str = "docs/status-page.png";

#[tokio::test]
#[ignore = "writes the picture"]
async fn screenshot() {
    let mut world = World::start().await;
    sample::fill(&mut world).await;
    let browser = world.browse().await;
    let shots: Vec<(String, u32, u32, &str)> = match std::env::var("PICTURES") {
        // Others to look at: `PICTURES=DIRECTORY`.
        Ok(directory) => [
            ("light", 1200, 900, "light"),
            ("dark", 1200, 900, "dark"),
            ("phone", 390, 4000, "light"),
            ("wall", 2560, 1440, "dark"),
        ]
        .map(|(name, width, height, scheme)| (format!("{directory}/{name}.png"), width, height, scheme))
        .into(),
        Err(_) => vec![(format!("{}/{PICTURE}", env!("CARGO_MANIFEST_DIR")), 1200, 1080, "light")],
    };
    for (path, width, height, scheme) in shots {
        browser.screen(width, height, width < 500).await;
        browser.scheme(scheme).await;
        browser.until("document.querySelectorAll('#history tbody tr').length === 5").await;
        browser.until("document.querySelectorAll('#recordings tbody tr').length === 5").await;
        // The README's is no wider than a README is shown.
        let clip = json!({ "x": 0, "y": 0, "width": width, "height": height, "scale": if width == 1200 { 0.75 } else { 1.0 } });
        let shot = json!({ "format": "png", "clip": clip });
        let shot = browser.devtools("Page.captureScreenshot", shot).await;
        std::fs::write(path, BASE64_STANDARD.decode(shot["data"].as_str().unwrap()).unwrap()).unwrap();
    }
}

#[test]
fn the_readme_shows_the_picture() {
    let picture = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/status-page.png")).unwrap();
    assert!(picture.starts_with(b"\x89PNG") && picture.len() < 150_000, "{} bytes", picture.len());
    assert!(include_str!("../../../README.md").contains(PICTURE));
}
