//! `Retry-After` (RFC 9110, section 10.2.3): seconds or a date.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long to wait. A date counts from the answer's own `Date`, since the clocks of two machines differ; from `now` where it
/// has none. What is malformed says nothing; a date that has passed means at once.
pub(super) fn retry_after(value: &[u8], date: Option<&[u8]>, now: SystemTime) -> Option<Duration> {
    let text = std::str::from_utf8(value).ok()?.trim();
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        // More digits than fit are a very long time.
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let until = httpdate::parse_http_date(text).ok()?;
    let sent = date.and_then(|date| std::str::from_utf8(date).ok());
    let from = sent.and_then(|date| httpdate::parse_http_date(date.trim()).ok()).unwrap_or(now);
    Some(until.duration_since(from).unwrap_or_default())
}

/// For fuzzing: `value` and `date` are whatever a server sends.
pub fn check(value: &[u8], date: &[u8]) {
    for date in [None, Some(date)] {
        let wait = retry_after(value, date, UNIX_EPOCH);
        assert_eq!(wait, retry_after(value, date, UNIX_EPOCH));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(value: &str, date: Option<&str>) -> Option<u64> {
        // 1994-11-06T08:49:00Z
        let now = UNIX_EPOCH + Duration::from_secs(784_111_740);
        retry_after(value.as_bytes(), date.map(str::as_bytes), now).map(|d| d.as_secs())
    }

    #[test]
    fn seconds_and_the_three_forms_of_dates_are_read() {
        assert_eq!(wait("120", None), Some(120));
        assert_eq!(wait(" 0 ", None), Some(0));
        assert_eq!(wait("99999999999999999999999", None), Some(u64::MAX));
        for date in
            ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"]
        {
            assert_eq!(wait(date, None), Some(37), "{date}");
        }
    }

    #[test]
    fn a_date_counts_from_the_servers_own_clock() {
        let until = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(wait(until, Some("Sun, 06 Nov 1994 08:49:30 GMT")), Some(7));
        assert_eq!(wait(until, Some("yesterday")), Some(37));
        // It has passed.
        assert_eq!(wait(until, Some("Sun, 06 Nov 1994 09:00:00 GMT")), Some(0));
    }

    #[test]
    fn what_is_malformed_says_nothing() {
        for value in ["", "-1", "1.5", "soon", "1 2", "Sun, 99 Nov 1994 08:49:37 GMT", "٣"] {
            assert_eq!(wait(value, None), None, "{value}");
        }
        assert_eq!(retry_after(b"\xff", None, UNIX_EPOCH), None);
    }
}
