//! Sizes for people.

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

#[cfg(test)]
mod tests {
    use super::*;

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
