//! Every template recorded from Go (`dev/gotemplate-cases`) renders the same here, byte for byte, or is refused.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
use std::collections::BTreeMap;

use gotemplate::{Context, Data, Template};

#[derive(serde::Deserialize)]
struct Case {
    template: String,
    now: String,
    output: Option<String>,
    #[serde(default)]
    refused: bool,
    #[serde(default)]
    data: bool,
}

/// The data of the recording (`sample` in `main.go`).
fn sample() -> BTreeMap<String, Data> {
    let texts = |items: &[&str]| Data::List(items.iter().map(|t| Data::from(*t)).collect());
    let dict = |items: &[(&str, Data)]| Data::Dict(items.iter().map(|(k, v)| ((*k).into(), v.clone())).collect());
    [
        ("name", Data::from("nightly-1704164400")),
        ("namespace", "shop".into()),
        ("schedule", "nightly".into()),
        ("attempt", Data::Int(1)),
        ("scheduledTime", Data::Time("2024-01-02T03:00:00Z".parse().unwrap())),
        ("list", texts(&["b", "a", "c"])),
        ("ints", Data::List([3, 1, 2].map(Data::Int).into())),
        (
            "dict",
            dict(&[
                ("b", Data::Int(2)),
                ("a", Data::Int(1)),
                ("nested", dict(&[("x", "y".into())])),
            ]),
        ),
        ("empty", "".into()),
        ("zero", Data::Int(0)),
        ("pi", Data::Float(3.25)),
        ("yes", Data::Bool(true)),
        ("none", Data::Null),
    ]
    .map(|(key, value)| (key.into(), value))
    .into()
}

#[test]
fn templates_render_as_go_renders_them_or_are_refused() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("cases/rendered.json")).unwrap();
    assert!(cases.len() > 2_850, "the recording is there");
    let mut wrong = Vec::new();
    for case in &cases {
        let mut context = Context::utc(case.now.parse().unwrap());
        if case.data {
            context.data = sample();
        }
        let ours = Template::parse(&case.template).and_then(|t| t.render(&context, 100_000));
        let wanted = case.output.as_ref().filter(|_| !case.refused);
        match (&ours, wanted) {
            (Ok(ours), Some(wanted)) if ours == wanted => {}
            (Err(error), None) if error.line > 0 && error.column > 0 && error.snippet.ends_with('^') => {}
            _ => wrong.push(format!(
                "{:?} at {}: wanted {wanted:?}, got {ours:?}",
                case.template, case.now
            )),
        }
    }
    println!("{} recorded cases", cases.len());
    assert!(
        wrong.is_empty(),
        "{} of {} differ:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}

#[test]
fn a_refusal_says_where_and_why() {
    let cases = [
        ("/a/{{ env \"HOME\" }}", 1, 7, "operator's environment"),
        ("/a\n/{{ now | uuidv4 }}", 2, 11, "uuidv4 wants 0 arguments, not 1"),
        ("/{{ genPrivateKey \"rsa\" }}", 1, 5, "keys, certificates"),
        ("{{ now }}", 1, 4, "format it, as in {{ now | date"),
        ("{{ trimm \"a\" }}", 1, 4, "did you mean \"trim\"?"),
        ("{{ randAlphanum 5 }}", 1, 4, "did you mean \"randAlphaNum\"?"),
        ("{{ tmpl \"x\" }}", 1, 4, "neither Go nor Sprig"),
        ("{{ Upper \"a\" }}", 1, 4, "did you mean \"upper\"?"),
        ("{{ regexMatch \"(?=a)\" \"a\" }}", 1, 15, "is not available"),
        (
            "{{ template \"heda\" }}{{ define \"head\" }}{{ end }}",
            1,
            13,
            "did you mean \"head\"?",
        ),
        ("{{ if true }}a", 1, 4, "{{ end }}"),
        ("a{{ end }}", 1, 5, "end without"),
        ("{{ if 1 }}a{{ else }}b{{ else }}c{{ end }}", 1, 15, "second else"),
        ("{{ $y := 1 }}{{ $x }}", 1, 17, "undefined variable \"$x\""),
        ("{{ x := 1 }}", 1, 4, "$x"),
        (
            "{{ index (list 1 2) 2 }}",
            1,
            21,
            "2 is out of range, there are 2 elements",
        ),
        (
            "{{ mustToDate \"2006-01-02\" \"2024-02-30\" }}",
            1,
            28,
            "day out of range",
        ),
        ("{{ now.Yaer }}", 1, 7, "did you mean Year?"),
        ("{{ until 1000000000 }}", 1, 4, "at most 10000"),
        ("{{ now | date }}", 1, 10, "date wants 2 arguments, not 1"),
        ("{{ or \"x\" (trunc 1) }}", 1, 12, "trunc wants 2 arguments"),
        ("{{ now.Unix | trunc 4 }}", 1, 15, "put it through toString"),
        ("{{ trunc (add 1 1) \"abc\" }}", 1, 10, "put it through int"),
        ("{{ (now }}", 1, 4, "unclosed left paren"),
        ("{{ now", 1, 7, "}} is missing"),
        ("{{ now.Location }}", 1, 7, "there are Add, AddDate"),
        ("{{ 5 | now.Location }}", 1, 11, "there are Add, AddDate"),
        (
            "{{ dateInZone \"15\" now \"europe/berlin\" }}",
            1,
            24,
            "did you mean \"Europe/Berlin\"?",
        ),
        ("{{ now | date_modify \"7d\" | date \"2006\" }}", 1, 22, "a day is 24h"),
        (
            "{{ printf \"%d\" \"x\" }}",
            1,
            16,
            "%d is not available for the text \"x\"",
        ),
    ];
    for (text, line, column, words) in cases {
        let error = Template::parse(text).unwrap_err();
        assert_eq!((error.line, error.column), (line, column), "{text}: {error}");
        assert!(error.message.contains(words), "{text}: {error}");
        assert!(
            error
                .to_string()
                .starts_with(&format!("line {line}, column {column}: ")),
            "{error}"
        );
    }
}

#[test]
fn what_depends_on_the_data_fails_when_it_is_rendered() {
    let mut context = Context::utc(jiff::Timestamp::UNIX_EPOCH);
    context.data = sample();
    for (text, column, words) in [
        (
            "/{{ .nmae }}",
            5,
            "there is no \"nmae\", did you mean \"name\"? (there are attempt, dict,",
        ),
        ("/{{ upper .nmae }}", 11, "did you mean \"name\"?"),
        ("/{{ $.dict.c }}", 11, "there is no \"c\" (there are a, b, nested)"),
        ("/{{ .attempt | upper }}", 16, "put it through toString"),
        ("/{{ .none }}", 5, "no value"),
        ("/{{ index .list 7 }}", 17, "out of range"),
        ("/{{ range .name }}{{ end }}", 5, "not the text \"nightly-1704164400\""),
    ] {
        let error = Template::parse(text).unwrap().render(&context, 1_000).unwrap_err();
        assert_eq!((error.line, error.column), (1, column), "{text}: {error}");
        assert!(error.message.contains(words), "{text}: {error}");
    }
    // Sound at parse: these render with some data or at some time.
    for text in [
        "{{ upper .name }}",
        "{{ index (list 1 2 3) now.Day }}",
        "{{ if ne now.Weekday 0 }}{{ fail \"only on Sundays\" }}{{ end }}/a",
        "{{ if eq (randInt 0 2) 0 }}{{ fail \"tails\" }}{{ end }}/a",
    ] {
        Template::parse(text).unwrap();
    }
}

#[test]
fn random_texts_follow_from_the_seed() {
    let template =
        Template::parse("{{ randAlphaNum 12 }} {{ uuidv4 }} {{ shuffle \"abcdef\" }} {{ randInt 0 1000 }}").unwrap();
    let with = |seed| {
        let mut context = Context::utc(jiff::Timestamp::UNIX_EPOCH);
        context.seed = seed;
        template.render(&context, 1_000).unwrap()
    };
    assert_eq!(with(7), with(7));
    assert_ne!(with(7), with(8));
}

#[test]
fn every_function_is_recorded_in_three_cases_and_a_failing_one() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("cases/rendered.json")).unwrap();
    let mut few = Vec::new();
    for entry in gotemplate::reference::functions().into_iter().flat_map(|f| f.entries) {
        let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '.' | '"');
        let names = |case: &&Case| {
            case.template.match_indices(entry.name).any(|(at, name)| {
                let (before, after) = (&case.template[..at], &case.template[at + name.len()..]);
                !before.ends_with(is_part) && !after.starts_with(is_part)
            })
        };
        let all: Vec<_> = cases.iter().filter(names).collect();
        let failing = all.iter().filter(|c| c.output.is_none() || c.refused).count();
        if all.len() < 3 || failing == 0 {
            few.push(format!("{}: {} cases, {failing} failing", entry.name, all.len()));
        }
    }
    assert!(few.is_empty(), "{few:?}");
}

#[test]
fn the_result_and_the_template_are_bounded() {
    let context = Context::utc(jiff::Timestamp::UNIX_EPOCH);
    let template = Template::parse("/{{ repeat 10 \"ab\" }}").unwrap();
    assert_eq!(template.render(&context, 21).unwrap().len(), 21);
    assert!(
        template
            .render(&context, 20)
            .unwrap_err()
            .message
            .contains("longer than 20 bytes")
    );
    assert!(Template::parse(&"x".repeat(gotemplate::TEMPLATE_MAX + 1)).is_err());
    let nested = format!("{{{{ {}now{} }}}}", "(".repeat(51), ")".repeat(51));
    assert!(Template::parse(&nested).unwrap_err().message.contains("50 parentheses"));
    let nested = format!("{}x{}", "{{ if 1 }}".repeat(51), "{{ end }}".repeat(51));
    assert!(Template::parse(&nested).unwrap_err().message.contains("50 parentheses"));
    let recursive = "{{ define \"a\" }}{{ template \"a\" }}{{ end }}{{ template \"a\" }}";
    assert!(
        Template::parse(recursive)
            .unwrap_err()
            .message
            .contains("more than 100")
    );
    // Each step would double or multiply the text.
    for bomb in [
        format!("{{{{ \"a\" {} }}}}", "| repeat 100 ".repeat(100)),
        format!(
            "{{{{ \"aaaa\" {} }}}}",
            "| replace \"a\" \"aaaaaaaaaaaaaaaa\" ".repeat(100)
        ),
        format!("{{{{ \"a\" {} }}}}", "| printf \"%1000s%1000s\" \"a\" ".repeat(100)),
        format!("{{{{ \"\\\"\" {} }}}}", "| quote ".repeat(500)),
        format!("{{{{ print {} }}}}", "(repeat 16000 \"a\") ".repeat(50)),
        "{{ repeat 1000000000 \"x\" }}".into(),
        "{{ regexReplaceAll \"\" (repeat 9000 \"a\") (repeat 9000 \"b\") }}".into(),
        "{{ indent 1000000000 \"x\" }}".into(),
        "{{ randAlphaNum 1000000000 }}".into(),
    ] {
        assert!(
            Template::parse(&bomb).unwrap_err().message.contains("longer than"),
            "{bomb}"
        );
    }
    // Each would run on or grow for ever.
    for endless in [
        "{{ range 1000000000 }}{{ end }}",
        "{{ range until 10000 }}{{ range until 10000 }}{{ end }}{{ end }}",
        "{{ $x := list }}{{ range 100000 }}{{ $x = list $x }}{{ end }}",
        "{{ $x := list 1 }}{{ range 100 }}{{ $x = concat $x $x }}{{ end }}",
        "{{ $x := dict }}{{ range 100 }}{{ $x = dict \"a\" $x \"b\" $x }}{{ end }}{{ toJson $x }}",
        "{{ $x := dict }}{{ $_ := set $x \"x\" $x }}{{ print $x }}",
        "{{ $x := dict }}{{ $_ := set $x \"x\" $x }}{{ deepCopy $x | len }}",
        "{{ $x := dict }}{{ $_ := set $x \"x\" $x }}{{ $y := dict }}{{ $_ := set $y \"x\" $y }}{{ deepEqual $x $y }}",
        "{{ $x := dict }}{{ $_ := set $x \"x\" $x }}{{ $y := dict }}{{ $_ := set $y \"x\" $y }}{{ merge $x $y | len }}",
        "{{ range $i, $_ := until 5000 }}{{ $_ := regexMatch (printf \"a%d\" $i) \"a\" }}{{ end }}",
    ] {
        assert!(Template::parse(endless).is_err(), "{endless}");
    }
    // A dict may hold itself, as in Go, as long as no one looks into it for ever; it is freed all the same.
    let knot = "{{ $x := dict }}{{ $_ := set $x \"x\" $x }}{{ len $x.x.x.x }}";
    assert_eq!(Template::parse(knot).unwrap().render(&context, 10).unwrap(), "1");
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_panic(text in ".{0,60}") {
        let _ = Template::parse(&text);
    }

    #[test]
    fn no_time_makes_it_panic(seconds in -377_705_023_201_i64..253_402_207_200, layout in "[0-9JanMonPMZ_.,: -]{0,30}") {
        let now = jiff::Timestamp::from_second(seconds).unwrap();
        for text in [format!("{{{{ now | date `{layout}` }}}}"), "{{ (now.AddDate 1 1 1).Unix }}{{ now.Round 7 }}".into()] {
            if let Ok(template) = Template::parse(&text) {
                let _ = template.render(&Context::utc(now), 10_000);
            }
        }
    }
}
