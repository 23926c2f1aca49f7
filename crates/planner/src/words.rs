//! Makes a table of reasons an enum: the word that conditions and Events have, what it means and what cures it, in one line each.

macro_rules! words {
    ($(#[$about:meta])* $($word:ident $meaning:literal $cure:literal)*) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Reason {
            $(#[doc = $meaning] $word,)*
        }

        impl Reason {
            /// All of them, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$word,)*];

            /// As conditions and Events have it.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$word => stringify!($word),)* }
            }

            /// What it means, in one line.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$word => $meaning,)* }
            }

            /// What cures it, in one line.
            pub const fn cure(self) -> &'static str {
                match self { $(Self::$word => $cure,)* }
            }
        }

        impl std::fmt::Display for Reason {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.word())
            }
        }
    };
}

pub(crate) use words;
