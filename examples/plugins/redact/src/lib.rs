//! Blots out e-mail addresses, IP addresses, card numbers and tokens.
//!
//! Configuration: `{"fields": ["message", "path"], "kinds": ["email", "ip", "card", "token"]}`; both may be left out: `message`
//! is looked at, for all kinds. What is found is replaced by its kind in brackets: `[email]`. The raw text of an event goes with it.

mod find;

use dendro_plugin::{Access, Batch, Json, Plugin, Transform, TransformError};
use serde::Deserialize;

pub use find::{Found, Kind, Kinds, find};

/// What stands for the raw text of events that no parser has read.
const RAW_TEXT: &str = "message";

/// What the plugin is configured with.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The fields to look at.
    #[serde(default = "message")]
    fields: Vec<String>,
    /// What to look for.
    #[serde(default = "Kind::all")]
    kinds: Vec<Kind>,
}

fn message() -> Vec<String> {
    vec![RAW_TEXT.to_owned()]
}

/// The transform.
pub struct Redact {
    fields: Vec<String>,
    kinds: Kinds,
    found: Vec<Found>,
    text: String,
}

impl Plugin for Redact {
    const NAME: &str = env!("CARGO_PKG_NAME");
    const VERSION: &str = env!("CARGO_PKG_VERSION");
    const DOC: &str = "Blots out e-mail addresses, IP addresses, card numbers and tokens.";
    type Config = Json<Config>;

    fn new(Json(config): Json<Config>) -> Result<Self, String> {
        if config.fields.is_empty() {
            return Err("`fields` is empty: name the fields to look at".to_owned());
        }
        if config.kinds.is_empty() {
            return Err("`kinds` is empty: nothing would be looked for".to_owned());
        }
        let kinds = config.kinds.into_iter().collect();
        Ok(Self { fields: config.fields, kinds, found: Vec::new(), text: String::new() })
    }

    fn access(&self) -> Access {
        let access = Access::default().reads(RAW_TEXT).writes(RAW_TEXT);
        self.fields.iter().fold(access, |access, field| access.reads(&**field).writes(&**field))
    }
}

impl Transform for Redact {
    fn transform(&mut self, batch: &mut Batch) -> Result<(), TransformError> {
        let Self { fields, kinds, found, text } = self;
        let mut changed = false;
        batch.try_for_each(|mut event| {
            for field in fields.iter() {
                let Some(value) = event.get(field).and_then(|v| v.as_str()) else { continue };
                found.clear();
                find(value, *kinds, found);
                if found.is_empty() {
                    continue;
                }
                blot(value, found, text);
                changed = true;
                if field == RAW_TEXT && event.view().is_unparsed() {
                    event.set_raw(text.as_bytes())?;
                } else {
                    event.insert(field, text.as_str())?;
                    // What it was parsed from holds it too, and can't be seen from here.
                    if !event.view().is_unparsed() {
                        event.set_raw(b"")?;
                    }
                }
            }
            Ok::<_, TransformError>(())
        })?;
        if changed {
            // The bytes as they were read go with this.
            batch.compact();
        }
        Ok(())
    }
}

/// Writes `value` to `text`, with what was found replaced by its kind.
fn blot(value: &str, found: &[Found], text: &mut String) {
    text.clear();
    let mut end = 0;
    for one in found {
        text.push_str(value.get(end..one.range.start).unwrap_or_default());
        text.push_str(one.kind.mark());
        end = one.range.end;
    }
    text.push_str(value.get(end..).unwrap_or_default());
}

dendro_plugin::export!(Redact);

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use dendro_plugin::Event;

    fn redacted(config: &str, value: &str) -> String {
        let mut batch = Batch::from_events([&Event::new("log").with("message", value)]).unwrap();
        dendro_plugin::native::<Redact>(config).unwrap().transform(&mut batch).unwrap();
        batch.get(0).unwrap().get("message").unwrap().as_str().unwrap().to_owned()
    }

    #[test]
    fn each_kind_is_replaced_by_its_name() {
        let line =
            "ann@example.org from 10.0.0.7 paid with 4111 1111 1111 1111, Authorization: Bearer abcdef123456";
        let expected = "[email] from [ip] paid with [card], Authorization: Bearer [token]";
        assert_eq!(redacted("", line), expected);
        let only =
            "ann@example.org from [ip] paid with 4111 1111 1111 1111, Authorization: Bearer abcdef123456";
        assert_eq!(redacted(r#"{"kinds": ["ip"]}"#, line), only);
    }

    #[test]
    fn a_text_without_anything_stays() {
        assert_eq!(redacted("", "größe 12:30:45 v1.2.3 §"), "größe 12:30:45 v1.2.3 §");
    }

    #[test]
    fn a_configuration_that_would_do_nothing_is_refused() {
        for config in [r#"{"fields": []}"#, r#"{"kinds": []}"#, r#"{"kinds": ["name"]}"#, r#"{"field": "a"}"#]
        {
            assert!(dendro_plugin::native::<Redact>(config).is_err(), "{config}");
        }
    }
}
