//! `docs/alerts.md` and the program say the same.

use jibri_autostart::alerts::{Kind, MOST_STANDING};

const DOCUMENT: &str = include_str!("../../../docs/alerts.md");

#[test]
fn every_kind_is_documented_with_its_severity() {
    for kind in Kind::ALL {
        let heading = format!("| `{}` | {} |", kind.name(), kind.severity().name());
        assert!(DOCUMENT.contains(&heading), "no row {heading:?}");
        let row = DOCUMENT.lines().find(|line| line.starts_with(&heading)).unwrap();
        let span = kind.stands_for().map(|span| span.as_secs() / 3600);
        let documented = [(1, "an hour"), (24, "a day")].into_iter().find(|(_, words)| row.contains(words));
        assert_eq!(documented.map(|(hours, _)| hours), span, "{row}");
    }
    let documented = DOCUMENT.lines().filter(|line| {
        ["critical", "warning", "info"].iter().any(|severity| line.contains(&format!("` | {severity} |")))
    });
    assert_eq!(documented.count(), Kind::ALL.len(), "a row for a kind that does not exist");
    assert_eq!(MOST_STANDING, 1000);
    assert!(DOCUMENT.contains("1,000"));
}
