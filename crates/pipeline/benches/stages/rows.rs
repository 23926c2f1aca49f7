//! The bytes that are measured with: those that `make bench` puts into its Pods (`dev/go/stream/source.go`).
use std::fmt::Write;

const WORDS: [&str; 32] = [
    "amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "harbor", "island", "juniper", "kernel", "lagoon",
    "meadow", "nectar", "orchid", "pebble", "quartz", "river", "saddle", "timber", "umber", "valley", "willow",
    "xenon", "yarrow", "zephyr", "copper", "garnet", "lantern", "marble", "prairie", "thicket",
];

/// SplitMix64 (Steele, Lea and Flood, 2014).
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = self.0;
        let z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }
}

/// Rows as a dump has them: ever new numbers, and words, names and dates that come back.
pub fn text(bytes: usize) -> Vec<u8> {
    let mut text = String::with_capacity(bytes + 512);
    let mut random = SplitMix(1);
    let mut row = 0;
    while text.len() < bytes {
        append(&mut text, &mut row, &mut random);
    }
    let mut text = text.into_bytes();
    text.truncate(bytes);
    text
}

fn append(text: &mut String, row: &mut u64, random: &mut SplitMix) {
    if row.is_multiple_of(100) {
        text.push_str("INSERT INTO `orders` (`id`,`customer`,`email`,`state`,`amount`,`created`,`note`) VALUES\n");
    }
    *row += 1;
    let (a, b) = (random.next(), random.next());
    let word = |from: u64, shift: u32| WORDS[(from >> shift & 31) as usize];
    let state = ["new", "paid", "sent", "closed"][(a >> 30 & 3) as usize];
    write!(
        text,
        "({row},{},'{}.{}@example.com','{state}',{}.{},'2026-0{}-{}','",
        a % 1_000_000,
        word(a, 20),
        word(a, 25),
        (a >> 32) % 90_000,
        10 + b % 90,
        1 + (b >> 8) % 9,
        10 + (b >> 16) % 18,
    )
    .unwrap();
    for shift in (24..64).step_by(5) {
        text.push_str(word(b, shift));
        text.push(' ');
    }
    text.push_str(if row.is_multiple_of(100) { "');\n" } else { "'),\n" });
}

/// Bytes in which no compressor finds anything.
pub fn random(bytes: usize) -> Vec<u8> {
    let mut random = SplitMix(1);
    std::iter::repeat_with(|| random.next().to_le_bytes())
        .flatten()
        .take(bytes)
        .collect()
}
