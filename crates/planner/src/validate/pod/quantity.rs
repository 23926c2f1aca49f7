//! Kubernetes' quantities, as far as comparing two of them needs.

/// What a suffix multiplies by.
const SUFFIXES: [(&str, f64); 14] = [
    ("n", 1e-9),
    ("u", 1e-6),
    ("m", 1e-3),
    ("k", 1e3),
    ("M", 1e6),
    ("G", 1e9),
    ("T", 1e12),
    ("P", 1e15),
    ("Ki", 1024.0),
    ("Mi", 1_048_576.0),
    ("Gi", 1_073_741_824.0),
    ("Ti", 1_099_511_627_776.0),
    ("Pi", 1_125_899_906_842_624.0),
    ("Ei", 1_152_921_504_606_846_976.0),
];

/// The value of a quantity: `<number><suffix>` or `<number>e<exponent>`; None for what is none.
pub(super) fn parse(text: &str) -> Option<f64> {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | '+' | '-'))
        .unwrap_or(text.len());
    let (number, suffix) = text.split_at_checked(end)?;
    if !number.ends_with(|c: char| c.is_ascii_digit() || c == '.') || !number.contains(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let value: f64 = number.parse().ok()?;
    if let Some((_, factor)) = SUFFIXES.iter().find(|(known, _)| *known == suffix) {
        return Some(value * factor);
    }
    match suffix {
        "" => Some(value),
        "E" => Some(value * 1e18),
        _ => {
            let exponent: i32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
            Some(value * 10f64.powi(exponent))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_kubernetes_quantities() {
        for (text, wanted) in [
            ("0", Some(0.0)),
            ("500m", Some(0.5)),
            ("1.5", Some(1.5)),
            (".5", Some(0.5)),
            ("1.", Some(1.0)),
            ("+2", Some(2.0)),
            ("-1", Some(-1.0)),
            ("1e3", Some(1000.0)),
            ("1E3", Some(1000.0)),
            ("1E", Some(1e18)),
            ("1Ki", Some(1024.0)),
            ("", None),
            ("Mi", None),
            (".", None),
            ("1 Mi", None),
            ("1MB", None),
            ("1mi", None),
            ("1.2.3", None),
            ("1-", None),
            ("ten", None),
            ("1e", None),
        ] {
            assert_eq!(parse(text), wanted, "{text:?}");
        }
    }
}
