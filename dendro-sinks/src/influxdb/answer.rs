//! What InfluxDB says of a request that it has not taken as a whole.

use hyper::StatusCode;
use serde_json::Value;

use crate::http::answer::{MAX_REASON_BYTES, Partial, shown};
use crate::http::client::Answer;
use crate::http::format::Said;
use crate::http::status::StatusAction;

/// Reads what the [module](super) lists, for a request of so many lines.
pub(super) fn read(answer: &Answer, lines: u32) -> Option<Said> {
    if !matches!(answer.status, StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY) {
        return None;
    }
    if !answer.is_whole {
        // It may name what has failed, and can't be read: single lines have a shorter answer.
        return Some(Said::SomeFailed);
    }
    Some(of_body(&answer.body, lines))
}

fn of_body(body: &[u8], lines: u32) -> Said {
    let text = String::from_utf8_lossy(body);
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    // 3: each line that has failed, by its number from 1.
    if let Some(named) = body.get("data").and_then(Value::as_array).filter(|named| !named.is_empty()) {
        return match named.iter().map(|entry| of_line(entry, lines)).collect::<Option<_>>() {
            Some(rejected) => Said::Partial(Partial { rejected, retry: Vec::new() }),
            None => Said::SomeFailed,
        };
    }
    // 1 says `error`, 2 says `message`, and some that speak like them say it in plain text.
    let message = body.get("message").or(body.get("error")).and_then(Value::as_str).unwrap_or(&text);
    let is_about_lines =
        ["partial write", "unable to parse", "field type conflict", "line protocol", "write_lp", "max-"]
            .iter()
            .any(|sign| message.contains(sign));
    match is_about_lines {
        // Either all have failed for the same reason, or which ones is found out.
        true if dropped(message) == Some(lines) => {
            let reason = shown(message.as_bytes(), MAX_REASON_BYTES);
            let rejected = (0..lines).map(|line| (line, reason.clone())).collect();
            Said::Partial(Partial { rejected, retry: Vec::new() })
        }
        true => Said::SomeFailed,
        // It is about the request: the database, the precision.
        false => Said::Action(StatusAction::Hold),
    }
}

/// One entry of `data`; `None` where it names no line of the request.
fn of_line(entry: &Value, lines: u32) -> Option<(u32, String)> {
    let number = entry.get("line_number")?.as_u64()?;
    let line = u32::try_from(number.checked_sub(1)?).ok().filter(|line| *line < lines)?;
    let reason = entry.get("error_message").and_then(Value::as_str).unwrap_or("rejected without a reason");
    Some((line, shown(reason.as_bytes(), MAX_REASON_BYTES)))
}

/// How many lines were left out: 1 and 2 end with `dropped=2`.
fn dropped(message: &str) -> Option<u32> {
    let (_, number) = message.rsplit_once("dropped=")?;
    number.bytes().take_while(u8::is_ascii_digit).map(char::from).collect::<String>().parse().ok()
}

/// For fuzzing: what is named are lines of the request.
pub fn check(body: &[u8], lines: u32) {
    if let Said::Partial(partial) = of_body(body, lines) {
        assert!(partial.rejected.iter().all(|(line, _)| *line < lines));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rejected(body: &str, lines: u32) -> Option<Vec<(u32, String)>> {
        match of_body(body.as_bytes(), lines) {
            Said::Partial(partial) => Some(partial.rejected),
            _ => None,
        }
    }

    #[test]
    fn version_3_names_each_line() {
        // As its documentation shows it.
        let body = r#"{"error":"partial write of line protocol occurred","data":[
            {"original_line":"home,room=Sunroom temp=hi 1735549200","line_number":2,
             "error_message":"invalid column type for column 'temp', expected iox::column_type::field::float, got iox::column_type::field::string"},
            {"original_line":"x","line_number":3,"error_message":"No fields were provided"}]}"#;
        let named = rejected(body, 3).unwrap_or_default();
        assert_eq!(named.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [1, 2]);
        assert!(named[0].1.starts_with("invalid column type for column 'temp'"));
    }

    #[test]
    fn what_names_no_line_of_the_request_is_searched_for() {
        for body in [
            r#"{"error":"partial write of line protocol occurred","data":[{"line_number":0,"error_message":"x"}]}"#,
            r#"{"error":"partial write of line protocol occurred","data":[{"line_number":4,"error_message":"x"}]}"#,
            r#"{"error":"partial write of line protocol occurred","data":[{"error_message":"x"}]}"#,
            r#"{"error":"partial write of line protocol occurred","data":[]}"#,
            r#"{"error":"parsing failed for write_lp endpoint","data":{"line_number":2,"error_message":"x"}}"#,
            r#"{"error":"partial write: field type conflict: input field \"v\" on measurement \"m\" is type float, already exists as type integer dropped=1"}"#,
            r#"{"error":"unable to parse 'a b': invalid field format"}"#,
            r#"{"code":"unprocessable entity","message":"failure writing points to database: partial write: field type conflict, dropped=1"}"#,
            "unable to parse",
        ] {
            assert!(matches!(of_body(body.as_bytes(), 3), Said::SomeFailed), "{body}");
        }
    }

    #[test]
    fn all_are_rejected_where_all_were_dropped() {
        let body = r#"{"error":"partial write: points beyond retention policy dropped=3"}"#;
        assert_eq!(rejected(body, 3).map(|named| named.len()), Some(3));
        assert_eq!(rejected(body, 4), None);
    }

    #[test]
    fn what_is_about_the_request_costs_no_event() {
        for body in
            [r#"{"error":"database is required"}"#, r#"{"code":"invalid","message":"precision"}"#, "", "[]"]
        {
            assert!(matches!(of_body(body.as_bytes(), 3), Said::Action(StatusAction::Hold)), "{body}");
        }
    }
}
