//! The answer that names the events which have failed.

use serde_json::Value;

/// A reason is cut behind so many bytes.
pub(crate) const MAX_REASON_BYTES: usize = 512;

/// What has failed of a request, by number.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Partial {
    pub(crate) rejected: Vec<(u32, String)>,
    pub(crate) retry: Vec<u32>,
}

impl Partial {
    /// Reads what the [module](super) defines, for a request of `events` events.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn read(body: &[u8], events: u32) -> Result<Self, String> {
        let body: Value = serde_json::from_slice(body).map_err(|error| format!("it is not JSON: {error}"))?;
        let Value::Object(body) = body else { return Err("it is no JSON object".into()) };
        let list = |name: &str| match body.get(name) {
            None | Some(Value::Null) => Ok(&[][..]),
            Some(Value::Array(list)) => Ok(&list[..]),
            Some(_) => Err(format!("`{name}` is no array")),
        };
        let number = |value: &Value, name: &str| {
            let number = value.as_u64().and_then(|n| u32::try_from(n).ok()).filter(|n| *n < events);
            number.ok_or_else(|| format!("`{name}` names an event that is none of the request's {events}"))
        };
        let mut partial = Self::default();
        for entry in list("rejected")? {
            let index = number(&entry["index"], "rejected")?;
            let reason = entry["reason"].as_str().unwrap_or("rejected without a reason");
            partial.rejected.push((index, shown(reason.as_bytes(), MAX_REASON_BYTES)));
        }
        for entry in list("retry")? {
            partial.retry.push(number(entry, "retry")?);
        }
        Ok(partial)
    }

    /// The same with other numbers.
    pub(super) fn map(self, number: impl Fn(u32) -> u32) -> Self {
        let rejected = self.rejected.into_iter().map(|(event, reason)| (number(event), reason)).collect();
        Self { rejected, retry: self.retry.into_iter().map(number).collect() }
    }
}

/// The beginning of what a server has said, on one line and fit to be printed.
pub(crate) fn shown(text: &[u8], most_bytes: usize) -> String {
    let cut = &text[..text.len().min(most_bytes)];
    let mut shown = String::new();
    let mut space = false;
    for c in String::from_utf8_lossy(cut).chars() {
        if c.is_whitespace() || c.is_control() {
            space = !shown.is_empty();
        } else {
            if std::mem::take(&mut space) {
                shown.push(' ');
            }
            shown.push(c);
        }
    }
    if cut.len() < text.len() {
        shown.push('…');
    }
    shown
}

/// For fuzzing: what is accepted names only events of the request.
pub fn check(body: &[u8], events: u32) {
    if let Ok(partial) = Partial::read(body, events) {
        let named = partial.rejected.iter().map(|(index, _)| index).chain(&partial.retry);
        named.for_each(|index| assert!(*index < events));
        for (_, reason) in &partial.rejected {
            assert!(reason.len() <= 3 * MAX_REASON_BYTES + 3 && !reason.contains(char::is_control));
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn failed_events_are_named_by_number() {
        let body =
            br#"{"rejected":[{"index":3,"reason":"no such\ntable"},{"index":0}],"retry":[4,4],"took":7}"#;
        let partial = Partial::read(body, 5).unwrap();
        let rejected = [(3, "no such table".to_owned()), (0, "rejected without a reason".to_owned())];
        assert_eq!(partial, Partial { rejected: rejected.into(), retry: vec![4, 4] });
        for nothing in ["{}", r#"{"retry":[]}"#, r#"{"rejected":null,"ok":true}"#] {
            assert_eq!(Partial::read(nothing.as_bytes(), 5).unwrap(), Partial::default(), "{nothing}");
        }
    }

    #[test]
    fn what_names_other_events_or_nothing_is_no_answer() {
        for body in [
            "",
            "[]",
            "null",
            "{",
            r#"{"retry":[5]}"#,
            r#"{"retry":[-1]}"#,
            r#"{"retry":["1"]}"#,
            r#"{"retry":[1.5]}"#,
            r#"{"retry":3}"#,
            r#"{"retry":[4294967296]}"#,
            r#"{"rejected":0}"#,
            r#"{"rejected":[3]}"#,
            r#"{"rejected":[{"reason":"x"}]}"#,
            r#"{"rejected":[{"index":5}]}"#,
        ] {
            assert!(Partial::read(body.as_bytes(), 5).is_err(), "{body}");
        }
    }

    #[test]
    fn what_a_server_says_is_shown_on_one_line_and_cut() {
        assert_eq!(shown(b"  <html>\r\n\t<b>\x1b[31mno \x00", 100), "<html> <b> [31mno");
        assert_eq!(shown(&[0xff; 10], 4), "\u{fffd}\u{fffd}\u{fffd}\u{fffd}…");
    }
}
