//! Times at the front of lines in the layouts of many programs.

use crate::support::{self, log, text};
use dendro_core::{Event, Value};
use dendro_parsers::Zone;
use dendro_parsers::timestamp::Layout;

#[track_caller]
fn with(options: &[(&str, &str)], line: &str) -> Event {
    log("timestamp", options, line.as_bytes()).only()
}

#[track_caller]
fn time(event: &Event) -> String {
    event
        .time
        .unwrap()
        .to_string()
        .trim_end_matches('Z')
        .trim_end_matches('0')
        .trim_end_matches('.')
        .to_owned()
}

/// What programs write, its layout by name, and what is meant.
const LINES: &[(&str, &str, &str, &str)] = &[
    ("rfc3339", "2026-11-20T16:59:47.123-03:30 x", "2026-11-20T20:29:47.123", "x"),
    ("rfc3339", "2026-11-20T16:59:47Z x", "2026-11-20T16:59:47", "x"),
    ("iso8601", "2026-11-20T16:59:47,123+0530 x", "2026-11-20T11:29:47.123", "x"),
    ("iso8601", "2026-11-20T16:59:47 x", "2026-11-20T16:59:47", "x"),
    ("iso8601_basic", "20261120T165947Z x", "2026-11-20T16:59:47", "x"),
    ("iso8601_basic", "20261120T165947.5+0100 x", "2026-11-20T15:59:47.5", "x"),
    ("rfc2822", "Fri, 20 Nov 2026 16:59:47 +0100 x", "2026-11-20T15:59:47", "x"),
    ("http", "Fri, 20 Nov 2026 16:59:47 GMT x", "2026-11-20T16:59:47", "x"),
    ("rfc850", "Friday, 20-Nov-26 16:59:47 GMT x", "2026-11-20T16:59:47", "x"),
    ("clf", "[20/Nov/2026:16:59:47 -0330] x", "2026-11-20T20:29:47", "x"),
    ("haproxy", "[20/Nov/2026:16:59:47.123] x", "2026-11-20T16:59:47.123", "x"),
    ("syslog", "Nov 20 16:59:47 host x", "2026-11-20T16:59:47", "host x"),
    ("syslog", "Nov  1 16:59:47 host x", "2026-11-01T16:59:47", "host x"),
    ("epoch", "1795193987 x", "2026-11-20T16:59:47", "x"),
    ("epoch", "1795193987.25 x", "2026-11-20T16:59:47.25", "x"),
    ("epoch_ms", "1795193987123 x", "2026-11-20T16:59:47.123", "x"),
    ("epoch_us", "1795193987123456 x", "2026-11-20T16:59:47.123456", "x"),
    ("epoch_ns", "1795193987123456789 x", "2026-11-20T16:59:47.123456789", "x"),
    (
        "apache_error",
        "[Fri Nov 20 16:59:47.123456 2026] [core:notice] x",
        "2026-11-20T16:59:47.123456",
        "[core:notice] x",
    ),
    ("asctime", "Fri Nov  6 16:59:47 2026 x", "2026-11-06T16:59:47", "x"),
    ("nginx_error", "2026/11/20 16:59:47 [error] x", "2026-11-20T16:59:47", "[error] x"),
    ("go", "2026/11/20 16:59:47.123456 x", "2026-11-20T16:59:47.123456", "x"),
    ("mysql", "2026-11-20 16:59:47 0 [Note] x", "2026-11-20T16:59:47", "0 [Note] x"),
    ("mariadb", "2026-11-20  6:59:47 0 [Note] x", "2026-11-20T06:59:47", "0 [Note] x"),
    ("mysql_old", "261120  6:59:47 [Note] x", "2026-11-20T06:59:47", "[Note] x"),
    ("postgres", "2026-11-20 16:59:47.123 CET [4711] LOG:  x", "2026-11-20T15:59:47.123", "[4711] LOG:  x"),
    ("postgres", "2026-11-20 16:59:47.123 -03 [4711] LOG:  x", "2026-11-20T19:59:47.123", "[4711] LOG:  x"),
    ("log4j", "2026-11-20 16:59:47,123 INFO [main] x", "2026-11-20T16:59:47.123", "INFO [main] x"),
    ("python", "2026-11-20 16:59:47,123 - root - INFO - x", "2026-11-20T16:59:47.123", "- root - INFO - x"),
    (
        "java_util_logging",
        "Nov 20, 2026 4:59:47 PM org.example.App run",
        "2026-11-20T16:59:47",
        "org.example.App run",
    ),
    ("java_util_logging", "Nov 20, 2026 12:59:47 AM x", "2026-11-20T00:59:47", "x"),
    ("redis", "20 Nov 2026 16:59:47.123 * x", "2026-11-20T16:59:47.123", "* x"),
    ("date", "Fri Nov 20 16:59:47 CET 2026 x", "2026-11-20T15:59:47", "x"),
    ("glog", "I1120 16:59:47.123456   123 main.go:1] x", "2026-11-20T16:59:47.123456", "123 main.go:1] x"),
    (
        "ruby",
        "I, [2026-11-20T16:59:47.123456 #1234]  INFO -- : x",
        "2026-11-20T16:59:47.123456",
        "#1234]  INFO -- : x",
    ),
    ("us", "11/20/2026 04:59:47 PM x", "2026-11-20T16:59:47", "x"),
    ("us", "11/20/26 16:59:47 x", "2026-11-20T16:59:47", "x"),
    ("eu", "20.11.2026 16:59:47 x", "2026-11-20T16:59:47", "x"),
];

#[test]
fn layouts_are_known_by_name() {
    for (layout, line, expected, message) in LINES {
        let event = with(&[("layout", layout)], line);
        assert_eq!(time(&event), *expected, "{layout}: {line}");
        assert_eq!(text(&event, "message").as_deref(), Some(*message), "{layout}: {line}");
    }
}

#[test]
fn auto_is_whichever_fits() {
    for (layout, line, expected, message) in LINES.iter().filter(|(layout, ..)| *layout != "eu") {
        let event = with(&[], line);
        assert_eq!(time(&event), *expected, "{layout}: {line}");
        assert_eq!(text(&event, "message").as_deref(), Some(*message), "{layout}: {line}");
    }
    for line in
        ["", "no time", "12:00:00 x", "2026-13-01 00:00:00 x", "2026-02-30 00:00:00 x", "2026-11-20 x"]
    {
        let outcome = log("timestamp", &[], format!("{line}\n").as_bytes());
        assert!(outcome.events.is_empty(), "{line}: {outcome:?}");
    }
}

#[test]
fn directives_make_any_layout() {
    for (layout, line, expected, message) in [
        ("%Y%m%d-%H%M%S", "20261120-165947 x", "2026-11-20T16:59:47", "x"),
        ("at %d.%m.%y, %H:%M oclock", "at 20.11.26, 16:59 oclock: x", "2026-11-20T16:59:00", "x"),
        ("%b %e %Y %I:%M:%S%p", "nov  6 2026 04:59:47pm x", "2026-11-06T16:59:47", "x"),
        ("%A %d %B %Y %R", "FRIDAY 20 NOVEMBER 2026 16:59 x", "2026-11-20T16:59:00", "x"),
        ("%F %T%.f%:z", "2026-11-20 16:59:47.5+01:00 x", "2026-11-20T15:59:47.5", "x"),
        ("%F %T.%L", "2026-11-20 16:59:47.123 x", "2026-11-20T16:59:47.123", "x"),
        ("%F %T.%6f", "2026-11-20 16:59:47.123456 x", "2026-11-20T16:59:47.123456", "x"),
        ("%F %T:%f", "2026-11-20 16:59:47:12 x", "2026-11-20T16:59:47.12", "x"),
        ("%Y.%j %T", "2026.324 16:59:47 x", "2026-11-20T16:59:47", "x"),
        ("%s.%N", "1795193987.000000001 x", "2026-11-20T16:59:47.000000001", "x"),
        ("<%s>", "<-1> x", "1969-12-31T23:59:59", "x"),
        ("100%% %F %T", "100% 2026-11-20 16:59:47 x", "2026-11-20T16:59:47", "x"),
        ("%D%n%k:%M:%S", "11/20/26\t 6:59:47 x", "2026-11-20T06:59:47", "x"),
    ] {
        let event = with(&[("layout", layout)], line);
        assert_eq!(time(&event), expected, "{layout}: {line}");
        assert_eq!(text(&event, "message").as_deref(), Some(message), "{layout}: {line}");
    }
}

#[test]
fn what_is_no_time_of_the_layout_is_refused() {
    for (layout, line, reason) in [
        ("%F %T", "soon", "at byte 0: expected a time of the layout"),
        ("%F %T.%3f", "2026-11-20 16:59:47.1234 x", "at byte 0: expected a time of the layout"),
        ("%F %I:%M %p", "2026-11-20 13:59 PM x", "at byte 0: expected a time of the layout"),
        (
            "%F %T",
            "[2026-02-30 16:59:47] x",
            "at byte 1: expected a time that the calendar has and that is between the years 1677 and 2262",
        ),
        ("%F %T %Z", "2026-11-20 16:59:47 IST x", "at byte 0: expected a time of the layout"),
        ("%F", "2026-11-201 x", "at byte 0: expected a time of the layout"),
    ] {
        assert_eq!(log("timestamp", &[("layout", layout)], line.as_bytes()).reason(), reason, "{line}");
    }
}

#[test]
fn a_layout_that_can_not_be_is_an_error_with_its_place() {
    let error = |layout: &str| {
        let options = [("layout".to_owned(), layout.to_owned())];
        dendro_parsers::formats::find("timestamp").unwrap().configure(&options).unwrap_err().to_string()
    };
    assert!(
        error("%Y %q")
            .starts_with("timestamp: `layout` at byte 3: there is no such directive; known are Y y m"),
        "{}",
        error("%Y %q")
    );
    assert!(error("%Y %q").ends_with("\n  %Y %q\n     ^"));
    assert!(error("%H:%M:%S").contains("at byte 8: it needs a day: `%m` or `%b` with `%d`"));
    assert!(error("rfc3338").contains(
        "there is no layout of this name, and no directive such as `%Y`; known are: auto, rfc3339, iso8601,"
    ));
    assert!(error("%F %T%").contains("at byte 5"));
}

#[test]
fn a_year_that_is_missing_is_the_one_that_suits_or_counted_from_the_first() {
    assert_eq!(time(&with(&[("layout", "%m-%d %T")], "12-31 23:59:59 x")), "2026-12-31T23:59:59");
    let options = [("layout", "%m-%d %T"), ("year", "2019"), ("zone", "Europe/Berlin")];
    let outcome = log("timestamp", &options, b"12-31 23:59:59 x\n01-01 00:00:01 x\n");
    assert_eq!(
        outcome.events.iter().map(time).collect::<Vec<_>>(),
        ["2019-12-31T22:59:59", "2019-12-31T23:00:01"]
    );
}

#[test]
fn letters_before_the_time_are_kept() {
    for (line, prefix) in [
        ("I1120 16:59:47.123456 x", Some("I")),
        ("I, [2026-11-20T16:59:47 #1] x", Some("I")),
        ("INFO [2026-11-20T16:59:47] x", Some("INFO")),
        ("[2026-11-20T16:59:47] x", None),
        ("2026-11-20T16:59:47 x", None),
    ] {
        assert_eq!(text(&with(&[], line), "prefix").as_deref(), prefix, "{line}");
    }
}

#[test]
fn text_that_is_not_utf8_is_bytes() {
    let outcome = log("timestamp", &[], b"2026-11-20T16:59:47Z caf\xe9");
    assert_eq!(outcome.only().fields["message"], Value::Bytes(b"caf\xe9".to_vec()));
}

#[test]
fn a_hostile_megabyte_is_read_in_linear_time() {
    for byte in ["1", " ", "[", "A", "-", "Jan "] {
        let outcome = log(
            "timestamp",
            &[("max_line_bytes", "2097152")],
            byte.repeat((1 << 20) / byte.len()).as_bytes(),
        );
        assert_eq!(outcome.refused.len(), 1);
    }
}

#[test]
fn public_logs_are_read_whole() {
    for (name, first) in
        [("mtail/rsyncd.log", "2011-02-22T21:50:30"), ("mtail/vsftpd_log", "2011-02-21T17:44:19")]
    {
        let Some(path) = support::corpus(&format!("public/{name}")) else { return };
        let input = std::fs::read(path).unwrap();
        let lines = input.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count();
        let outcome = log("timestamp", &[], &input);
        assert_eq!((outcome.events.len(), outcome.refused.len()), (lines, 0), "{name}");
        assert_eq!(time(&outcome.events[0]), first);
    }
}

proptest::proptest! {
    #[test]
    fn what_is_written_in_a_layout_is_read(secs in -9_000_000_000i64..9_000_000_000, nanos in 0u32..1_000_000_000, minutes in -1_439i32..1_440) {
        let time = dendro_core::Timestamp::from_nanos(secs * 1_000_000_000 + i64::from(nanos));
        let local = dendro_core::Timestamp::from_nanos(time.as_nanos() + i64::from(minutes) * 60_000_000_000).to_civil();
        let sign = if minutes < 0 { '-' } else { '+' };
        let written = format!(
            "{:04}/{:02}/{:02} {:02}h{:02}m{:02}s.{:09} {sign}{:02}{:02}",
            local.year, local.month, local.day, local.hour, local.minute, local.second, local.nanos,
            minutes.abs() / 60, minutes.abs() % 60,
        );
        let layout = Layout::compile("%Y/%m/%d %Hh%Mm%Ss.%9f %z").unwrap();
        let (reading, len) = layout.read(written.as_bytes()).unwrap();
        proptest::prop_assert_eq!(len, written.len());
        proptest::prop_assert_eq!(reading.in_year(0, &mut Zone::default()), Some(time));
    }

    #[test]
    fn no_layout_and_no_text_make_it_panic(layout in "[%YmdHMSfzZsbjpL3. :é]{0,12}", line in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..40)) {
        if let Ok(layout) = Layout::compile(&layout)
            && let Some((_, len)) = layout.read(&line)
        {
            proptest::prop_assert!(len <= line.len());
        }
    }
}
