//! What can be said of a template before it is rendered, also where rendering would not come by: that its functions and
//! definitions exist, take that many arguments, and literals of that type.
use jiff::Timestamp;

use crate::Context;
use crate::ast::{Branch, Command, Kind, Node, Operand, Pipeline};
use crate::call::{Fault, WORK_MAX};
use crate::error::TemplateError;
use crate::eval;
use crate::funcs;
use crate::parse::Trees;

/// The first instant of the trial rendering, 2030-11-26T23:59:58.123456789Z: two digits in every field, so that
/// results are as long as they get.
const SAMPLE: Timestamp = Timestamp::constant(1_921_967_998, 123_456_789);
/// How many instants are tried; with what lies between them they come by all months, days of the week and the first
/// and last days of months.
const TRIALS: i64 = 32;
/// How much all trials may do together. One rendering may do half of it: a template that does too much does so in the
/// second trial as in the first.
pub const WORK: usize = 2 * WORK_MAX;
/// 23 days, 5 hours, 7 minutes and a second.
const BETWEEN: i64 = 23 * 86_400 + 5 * 3_600 + 7 * 60 + 1;

/// What a template looks at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Looks {
    /// Something of the data that the caller gives.
    pub data: bool,
    /// The time, or what is random.
    pub chance: bool,
}

/// Contexts for the trial rendering: what fails in all of them is taken to fail always.
pub fn trials(looks: Looks) -> impl Iterator<Item = Context> {
    let count = if looks.chance { TRIALS } else { 1 };
    (0..count).map(|k| {
        let at = Timestamp::from_second(SAMPLE.as_second() + k * BETWEEN).unwrap_or(SAMPLE);
        Context {
            seed: k.unsigned_abs(),
            ..Context::utc(if k == 0 { SAMPLE } else { at })
        }
    })
}

/// Checks the trees; says what they look at.
pub fn check(text: &str, trees: &Trees) -> Result<Looks, TemplateError> {
    let mut checker = Checker {
        trees,
        looks: Looks::default(),
    };
    checker
        .nodes(&trees.root)
        .and_then(|()| trees.definitions.values().try_for_each(|nodes| checker.nodes(nodes)))
        .map_err(|f| TemplateError::at(text, f.at, f.message))?;
    Ok(checker.looks)
}

/// Functions whose result is not the same at any time or with any seed.
const CHANCE: [&str; 11] = [
    "now",
    "ago",
    "durationRound",
    "randAlphaNum",
    "randAlpha",
    "randNumeric",
    "randAscii",
    "randBytes",
    "randInt",
    "shuffle",
    "uuidv4",
];

struct Checker<'a> {
    trees: &'a Trees,
    looks: Looks,
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
                self.looks.chance |= CHANCE.contains(&name.as_str());
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
                self.looks.data = true;
                Ok(())
            }
            Kind::Variable(name, _) => {
                self.looks.data |= name == "$";
                Ok(())
            }
            Kind::Text(_) | Kind::Number(_) | Kind::Bool(_) | Kind::Nil => Ok(()),
        }
    }
}
