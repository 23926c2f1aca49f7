//! What can be said of a template before it is rendered, also where rendering would not come by: that its functions and
//! definitions exist, take that many arguments, and literals of that type.
use jiff::Timestamp;

use crate::ast::{Branch, Command, Kind, Node, Operand, Pipeline};
use crate::call::Fault;
use crate::error::TemplateError;
use crate::eval;
use crate::funcs;
use crate::parse::Trees;

/// The instant of the trial rendering, 2030-11-26T23:59:58.123456789Z: two digits in every field, so that results
/// are as long as they get.
pub const SAMPLE: Timestamp = Timestamp::constant(1_921_967_998, 123_456_789);

/// Checks the trees; says whether they look at the data that the caller gives.
pub fn check(text: &str, trees: &Trees) -> Result<bool, TemplateError> {
    let mut checker = Checker {
        trees,
        looks_at_data: false,
    };
    checker
        .nodes(&trees.root)
        .and_then(|()| trees.definitions.values().try_for_each(|nodes| checker.nodes(nodes)))
        .map_err(|f| TemplateError::at(text, f.at, f.message))?;
    Ok(checker.looks_at_data)
}

struct Checker<'a> {
    trees: &'a Trees,
    looks_at_data: bool,
}

impl Checker<'_> {
    fn nodes(&mut self, nodes: &[Node]) -> Result<(), Fault> {
        nodes.iter().try_for_each(|node| match node {
            Node::Text(..) | Node::Break | Node::Continue => Ok(()),
            Node::Action(pipeline) => self.pipeline(pipeline),
            Node::If(branch) | Node::With(branch) | Node::Range(branch) => self.branch(branch),
            Node::Template { name, pipeline, at } => {
                if !self.trees.definitions.contains_key(name) {
                    let known = self.trees.definitions.keys().map(String::as_str);
                    let hint = funcs::likely(name, known).map(|n| format!("; did you mean {n:?}?"));
                    return Err(Fault {
                        at: *at,
                        message: format!("template {name:?} is not defined{}", hint.unwrap_or_default()),
                    });
                }
                pipeline.as_ref().map_or(Ok(()), |p| self.pipeline(p))
            }
        })
    }

    fn branch(&mut self, branch: &Branch) -> Result<(), Fault> {
        self.pipeline(&branch.pipeline)?;
        self.nodes(&branch.body)?;
        self.nodes(&branch.otherwise)
    }

    fn pipeline(&mut self, pipeline: &Pipeline) -> Result<(), Fault> {
        for (index, Command { head, arguments }) in pipeline.commands.iter().enumerate() {
            self.operand(head, arguments, index > 0)?;
            for argument in arguments {
                self.operand(argument, &[], false)?;
            }
        }
        Ok(())
    }

    fn operand(&mut self, operand: &Operand, arguments: &[Operand], piped: bool) -> Result<(), Fault> {
        let fault = |message| Fault {
            at: operand.at,
            message,
        };
        match &operand.kind {
            Kind::Function(name) => {
                let function = funcs::find(name).map_err(fault)?;
                function
                    .check(arguments.len() + usize::from(piped))
                    .map_err(|message| fault(format!("{name} {message}")))?;
                for (index, argument) in arguments.iter().enumerate() {
                    eval::check_literal(name, index, function.param(index), argument)?;
                }
                Ok(())
            }
            Kind::Group(inner) => self.pipeline(inner),
            // The arguments are the last method's.
            Kind::Chain(base, _) => self.operand(base, &[], false),
            Kind::Dot | Kind::Fields(_) => {
                self.looks_at_data = true;
                Ok(())
            }
            Kind::Variable(name, _) => {
                self.looks_at_data |= name == "$";
                Ok(())
            }
            Kind::Text(_) | Kind::Number(_) | Kind::Bool(_) | Kind::Nil => Ok(()),
        }
    }
}
