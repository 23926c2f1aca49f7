//! What a template is made of.
use crate::literal::Number;

/// A piece of a template.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// Text that stands as it is, and its byte offset.
    Text(String, usize),
    /// A pipeline whose value is printed, if it declares no variable.
    Action(Pipeline),
    /// `{{ if }}`.
    If(Branch),
    /// `{{ with }}`.
    With(Branch),
    /// `{{ range }}`.
    Range(Branch),
    /// `{{ template }}`, and what is left of `{{ block }}`.
    Template {
        /// Name of the definition.
        name: String,
        /// What its dot is.
        pipeline: Option<Pipeline>,
        /// Byte offset of the name.
        at: usize,
    },
    /// `{{ break }}`.
    Break,
    /// `{{ continue }}`.
    Continue,
}

/// A pipeline that decides, and what is rendered by it.
#[derive(Clone, Debug, PartialEq)]
pub struct Branch {
    /// What decides.
    pub pipeline: Pipeline,
    /// What follows it.
    pub body: Vec<Node>,
    /// What follows `{{ else }}`.
    pub otherwise: Vec<Node>,
}

/// Commands, each given the value of the one before as its last argument.
#[derive(Clone, Debug, PartialEq)]
pub struct Pipeline {
    /// Variables that take the value, with their `$`.
    pub variables: Vec<String>,
    /// The variables are there already.
    pub assigns: bool,
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
    /// `nil`.
    Nil,
    /// `.`
    Dot,
    /// `.Field.Field`, of the dot.
    Fields(Vec<Field>),
    /// `$x.Field`, with its `$`.
    Variable(String, Vec<Field>),
    /// A function by its name.
    Function(String),
    /// `( ... )`.
    Group(Box<Pipeline>),
    /// `x.Field.Method` of a function or a group.
    Chain(Box<Operand>, Vec<Field>),
}

/// A field or method in a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Name, without the dot.
    pub name: String,
    /// Byte offset.
    pub at: usize,
}
