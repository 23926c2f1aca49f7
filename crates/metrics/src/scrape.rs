//! One scrape: all metrics of the table, each described and with its series, as the library writes them.
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit as Suffix};

use crate::labels::{Labels, Unescaped};
use crate::text::{Format, Lines};
use crate::{Kind, METRICS, Metric, Unit};

/// Who knows the series of each metric.
pub trait Source: Send + Sync + 'static {
    /// Puts those of one.
    ///
    /// # Errors
    /// The writer takes no more.
    fn fill(&self, metric: &Metric, out: &mut Series<'_, '_>) -> fmt::Result;
}

/// Writes a scrape, compressed or not, and gives back what it was written to.
///
/// # Errors
/// That takes no more.
pub fn write<W: Write>(source: impl Source, format: Format, gzip: bool, out: W) -> io::Result<W> {
    if gzip {
        lines(source, format, GzEncoder::new(out, Compression::fast())).and_then(GzEncoder::finish)
    } else {
        lines(source, format, out)
    }
}

fn lines<W: Write>(source: impl Source, format: Format, out: W) -> io::Result<W> {
    let mut lines = Lines::new(format, out);
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Table(source)));
    // Why it failed the end says.
    let _ = prometheus_client::encoding::text::encode(&mut lines, &registry);
    lines.finish()
}

struct Table<S>(S);

impl<S> fmt::Debug for Table<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Table")
    }
}

impl<S: Source> Collector for Table<S> {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for metric in METRICS {
            let (name, unit) = suffix(metric);
            let type_ = match metric.kind {
                Kind::Gauge => MetricType::Gauge,
                Kind::Counter => MetricType::Counter,
                Kind::Histogram => MetricType::Histogram,
            };
            let encoder = encoder.encode_descriptor(name, metric.help, unit.as_ref(), type_)?;
            let mut series = Series {
                metric,
                encoder: Some(encoder),
            };
            self.0.fill(metric, &mut series)?;
        }
        Ok(())
    }
}

/// The library writes the unit behind the name.
fn suffix(metric: &Metric) -> (&'static str, Option<Suffix>) {
    let family = metric.family();
    let of = |end: &str, unit| Some((family.strip_suffix(end)?, Some(unit)));
    let found = match metric.unit {
        Unit::Seconds | Unit::Timestamp => of("_seconds", Suffix::Seconds),
        Unit::Bytes => of("_bytes", Suffix::Bytes),
        Unit::Count | Unit::Flag => None,
    };
    found.unwrap_or((family, None))
}

/// Where the series of one metric go.
pub struct Series<'a, 'b> {
    metric: &'a Metric,
    encoder: Option<MetricEncoder<'b>>,
}

impl Series<'_, '_> {
    /// One of these labels' values, which may be anything.
    ///
    /// # Errors
    /// The writer takes no more.
    pub fn put(&mut self, values: &[&str], number: f64) -> fmt::Result {
        if values.is_empty() {
            let Some(encoder) = &mut self.encoder else {
                return Ok(());
            };
            return one(encoder, self.metric.kind, number);
        }
        self.labelled(&Unescaped(self.metric.labels, values), number)
    }

    /// One of an object whose labels are kept.
    ///
    /// # Errors
    /// The writer takes no more.
    pub fn put_of(&mut self, labels: &Labels, number: f64) -> fmt::Result {
        self.labelled(labels, number)
    }

    /// One without labels, where there is a number.
    ///
    /// # Errors
    /// The writer takes no more.
    pub fn put_if(&mut self, number: Option<f64>) -> fmt::Result {
        number.map_or(Ok(()), |number| self.put(&[], number))
    }

    /// One of each kind of object.
    ///
    /// # Errors
    /// The writer takes no more.
    pub fn levels(&mut self, levels: &BTreeMap<&'static str, usize>) -> fmt::Result {
        levels
            .iter()
            .try_for_each(|(kind, number)| self.put(&[kind], *number as f64))
    }

    /// All of one that the library keeps itself.
    ///
    /// # Errors
    /// The writer takes no more.
    pub fn whole(&mut self, metric: &impl EncodeMetric) -> fmt::Result {
        self.encoder.take().map_or(Ok(()), |encoder| metric.encode(encoder))
    }

    fn labelled(&mut self, labels: &impl EncodeLabelSet, number: f64) -> fmt::Result {
        let Some(encoder) = &mut self.encoder else {
            return Ok(());
        };
        one(&mut encoder.encode_family(labels)?, self.metric.kind, number)
    }
}

/// A number of which nothing stands behind the point is written without one.
fn one(encoder: &mut MetricEncoder<'_>, kind: Kind, number: f64) -> fmt::Result {
    let whole = number.fract() == 0.0 && number.abs() < 9e15;
    match (kind, whole) {
        (Kind::Counter, true) => encoder.encode_counter::<NoLabelSet, _, f64>(&(number as u64), None),
        (Kind::Counter, false) => encoder.encode_counter::<NoLabelSet, _, f64>(&number, None),
        (_, true) => encoder.encode_gauge(&(number as i64)),
        (_, false) => encoder.encode_gauge(&number),
    }
}
