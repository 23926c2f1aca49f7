//! A fault in a template: where, what, and the line with a caret.

/// How many characters of a long line the snippet shows on either side of the fault.
const AROUND: usize = 40;

/// A fault in a template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}\n{snippet}")]
pub struct TemplateError {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong and what would be right.
    pub message: String,
    /// The line, or the part of it around the fault, and a caret below it.
    pub snippet: String,
}

impl TemplateError {
    /// A fault at a byte offset of the text.
    pub(crate) fn at(text: &str, offset: usize, message: impl Into<String>) -> Self {
        let mut offset = offset.min(text.len());
        while !text.is_char_boundary(offset) {
            offset -= 1;
        }
        let (before, after) = text.split_at(offset);
        let head = before.rsplit('\n').next().unwrap_or_default();
        let tail = after.split('\n').next().unwrap_or_default();
        let column = head.chars().count();
        let shown: String = head
            .chars()
            .skip(column.saturating_sub(AROUND))
            .chain(tail.chars().take(AROUND))
            .collect();
        // Control characters would shift the caret or upset a terminal.
        let shown: String = shown.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        Self {
            line: before.matches('\n').count() + 1,
            column: column + 1,
            message: message.into(),
            snippet: format!("  {shown}\n  {}^", " ".repeat(column.min(AROUND))),
        }
    }

    /// The fault in one line, with the text at the place instead of a caret.
    pub fn one_line(&self) -> String {
        let mut lines = self.snippet.lines();
        let (shown, caret) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
        let near: String = shown.chars().skip(caret.chars().count().saturating_sub(1)).collect();
        let near = near.trim_end();
        let place = if near.is_empty() {
            "at its end".into()
        } else {
            format!("at `{near}`")
        };
        format!("line {}, column {}, {place}: {}", self.line, self.column, self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caret_stands_below_the_fault() {
        let error = TemplateError::at("a\nbä{{ env }}", 8, "no");
        assert_eq!((error.line, error.column), (2, 6));
        assert_eq!(error.snippet, "  bä{{ env }}\n       ^");
        assert_eq!(error.one_line(), "line 2, column 6, at `env }}`: no");
        let long = format!("{}{{{{ x }}}}{}", "a".repeat(300), "b".repeat(300));
        let error = TemplateError::at(&long, 303, "no");
        assert_eq!(error.column, 304);
        assert!(error.snippet.lines().all(|l| l.chars().count() <= 2 * AROUND + 2));
        assert!(error.one_line().starts_with("line 1, column 304, at `x }}bbb"));
    }
}
