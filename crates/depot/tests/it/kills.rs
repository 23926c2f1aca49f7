//! A server that is killed in the middle of whatever it does.
use std::fs;
use std::time::{Duration, Instant};

use fuzz::Random;

use super::ledger::{Entry, ask, verify};
use super::running::{Depot, block};

const KILLS: u64 = 100;
/// On a busy machine it takes longer until so many answers were given.
const AT_MOST: u64 = 400;
const CLIENTS: u64 = 3;

#[test]
fn a_server_that_is_killed_a_hundred_times_has_all_that_it_answered_and_shows_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let given = std::env::var("KILL_SEED").ok().and_then(|seed| seed.parse().ok());
    let first: u64 = given.unwrap_or_else(|| u64::from(std::process::id()));
    println!("KILL_SEED={first} does the same again");
    let mut answered = 0;
    let mut depot = Depot::start(folder.path(), &[]);
    for round in 0..AT_MOST {
        if round >= KILLS && answered > 100 {
            break;
        }
        let seed = first.wrapping_mul(1000).wrapping_add(round);
        let mut random = Random::new(seed);
        let life = Duration::from_micros(random.any() % 150_000);
        let names: Vec<_> = (0..CLIENTS).map(|client| format!("{round}-{client}")).collect();
        let store = depot.store();
        let ledgers: Vec<Vec<Entry>> = std::thread::scope(|scope| {
            let clients: Vec<_> = names
                .iter()
                .zip(0..)
                .map(|(name, client)| {
                    let store = store.clone();
                    scope.spawn(move || {
                        let mut ledger = Vec::new();
                        block(ask(&store, name, seed.wrapping_mul(7) + client, &mut ledger));
                        ledger
                    })
                })
                .collect();
            let until = Instant::now() + life;
            std::thread::sleep(until.saturating_duration_since(Instant::now()));
            depot.kill();
            clients.into_iter().map(|client| client.join().unwrap()).collect()
        });
        depot = Depot::start(folder.path(), &[]);
        let store = depot.store();
        for (name, ledger) in names.iter().zip(&ledgers) {
            answered += ledger.iter().map(|entry| entry.parts.len()).sum::<usize>();
            block(verify(&store, name, ledger));
        }
        // Whatever is there later was there then.
        let data = folder.path().join("data/backups");
        for name in &names {
            let _ = fs::remove_dir_all(data.join(name));
        }
    }
    let left = fs::read_dir(folder.path().join("data/.uploads")).unwrap().count();
    println!("{answered} parts and objects were answered");
    assert!(answered > 100 && left == 0, "{answered} answered, {left} left");
}
