//! How metrics are written: OpenMetrics 1.0 as the library has it, and Prometheus' text 0.0.4, which differs in the lines that describe a
//! family. In chunks: of ten thousand schedules the whole would be many megabytes.
use std::fmt;
use std::io;

use crate::{Kind, METRICS, Metric};

/// A chunk is passed on when it is that long.
const CHUNK: usize = 64 * 1024;

/// Which format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// Prometheus' text 0.0.4.
    Prometheus,
}

impl Format {
    /// The content type. Prometheus 3 takes no other than it knows.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
        }
    }

    /// The one that an Accept header likes best; without one, the older.
    pub fn liked(accept: &str) -> Self {
        let (mut open, mut plain) = (0.0, 0.0);
        for range in accept.split(',') {
            let mut words = range.split(';').map(str::trim);
            let type_ = words.next().unwrap_or_default().to_ascii_lowercase();
            let (mut quality, mut version) = (1.0_f32, None);
            for (name, value) in words.filter_map(|word| word.split_once('=')) {
                match name {
                    "q" => quality = value.parse().unwrap_or(0.0),
                    "version" => version = Some(value.trim_matches('"')),
                    _ => {}
                }
            }
            match type_.as_str() {
                "application/openmetrics-text" if version.is_none_or(|v| v == "1.0.0") => open = quality.max(open),
                "text/plain" if version.is_none_or(|v| v == "0.0.4") => plain = quality.max(plain),
                _ => {}
            }
        }
        if open > 0.0 && open >= plain {
            Self::OpenMetrics
        } else {
            Self::Prometheus
        }
    }
}

/// Whether an Accept-Encoding header takes gzip.
pub fn takes_gzip(accept: &str) -> bool {
    accept.split(',').any(|range| {
        let (coding, more) = range.split_once(';').unwrap_or((range, ""));
        let refused = more
            .trim()
            .strip_prefix("q=")
            .is_some_and(|q| q.parse::<f32>().unwrap_or(0.0) == 0.0);
        coding.trim().eq_ignore_ascii_case("gzip") && !refused
    })
}

/// What the library writes to; goes on to `out` in chunks, in the format that is asked for.
pub struct Lines<W> {
    format: Format,
    pending: String,
    out: W,
    /// Why nothing more is taken.
    failed: Option<io::Error>,
}

impl<W: io::Write> Lines<W> {
    /// Nothing yet.
    pub fn new(format: Format, out: W) -> Self {
        Self {
            format,
            pending: String::with_capacity(CHUNK + 1024),
            out,
            failed: None,
        }
    }

    /// The end: all of it has gone on.
    ///
    /// # Errors
    /// It could not.
    pub fn finish(mut self) -> io::Result<W> {
        let _ = self.pass_on();
        match self.failed {
            Some(error) => Err(error),
            None => Ok(self.out),
        }
    }

    /// Passes the whole lines on that are there.
    fn pass_on(&mut self) -> fmt::Result {
        let Some(end) = self.pending.rfind('\n') else {
            return Ok(());
        };
        let whole = self.pending.get(..=end).unwrap_or_default();
        let written = match self.format {
            Format::OpenMetrics => self.out.write_all(whole.as_bytes()),
            Format::Prometheus => classic(whole, &mut self.out),
        };
        self.pending.drain(..=end);
        written.map_err(|error| {
            self.failed = Some(error);
            fmt::Error
        })
    }
}

impl<W: io::Write> fmt::Write for Lines<W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.failed.is_some() {
            return Err(fmt::Error);
        }
        self.pending.push_str(text);
        if self.pending.len() >= CHUNK {
            self.pass_on()
        } else {
            Ok(())
        }
    }
}

/// Counters are described under the name of their series, and there is neither UNIT nor EOF.
fn classic(lines: &str, out: &mut impl io::Write) -> io::Result<()> {
    let mut plain = 0;
    let mut at = 0;
    for line in lines.split_inclusive('\n') {
        let next = at + line.len();
        if line.starts_with('#') {
            out.write_all(lines.get(plain..at).unwrap_or_default().as_bytes())?;
            plain = next;
            let mut words = line.splitn(4, ' ').skip(1);
            if let (Some(what @ ("HELP" | "TYPE")), Some(family), Some(rest)) =
                (words.next(), words.next(), words.next())
            {
                let name = counter(family).map_or(family, |m| m.name);
                write!(out, "# {what} {name} {rest}")?;
            }
        }
        at = next;
    }
    out.write_all(lines.get(plain..).unwrap_or_default().as_bytes())
}

fn counter(family: &str) -> Option<&'static Metric> {
    METRICS.iter().find(|m| m.kind == Kind::Counter && m.family() == family)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;

    #[test]
    fn the_format_is_the_one_that_is_asked_for_and_the_older_one_for_who_asks_for_none() {
        let prometheus_3 = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1";
        for (accept, wanted) in [
            (prometheus_3, Format::OpenMetrics),
            ("application/openmetrics-text", Format::OpenMetrics),
            ("application/openmetrics-text; version=0.0.1", Format::Prometheus),
            ("application/openmetrics-text;q=0, text/plain", Format::Prometheus),
            (
                "text/plain;version=0.0.4;q=0.9,application/openmetrics-text;version=1.0.0;q=0.1",
                Format::Prometheus,
            ),
            ("*/*", Format::Prometheus),
            ("", Format::Prometheus),
        ] {
            assert_eq!(Format::liked(accept), wanted, "{accept}");
        }
    }

    #[test]
    fn gzip_is_sent_to_who_takes_it() {
        for (accept, wanted) in [
            ("gzip", true),
            ("deflate, gzip;q=0.5", true),
            ("gzip;q=0", false),
            ("", false),
            ("br", false),
        ] {
            assert_eq!(takes_gzip(accept), wanted, "{accept}");
        }
    }

    #[test]
    fn the_older_format_names_counters_by_their_series() {
        let text = "# HELP backup_operator_api_requests Requests # to.\n# TYPE backup_operator_api_requests counter\nbackup_operator_api_requests_total{verb=\"GET\"} 1\n# HELP process_open_fds Files.\n# TYPE process_open_fds gauge\n# UNIT x y\nprocess_open_fds 3\n# EOF\n";
        let mut lines = Lines::new(Format::Prometheus, Vec::new());
        for piece in text.split_inclusive(' ') {
            lines.write_str(piece).unwrap();
        }
        let written = String::from_utf8(lines.finish().unwrap()).unwrap();
        assert_eq!(
            written,
            "# HELP backup_operator_api_requests_total Requests # to.\n# TYPE backup_operator_api_requests_total counter\nbackup_operator_api_requests_total{verb=\"GET\"} 1\n# HELP process_open_fds Files.\n# TYPE process_open_fds gauge\nprocess_open_fds 3\n"
        );
    }

    #[test]
    fn what_is_long_goes_on_in_chunks_and_is_the_same() {
        struct Chunks(Vec<usize>, Vec<u8>);
        impl io::Write for Chunks {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.push(bytes.len());
                self.1.extend_from_slice(bytes);
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let text: String = (0..100_000).map(|n| format!("series{{n=\"{n}\"}} 1\n")).collect();
        for format in [Format::OpenMetrics, Format::Prometheus] {
            let mut lines = Lines::new(format, Chunks(Vec::new(), Vec::new()));
            for piece in text.split_inclusive('=') {
                lines.write_str(piece).unwrap();
            }
            let Chunks(sizes, bytes) = lines.finish().unwrap();
            assert!(sizes.len() > 10 && sizes.iter().all(|s| *s <= CHUNK + 1024));
            assert!(bytes == text.as_bytes());
        }
    }
}
