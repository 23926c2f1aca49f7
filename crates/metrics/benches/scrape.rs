//! How long a scrape of 10,000 schedules takes, plain and compressed, and how large its answer is: `dev/cargo bench -p metrics --profile counted`.
#![allow(missing_docs, reason = "criterion's macros make a function without")]

use std::fmt;
use std::hint::black_box;
use std::io::{self, Write};

use criterion::{Criterion, criterion_group, criterion_main};
use metrics::scrape::{Series, Source, write};
use metrics::text::Format;
use metrics::{Labels, Metric};

const SCHEDULES: usize = 10_000;
/// Of the metrics that schedules have.
const OF_A_SCHEDULE: [&str; 2] = ["namespace", "schedule"];

/// Each with all of its series, a number of ten digits in each.
struct Schedules(Vec<Labels>);

impl Source for Schedules {
    fn fill(&self, metric: &Metric, out: &mut Series<'_, '_>) -> fmt::Result {
        if metric.labels != OF_A_SCHEDULE {
            return Ok(());
        }
        let mut all = self.0.iter().zip(0_u32..);
        all.try_for_each(|(labels, n)| out.put_of(labels, f64::from(1_795_831_805 + n)))
    }
}

/// Counts what comes, and forgets it.
struct Count(usize);

impl Write for Count {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += black_box(bytes).len();
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn schedules() -> Schedules {
    let one = |n| {
        Labels::new(
            &OF_A_SCHEDULE,
            &[
                &format!("namespace-of-a-team-{}", n % 100),
                &format!("schedule-of-a-team-{n}"),
            ],
        )
    };
    Schedules((0..SCHEDULES).map(one).collect())
}

fn scrapes(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("scrape of 10,000 schedules");
    group.sample_size(10);
    for (name, format, gzip) in [
        ("OpenMetrics", Format::OpenMetrics, false),
        ("Prometheus", Format::Prometheus, false),
        ("OpenMetrics, gzip", Format::OpenMetrics, true),
    ] {
        let scrape = |schedules| write(schedules, format, gzip, Count(0)).map_or(0, |count| count.0);
        println!("answer: {name}: {} bytes", scrape(schedules()));
        group.bench_function(name, |bench| {
            bench.iter_batched(schedules, scrape, criterion::BatchSize::PerIteration);
        });
    }
    group.finish();
}

criterion_group!(benches, scrapes);
criterion_main!(benches);
