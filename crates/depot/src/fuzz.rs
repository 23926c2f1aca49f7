//! Bodies of requests, as bytes that nobody made for this.
use ::fuzz::Target;

use crate::xml::{asking, claims};

#[cfg_attr(test, test)]
pub fn fuzz_what_is_asked_back() {
    let seed = b"<RestoreRequest><Days>1</Days><GlacierJobParameters><Tier>Bulk</Tier></GlacierJobParameters></RestoreRequest>";
    let target = Target {
        name: "what is asked back from an archive",
        seeds: &[seed],
        words: &["Days", "Tier", "RestoreRequest", "<!DOCTYPE"],
    };
    target.run(|bytes| {
        asking(bytes)
            .map(|asked| asked.days as usize)
            .map_err(|fault| fault.words)
    });
}

#[cfg_attr(test, test)]
pub fn fuzz_the_list_of_parts() {
    let seed = b"<CompleteMultipartUpload><Part><ETag>&quot;a&quot;</ETag><PartNumber>1</PartNumber></Part></CompleteMultipartUpload>";
    let target = Target {
        name: "the list of parts of a completion",
        seeds: &[seed],
        words: &["Part", "PartNumber", "ETag", "ChecksumSHA256", "&#34;", "<!DOCTYPE"],
    };
    target.run(|bytes| claims(bytes).map(|claims| claims.len()).map_err(|fault| fault.words));
}
