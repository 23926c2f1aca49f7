//! What of the machine that builds is in the programs, or decides over their bytes: packages of Debian's, as `dev/release-linked` lists them.
use serde_json::{Value, json};

use super::{Error, Given};

/// One package, and what it was needed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Linked<'a> {
    /// As `linux-amd64`.
    pub platform: &'a str,
    /// `compiler`, `assembler`, `linker`, `libc`, `libgcc` or `packer`.
    what: &'a str,
    /// Its name.
    pub package: &'a str,
    /// Its version.
    pub version: &'a str,
    architecture: &'a str,
    /// The package that Debian builds it from, by which faults are announced.
    source: &'a str,
}

/// The lines of the word `linked`.
pub fn of<'a>(given: &Given<'a>) -> Result<Vec<Linked<'a>>, Error> {
    let text = given.words.get("linked").copied().unwrap_or_default();
    let wrong = |line: &str| Error::Shape {
        path: "dev/release-linked".into(),
        what: format!("PLATFORM WHAT PACKAGE VERSION ARCHITECTURE SOURCE in its line {line:?}"),
    };
    let parts = text.lines().map(|line| {
        let words: Vec<_> = line.split(' ').collect();
        let [platform, what, package, version, architecture, source] = words[..] else {
            return Err(wrong(line));
        };
        Ok(Linked {
            platform,
            what,
            package,
            version,
            architecture,
            source,
        })
    });
    parts.collect()
}

impl Linked<'_> {
    /// Bytes of it are in every program for that platform.
    pub fn is_part(&self) -> bool {
        matches!(self.what, "libc" | "libgcc")
    }

    /// <https://spdx.org/licenses>, of the parts that programs get.
    pub fn license(&self) -> &'static str {
        match (self.what, self.platform.starts_with("windows-")) {
            ("libc", false) => "LGPL-2.1-or-later",
            ("libc", true) => "ZPL-2.1",
            _ => "GPL-3.0-or-later WITH GCC-exception-3.1",
        }
    }

    /// Package URL: <https://github.com/package-url/purl-spec>.
    pub fn purl(&self) -> String {
        let version = self.version.replace('+', "%2B").replace(':', "%3A");
        let Self {
            package,
            architecture,
            source,
            ..
        } = self;
        format!("pkg:deb/debian/{package}@{version}?arch={architecture}&upstream={source}")
    }

    /// For people.
    pub fn words(&self) -> String {
        format!("{} {} of Debian ({})", self.package, self.version, self.license())
    }

    /// A resource of in-toto's.
    pub fn resource(&self) -> Value {
        json!({ "name": format!("{} for {}", self.what, self.platform), "uri": self.purl() })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn read(linked: &str) -> Result<Vec<String>, Error> {
        let words = BTreeMap::from([("linked", linked)]);
        let given = Given { step: "attest", words };
        let all = of(&given)?;
        Ok(all.iter().map(Linked::purl).collect())
    }

    #[test]
    fn a_package_has_its_version_in_its_url_whatever_is_in_that() {
        let made = read("linux-amd64 libc libc6-dev 1:2.36-9+deb12u14 amd64 glibc").unwrap();
        assert_eq!(
            made,
            ["pkg:deb/debian/libc6-dev@1%3A2.36-9%2Bdeb12u14?arch=amd64&upstream=glibc"]
        );
        assert!(read("").unwrap().is_empty());
    }

    #[test]
    fn a_line_that_is_none_is_an_error_and_no_package() {
        let said = read("linux-amd64 libc libc6-dev").unwrap_err().to_string();
        assert!(said.contains("PLATFORM WHAT PACKAGE"), "{said}");
    }
}
