//! A scrape of `/metrics`: what each schedule adds to it.
use std::fmt;

use metrics::scrape::{Series, Source, write};
use metrics::text::Format;
use metrics::{Labels, Metric};

use super::{Case, Work, work};

pub const CASES: &[Case] = &[
    Case {
        name: "scrape: 100 schedules as OpenMetrics",
        prepare: || scrape(Format::OpenMetrics),
    },
    Case {
        name: "scrape: 100 schedules as Prometheus' older text",
        prepare: || scrape(Format::Prometheus),
    },
    Case {
        name: "scrape: keep the labels of 100 schedules",
        prepare: || work(schedules),
    },
];

/// Of the metrics that schedules have.
const OF_A_SCHEDULE: [&str; 2] = ["namespace", "schedule"];

struct Schedules(Vec<Labels>);

impl Source for Schedules {
    fn fill(&self, metric: &Metric, out: &mut Series<'_, '_>) -> fmt::Result {
        if metric.labels != OF_A_SCHEDULE {
            return Ok(());
        }
        self.0.iter().try_for_each(|labels| out.put_of(labels, 1_795_831_805.0))
    }
}

fn schedules() -> Schedules {
    let one = |n| {
        Labels::new(
            &OF_A_SCHEDULE,
            &["namespace-of-a-team", &format!("schedule-of-a-team-{n}")],
        )
    };
    Schedules((0..100).map(one).collect())
}

fn scrape(format: Format) -> Work {
    let schedules = schedules();
    work(move || write(schedules, format, false, Vec::with_capacity(1 << 20)).unwrap())
}
