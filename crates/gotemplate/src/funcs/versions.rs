//! Semantic versions.
use std::rc::Rc;

use super::Param::Text;
use super::{Function, exactly};
use crate::call::{Call, Fault};
use crate::go::semver::{Constraints, Version};
use crate::value::Value;

pub const ALL: &[Function] = &[
    exactly(
        "semver",
        &[Text],
        "version",
        "A version such as `v1.2.3-beta.1`; its methods are below.",
        |call| Ok(Value::Version(Rc::new(version(call, 0)?))),
    ),
    exactly(
        "semverCompare",
        &[Text, Text],
        "bool",
        "Whether the version is within constraints such as `>=1.2, <2 || ~3.1`.",
        |call| {
            call.charge(4 * call.text(0)?.len())?;
            let constraints = Constraints::parse(call.text(0)?).map_err(|why| call.fault_at(0, why))?;
            Ok(Value::Bool(constraints.check(&version(call, 1)?)))
        },
    ),
];

fn version(call: &Call<'_>, index: usize) -> Result<Version, Fault> {
    Version::parse(call.text(index)?).ok_or_else(|| call.wants(index, "a version such as 1.2.3"))
}
