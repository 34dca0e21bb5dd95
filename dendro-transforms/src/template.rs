//! Text with fields in it.

use dendro_core::EventRef;

use crate::field::Bound;
use crate::{ConfigError, Field, text};

/// `{method} {path}`: fields in braces, `{{` and `}}` for the braces themselves.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    pieces: Vec<Piece>,
    pub(crate) fields: Vec<Field>,
}

#[derive(Clone, Debug)]
enum Piece {
    Text(Box<[u8]>),
    Field,
}

impl Template {
    pub(crate) fn new(template: &str) -> Result<Self, ConfigError> {
        let wrong = |at: usize, why: &str| {
            Err(ConfigError::new(format!(
                "the template `{template}` has {why} at byte {at}; a brace itself is written twice"
            )))
        };
        let (mut pieces, mut fields, mut literal) = (Vec::new(), Vec::new(), Vec::new());
        let bytes = template.as_bytes();
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            match (byte, bytes.get(at + 1)) {
                (b'{', Some(b'{')) | (b'}', Some(b'}')) => {
                    literal.push(*byte);
                    at += 2;
                }
                (b'}', _) => return wrong(at, "a `}` that closes nothing"),
                (b'{', _) => {
                    let Some(len) = template[at + 1..].find(['{', '}']) else {
                        return wrong(at, "a `{` that is not closed");
                    };
                    let name = &template[at + 1..at + 1 + len];
                    if name.is_empty() || bytes[at + 1 + len] == b'{' {
                        return wrong(at, "a `{` without a field");
                    }
                    if !literal.is_empty() {
                        pieces.push(Piece::Text(std::mem::take(&mut literal).into()));
                    }
                    pieces.push(Piece::Field);
                    fields.push(Field::from(name));
                    at += len + 2;
                }
                _ => {
                    literal.push(*byte);
                    at += 1;
                }
            }
        }
        if !literal.is_empty() {
            pieces.push(Piece::Text(literal.into()));
        }
        Ok(Self { pieces, fields })
    }

    /// Appends the text for an event; a field that is missing or null is nothing.
    pub(crate) fn write(&self, bound: &[Bound], event: EventRef<'_>, out: &mut Vec<u8>) {
        let mut fields = self.fields.iter().zip(bound);
        for piece in &self.pieces {
            match piece {
                Piece::Text(literal) => out.extend_from_slice(literal),
                Piece::Field => {
                    if let Some(value) = fields.next().and_then(|(field, bound)| field.get(*bound, event)) {
                        text::write(value, out);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_template_is_told_with_the_place() {
        for (template, why) in [
            ("a}", "closes nothing at byte 1"),
            ("{a", "not closed at byte 0"),
            ("x{}", "without a field at byte 1"),
            ("{a{b}", "without a field"),
        ] {
            let told = Template::new(template).map(|_| ()).map_err(|e| e.to_string());
            assert!(told.as_ref().is_err_and(|e| e.contains(why)), "{told:?}");
        }
        assert!(Template::new("{{}} {a.b[0]} }}").is_ok());
    }
}
