//! What a template is made of.
use crate::literal::Number;

/// A piece of a template.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// Text that stands as it is.
    Text(String),
    /// A pipeline whose value is printed.
    Action(Pipeline),
}

/// Commands, each given the value of the one before as its last argument.
#[derive(Clone, Debug, PartialEq)]
pub struct Pipeline {
    /// At least one.
    pub commands: Vec<Command>,
    /// Byte offset.
    pub at: usize,
}

/// Operands; the first may be a function or a method, the others are its arguments.
#[derive(Clone, Debug, PartialEq)]
pub struct Command {
    /// The first operand.
    pub head: Operand,
    /// The others.
    pub arguments: Vec<Operand>,
}

/// An operand and its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Operand {
    /// What it is.
    pub kind: Kind,
    /// Byte offset.
    pub at: usize,
}

/// What an operand is.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// A string literal.
    Text(String),
    /// A number or a character.
    Number(Number),
    /// `true` or `false`.
    Bool(bool),
    /// A function by its name.
    Function(String),
    /// `( ... )`.
    Group(Box<Pipeline>),
    /// `x.Method.Method`.
    Chain(Box<Operand>, Vec<Field>),
}

/// A method in a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Name, without the dot.
    pub name: String,
    /// Byte offset.
    pub at: usize,
}
