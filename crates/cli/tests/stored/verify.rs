//! `verify`: what each object is proved by, and what is wrong with one.
use super::bucket::*;

/// The cells of each row.
fn rows(table: &str) -> Vec<Vec<String>> {
    let cells = |line: &str| {
        let cells = line.split("   ").map(str::trim).filter(|cell| !cell.is_empty());
        cells.map(ToString::to_string).collect()
    };
    table.lines().skip(1).map(cells).collect()
}

#[test]
fn each_object_is_read_to_its_end_and_told_with_what_proves_it() {
    let bucket = Bucket::new();
    let bytes = noise(1_000_000);
    let whole = stored(&bytes, ZSTD, true);
    bucket.put("a", &whole);
    bucket.put_without_hash("b", &stored(&bytes, GZIP, false));
    bucket.put_without_hash("c", b"plain");
    let paths = ["--path", "a", "--path", "b", "--path", "c"];
    let ran = bucket.run("verify", &[&paths[..], &["--identity", IDENTITY]].concat());
    assert!(ran.err.contains("size only: c: "), "{}", ran.err);
    let seen = rows(&ran.good());
    let row = |at: usize| seen[at].iter().map(String::as_str).collect::<Vec<_>>();
    assert_eq!(row(0)[2..], ["as the store's", "opened", "zstd", "whole"]);
    assert_eq!(row(1)[2..], ["not known", "-", "gzip", "whole"]);
    assert_eq!(row(2)[2..], ["not known", "-", "-", "size only"]);

    // Without the key the hash is all there is.
    let seen = rows(
        &bucket
            .run("verify", &["--path", "a", "--sha256", &sha256(&whole)])
            .good(),
    );
    assert_eq!(seen[0][2..], ["as expected", "not opened", "-", "whole"]);
    // What is said of what cannot be opened proves nothing.
    bucket.put_without_hash("d", &whole);
    let seen = rows(&bucket.run("verify", &["--path", "d", "--compression", "zstd"]).good());
    assert_eq!(seen[0][2..], ["not known", "not opened", "-", "size only"]);
    let opened = ["--path", "d", "--compression", "zstd", "--identity", IDENTITY];
    let seen = rows(&bucket.run("verify", &opened).good());
    assert_eq!(seen[0][2..], ["not known", "opened", "zstd", "whole"]);
    let key = bucket.record("d", &whole, Some("zstd"), true);
    let seen = rows(&bucket.run("verify", &["--record", &key]).good());
    assert_eq!(seen[0][2..], ["as expected", "not opened", "-", "whole"]);
    let ran = bucket.run(
        "verify",
        &["--record", &key, "--record", "no.json", "--identity", IDENTITY],
    );
    let seen = rows(&String::from_utf8(ran.out.clone()).unwrap());
    assert_eq!(seen[0][2..], ["as expected", "opened", "zstd", "whole"]);
    assert!(ran.bad().contains("no.json"));
    assert_eq!(bucket.files(), [""; 0], "nothing is kept");
}

#[test]
fn one_that_is_bad_or_missing_is_told_beside_those_that_are_whole() {
    let bucket = Bucket::new();
    let whole = stored(&noise(1_000_000), ZSTD, false);
    bucket.put("good", &whole);
    bucket.put_without_hash("cut", &whole[..whole.len() / 2]);
    let ran = bucket.run("verify", &["--path", "cut", "--path", "none", "--path", "good"]);
    let table = String::from_utf8(ran.out.clone()).unwrap();
    let results: Vec<_> = rows(&table)
        .into_iter()
        .map(|row| row.last().cloned().unwrap())
        .collect();
    assert_eq!(results, ["bad", "missing", "whole"]);
    let err = ran.bad();
    assert!(
        err.contains("cut: ") && err.contains("none: ") && !err.contains("good: "),
        "{err}"
    );
    let wrong = "0".repeat(64);
    let err = bucket.run("verify", &["--path", "good", "--sha256", &wrong]).bad();
    assert!(err.contains("(hash)"), "{err}");
    let err = bucket
        .run("verify", &["--path", "good", "--path", "cut", "--sha256", &wrong])
        .bad();
    assert!(err.contains("of one object"), "{err}");
}
