//! The program's status page in the demo: where it is, and what there is to see on it while `--keep` goes on.

use std::net::TcpListener;

use testkit::{Person, Result, World};

use crate::stage::{PATIENCE, Program, moderator};

/// Where the page is, if nothing else is there: the program's own default.
const PORT: u16 = 8790;
/// With it the page acts by hand. Only this machine reaches the port, and what it could harm is a demo.
const TOKEN: &str = "demo";

/// The `[http]` section of the program's configuration. `port`: one that was asked for; 0 is any that is free.
pub(crate) fn section(port: Option<u16>) -> String {
    let is_free = || TcpListener::bind(("127.0.0.1", PORT)).is_ok();
    let port = port.unwrap_or_else(|| if is_free() { PORT } else { 0 });
    format!("[http]\nlisten = \"127.0.0.1:{port}\"\ntoken = \"{TOKEN}\"\n")
}

/// Waits until the page is there, says where, and returns its address.
pub(crate) async fn announce(program: &Program) -> Result<String> {
    let (_, line) = program.wait_logged(&["listening for HTTP", "address="], PATIENCE).await?;
    let address = line.split("address=").nth(1).and_then(|rest| rest.split_whitespace().next());
    let url = format!("http://{}/", address.unwrap_or_default().trim_matches('"'));
    println!("The status page, as long as this runs: {url}\n");
    Ok(url)
}

/// Meetings, each with its moderator, that go on until Ctrl-C: as many as there are Jibris are recorded, and one more waits.
pub(crate) async fn keep(
    world: &World,
    url: &str,
    recorded: &[(&str, &str)],
    waiting: (&str, &str),
) -> Result {
    println!("--- Meetings that go on.");
    let mut people: Vec<Person> = Vec::new();
    for (room, who) in recorded {
        let person = moderator(world, room, who).await?;
        person.wait_recording("on", PATIENCE).await?;
        people.push(person);
    }
    people.push(moderator(world, waiting.0, waiting.1).await?);
    let (are, jibri) = match recorded {
        [_] => ("is", "the only Jibri"),
        _ => ("are", "a Jibri"),
    };
    println!(
        "\n{} {are} being recorded, and {} waits for {jibri}. Open the status page in a browser:\n\n    {url}\n\n\
         To record, stop or release a meeting there, enter the token: {TOKEN}\n\
         XMPP clients can join at {}: anonymous at meet.jitsi, rooms at muc.meet.jitsi.\n\
         Everything goes on until Ctrl-C.\n",
        recorded.iter().map(|(room, _)| *room).collect::<Vec<_>>().join(" and "),
        waiting.0,
        world.prosody.c2s(),
    );
    tokio::signal::ctrl_c().await?;
    Ok(())
}
