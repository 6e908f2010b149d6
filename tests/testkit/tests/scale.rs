//! A thousand people, by hand: `cargo test -p testkit --test scale -- --ignored --nocapture`.

use std::time::Instant;
use testkit::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a load for two cores, not a question with an answer"]
async fn two_hundred_rooms_of_five() {
    let version = *Version::all_available().last().unwrap();
    let world = World::start(version, WorldOptions::default()).await.unwrap();
    let begin = Instant::now();
    let mut coming = tokio::task::JoinSet::new();
    let address = world.prosody.c2s();
    for room in 0..200 {
        world.focus.open_room(&format!("room{room}")).await.unwrap();
        for _ in 0..5 {
            let options = PersonOptions { remember: false, ..PersonOptions::default() };
            coming.spawn(async move { Person::join_at(address, &format!("room{room}"), options).await });
        }
    }
    let mut people = Vec::new();
    while let Some(person) = coming.join_next().await {
        people.push(person.unwrap().unwrap());
    }
    println!("{version:?}: {} people are in after {:?}", people.len(), begin.elapsed());
    let complete = || people.iter().all(|person| person.occupancy().look(|view| view.occupants.len() == 6));
    assert!(eventually(SOON, complete).await);
    assert!(eventually(SOON, || people.iter().filter(|person| person.is_moderator()).count() == 200).await);
    println!("complete, with 200 moderators, after {:?}", begin.elapsed());
}
