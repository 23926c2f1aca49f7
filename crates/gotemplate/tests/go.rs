//! Every template recorded from Go (`dev/gotemplate-cases`) renders the same here, byte for byte, or is refused.
use gotemplate::{Context, Template};

#[derive(serde::Deserialize)]
struct Case {
    template: String,
    now: String,
    output: Option<String>,
    #[serde(default)]
    refused: bool,
}

#[test]
fn templates_render_as_go_renders_them_or_are_refused() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("cases/rendered.json")).unwrap();
    assert!(cases.len() > 1_000, "the recording is there");
    let mut wrong = Vec::new();
    for case in &cases {
        let context = Context::utc(case.now.parse().unwrap());
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
        ("/a\n/{{ now | uuidv4 }}", 2, 11, "random"),
        ("{{ now }}", 1, 4, "format it, as in {{ now | date"),
        ("{{ Upper \"a\" }}", 1, 4, "did you mean \"upper\"?"),
        ("{{ nope }}", 1, 4, "not defined; there are and, or, add,"),
        ("{{ now | date }}", 1, 10, "date wants 2 arguments, not 1"),
        ("{{ or \"x\" (trunc 1) }}", 1, 12, "trunc wants 2 arguments"),
        ("{{ .Name }}", 1, 4, "no data"),
        ("{{ now.Unix | trunc 4 }}", 1, 15, "put it through toString"),
        ("{{ trunc (add 1 1) \"abc\" }}", 1, 10, "put it through int"),
        ("{{ if true }}a{{ end }}", 1, 4, "not available"),
        ("{{ (now }}", 1, 4, "unclosed left paren"),
        ("{{ now", 1, 7, "}} is missing"),
        ("{{ now.Location }}", 1, 7, "there are Add, AddDate"),
        (
            "{{ dateInZone \"15\" now \"europe/berlin\" }}",
            1,
            24,
            "did you mean \"Europe/Berlin\"?",
        ),
        ("{{ now | date_modify \"7d\" | date \"2006\" }}", 1, 22, "a day is 24h"),
        ("{{ $x := now }}", 1, 4, "variables"),
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
    // Each step would double or multiply the text.
    for bomb in [
        format!("{{{{ \"a\" {} }}}}", "| repeat 100 ".repeat(100)),
        format!(
            "{{{{ \"aaaa\" {} }}}}",
            "| replace \"a\" \"aaaaaaaaaaaaaaaa\" ".repeat(100)
        ),
        format!("{{{{ \"a\" {} }}}}", "| printf \"%1000s%1000s\" \"a\" ".repeat(100)),
        format!("{{{{ \"\\\"\" {} }}}}", "| quote ".repeat(500)),
        format!("{{{{ print {} }}}}", "(repeat 16000 \"a\") ".repeat(500)),
    ] {
        assert!(
            Template::parse(&bomb).unwrap_err().message.contains("longer than"),
            "{bomb}"
        );
    }
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_panic(text in ".{0,60}") {
        let _ = Template::parse(&text);
    }

    #[test]
    fn no_action_makes_it_panic(words in proptest::collection::vec(proptest::sample::select(WORDS), 0..12)) {
        let _ = Template::parse(&format!("{{{{ {} }}}}", words.concat()));
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

const WORDS: &[&str] = &[
    " ",
    " ",
    " ",
    "|",
    "(",
    ")",
    "\"a\"",
    "`2006`",
    "'x'",
    "-1",
    "0",
    "9223372036854775807",
    "-9223372036854775808",
    "1.5",
    "1e300",
    "now",
    ".UTC",
    ".Year",
    ".AddDate",
    ".Add",
    ".Round",
    "date",
    "printf",
    "\"%d%s%08.3f%q\"",
    "trunc",
    "substr",
    "repeat",
    "add",
    "sub",
    "mul",
    "div",
    "mod",
    "int",
    "atoi",
    "replace",
    "default",
    "ternary",
    "true",
    "and",
    "or",
    "{{",
    "}}",
    "-",
    "\u{e4}",
    ".",
    "dateInZone",
    "date_modify",
    "duration",
    "\"-24h\"",
    "eq",
    "lt",
    "quote",
    "upper",
];
