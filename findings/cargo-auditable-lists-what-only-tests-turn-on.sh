#!/usr/bin/env bash
# cargo-auditable 0.7.7 writes into a program the list of what it is made of. A crate whose feature only a test turns on is in that list, as part of
# the program, and in the program it is not: the list is made from `cargo metadata`, which joins the features of all who are built for whatever purpose.
# `cargo tree --edges normal` names what is built. It matters to whoever reads advisories against such lists, or holds another list against them.
# Seen with: cargo-auditable 0.7.7, Rust 1.95. Ends with 0 while that is so.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cargo install --quiet --locked --root "$work/tools" --version 0.7.7 cargo-auditable
mkdir -p made/src
cd made
cat >Cargo.toml <<'TOML'
[package]
name = "made"
version = "1.0.0"
edition = "2021"
[dependencies]
semver = "=1.0.26"
[dev-dependencies]
semver = { version = "=1.0.26", features = ["serde"] }
[workspace]
TOML
echo 'fn main() { println!("{}", semver::Version::new(1, 2, 3)); }' >src/main.rs
CARGO_TARGET_DIR=$work/target "$work/tools/bin/cargo-auditable" auditable build --quiet --release
[ "$("$work/target/release/made")" = 1.2.3 ]

fail() { echo "it is otherwise now: $1" >&2 && exit 1; }
tree=$(cargo tree --edges normal --prefix none | cut -d' ' -f1 | sort | paste -sd ' ')
[ "$tree" = "made semver" ] || fail "cargo tree names $tree"
! compgen -G "$work/target/release/deps/libserde*.rlib" >/dev/null || fail "serde is built"
objcopy --dump-section ".dep-v0=$work/list" "$work/target/release/made" "$work/copy"
listed=$(python3 -c '
import json, sys, zlib
packages = json.loads(zlib.decompress(open(sys.argv[1], "rb").read()))["packages"]
print(*sorted(one["name"] + ":" + one.get("kind", "runtime") for one in packages))' "$work/list")
[[ " $listed " = *" serde:runtime "* ]] || fail "the list has $listed"
echo "cargo tree: $tree; built: no serde; in the program's list: $listed"
