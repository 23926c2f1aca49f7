//! Path templates: parsed and checked each time that a run is looked at, rendered when it begins.
use api::run::DEFAULT_PATH;
use gotemplate::{Context, Template};
use planner::run::path::data;

use super::{Case, Work, work};

/// What people write who like Sprig.
const RICH: &str = r#"{{- $stamp := now | date "20060102-150405" -}}
{{- $base := regexReplaceAll "[^a-z0-9-]+" (lower .name) "-" | trunc 40 | trimSuffix "-" -}}
/{{ .namespace }}/{{ .schedule | default "manual" }}/{{ range $i, $w := splitList "-" $base }}{{ if $i }}_{{ end }}{{ $w | title }}{{ end }}
{{- printf "-%s-%03d-%s" $stamp .attempt (.name | sha256sum | trunc 8) }}.sql.{{ ternary "zst" "gz" (hasPrefix "shop" .namespace) }}"#;

pub const CASES: &[Case] = &[
    Case {
        name: "template: parse the default path",
        prepare: || parse(DEFAULT_PATH),
    },
    Case {
        name: "template: render the default path",
        prepare: || render(DEFAULT_PATH),
    },
    Case {
        name: "template: parse a path with a dozen functions",
        prepare: || parse(RICH),
    },
    Case {
        name: "template: render a path with a dozen functions",
        prepare: || render(RICH),
    },
];

fn parse(text: &'static str) -> Work {
    work(|| Template::parse(text).unwrap())
}

fn render(text: &str) -> Work {
    let template = Template::parse(text).unwrap();
    let now = "2026-01-02T03:00:05Z".parse().unwrap();
    let context = Context {
        data: data("nightly-1767322800", "shop-7", "nightly", now),
        ..Context::utc(now)
    };
    work(move || template.render(&context, 1000).unwrap())
}
