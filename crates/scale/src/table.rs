//! Figures of several rounds: medians and spread, side by side.
use std::collections::BTreeMap;
use std::fmt::Write;

/// What one round has shown: each figure under its name, in the order of the table.
#[derive(Clone, Debug, Default)]
pub struct Figures(Vec<(String, f64)>);

impl Figures {
    /// Adds one. What is no number was not seen.
    pub fn add(&mut self, name: &str, value: f64) {
        eprintln!("  {name}: {}", number(value));
        self.0.push((name.into(), value));
    }

    /// One of them.
    pub fn get(&self, name: &str) -> Option<f64> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| *value)
    }
}

/// The middle of some values, and the least and the most; nothing of none.
pub fn spread(values: &[f64]) -> Option<(f64, f64, f64)> {
    let mut sorted: Vec<_> = values.iter().copied().filter(|v| v.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    let (least, most) = (*sorted.first()?, *sorted.last()?);
    let half = sorted.len() / 2;
    let middle = if sorted.len().is_multiple_of(2) {
        (sorted[half - 1] + sorted[half]) / 2.0
    } else {
        sorted[half]
    };
    Some((middle, least, most))
}

/// A table in Markdown: a row for each figure, a column for each build.
pub fn markdown(title: &str, builds: &[(String, Vec<Figures>)]) -> String {
    let mut text = format!("| {title} |");
    for (name, _) in builds {
        let _ = write!(text, " {name} |");
    }
    let _ = writeln!(text, "\n|---|{}", "---|".repeat(builds.len()));
    let mut names = Vec::new();
    for (name, _) in builds.iter().flat_map(|(_, rounds)| rounds).flat_map(|round| &round.0) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    for name in names {
        let _ = write!(text, "| {name} |");
        for (_, rounds) in builds {
            let values: Vec<_> = rounds.iter().filter_map(|figures| figures.get(name)).collect();
            let shown = match spread(&values) {
                Some((middle, least, most)) if number(least) != number(most) => {
                    format!("{} ({} to {})", number(middle), number(least), number(most))
                }
                Some((middle, ..)) => number(middle),
                None => "not seen".into(),
            };
            let _ = write!(text, " {shown} |");
        }
        text.push('\n');
    }
    text
}

/// The tables of a text in Markdown, as [`markdown`] writes them, by the number of runs in their titles: of each figure its median.
pub fn read(text: &str) -> BTreeMap<usize, Vec<(String, Figures)>> {
    let mut all: BTreeMap<usize, Vec<(String, Figures)>> = BTreeMap::new();
    let mut runs = None;
    for line in text.lines() {
        let Some(cells) = line.strip_prefix('|').and_then(|l| l.trim_end().strip_suffix('|')) else {
            runs = None;
            continue;
        };
        let cells: Vec<_> = cells.split('|').map(str::trim).collect();
        if let Some((number, _)) = cells[0].split_once(" finished runs") {
            runs = number.replace(',', "").parse().ok();
            if let Some(runs) = runs {
                let builds = cells[1..].iter().map(|name| ((*name).to_owned(), Figures::default()));
                all.insert(runs, builds.collect());
            }
        } else if let Some(builds) = runs.and_then(|runs| all.get_mut(&runs)) {
            for ((_, figures), cell) in builds.iter_mut().zip(&cells[1..]) {
                let median = cell.split(' ').next().and_then(|n| n.parse().ok());
                figures.0.extend(median.map(|value| (cells[0].to_owned(), value)));
            }
        }
    }
    all
}

/// Three digits that mean something.
fn number(value: f64) -> String {
    match value.abs() {
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        0.0 => "0".into(),
        v if v >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_its_median_with_its_spread_and_what_was_not_seen_is_said_so() {
        let round = |value| {
            let mut figures = Figures::default();
            figures.add("memory, MiB", value);
            figures.add("late, s", f64::NAN);
            figures
        };
        let builds = [
            ("before".to_string(), vec![round(300.0), round(100.0), round(200.0)]),
            ("now".to_string(), vec![round(1.5)]),
        ];
        let table = markdown("7 finished runs, 1 schedules", &builds);
        assert_eq!(
            table,
            "| 7 finished runs, 1 schedules | before | now |\n|---|---|---|\n| memory, MiB | 200 (100 to 300) | 1.50 |\n| late, s | not seen | not seen |\n"
        );
        let all = read(&format!(
            "Words\n\n{table}\n| other | table |\n|---|---|\n| memory, MiB | 9 |\n"
        ));
        let builds: Vec<_> = all[&7]
            .iter()
            .map(|(name, f)| (name.as_str(), f.get("memory, MiB"), f.get("late, s")))
            .collect();
        assert_eq!(
            builds,
            [("before", Some(200.0), None), ("now", Some(1.5), None)],
            "{all:?}"
        );
    }
}
