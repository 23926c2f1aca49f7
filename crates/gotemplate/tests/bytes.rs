//! Any bytes as a template: none makes it panic, hang or grow. (`fuzz.rs` puts templates together that mean something.)
#![allow(missing_docs, clippy::unwrap_used)]
use fuzz::Target;
use gotemplate::{Context, Template};

#[derive(serde::Deserialize)]
struct Case {
    template: String,
}

#[cfg_attr(test, test)]
pub fn fuzz_templates() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("cases/rendered.json")).unwrap();
    let seeds: Vec<&[u8]> = cases.iter().step_by(7).map(|case| case.template.as_bytes()).collect();
    let families = gotemplate::reference::functions();
    let entries = families.into_iter().flat_map(|family| family.entries);
    let names: Vec<String> = entries
        .filter_map(|entry| entry.signature.split(' ').next().map(|name| format!("{name} ")))
        .collect();
    let mut words: Vec<&str> = names.iter().map(String::as_str).collect();
    words.extend([
        "{{",
        "}}",
        "{{-",
        "-}}",
        "| ",
        "(",
        ")",
        "$x",
        ":=",
        "range ",
        "with ",
        "if ",
        "else ",
        "end",
        "define \"t\"",
        "template \"t\" .",
        "\"%d\"",
        "`",
        "\\",
        "1e9",
        "/*",
        "*/",
    ]);
    let context = Context::utc("2024-01-02T03:04:05.060708009Z".parse().unwrap());
    Target {
        name: "templates",
        seeds: &seeds,
        words: &words,
    }
    .run(|bytes| match Template::parse(&String::from_utf8_lossy(bytes)) {
        Err(error) => error
            .to_string()
            .chars()
            .filter(|c| !c.is_ascii_digit())
            .take(30)
            .collect(),
        Ok(template) => match template.render(&context, 2_000) {
            Err(error) => error
                .one_line()
                .chars()
                .filter(|c| !c.is_ascii_digit())
                .take(40)
                .collect(),
            Ok(text) => format!("{} bits of length", text.len().checked_ilog2().unwrap_or(0)),
        },
    });
}
