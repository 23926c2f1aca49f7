//! Sizes that a spec names.
use crate::run::shrunk::MinSize;

#[test]
fn each_unit_of_a_size_is_a_power_of_a_thousand_or_of_1024() {
    for (units, base) in [
        (["k", "M", "G", "T", "P"], 1000_u64),
        (["Ki", "Mi", "Gi", "Ti", "Pi"], 1024),
    ] {
        for (unit, power) in units.iter().zip(1..) {
            let bytes = MinSize::Bytes(3 * base.pow(power));
            assert_eq!(MinSize::parse(&format!("3{unit}")), Some(bytes), "{unit}");
        }
    }
}
