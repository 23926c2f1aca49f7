//! The verbs that ask a cluster, on a real API server without nodes: the test plays the operator. `make test` names the server in NODE_BIN.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "verbs/around.rs"]
mod around;
#[path = "verbs/follows.rs"]
mod follows;
#[path = "verbs/golden.rs"]
mod golden;
#[path = "verbs/looks.rs"]
mod looks;
#[path = "verbs/pane.rs"]
mod pane;
#[path = "verbs/program.rs"]
mod program;
#[path = "verbs/restores.rs"]
mod restores;
#[path = "verbs/runs.rs"]
mod runs;
#[path = "verbs/screens.rs"]
mod screens;
#[path = "verbs/shells.rs"]
mod shells;
#[path = "verbs/small.rs"]
mod small;

use std::path::Path;
use std::sync::Mutex;

use servers::ApiServer;

/// A rule, and what shows it.
type Case = (&'static str, fn(&ApiServer));

const CASES: &[Case] = &[
    (
        "a schedule is run once, followed, and its good end is status 0",
        runs::of_a_schedule,
    ),
    (
        "a failed run is status 1, with reason, cure and the next command",
        runs::that_fails,
    ),
    ("a manifest is created whole or not at all", runs::of_a_manifest),
    ("an interrupted look leaves the run running", runs::left_running),
    (
        "a restore is shown, confirmed, asked for and followed",
        restores::of_a_run,
    ),
    (
        "a restore that the operator refuses says why",
        restores::that_is_refused,
    ),
    ("a backup of a schedule is chosen by its time", restores::of_a_schedule),
    (
        "a restore into another namespace is a run of its own",
        restores::into_a_namespace,
    ),
    (
        "what cannot be read from another namespace is said before anything is created",
        restores::not_into_a_namespace,
    ),
    (
        "a cancelled run is kept, and one that has ended is not cancelled",
        small::cancel,
    ),
    (
        "keep, pause and resume change one thing, once",
        small::keep_pause_resume,
    ),
    (
        "what goes along is said before it goes, and a protected storage stays",
        small::delete,
    ),
    ("a log that is over is what the status has kept", small::logs),
    ("a list is a table for people and the objects for scripts", looks::lists),
    ("a watched list has a row for each change", looks::watched),
    ("what wants a look is on one screen, and status 1", looks::status),
    (
        "a run is told with its cure, its story and its last words",
        looks::described,
    ),
    ("versions are told with what follows where they differ", around::version),
    ("names are completed by the cluster that is meant", around::completed),
    (
        "a terminal has colours and lines that fit, unless nobody wants colours",
        around::on_a_terminal,
    ),
    ("Tab completes in bash", shells::of_bash),
    ("Tab completes in zsh", shells::of_zsh),
    ("Tab completes in fish", shells::of_fish),
    ("a list of runs fits on its terminal", screens::of_a_list),
    ("the story of a run fits on its terminal", screens::of_a_run),
    (
        "a run that is followed has a bar that says how far it is, and leaves its lines",
        follows::of_a_run,
    ),
    (
        "a run that fails leaves its last words and the cure",
        follows::that_fails,
    ),
    (
        "Ctrl-C asks: left running is status 130, and not meant goes on",
        follows::is_interrupted,
    ),
    ("a second Ctrl-C leaves it running", follows::is_interrupted_twice),
    ("Ctrl-C asks: cancelled is cancelled", follows::is_cancelled),
    ("Ctrl-C before there is a run just ends", follows::is_interrupted_early),
    (
        "a restore shows what goes over what, and is made on yes alone",
        follows::of_a_restore,
    ),
];

#[test]
fn the_verbs_do_what_they_say() {
    let kinds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/crds.yaml");
    let server = &ApiServer::start(&kinds);
    screens::of_a_fleet(server);
    // Whoever works beside too many others is slow, and the program says so.
    let waiting = &Mutex::new(CASES.iter());
    let next = || waiting.lock().expect("nobody panics with it").next();
    let work = || {
        let mut failed = Vec::new();
        while let Some((rule, case)) = next() {
            if std::panic::catch_unwind(|| case(server)).is_err() {
                failed.push(rule);
            }
        }
        failed
    };
    let failed: Vec<_> = std::thread::scope(|scope| {
        let workers = [(); 6].map(|()| scope.spawn(work));
        workers
            .into_iter()
            .flat_map(|worker| worker.join().expect("its cases"))
            .collect()
    });
    assert!(failed.is_empty(), "{failed:#?}");
}
