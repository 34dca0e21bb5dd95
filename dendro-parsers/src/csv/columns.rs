//! The columns of a log, as an option or its first record names them.

use std::collections::HashSet;

use dendro_core::{FieldSchema, ValueType};

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) kind: Kind,
}

/// What the values of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Str,
    U64,
    I64,
    F64,
    Bool,
    Timestamp,
}

impl Kind {
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "str" => Self::Str,
            "u64" => Self::U64,
            "i64" => Self::I64,
            "f64" => Self::F64,
            "bool" => Self::Bool,
            "timestamp" => Self::Timestamp,
            _ => return None,
        })
    }

    fn value_type(self) -> ValueType {
        match self {
            Self::Str => ValueType::Str,
            Self::U64 => ValueType::U64,
            Self::I64 => ValueType::I64,
            Self::F64 => ValueType::F64,
            Self::Bool => ValueType::Bool,
            Self::Timestamp => ValueType::Timestamp,
        }
    }

    /// For refusals.
    pub(super) fn expected(self) -> &'static str {
        match self {
            Self::Str => "a text",
            Self::U64 => "a whole number from 0 on, of at most 64 bits",
            Self::I64 => "a whole number of at most 64 bits",
            Self::F64 => "a number",
            Self::Bool => "`true` or `false`",
            Self::Timestamp => "a time, as `2026-11-20T16:59:47.5-03:30`",
        }
    }
}

impl Column {
    pub(super) fn schema(&self) -> FieldSchema {
        let name = self.name.clone();
        let field = match self.kind {
            Kind::U64 | Kind::I64 | Kind::F64 => FieldSchema::gauge(name, self.kind.value_type()),
            _ => FieldSchema::attribute(name, self.kind.value_type()),
        };
        field.doc("A column, as it was configured.")
    }

    /// The columns that a text names: `name` or `name:type`, with commas between them. Or where it can't be read, and why.
    pub(super) fn list(text: &str) -> Result<Vec<Self>, (usize, &'static str)> {
        let (mut columns, mut at) = (Vec::<Self>::new(), 0);
        for item in text.split(',') {
            let (name, kind) = match item.rsplit_once(':') {
                None => (item, Kind::Str),
                Some((name, kind)) => {
                    let place = at + name.len() + 1;
                    let kind = Kind::of(kind.trim()).ok_or((
                        place,
                        "there is no such type: it is `str`, `u64`, `i64`, `f64`, `bool` or `timestamp`",
                    ))?;
                    (name, kind)
                }
            };
            let name = name.trim();
            if name.is_empty() {
                return Err((at, "a column needs a name"));
            }
            if columns.iter().any(|column| column.name == name) {
                return Err((at, "there is a column of this name already"));
            }
            columns.push(Self { name: name.to_owned(), kind });
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
            columns.push(Self { name: unique, kind: Kind::Str });
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
        let columns = Column::list("name, size:u64,a:b:f64,at : timestamp").unwrap();
        let columns: Vec<_> = columns.iter().map(|column| (column.name.as_str(), column.kind)).collect();
        assert_eq!(
            columns,
            [("name", Kind::Str), ("size", Kind::U64), ("a:b", Kind::F64), ("at", Kind::Timestamp)]
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
