//! Other `[[jibri.instance]]` than before, while the program runs.

use super::*;

/// These are all that are configured from now on, by name and id.
fn uses(bench: &mut Bench, names: &[(&str, &str)]) {
    let tables: String = names
        .iter()
        .map(|(name, id)| format!("[[jibri.instance]]\nname = \"{name}\"\nid = \"{id}\"\n"))
        .collect();
    let head = SETTINGS.split("[[").next().unwrap();
    let settings = config::from_toml(&format!("{head}{tables}")).unwrap().settings;
    bench.give(Input::Instances(settings.jibri.instances));
}

fn configured(bench: &Bench) -> Vec<(String, bool)> {
    bench.fleet.view(bench.now).map(|view| (view.name.to_string(), view.configured)).collect()
}

#[test]
fn one_that_is_new_may_be_restarted_and_one_that_is_gone_not_any_more() {
    let mut bench = Bench::new(&["a", "c"]);
    uses(&mut bench, &[("c", "c"), ("d", "d")]);
    let all = |list: &[(&str, bool)]| list.iter().map(|(n, is)| ((*n).to_owned(), *is)).collect::<Vec<_>>();
    assert_eq!(configured(&bench), all(&[("a", false), ("c", true), ("d", true)]), "b was not there");
    assert_eq!(bench.told(|event| matches!(event, Event::Removed { name } if name.as_str() == "b")), 1);
    bench.shows("a", UNHEALTHY);
    bench.shows("c", UNHEALTHY);
    bench.pass(100);
    assert_eq!(bench.recovered(), [("c".to_owned(), Reason::Unhealthy)]);
    assert_eq!((bench.verdict("d"), bench.verdict("a")), (Verdict::Offline, Verdict::Unhealthy));
    // What is known of a stranger stays when it is ours again.
    uses(&mut bench, &[("a", "a")]);
    bench.give(Input::Recovered { name: name("c"), result: Ok(()) });
    bench.give(Input::Brewery(Brewery::Left { name: name("c") }));
    bench.shows("c", IDLE);
    bench.pass(30);
    assert_eq!(bench.recovered().last(), Some(&("a".to_owned(), Reason::Unhealthy)));
    assert_eq!(configured(&bench), all(&[("a", true), ("c", false)]));
}

#[test]
fn webhooks_and_ports_are_those_of_the_new_settings() {
    let mut bench = Bench::new(&["a"]);
    uses(&mut bench, &[("a", "another-id")]);
    bench.give(Input::Webhook { id: "another-id".into(), report: EXPIRED });
    assert_eq!(bench.verdict("a"), Verdict::Expired);
    uses(&mut bench, &[]);
    bench.shows("a", IDLE);
    bench.give(Input::Health { name: name("a"), answer: Ok(UNHEALTHY) });
    assert_ne!(
        bench.verdict("a"),
        Verdict::Unhealthy,
        "its port is not asked any more, and this was on its way"
    );
}

/// A room that it serves keeps it.
#[test]
fn one_that_records_goes_on_as_a_stranger() {
    let mut bench = Bench::new(&["a"]);
    bench.news("r1", News::StartSent);
    bench.shows("a", BUSY);
    bench.news("r1", News::Accepted);
    bench.pass(5);
    bench.news("r1", News::On { session: None, is_denied: false });
    uses(&mut bench, &[("b", "b")]);
    assert_eq!(bench.fleet.serving(&room("r1")), Serving::Known(&name("a")));
    bench.pass(100);
    bench.give(Input::Brewery(Brewery::Left { name: name("a") }));
    assert!(bench.effects.contains(&Effect::Look { room: room("r1"), gone: true }));
}
