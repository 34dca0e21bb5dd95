//! Whether a place in a statement is inside a literal.

/// What the text of a statement is in the middle of, as MySQL's lexer sees it with its default `sql_mode`.
///
/// Takes the text in pieces of any size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Quotes {
    /// Nothing: between words, or in one.
    #[default]
    Code,
    /// Behind a `-`.
    Dash,
    /// Behind `--`: a comment if white space follows.
    Dashes,
    /// Behind a `/`.
    Slash,
    /// In a comment that ends with its line: `#` or `-- `.
    LineComment,
    /// In `'...'` or `"..."`, by the quote.
    Literal(u8),
    /// Behind a backslash in one.
    Escape(u8),
    /// In `` `...` ``.
    Name,
    /// In `/* ... */`.
    Comment,
    /// Behind a `*` in one.
    Star,
}

impl Quotes {
    /// Whether what follows is inside of a literal, a quoted name or a comment that goes over lines. Asked at the beginning of
    /// a line.
    pub(super) fn is_open(self) -> bool {
        !matches!(self, Self::Code | Self::Dash | Self::Dashes | Self::Slash | Self::LineComment)
    }

    /// The state behind `text`.
    pub(super) fn behind(self, text: &[u8]) -> Self {
        let (mut state, mut at) = (self, 0);
        while let Some(byte) = text.get(at) {
            let rest = &text[at..];
            // How far nothing happens.
            let skipped = match state {
                Self::LineComment => memchr::memchr(b'\n', rest),
                Self::Literal(quote) => memchr::memchr2(quote, b'\\', rest),
                Self::Name => memchr::memchr(b'`', rest),
                Self::Comment => memchr::memchr(b'*', rest),
                Self::Code => rest.iter().position(|b| matches!(b, b'\'' | b'"' | b'`' | b'#' | b'-' | b'/')),
                _ => {
                    state = state.behind_byte(*byte);
                    at += 1;
                    continue;
                }
            };
            let Some(skipped) = skipped else { return state };
            state = state.behind_byte(rest[skipped]);
            at += skipped + 1;
        }
        state
    }

    fn behind_byte(self, byte: u8) -> Self {
        match (self, byte) {
            (Self::LineComment, b'\n') => Self::Code,
            (Self::LineComment, _) => Self::LineComment,
            // A doubled quote ends the literal and begins it again.
            (Self::Literal(quote), _) if byte == quote => Self::Code,
            (Self::Literal(quote), b'\\') => Self::Escape(quote),
            (Self::Literal(quote) | Self::Escape(quote), _) => Self::Literal(quote),
            (Self::Name, b'`') => Self::Code,
            (Self::Name, _) => Self::Name,
            (Self::Star, b'/') => Self::Code,
            (Self::Comment | Self::Star, b'*') => Self::Star,
            (Self::Comment | Self::Star, _) => Self::Comment,
            (Self::Slash, b'*') => Self::Comment,
            (Self::Dash | Self::Dashes, b'-') => Self::Dashes,
            (Self::Dashes, b'\n') => Self::Code,
            (Self::Dashes, 0..=b' ') => Self::LineComment,
            (_, b'\'' | b'"') => Self::Literal(byte),
            (_, b'`') => Self::Name,
            (_, b'#') => Self::LineComment,
            (_, b'-') => Self::Dash,
            (_, b'/') => Self::Slash,
            _ => Self::Code,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_behind_a_text_is_that_of_the_server_s_lexer() {
        for (text, expected) in [
            ("select 1", Quotes::Code),
            ("select 'a", Quotes::Literal(b'\'')),
            ("select 'it''s", Quotes::Literal(b'\'')),
            ("select 'it''s'", Quotes::Code),
            (r"select 'it\'s", Quotes::Literal(b'\'')),
            (r"select 'it\\'", Quotes::Code),
            ("select 'a\"b'", Quotes::Code),
            ("select \"it's", Quotes::Literal(b'"')),
            (r"select `a\`", Quotes::Code),
            ("select `a'", Quotes::Name),
            ("select 1 -- it's\n", Quotes::Code),
            ("select 1 -- it's", Quotes::LineComment),
            ("select 1 --\n'", Quotes::Literal(b'\'')),
            ("select 5--3'", Quotes::Literal(b'\'')),
            ("select 5--- it's\n", Quotes::Code),
            ("select 1 # it's\n", Quotes::Code),
            ("select 1 /* it's", Quotes::Comment),
            ("select 1 /* it's **/", Quotes::Code),
            ("select 1 /*/", Quotes::Comment),
            ("select 4/2'", Quotes::Literal(b'\'')),
            ("select '/*'", Quotes::Code),
            ("/'", Quotes::Literal(b'\'')),
        ] {
            assert_eq!(Quotes::Code.behind(text.as_bytes()), expected, "{text}");
            for cut in 0..text.len() {
                let (head, tail) = text.as_bytes().split_at(cut);
                assert_eq!(Quotes::Code.behind(head).behind(tail), expected, "{text} cut at {cut}");
            }
        }
    }
}
