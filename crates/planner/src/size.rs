//! Sizes and spans of time for people.
use jiff::SignedDuration;

/// Bytes as people read them, in IEC units (powers of 1024) with one decimal, rounded: `0 B`, `1023 B`, `1.5 MiB`.
pub fn humanize(bytes: u64) -> String {
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut unit: u128 = 1;
    let mut tenths = u128::from(bytes) * 10;
    let mut name = "B";
    for next in ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"] {
        // Rounded before the comparison: 1048575 bytes are 1.0 MiB, not 1024.0 KiB.
        if tenths < 10_240 {
            break;
        }
        unit *= 1024;
        tenths = (u128::from(bytes) * 10 + unit / 2) / unit;
        name = next;
    }
    format!("{}.{} {name}", tenths / 10, tenths % 10)
}

/// A span of time as kubectl shows ages: two units where the first is small, and none below a second.
pub fn span(time: SignedDuration) -> String {
    let seconds = time.as_secs().max(0);
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let two = |high: i64, unit: &str, low: i64, lower: &str| match low {
        0 => format!("{high}{unit}"),
        low => format!("{high}{unit}{low}{lower}"),
    };
    match seconds {
        ..120 => format!("{seconds}s"),
        120..600 => two(minutes, "m", seconds % 60, "s"),
        600..10_800 => format!("{minutes}m"),
        10_800..28_800 => two(hours, "h", minutes % 60, "m"),
        28_800..172_800 => format!("{hours}h"),
        _ => two(days, "d", hours % 24, "h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_as_kubectl_says_them() {
        for (seconds, text) in [
            (-5, "0s"),
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (123, "2m3s"),
            (600, "10m"),
            (10_799, "179m"),
            (10_800, "3h"),
            (12_600, "3h30m"),
            (28_800, "8h"),
            (172_800, "2d"),
            (180_000, "2d2h"),
        ] {
            assert_eq!(span(SignedDuration::from_secs(seconds)), text, "{seconds}");
        }
    }

    #[test]
    fn sizes_read_as_people_say_them() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1_048_575, "1.0 MiB"),
            (1_572_864, "1.5 MiB"),
            (1 << 30, "1.0 GiB"),
            (5 << 40, "5.0 TiB"),
            (u64::MAX, "16.0 EiB"),
        ] {
            assert_eq!(humanize(bytes), text, "{bytes}");
        }
    }
}
