//! What can be said of a template before it is rendered: that its functions exist and take that many arguments,
//! also where rendering would not come by.
use jiff::Timestamp;

use crate::ast::{Command, Kind, Node, Operand, Pipeline};
use crate::error::TemplateError;
use crate::eval::Fault;
use crate::funcs;

/// The instant of the trial rendering, 2030-11-26T23:59:58.123456789Z: two digits in every field, so that results
/// are as long as they get.
pub const SAMPLE: Timestamp = Timestamp::constant(1_921_967_998, 123_456_789);

/// Checks the nodes.
pub fn check(text: &str, nodes: &[Node]) -> Result<(), TemplateError> {
    for node in nodes {
        if let Node::Action(pipeline) = node {
            self::pipeline(pipeline).map_err(|f| TemplateError::at(text, f.at, f.message))?;
        }
    }
    Ok(())
}

fn pipeline(pipeline: &Pipeline) -> Result<(), Fault> {
    for (index, Command { head, arguments }) in pipeline.commands.iter().enumerate() {
        operand(head, arguments.len() + usize::from(index > 0))?;
        for argument in arguments {
            operand(argument, 0)?;
        }
    }
    Ok(())
}

fn operand(operand: &Operand, arguments: usize) -> Result<(), Fault> {
    let fault = |message| Fault {
        at: operand.at,
        message,
    };
    match &operand.kind {
        Kind::Function(name) if matches!(name.as_str(), "and" | "or") => Ok(()),
        Kind::Function(name) => {
            let function = funcs::find(name).map_err(fault)?;
            function
                .check(arguments)
                .map_err(|message| fault(format!("{name} {message}")))
        }
        Kind::Group(inner) => pipeline(inner),
        // The arguments are the last method's.
        Kind::Chain(base, _) => self::operand(base, 0),
        Kind::Text(_) | Kind::Number(_) | Kind::Bool(_) => Ok(()),
    }
}
