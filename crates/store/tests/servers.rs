//! The store against real servers: one table of rules, each server by each rule. What a server does by its line of
//! `servers::SERVERS` and not by S3's rules is held against it just so: the line must be true, and so is the page made of it.
//! `make test` has the servers that are had quickly, `make test-stores` (feature `all-servers`) the others, too.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

#[path = "servers/guarantees.rs"]
mod guarantees;
#[path = "servers/keys.rs"]
mod keys;
#[path = "servers/locks.rs"]
mod locks;
#[path = "servers/objects.rs"]
mod objects;
#[path = "servers/place.rs"]
mod place;
#[path = "servers/probes.rs"]
mod probes;
#[path = "servers/uploads.rs"]
mod uploads;
#[path = "servers/versions.rs"]
mod versions;

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;

use jiff::Timestamp;
use place::Place;
use servers::{Guarantee, Kept, Running, SECRET_KEY, server};
use store::{Credentials, Identity, Kind, Parameters, Secret};

type Rule = for<'a> fn(&'a Place<'a>) -> Pin<Box<dyn Future<Output = ()> + 'a>>;

macro_rules! rules {
    ($($room:ident::$rule:ident [$($proves:ident)*]),* $(,)?) => {
        &[$((stringify!($rule), &[$(Guarantee::$proves),*], |place| Box::pin($room::$rule(place)))),*]
    };
}

/// Each with the guarantees that it proves.
const RULES: &[(&str, &[Guarantee], Rule)] = rules![
    probes::a_probe_finds_what_the_store_can_do_and_leaves_nothing [],
    probes::a_checksum_that_was_asked_for_is_tried_and_told_as_it_is [],
    probes::a_second_probe_makes_no_object_and_sees_that_what_was_refused_is_taken [],
    probes::what_a_probe_that_died_has_left_is_removed_by_the_next [],
    probes::what_is_wrong_with_a_store_is_said_with_its_cure [],
    objects::a_signed_url_takes_the_body_that_it_was_signed_for_and_no_other [Bound Named],
    objects::a_range_gives_those_bytes_and_says_which_they_are [],
    objects::an_object_that_is_there_is_kept_where_only_a_new_one_was_wanted [],
    objects::whatever_a_key_is_made_of_it_names_one_object [],
    uploads::an_upload_is_invisible_until_it_is_completed_and_completes_once [Unseen Once Named],
    uploads::a_part_takes_the_body_that_it_was_signed_for_and_no_other [Bound],
    uploads::uploads_that_are_not_completed_are_listed_with_their_age [],
    uploads::what_is_asked_of_an_upload_that_was_aborted_is_refused [LeavesNothing],
    guarantees::what_a_pod_is_given_holds_no_credential_and_opens_nothing_else [NoCredential],
    guarantees::an_upload_goes_on_with_a_client_that_knows_its_id_alone [GoesOn Named],
    guarantees::an_upload_that_is_completed_twice_is_one_version [Once],
    guarantees::an_upload_that_is_dropped_beside_an_object_leaves_nothing [LeavesNothing],
    guarantees::a_part_that_comes_after_the_abort_leaves_nothing [LeavesNothing],
    keys::nothing_is_gone_for_who_has_the_wrong_keys [],
    versions::a_version_that_is_gone_is_gone_however_often_it_is_removed [],
    versions::a_probe_leaves_no_version [],
    locks::what_is_locked_stays_until_its_date_and_says_so [],
    locks::a_legal_hold_is_put_on_and_taken_off [],
    locks::a_probe_leaves_nothing_locked_and_knows_a_bucket_that_cannot [],
];

/// Each rule in a bucket of its own; all are tried before any of them fails the test.
fn keeps_the_rules(folder: &str) {
    let server = server(folder);
    let owner = place::credentials(server, server.access_key, SECRET_KEY);
    let before = named_for(folder);
    keeps_the_rules_by(&Running::start(server), &owner);
    let left: Vec<_> = named_for(folder).difference(&before).cloned().collect();
    assert!(
        left.is_empty(),
        "{folder} has left these in the folder of temporary files: {left:?}"
    );
}

/// What lies beside the folders that tests have of their own, and is called after a server.
fn named_for(folder: &str) -> BTreeSet<String> {
    let all = std::fs::read_dir("/tmp").unwrap();
    let names = all.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    names.filter(|name| name.contains(folder)).collect()
}

fn keeps_the_rules_by(running: &Running, owner: &Credentials) {
    let folder = running.server.folder;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut broken = Vec::new();
    // Of each guarantee the rules that prove it, and those that saw it broken.
    let mut seen = BTreeMap::from(Guarantee::ALL.map(|guarantee| (guarantee, (0, 0))));
    for (number, (rule, proves, check)) in RULES.iter().enumerate() {
        let place = Place::new(running, &format!("rule-{number}"), owner);
        let kept = catch_unwind(AssertUnwindSafe(|| runtime.block_on(check(&place))));
        println!("{folder}: {rule}: {}", if kept.is_ok() { "kept" } else { "BROKEN" });
        broken.extend(kept.is_err().then(|| rule.to_string()));
        let breaks = place.broken();
        assert!(breaks.iter().all(|guarantee| proves.contains(guarantee)), "{rule}");
        for guarantee in *proves {
            let (rules, bad) = seen.get_mut(guarantee).unwrap();
            *rules += 1;
            *bad += usize::from(kept.is_err() || breaks.contains(guarantee));
        }
    }
    let mut line = Vec::new();
    for (guarantee, (rules, bad)) in seen {
        assert!(rules > 0, "no rule proves {guarantee:?}");
        let (number, kept, told) = (
            guarantee.number(),
            Kept::of(rules, bad),
            running.server.keeps(guarantee),
        );
        line.push(format!("{number} {}", kept.words()));
        if kept != told {
            let (kept, told) = (kept.words(), told.words());
            broken.push(format!("its line: {number} is kept: {kept}, and its line says: {told}"));
        }
    }
    println!("{folder}: {}", line.join(", "));
    assert!(
        broken.is_empty(),
        "{folder} breaks {broken:#?}; its log:\n{}",
        running.log()
    );
}

mod each_server_keeps_every_rule {
    servers::each_server!(crate::keeps_the_rules);
}

/// What the tests of this file, and of `gcs.rs`, hold true of each server, and so of each type.
#[test]
fn the_table_of_guarantees_is_printed() {
    let (types, of_servers) = (servers::table_of_types(), servers::table_of_servers());
    println!("{types}\n{of_servers}\n{}", servers::exceptions());
    for table in [types, of_servers] {
        assert!(table.lines().all(|line| line.matches('|').count() == 9), "{table}");
    }
}

/// A role's keys, which end, and whose token goes along with each URL: MinIO has an STS.
#[test]
fn temporary_keys_of_a_role_keep_every_rule() {
    let running = Running::start(server("minio"));
    let endpoint = running.endpoint();
    let parameters = [
        ("bucket", "any"),
        ("roleARN", "arn:aws:iam::123456789012:role/backups"),
        ("stsEndpoint", &endpoint),
        ("insecure", "true"),
    ];
    let parameters = parameters.map(|(name, value)| (name.to_string(), value.to_string()));
    let parameters = Parameters::parse(Kind::S3, &parameters.into()).unwrap();
    let own = Credentials::new(running.server.access_key, Secret::new(SECRET_KEY), None);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let ask = Identity::none();
    let ask = |own| runtime.block_on(ask.credentials(&parameters, Some(own), Timestamp::now()));
    let owner = ask(own.clone()).unwrap().credentials;
    assert!(owner.expires().is_some() && owner != own);
    keeps_the_rules_by(&running, &owner);
    let stranger = ask(Credentials::new(
        running.server.access_key,
        Secret::new("wrong-secret"),
        None,
    ));
    let said = stranger.unwrap_err().to_string();
    assert!(said.contains("check the keys") && said.contains("roleARN"), "{said}");
}
