//! Figures over the number of objects, as SVG.
use std::collections::BTreeMap;
use std::path::Path;

use plotters::prelude::*;

use crate::table::Figures;

/// The figures of each build, by the number of runs.
pub type Sizes = BTreeMap<usize, Vec<(String, Figures)>>;

/// Width and height.
const SIZE: (u32, u32) = (640, 400);
/// A build each.
const COLOURS: [RGBColor; 4] = [
    RGBColor(200, 80, 60),
    RGBColor(40, 110, 180),
    RGBColor(70, 150, 80),
    RGBColor(130, 90, 160),
];
/// The figure, and the file that it is drawn into.
const DRAWN: [(&str, &str); 4] = [
    ("resident at rest, MiB", "scale-memory.svg"),
    ("resident at its peak, MiB", "scale-peak.svg"),
    ("CPU until at rest, s", "scale-start.svg"),
    ("CPU of a changed schedule, ms", "scale-pass.svg"),
];

/// Draws them into a folder.
pub fn draw(sizes: &Sizes, folder: &Path) {
    std::fs::create_dir_all(folder).expect("the folder of the plots");
    for (figure, file) in DRAWN {
        let text = svg(sizes, figure);
        std::fs::write(folder.join(file), text).expect("a file for a plot");
    }
}

/// One figure: a line for each build.
fn svg(sizes: &Sizes, figure: &str) -> String {
    let mut lines: BTreeMap<&str, Vec<(f64, f64)>> = BTreeMap::new();
    for (runs, builds) in sizes {
        for (build, figures) in builds {
            if let Some(value) = figures.get(figure) {
                lines.entry(build).or_default().push((*runs as f64, value));
            }
        }
    }
    let points = || lines.values().flatten();
    let right = points().map(|p| p.0).fold(1.0, f64::max) * 1.05;
    let top = points().map(|p| p.1).fold(1e-3, f64::max) * 1.15;
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
        area.fill(&WHITE).expect("a drawing");
        let mut chart = ChartBuilder::on(&area)
            .caption(figure, ("sans-serif", 18))
            .margin(12)
            .x_label_area_size(40)
            .y_label_area_size(56)
            .build_cartesian_2d(0.0..right, 0.0..top)
            .expect("a drawing");
        let mut mesh = chart.configure_mesh();
        mesh.x_desc("finished runs")
            .x_label_formatter(&|runs| format!("{runs:.0}"));
        mesh.light_line_style(WHITE).draw().expect("a drawing");
        for ((build, line), colour) in lines.iter().zip(COLOURS.iter().cycle()) {
            let series = LineSeries::new(line.iter().copied(), colour.stroke_width(2)).point_size(3);
            let drawn = chart.draw_series(series).expect("a drawing").label(*build);
            drawn.legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour.stroke_width(2)));
        }
        let mut labels = chart.configure_series_labels();
        let labels = labels.position(SeriesLabelPosition::UpperLeft).border_style(BLACK);
        labels.background_style(WHITE).draw().expect("a drawing");
        area.present().expect("a drawing");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_build_is_a_line_with_its_name_and_what_was_not_seen_is_no_point() {
        let builds = |runs: f64| {
            let mut figures = Figures::default();
            figures.add("memory", runs);
            vec![("before".to_string(), figures), ("now".to_string(), Figures::default())]
        };
        let sizes = BTreeMap::from([(10, builds(10.0)), (20, builds(20.0))]);
        let text = svg(&sizes, "memory");
        assert!(text.starts_with("<svg"), "{text}");
        assert!(text.contains("before") && !text.contains("now"), "{text}");
    }
}
