//! The recipes: every manifest of docs/examples, as it was when this was built.

/// A manifest to copy.
pub struct Recipe {
    /// Its file's name, without the end.
    pub name: &'static str,
    /// All of it.
    pub text: &'static str,
}

static TABLE: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/recipes.rs"));

/// All of them, by name.
pub fn all() -> &'static [Recipe] {
    static ALL: std::sync::OnceLock<Vec<Recipe>> = std::sync::OnceLock::new();
    ALL.get_or_init(|| TABLE.iter().map(|&(name, text)| Recipe { name, text }).collect())
}

impl Recipe {
    /// The first sentence of the comment that it begins with.
    pub fn about(&self) -> String {
        // What is indented is a command.
        let lines = self.text.lines().map_while(|line| line.strip_prefix('#'));
        let lines = lines.take_while(|line| !line.starts_with("  "));
        let comment = lines.map(str::trim).collect::<Vec<_>>().join(" ");
        let end = comment.find(". ").map_or(comment.len(), |end| end + 1);
        comment
            .get(..end)
            .unwrap_or(&comment)
            .trim_end_matches(['.', ':'])
            .to_string()
    }
}
