//! Ending a rendering.
use super::Param::Text;
use super::{Function, exactly};
use crate::call::Fault;

pub const ALL: &[Function] = &[
    exactly(
        "fail",
        &[Text],
        "nothing",
        "Ends the rendering; its argument is the message.",
        |call| {
            Err(Fault {
                at: call.at,
                message: format!("the template fails: {}", call.text(0)?),
            })
        },
    ),
    exactly("hello", &[], "string", "`Hello!`", |call| call.made("Hello!")),
];
