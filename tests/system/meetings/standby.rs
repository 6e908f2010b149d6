//! Two instances with one domain: one acts, the other waits, and takes over when the first is killed, frozen or cut off.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use testkit::{Behaviour, Cut, FocusOptions, Result, SOON, Version, World, eventually, ports};

use super::api::shows;
use super::at_once::all_at_once;
use super::autostart::Autostart;
use super::{LONG, world_with};

/// How often each of them is lost.
const TIMES: usize = 20;
/// How long a Jibri takes for its browser, and then to join: of the two seconds that the tests' Jicofo gives it.
const LAUNCH: Duration = Duration::from_millis(600);

all_at_once! {
    two_instances:
    "discreet" self::it_is_killed_and_the_other_waits_for_its_place,
    "discreet" self::it_is_killed_and_the_other_asks_for_it,
    "discreet" self::it_is_frozen,
    "discreet" self::it_is_cut_off,
    "discreet" self::a_frozen_one_keeps_its_place,
    "discreet" self::both_come_at_once,
    "discreet" self::it_is_killed_in_the_middle_of_a_start,
    "discreet" self::two_who_do_not_know_of_each_other,
}

async fn world(version: Version, policy: &str) -> Result<World> {
    world_with(version, |options| policy.clone_into(&mut options.prosody.conflict_resolve)).await
}

/// Where one of the two stands, and the network around it.
struct Place {
    http: SocketAddr,
    /// On its way to Prosody, and on the other's way to it.
    cuts: [Cut; 2],
}

/// Two instances, or places for them.
struct Pair {
    places: [Place; 2],
    /// Each may ask the other.
    ask: bool,
}

impl Pair {
    async fn new(world: &World, ask: bool) -> Result<Self> {
        let place = async || -> Result<Place> {
            let http = ports::loopback();
            Ok(Place { http, cuts: [Cut::start(world.prosody.component()).await?, Cut::start(http).await?] })
        };
        Ok(Self { places: [place().await?, place().await?], ask })
    }

    fn start(&self, world: &World, which: usize) -> Result<Autostart> {
        let (own, other) = (&self.places[which], &self.places[1 - which]);
        let (http, server) = (own.http.to_string(), own.cuts[0].address().to_string());
        let peer = if self.ask { format!("http://{}", other.cuts[1].address()) } else { String::new() };
        let settings = [
            ("HTTP__LISTEN", &*http),
            ("XMPP__SERVER", &server),
            ("STANDBY__PEER", &peer),
            ("STANDBY__ALLOWED", "true"),
        ];
        Autostart::start_with(&world.prosody, &["r1", "r2"], &settings, &[])
    }

    /// One that acts, and one that waits.
    async fn both(&self, world: &World) -> Result<[Autostart; 2]> {
        let first = self.start(world, 0)?;
        first.logged("linked to Prosody").await?;
        let second = self.start(world, 1)?;
        second.logged("standing by").await?;
        Ok([first, second])
    }

    /// Cuts one of them off from everybody, or connects it again.
    fn cut(&self, which: usize, is_cut: bool) {
        self.places[which]
            .cuts
            .iter()
            .chain([&self.places[1 - which].cuts[1]])
            .for_each(|cut| cut.set(is_cut));
    }
}

/// Nobody chooses when it is lost; so long the other one has stood by.
async fn any_moment() {
    tokio::time::sleep(rand::random_range(Duration::from_millis(800)..Duration::from_millis(1600))).await;
}

fn links(autostart: &Autostart) -> usize {
    autostart.count("linked to Prosody")
}

/// Waits until it has the link once more than before.
async fn takes_over(autostart: &Autostart, before: usize) -> Result<Duration> {
    let lost = Instant::now();
    match eventually(LONG, || links(autostart) > before).await {
        true => Ok(lost.elapsed()),
        false => Err("it does not take over".into()),
    }
}

/// Prints how long the takeovers took; the bound of each follows from the settings, and from a busy machine.
fn tell(what: &str, version: Version, mut took: Vec<Duration>) {
    took.sort();
    let (median, most) = (took[took.len() / 2], took[took.len() - 1]);
    println!("{what}, {version:?}: {} takeovers, median {median:?}, longest {most:?}", took.len());
}

/// The recording was begun once, and goes on.
async fn is_recorded_as_before(world: &World, ada: &testkit::Person) -> Result {
    ada.wait_recording("on", LONG).await?;
    assert_eq!(world.focus.start_requests_in("r1").len(), 1);
    Ok(())
}

async fn it_is_killed(version: Version, policy: &str, ask: bool) -> Result {
    let world = world(version, policy).await?;
    world.jibri("jibri-1").await?;
    let pair = Pair::new(&world, ask).await?;
    let [mut first, mut second] = pair.both(&world).await?;
    let ada = world.moderator("r1").await?;
    ada.wait_recording("on", LONG).await?;
    let mut took = Vec::new();
    for n in 0..TIMES {
        let url = second.http().await?;
        shows(&url, "/readyz", |status, text| status == 503 && text.contains("standing by")).await?;
        shows(&url, "/metrics", |_, text| text.contains("_standby 1\n") && text.contains("_up 0\n")).await?;
        assert_eq!(
            second.count(r#""level":"WARN""#) + second.count(r#""level":"ERROR""#),
            0,
            "it waits quietly"
        );
        any_moment().await;
        drop(first);
        took.push(takes_over(&second, 0).await?);
        first = second;
        second = pair.start(&world, n % 2)?;
        second.logged("standing by").await?;
    }
    tell(if ask { "killed, the peer is asked" } else { "killed, Prosody is the lock" }, version, took);
    is_recorded_as_before(&world, &ada).await?;
    // And it is not only linked: it acts.
    ada.stop_recording(SOON).await?.expect("stopped");
    first.logged("respected until the meeting ends").await?;
    assert_eq!(links(&second), 0);
    Ok(())
}

async fn it_is_killed_and_the_other_waits_for_its_place(version: Version) -> Result {
    it_is_killed(version, "kick_new", false).await
}

async fn it_is_killed_and_the_other_asks_for_it(version: Version) -> Result {
    it_is_killed(version, "kick_old", true).await
}

/// The one is lost and comes back, and then the other: whoever comes back waits.
async fn they_change_places(
    version: Version,
    what: &str,
    lose: impl Fn(&Pair, &[Autostart; 2], usize, bool),
) -> Result {
    let world = world(version, "kick_old").await?;
    world.jibri("jibri-1").await?;
    let pair = Pair::new(&world, true).await?;
    let both = pair.both(&world).await?;
    let ada = world.moderator("r1").await?;
    ada.wait_recording("on", LONG).await?;
    let mut took = Vec::new();
    for n in 0..TIMES {
        let (lost, other) = (n % 2, 1 - n % 2);
        any_moment().await;
        let before = [links(&both[0]), links(&both[1])];
        let waits = both[lost].count("another instance has taken over");
        lose(&pair, &both, lost, true);
        took.push(takes_over(&both[other], before[other]).await?);
        lose(&pair, &both, lost, false);
        both[lost].logged_times("another instance has taken over", waits + 1).await?;
        assert_eq!(links(&both[lost]), before[lost], "whoever was thrown out does not kick back");
    }
    tell(what, version, took);
    // Nobody has come in between.
    assert_eq!(links(&both[0]) + links(&both[1]), TIMES + 1);
    is_recorded_as_before(&world, &ada).await
}

async fn it_is_frozen(version: Version) -> Result {
    let freeze = |_: &Pair, both: &[Autostart; 2], which: usize, lost: bool| {
        both[which].signal(if lost { "STOP" } else { "CONT" });
    };
    they_change_places(version, "frozen", freeze).await
}

async fn it_is_cut_off(version: Version) -> Result {
    let cut = |pair: &Pair, _: &[Autostart; 2], which: usize, lost: bool| pair.cut(which, lost);
    they_change_places(version, "cut off", cut).await
}

/// Prosody does not know that it is frozen, and nobody else is let in (README: standby).
async fn a_frozen_one_keeps_its_place(version: Version) -> Result {
    let world = world(version, "kick_new").await?;
    let pair = Pair::new(&world, false).await?;
    let [first, second] = pair.both(&world).await?;
    first.signal("STOP");
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(links(&second), 0);
    drop(first);
    takes_over(&second, 0).await?;
    Ok(())
}

async fn both_come_at_once(version: Version) -> Result {
    let world = world(version, "kick_old").await?;
    world.jibri("jibri-1").await?;
    let pair = Pair::new(&world, true).await?;
    let both = [pair.start(&world, 0)?, pair.start(&world, 1)?];
    let ada = world.moderator("r1").await?;
    ada.wait_recording("on", LONG).await?;
    for autostart in &both {
        assert!(eventually(SOON, || links(autostart) > 0 || autostart.count("standing by") > 0).await);
    }
    let begun = links(&both[0]) + links(&both[1]);
    assert!((1..=2).contains(&begun), "{begun}");
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(links(&both[0]) + links(&both[1]), begun, "the two never alternate");
    assert_eq!(world.focus.start_requests_in("r1").len(), 1);
    Ok(())
}

async fn it_is_killed_in_the_middle_of_a_start(version: Version) -> Result {
    let world = world(version, "kick_new").await?;
    world.focus.configure(FocusOptions::be_patient);
    let jibri = world.jibri_that("jibri-1", Behaviour::slow(LAUNCH)).await?;
    let other = world.jibri_that("jibri-2", Behaviour::slow(LAUNCH)).await?;
    let pair = Pair::new(&world, false).await?;
    let [first, second] = pair.both(&world).await?;
    let ada = world.moderator("r1").await?;
    first.logged("start request sent").await?;
    drop(first);
    takes_over(&second, 0).await?;
    ada.wait_recording("on", LONG).await?;
    second.logged("recording is on").await?;
    assert_eq!(usize::from(jibri.is_busy()) + usize::from(other.is_busy()), 1, "one meeting, one recording");
    Ok(())
}

/// Two that do not know of each other: they cannot agree, but they leave each other longer and longer in peace.
async fn two_who_do_not_know_of_each_other(version: Version) -> Result {
    let world = world(version, "kick_old").await?;
    let both = [Autostart::start(&world.prosody, &["r1"])?, Autostart::start(&world.prosody, &["r1"])?];
    let refusals =
        || both[0].count("component_conflict_resolve") + both[1].count("component_conflict_resolve");
    assert!(eventually(LONG, || refusals() >= 2).await, "each is told which setting it is");
    let begun = links(&both[0]) + links(&both[1]);
    tokio::time::sleep(Duration::from_secs(8)).await;
    let more = links(&both[0]) + links(&both[1]) - begun;
    assert!(more <= 5, "{more} times in 8 s");
    Ok(())
}
