//! The README's picture of the page, and pictures of each situation to look at.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;

use super::browser::Browser;
use super::situations::{self, SITUATIONS};

const PICTURE: &str = "docs/status-page.png";

#[tokio::test]
#[ignore = "writes the picture"]
async fn screenshot() {
    let Ok(directory) = std::env::var("PICTURES") else {
        let (_world, browser) = situations::show("day").await;
        let path = format!("{}/{PICTURE}", env!("CARGO_MANIFEST_DIR"));
        return shoot(&browser, &path, 1200, 1080, "light").await;
    };
    // Others to look at.
    std::fs::create_dir_all(&directory).unwrap();
    for situation in SITUATIONS {
        let (_world, browser) = situations::show(situation).await;
        let shots = [("light", 1200, 900), ("dark", 1200, 900), ("phone", 390, 1600), ("wall", 2560, 1440)];
        let shots = if situation == "day" { &shots[..] } else { &shots[..3] };
        for (name, width, height) in shots {
            let scheme = if ["dark", "wall"].contains(name) { "dark" } else { "light" };
            shoot(&browser, &format!("{directory}/{situation}-{name}.png"), *width, *height, scheme).await;
        }
    }
}

async fn shoot(browser: &Browser, path: &str, width: u32, height: u32, scheme: &str) {
    browser.screen(width, height, width < 500).await;
    browser.scheme(scheme).await;
    browser.get("scrollTo(0, 0)").await;
    // The README's is no wider than a README is shown.
    let clip = json!({ "x": 0, "y": 0, "width": width, "height": height, "scale": if width == 1200 { 0.75 } else { 1.0 } });
    let shot = json!({ "format": "png", "clip": clip });
    let shot = browser.devtools("Page.captureScreenshot", shot).await;
    std::fs::write(path, BASE64_STANDARD.decode(shot["data"].as_str().unwrap()).unwrap()).unwrap();
}

#[test]
fn the_readme_shows_the_picture() {
    let picture = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/status-page.png")).unwrap();
    assert!(picture.starts_with(b"\x89PNG") && picture.len() < 150_000, "{} bytes", picture.len());
    assert!(include_str!("../../../README.md").contains(PICTURE));
}
