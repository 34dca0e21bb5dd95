//! Reading JSON piece by piece, in place.

use dendro_core::{EventWriter, Key};

use super::members::{Members, Watch};
use super::names::Names;
use super::number::Number;
use super::string::{self, Text};
use crate::Refused;

/// How deep values may be nested.
pub const MAX_DEPTH: usize = 64;

/// Reads the JSON text of a record from front to back: for parsers that know what the keys mean.
///
/// ```
/// use dendro_parsers::json::{Number, Reader, Value};
///
/// let mut json = Reader::new(br#"{"pid": 7, "tags": ["a", {"b": null}], "msg": "x\ty"}"#);
/// json.begin_object().unwrap();
/// let mut scratch = Vec::new();
/// while let Some(key) = json.next_key().unwrap() {
///     match (json.text(&key, &mut scratch), json.value().unwrap()) {
///         (b"pid", Value::Number(number)) => assert_eq!(number, Number::U64(7)),
///         (b"msg", Value::String(text)) => assert_eq!(json.text(&text, &mut scratch), b"x\ty"),
///         (_, other) => json.skip(other).unwrap(),
///     }
/// }
/// json.end().unwrap();
/// ```
///
/// # Errors
/// Every method gives [`Refused`] with the place where the text is no JSON, or nested deeper than [`MAX_DEPTH`]; nothing is to be read
/// after that.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    /// Whether nothing of the innermost array or object has been read yet.
    first: bool,
}

/// A value, or the beginning of one.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A string.
    String(Text),
    /// An array begins: [`next_element`](Reader::next_element) follows, or [`skip`](Reader::skip).
    Array,
    /// An object begins: [`next_key`](Reader::next_key) follows, or [`skip`](Reader::skip).
    Object,
}

impl<'a> Reader<'a> {
    /// At the front of a record. A byte order mark there is skipped.
    pub fn new(text: &'a [u8]) -> Self {
        let at = if text.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        Self { text, at, first: true }
    }

    /// In the middle of an array or object, of which nothing has been read yet if it is the `first` time.
    #[inline]
    pub(super) fn within(text: &'a [u8], at: usize, first: bool) -> Self {
        Self { text, at, first }
    }

    /// At the byte `at` of a record, behind something that is no JSON.
    pub fn starting_at(text: &'a [u8], at: usize) -> Self {
        Self { text, at, first: true }
    }

    /// Goes to the next byte that is no white space.
    #[inline]
    pub(crate) fn skip_white_space(&mut self) -> usize {
        self.peek();
        self.at
    }

    /// Where in the record it is.
    pub fn position(&self) -> usize {
        self.at
    }

    /// Enters the object that has to be next.
    ///
    /// # Errors
    /// See [`Reader`].
    #[inline]
    pub fn begin_object(&mut self) -> Result<(), Refused> {
        match self.peek() {
            Some(b'{') => {
                self.at += 1;
                self.first = true;
                Ok(())
            }
            _ => Err(self.refused("`{`")),
        }
    }

    /// The next key of the innermost object, whose value is to be read then; `None` at the object's end.
    ///
    /// # Errors
    /// See [`Reader`].
    #[inline]
    pub fn next_key(&mut self) -> Result<Option<Text>, Refused> {
        if !self.next_item(b'}', "`,` or `}`")? {
            return Ok(None);
        }
        if self.peek() != Some(b'"') {
            return Err(self.refused("a key in quotes"));
        }
        let key = self.string()?;
        if self.peek() != Some(b':') {
            return Err(self.refused("`:`"));
        }
        self.at += 1;
        Ok(Some(key))
    }

    /// Whether the innermost array has another element, which is to be read then.
    ///
    /// # Errors
    /// See [`Reader`].
    #[inline]
    pub fn next_element(&mut self) -> Result<bool, Refused> {
        self.next_item(b']', "`,` or `]`")
    }

    /// The next value; an array or object is only entered.
    ///
    /// # Errors
    /// See [`Reader`].
    #[inline]
    pub fn value(&mut self) -> Result<Value, Refused> {
        match self.peek() {
            Some(b'"') => self.string().map(Value::String),
            Some(b'-' | b'0'..=b'9') => {
                let (number, end) = Number::read(self.text, self.at)?;
                self.at = end;
                Ok(Value::Number(number))
            }
            Some(b'{') => {
                self.at += 1;
                self.first = true;
                Ok(Value::Object)
            }
            Some(b'[') => {
                self.at += 1;
                self.first = true;
                Ok(Value::Array)
            }
            Some(b't') => self.word(b"true", Value::Bool(true)),
            Some(b'f') => self.word(b"false", Value::Bool(false)),
            Some(b'n') => self.word(b"null", Value::Null),
            _ => Err(self.refused("a value")),
        }
    }

    /// Passes over the rest of a value that [`value`](Self::value) has just given.
    ///
    /// # Errors
    /// See [`Reader`].
    pub fn skip(&mut self, value: Value) -> Result<(), Refused> {
        // One bit for each array or object that is open: whether it is an object.
        let (mut objects, mut depth) = (0u64, 0);
        let mut value = value;
        loop {
            if let Value::Array | Value::Object = value {
                if depth == MAX_DEPTH {
                    return Err(self.refused("values that are nested less deep"));
                }
                objects = objects << 1 | u64::from(value == Value::Object);
                depth += 1;
            }
            // To the next value, through the ends of all that ends here.
            loop {
                if depth == 0 {
                    return Ok(());
                }
                let more = if objects & 1 == 1 { self.next_key()?.is_some() } else { self.next_element()? };
                if more {
                    break;
                }
                objects >>= 1;
                depth -= 1;
            }
            value = self.value()?;
        }
    }

    /// Writes a value that [`value`](Self::value) has just given as a field of an event, with all that is in it.
    ///
    /// Whole numbers that fit neither `u64` nor `i64` are written as their text, so that no digit is lost. Of members with
    /// one name the last counts.
    ///
    /// # Errors
    /// See [`Reader`].
    pub fn write(
        &mut self,
        value: Value,
        event: &mut EventWriter<'_>,
        key: Key,
        scratch: &mut Vec<u8>,
    ) -> Result<(), Refused> {
        self.write_named(value, event, key, &mut Names::forgetful(), scratch)
    }

    /// [`write`](Self::write), cheaper where the records of a log have the same names: `names` remembers them.
    ///
    /// # Errors
    /// See [`Reader`].
    pub fn write_named(
        &mut self,
        value: Value,
        event: &mut EventWriter<'_>,
        key: Key,
        names: &mut Names,
        scratch: &mut Vec<u8>,
    ) -> Result<(), Refused> {
        self.write_watched(value, event, key, names, scratch, &mut ())
    }

    /// [`write_named`](Self::write_named), with an eye on the members of an object.
    pub(crate) fn write_watched(
        &mut self,
        value: Value,
        event: &mut EventWriter<'_>,
        key: Key,
        names: &mut Names,
        scratch: &mut Vec<u8>,
        watch: &mut impl Watch,
    ) -> Result<(), Refused> {
        match value {
            Value::Null => event.null(key),
            Value::Bool(value) => event.bool(key, value),
            Value::Number(number) => number.write(event, key),
            Value::String(text) => self.write_text(&text, event, key, scratch),
            Value::Array => {
                self.at = Members::new(self.text, event, names, scratch, watch).write_array(key, self.at)?;
            }
            Value::Object => {
                self.at = Members::new(self.text, event, names, scratch, watch).write_object(key, self.at)?;
            }
        }
        self.first = false;
        Ok(())
    }

    /// That nothing but white space follows.
    ///
    /// # Errors
    /// See [`Reader`].
    pub fn end(&mut self) -> Result<(), Refused> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.refused("nothing behind the JSON value")),
        }
    }

    /// The bytes that a string stands for: those of the record, or decoded into `scratch`.
    #[inline]
    pub fn text<'s>(&self, text: &Text, scratch: &'s mut Vec<u8>) -> &'s [u8]
    where
        'a: 's,
    {
        let raw = self.text.get(text.range()).unwrap_or_default();
        if !text.escaped {
            return raw;
        }
        scratch.clear();
        string::decode(raw, scratch);
        scratch
    }

    /// Writes a string as a field of an event.
    #[inline]
    pub fn write_text(&self, text: &Text, event: &mut EventWriter<'_>, key: Key, scratch: &mut Vec<u8>) {
        if text.escaped {
            let decoded = self.text(text, scratch);
            event.new_str(key, decoded);
        } else {
            event.str(key, text.range());
        }
    }

    /// A refusal at the place where it is.
    #[cold]
    pub fn refused(&self, expected: &'static str) -> Refused {
        Refused::new(self.at, expected)
    }

    /// The next byte that is no white space.
    #[inline]
    fn peek(&mut self) -> Option<u8> {
        loop {
            match self.text.get(self.at) {
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.at += 1,
                other => return other.copied(),
            }
        }
    }

    #[inline]
    fn next_item(&mut self, close: u8, expected: &'static str) -> Result<bool, Refused> {
        let first = std::mem::replace(&mut self.first, false);
        match self.peek() {
            Some(byte) if byte == close => {
                self.at += 1;
                Ok(false)
            }
            _ if first => Ok(true),
            Some(b',') => {
                self.at += 1;
                match self.peek() {
                    Some(byte) if byte == close => Err(self.refused("a value behind `,`")),
                    _ => Ok(true),
                }
            }
            _ => Err(self.refused(expected)),
        }
    }

    #[inline]
    fn string(&mut self) -> Result<Text, Refused> {
        let text = Text::read(self.text, self.at + 1)?;
        self.at = text.end + 1;
        Ok(text)
    }

    #[inline]
    fn word(&mut self, word: &[u8], value: Value) -> Result<Value, Refused> {
        if !self.text.get(self.at..).is_some_and(|rest| rest.starts_with(word)) {
            return Err(self.refused("a value"));
        }
        self.at += word.len();
        Ok(value)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn whole(text: &[u8]) -> Result<(), String> {
        let mut json = Reader::new(text);
        let value = json.value().map_err(|r| r.to_string())?;
        json.skip(value).map_err(|r| r.to_string())?;
        json.end().map_err(|r| r.to_string())
    }

    #[test]
    fn what_is_json_is_read_to_its_end() {
        for text in [
            "null",
            " true ",
            "[]",
            "{}",
            "[1,2]",
            "{\"a\":{\"b\":[[],{}]}}",
            "\u{feff}{}",
            "\"\\u00e9\"",
            "-0.5e+10",
            "[{\"a\":[]},null,false]",
            "\r\n\t 1 \r\n",
        ] {
            assert_eq!(whole(text.as_bytes()), Ok(()), "{text}");
        }
    }

    #[test]
    fn what_is_not_json_is_refused_where_it_goes_wrong() {
        for (text, reason) in [
            ("", "at byte 0: expected a value"),
            ("nul", "at byte 0: expected a value"),
            ("[1 2]", "at byte 3: expected `,` or `]`"),
            ("[1,]", "at byte 3: expected a value behind `,`"),
            ("[,1]", "at byte 1: expected a value"),
            ("{\"a\" 1}", "at byte 5: expected `:`"),
            ("{\"a\":1,}", "at byte 7: expected a value behind `,`"),
            ("{a:1}", "at byte 1: expected a key in quotes"),
            ("{\"a\":1", "at byte 6: expected `,` or `}`"),
            ("[1}", "at byte 2: expected `,` or `]`"),
            ("{} x", "at byte 3: expected nothing behind the JSON value"),
            ("NaN", "at byte 0: expected a value"),
        ] {
            assert_eq!(whole(text.as_bytes()), Err(reason.to_owned()), "{text}");
        }
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert_eq!(whole(nested(MAX_DEPTH).as_bytes()), Ok(()));
        assert!(whole(nested(MAX_DEPTH + 1).as_bytes()).unwrap_err().contains("nested less deep"));
        assert!(whole("[".repeat(1 << 20).as_bytes()).is_err());
    }
}
