//! Just enough of JSON: an object a line.

/// A value; what is inside of arrays and objects is of no interest here and is kept as text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    Nested(String),
}

impl Json {
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// The members of an object, in order.
pub(crate) fn object(line: &str) -> Result<Vec<(String, Json)>, String> {
    let mut reader = Reader { text: line, at: 0 };
    let mut members = Vec::new();
    reader.expect('{')?;
    if !reader.take('}') {
        loop {
            let name = reader.string()?;
            reader.expect(':')?;
            members.push((name, reader.value()?));
            if reader.take('}') {
                break;
            }
            reader.expect(',')?;
        }
    }
    reader.skip_blanks();
    if reader.at < line.len() {
        return Err(reader.wrong("nothing more"));
    }
    Ok(members)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn wrong(&self, wanted: &str) -> String {
        format!("no JSON: {wanted} is missing at byte {}", self.at)
    }

    fn skip_blanks(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
    }

    fn take(&mut self, wanted: char) -> bool {
        self.skip_blanks();
        let is_there = self.rest().starts_with(wanted);
        self.at += if is_there { wanted.len_utf8() } else { 0 };
        is_there
    }

    fn expect(&mut self, wanted: char) -> Result<(), String> {
        if self.take(wanted) { Ok(()) } else { Err(self.wrong(&format!("`{wanted}`"))) }
    }

    fn value(&mut self) -> Result<Json, String> {
        self.skip_blanks();
        let start = self.at;
        match self.rest().chars().next() {
            Some('"') => Ok(Json::Text(self.string()?)),
            Some('{' | '[') => {
                self.skip_nested()?;
                Ok(Json::Nested(self.text.get(start..self.at).unwrap_or_default().to_owned()))
            }
            _ => {
                let rest = self.rest();
                let end = rest.find([',', '}', ']', ' ', '\n']).unwrap_or(rest.len());
                let word = rest.get(..end).unwrap_or_default().to_owned();
                self.at += end;
                match word.as_str() {
                    "null" => Ok(Json::Null),
                    "true" => Ok(Json::Bool(true)),
                    "false" => Ok(Json::Bool(false)),
                    _ if word.parse::<f64>().is_ok() => Ok(Json::Number(word)),
                    _ => Err(self.wrong("a value")),
                }
            }
        }
    }

    fn skip_nested(&mut self) -> Result<(), String> {
        let mut depth = 0;
        loop {
            self.skip_blanks();
            match self.rest().chars().next() {
                Some('"') => drop(self.string()?),
                Some(c) => {
                    self.at += c.len_utf8();
                    match c {
                        '{' | '[' => depth += 1,
                        '}' | ']' => depth -= 1,
                        _ => {}
                    }
                }
                None => return Err(self.wrong("the end of a nested value")),
            }
            if depth == 0 {
                return Ok(());
            }
        }
    }

    fn string(&mut self) -> Result<String, String> {
        self.expect('"')?;
        let mut value = String::new();
        loop {
            let rest = self.rest();
            let plain = rest.find(['"', '\\']).ok_or_else(|| self.wrong("the end of a string"))?;
            value.push_str(rest.get(..plain).unwrap_or_default());
            let is_end = rest.as_bytes().get(plain) == Some(&b'"');
            self.at += plain + 1;
            if is_end {
                return Ok(value);
            }
            let escape = self.rest().chars().next().ok_or_else(|| self.wrong("an escape"))?;
            self.at += escape.len_utf8();
            value.push(match escape {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                'b' => '\u{8}',
                'f' => '\u{c}',
                'u' => self.unicode()?,
                '"' | '\\' | '/' => escape,
                _ => return Err(self.wrong("an escape that JSON has")),
            });
        }
    }

    /// Behind `\u`; pairs of surrogates too.
    fn unicode(&mut self) -> Result<char, String> {
        let mut code = self.four_digits()?;
        if (0xd800..0xdc00).contains(&code) && self.rest().starts_with("\\u") {
            self.at += 2;
            let low = self.four_digits()?;
            code = 0x10000 + ((code - 0xd800) << 10) + (low.wrapping_sub(0xdc00) & 0x3ff);
        }
        char::from_u32(code).ok_or_else(|| self.wrong("a character"))
    }

    fn four_digits(&mut self) -> Result<u32, String> {
        let digits = self.rest().get(..4).and_then(|d| u32::from_str_radix(d, 16).ok());
        self.at += 4;
        digits.ok_or_else(|| self.wrong("four hexadecimal digits"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_object_is_read() {
        let line =
            r#"{"a":"x\n\"\\\u0041\ud83d\ude00","b":-1.5e3,"c":null,"d":true,"e":{"f":["}",1]},"g":""}"#;
        let members = object(line).unwrap();
        assert_eq!(members[0].1, Json::Text("x\n\"\\A\u{1f600}".into()));
        assert_eq!(members[1].1, Json::Number("-1.5e3".into()));
        assert_eq!((&members[2].1, &members[3].1), (&Json::Null, &Json::Bool(true)));
        assert_eq!(members[4].1, Json::Nested(r#"{"f":["}",1]}"#.into()));
        assert_eq!(members[5].1, Json::Text(String::new()));
    }

    #[test]
    fn what_is_cut_off_is_an_error() {
        let line = r#"{"a":"x\u0041","e":{"f":["}",1]}}"#;
        for at in 0..line.len() {
            assert!(object(&line[..at]).is_err(), "{}", &line[..at]);
        }
        assert!(object(&format!("{line}{line}")).is_err());
    }
}
