//! One letter, from its line of JSON to the event that was refused.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dendro_core::{Batch, Origin, RecordRow, Schema, Timestamp};
use serde_json::{Map, Value};

/// A dead letter as it stands in a file; the fields are those of
/// [`dead_letter_schema`](dendro_core::pipeline::dead_letter_schema).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Letter {
    /// Who refused the event.
    pub component: String,
    /// Why.
    pub reason: String,
    /// When.
    pub refused_at: Option<Timestamp>,
    /// The raw text of the event, or the event as JSON where it had none.
    pub raw: Vec<u8>,
    /// The type that it had.
    pub event_type: String,
    /// When it was first seen.
    pub observed: Option<Timestamp>,
    /// When it happened, if that was known.
    pub event_time: Option<Timestamp>,
    /// The source that it came from.
    pub source: Option<String>,
    /// The file or connection that it was read from.
    pub stream: Option<String>,
    /// Where in its stream the record begins.
    pub position: u64,
    /// How often it was tried.
    pub attempts: u64,
    frame: Option<Vec<u8>>,
}

/// Why a line is no letter, or its event can't be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidLetter(String);

impl fmt::Display for InvalidLetter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidLetter {}

impl InvalidLetter {
    pub(super) fn unreadable(error: &std::io::Error) -> Self {
        Self(format!("can't be read: {error}"))
    }
}

impl Letter {
    /// Reads a line of JSON, as the file sink writes it.
    ///
    /// # Errors
    /// [`InvalidLetter`] names the field that is missing or wrong.
    pub fn parse(line: &[u8]) -> Result<Self, InvalidLetter> {
        let value: Value =
            serde_json::from_slice(line).map_err(|e| InvalidLetter(format!("not a JSON object: {e}")))?;
        let Value::Object(fields) = value else {
            return Err(InvalidLetter("not a JSON object".to_owned()));
        };
        let fields = Fields(fields);
        match fields.text("type")? {
            Some(ty) if ty == "dead_letter" => {}
            _ => return Err(InvalidLetter("its `type` is not `dead_letter`".to_owned())),
        }
        Ok(Self {
            component: fields.required("component", fields.text("component")?)?,
            reason: fields.text("reason")?.unwrap_or_default(),
            refused_at: fields.time("timestamp")?,
            raw: fields.required("raw", fields.bytes("raw")?)?,
            event_type: fields.required("event_type", fields.text("event_type")?)?,
            observed: fields.time("observed")?,
            event_time: fields.time("event_time")?,
            source: fields.text("source")?,
            stream: fields.text("stream")?,
            position: fields.number("position")?.unwrap_or(0),
            attempts: fields.number("attempts")?.unwrap_or(1),
            frame: fields.bytes("event")?,
        })
    }

    /// The event as it was when it was refused, in a batch of its own. Schemas are not in a letter: the pipeline knows
    /// them.
    ///
    /// # Errors
    /// [`InvalidLetter`] if the event is damaged, or was too large to be kept.
    pub fn to_batch(&self) -> Result<Batch, InvalidLetter> {
        let Some(frame) = &self.frame else { return self.record() };
        let batch = Batch::from_frame(&frame.clone().into());
        let batch = batch.map_err(|e| InvalidLetter(format!("its `event` can't be read: {e}")))?;
        match batch.len() {
            1 => Ok(batch),
            n => Err(InvalidLetter(format!("its `event` holds {n} events instead of one"))),
        }
    }

    /// Of a record that nobody had read the readable part says all.
    fn record(&self) -> Result<Batch, InvalidLetter> {
        let Some(observed) = self.observed else {
            return Err(InvalidLetter("it has neither `event` nor `observed`".to_owned()));
        };
        let full = |e: dendro_core::BatchFull| InvalidLetter(e.to_string());
        let origin = Origin { source: self.source.clone(), stream: self.stream.clone(), ..Origin::default() };
        let mut batch = Batch::default();
        let ty = batch.add_type(&Arc::new(Schema::new(self.event_type.clone()))).map_err(full)?;
        let origin = batch.add_origin(&Arc::new(origin)).map_err(full)?;
        batch.push_assembled(&self.raw, self.position, RecordRow { ty, origin, observed }).map_err(full)?;
        if let Some(mut event) = batch.get_mut(0) {
            event.set_time(self.event_time);
        }
        Ok(batch)
    }
}

struct Fields(Map<String, Value>);

impl Fields {
    fn required<T>(&self, name: &str, value: Option<T>) -> Result<T, InvalidLetter> {
        value.ok_or_else(|| InvalidLetter(format!("it has no `{name}`")))
    }

    fn text(&self, name: &str) -> Result<Option<String>, InvalidLetter> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(InvalidLetter(format!("its `{name}` is no text"))),
        }
    }

    /// Text, or `{"base64": "..."}` for what is no UTF-8.
    fn bytes(&self, name: &str) -> Result<Option<Vec<u8>>, InvalidLetter> {
        let Some(Value::Object(object)) = self.0.get(name) else {
            return Ok(self.text(name)?.map(String::into_bytes));
        };
        let encoded = object.get("base64").and_then(Value::as_str);
        let decoded = encoded.and_then(|text| STANDARD.decode(text).ok());
        decoded.map(Some).ok_or_else(|| InvalidLetter(format!("its `{name}` is neither text nor base64")))
    }

    fn time(&self, name: &str) -> Result<Option<Timestamp>, InvalidLetter> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let time = Timestamp::parse_rfc3339(&text);
        time.map(Some).ok_or_else(|| InvalidLetter(format!("its `{name}` is no time")))
    }

    fn number(&self, name: &str) -> Result<Option<u64>, InvalidLetter> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => {
                let number = value.as_u64();
                number.map(Some).ok_or_else(|| InvalidLetter(format!("its `{name}` is no whole number")))
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn wrong(line: &str) -> String {
        Letter::parse(line.as_bytes())
            .and_then(|letter| letter.to_batch().map(|_| ()))
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn what_is_no_letter_says_why() {
        let whole = r#"{"type":"dead_letter","component":"c","raw":"r","event_type":"t","observed":"2026-01-01T00:00:00Z"}"#;
        assert!(Letter::parse(whole.as_bytes()).unwrap().to_batch().is_ok());
        for (from, to, says) in [
            ("{", "", "not a JSON object"),
            (r#""dead_letter""#, r#""nginx_access""#, "its `type` is not `dead_letter`"),
            (r#","component":"c""#, "", "it has no `component`"),
            (r#""c""#, "7", "its `component` is no text"),
            (r#""r""#, "[1]", "its `raw` is no text"),
            (r#""r""#, r#"{"base64":"%"}"#, "its `raw` is neither text nor base64"),
            ("2026-01-01T", "yesterday ", "its `observed` is no time"),
            (r#","observed":"2026-01-01T00:00:00Z""#, "", "it has neither `event` nor `observed`"),
            (r#""c","#, r#""c","event":"too large to be kept","#, "its `event` can't be read: not a frame"),
            (r#""c","#, r#""c","position":-1,"#, "its `position` is no whole number"),
        ] {
            let line = whole.replacen(from, to, 1);
            assert!(wrong(&line).starts_with(says), "{line}: {}", wrong(&line));
        }
    }
}
