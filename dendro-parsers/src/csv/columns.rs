//! The columns of a log, as an option or its first record names them.

use std::collections::HashSet;

use dendro_core::{FieldSchema, ValueType};

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) kind: Kind,
    /// How certainly it has the time: see `TimeField::rank`.
    pub(super) time_rank: u8,
}

/// What the values of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// What nobody has told: text, or what it looks like.
    Any,
    Str,
    U64,
    I64,
    F64,
    Bool,
    Timestamp,
    /// A number of units of so many nanoseconds.
    Duration(u64),
}

/// The types by name, as configurations have them.
const TYPES: [(&str, Kind); 10] = [
    ("str", Kind::Str),
    ("u64", Kind::U64),
    ("i64", Kind::I64),
    ("f64", Kind::F64),
    ("bool", Kind::Bool),
    ("timestamp", Kind::Timestamp),
    ("duration_s", Kind::Duration(1_000_000_000)),
    ("duration_ms", Kind::Duration(1_000_000)),
    ("duration_us", Kind::Duration(1_000)),
    ("duration_ns", Kind::Duration(1)),
];

impl Kind {
    fn value_type(self) -> ValueType {
        match self {
            Self::Any | Self::Str => ValueType::Str,
            Self::U64 => ValueType::U64,
            Self::I64 => ValueType::I64,
            Self::F64 => ValueType::F64,
            Self::Bool => ValueType::Bool,
            Self::Timestamp => ValueType::Timestamp,
            Self::Duration(_) => ValueType::Duration,
        }
    }

    /// For refusals.
    pub(super) fn expected(self) -> &'static str {
        match self {
            Self::Any | Self::Str => "a text",
            Self::U64 => "a whole number from 0 on, of at most 64 bits",
            Self::I64 => "a whole number of at most 64 bits",
            Self::F64 => "a number",
            Self::Bool => "`true` or `false`",
            Self::Timestamp => "a time, as `2026-11-20T16:59:47.5-03:30`",
            Self::Duration(_) => "a number that is a length of time",
        }
    }
}

const UNKNOWN_TYPE: &str = "there is no such type; known are str, u64, i64, f64, bool, timestamp, duration_s, duration_ms, duration_us, duration_ns";

impl Column {
    pub(super) fn new(name: String, kind: Kind) -> Self {
        Self { name, kind, time_rank: 0 }
    }

    pub(super) fn schema(&self) -> FieldSchema {
        let name = self.name.clone();
        let field = match self.kind {
            Kind::U64 | Kind::I64 | Kind::F64 => FieldSchema::gauge(name, self.kind.value_type()),
            Kind::Duration(_) => FieldSchema::gauge(name, ValueType::Duration).unit("s"),
            _ => FieldSchema::attribute(name, self.kind.value_type()),
        };
        field.doc("A column that was configured.")
    }

    /// The columns that a text names: `name` or `name:type`, with commas between them. Or where it can't be read, and why.
    pub(super) fn list(text: &str) -> Result<Vec<Self>, (usize, &'static str)> {
        let (mut columns, mut at) = (Vec::<Self>::new(), 0);
        for item in text.split(',') {
            let (name, kind) = match item.rsplit_once(':') {
                None => (item, Kind::Any),
                Some((name, kind)) => {
                    let known = TYPES.iter().find(|(known, _)| *known == kind.trim());
                    let (_, kind) = known.ok_or((at + name.len() + 1, UNKNOWN_TYPE))?;
                    (name, *kind)
                }
            };
            let name = name.trim();
            if name.is_empty() {
                return Err((at, "a column needs a name"));
            }
            if columns.iter().any(|column| column.name == name) {
                return Err((at, "there is a column of this name already"));
            }
            columns.push(Self::new(name.to_owned(), kind));
            at += item.len() + 1;
        }
        Ok(columns)
    }

    /// The columns that a first record names. One without a name is `column_3`, if it is the third; of several with one name the
    /// second is `name_2`.
    pub(super) fn of_header(names: impl Iterator<Item = String>) -> Vec<Self> {
        let (mut columns, mut taken) = (Vec::new(), HashSet::new());
        for (index, name) in names.enumerate() {
            let own = match name.trim() {
                "" => format!("column_{}", index + 1),
                name => name.to_owned(),
            };
            let mut unique = own.clone();
            let mut number = 1;
            while !taken.insert(unique.clone()) {
                number += 1;
                unique = format!("{own}_{number}");
            }
            columns.push(Self::new(unique, Kind::Any));
        }
        columns
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_named_with_and_without_their_type() {
        let columns = Column::list("name, size:u64,a:b:f64,at : timestamp,took:duration_ms").unwrap();
        let columns: Vec<_> = columns.iter().map(|column| (column.name.as_str(), column.kind)).collect();
        assert_eq!(
            columns,
            [
                ("name", Kind::Any),
                ("size", Kind::U64),
                ("a:b", Kind::F64),
                ("at", Kind::Timestamp),
                ("took", Kind::Duration(1_000_000))
            ]
        );
        for (text, at) in [("", 0), ("a,,b", 2), ("a,b:x", 4), ("a,b,a", 4), (":u64", 0)] {
            assert_eq!(Column::list(text).unwrap_err().0, at, "{text}");
        }
    }

    #[test]
    fn columns_of_a_header_have_names_of_their_own() {
        let names = ["a", "", "a", " a ", "a_2", "b"].map(str::to_owned);
        let columns = Column::of_header(names.into_iter());
        let names: Vec<_> = columns.into_iter().map(|column| column.name).collect();
        assert_eq!(names, ["a", "column_2", "a_2", "a_3", "a_2_2", "b"]);
    }
}
