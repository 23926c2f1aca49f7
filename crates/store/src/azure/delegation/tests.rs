use super::*;

const ANSWER: &str = "<?xml version=\"1.0\"?><UserDelegationKey><SignedOid>oid</SignedOid><SignedTid>tid</SignedTid>\
    <SignedStart>2026-11-28T10:00:00Z</SignedStart><SignedExpiry>2026-11-28T16:00:00Z</SignedExpiry><SignedService>b</SignedService>\
    <SignedVersion>2026-04-06</SignedVersion><Value>a2V5</Value></UserDelegationKey>";

fn delegation() -> Delegation {
    Delegation::read(ANSWER.as_bytes()).unwrap()
}

fn target() -> Target {
    Target {
        origin: "https://acct.blob.core.windows.net".into(),
        path: String::new(),
        account: "acct".into(),
        container: "c".into(),
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn pairs(all: &[(&str, &str)]) -> Pairs {
    all.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

fn block() -> Opens<'static> {
    Opens {
        key: "a/b",
        version: None,
        rights: "w",
        query: pairs(&[("comp", "block"), ("blockid", "AA==")]),
        headers: pairs(&[("content-length", "5"), ("content-md5", "bWQ1")]),
    }
}

#[test]
fn a_block_is_bound_by_its_name_and_its_md5_at_their_places_in_the_string_to_sign() {
    let text = delegation().string_to_sign(&target(), &block(), "until", "https", "b");
    let lines: Vec<_> = text.split('\n').collect();
    // Bound headers end with a line break, and bound queries begin with one.
    assert_eq!(lines.len(), 28 + 1 + 2);
    let expected = [
        (0, "w"),
        (2, "until"),
        (3, "/blob/acct/c/a/b"),
        (4, "oid"),
        (5, "tid"),
        (6, "2026-11-28T10:00:00Z"),
        (7, "2026-11-28T16:00:00Z"),
        (8, "b"),
        (9, "2026-04-06"),
        (16, "https"),
        (17, BINDS),
        (18, "b"),
        (21, "content-md5:bWQ1"),
        (24, "blockid:AA=="),
        (25, "comp:block"),
    ];
    for (number, line) in lines.iter().enumerate() {
        let wanted = expected.iter().find(|(n, _)| *n == number).map_or("", |(_, line)| line);
        assert_eq!(*line, wanted, "line {number}");
    }
}

#[test]
fn a_url_names_what_it_binds_and_carries_all_of_it() {
    let signed = delegation().sign(&target(), block(), Duration::from_secs(60), at("2026-11-28T12:00:00Z"));
    let url = signed.url.reveal();
    for part in [
        "https://acct.blob.core.windows.net/c/a/b?blockid=AA%3D%3D&comp=block&sv=2026-04-06&sr=b&sp=w&",
        "&se=2026-11-28T12%3A01%3A00Z&",
        "&skoid=oid&sktid=tid&",
        "&srh=content-md5&srq=blockid,comp&sig=",
    ] {
        assert!(url.contains(part), "{part}: {url}");
    }
    assert_eq!(
        signed.headers,
        [
            ("content-length".into(), "5".into()),
            ("content-md5".into(), "bWQ1".into())
        ]
    );
    let read = Opens {
        key: "a/b",
        version: Some("v1"),
        rights: "r",
        query: Pairs::new(),
        headers: Pairs::new(),
    };
    let text = delegation().string_to_sign(&target(), &read, "until", "https", "bv");
    assert_eq!(
        (text.split('\n').count(), text.split('\n').nth(17)),
        (24, Some("v1")),
        "in the older form"
    );
    let signed = delegation().sign(
        &target(),
        read,
        Duration::from_secs(3600 * 9),
        at("2026-11-28T12:00:00Z"),
    );
    let url = signed.url.reveal();
    assert!(
        url.contains("?versionid=v1&") && !url.contains("srh=") && !url.contains("srq="),
        "{url}"
    );
    assert!(
        url.contains("&se=2026-11-28T16%3A00%3A00Z&"),
        "not longer than its key: {url}"
    );
}

#[test]
fn a_key_is_asked_for_again_an_hour_before_its_end_and_half_of_one_is_none() {
    for (now, due) in [
        ("2026-11-28T15:00:00Z", false),
        ("2026-11-28T15:00:01Z", true),
        ("2026-11-28T17:00:00Z", true),
    ] {
        assert_eq!(delegation().is_due(at(now)), due, "{now}");
    }
    for name in ["SignedOid", "SignedExpiry", "Value"] {
        let half = ANSWER.replace(&format!("<{name}>"), "<Other>");
        assert!(Delegation::read(half.as_bytes()).is_none(), "{name}");
    }
}
