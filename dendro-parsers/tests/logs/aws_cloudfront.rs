//! What real CloudFront logs hold.

use crate::support::{log, number, parser, text};
use dendro_core::{Event, Timestamp, Value};

const FIELDS_12: &str = "#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) cs(User-Agent) cs-uri-query";
const FIELDS_33: &str = "#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header cs-protocol cs-bytes time-taken x-forwarded-for ssl-protocol ssl-cipher x-edge-response-result-type cs-protocol-version fle-status fle-encrypted-fields c-port time-to-first-byte x-edge-detailed-result-type sc-content-type sc-content-len sc-range-start sc-range-end";
/// With all columns, most of which say something.
const LINE_33: &str = "2026-11-20\t16:59:47\tFRA56-P1\t2390\t2001:db8::7\tGET\td111.cloudfront.net\t/a%2520b.html\t200\thttps://example.net/\tMozilla/5.0%20(X11;%20Linux)\tq=1&r=%257B\tsession=%22x%22\tMiss\tabc==\twww.example.com\thttps\t512\t0.082\t-\tTLSv1.3\tTLS_AES_128_GCM_SHA256\tMiss\tHTTP/2.0\t-\t-\t51432\t0.080\tMiss\ttext/html;%20charset=utf-8\t1800\t-\t-";

/// A line of the first `columns` columns.
fn line(columns: usize) -> String {
    LINE_33.split('\t').take(columns).collect::<Vec<_>>().join("\t")
}

fn header(columns: usize) -> String {
    FIELDS_33.split(' ').take(columns + 1).collect::<Vec<_>>().join(" ")
}

fn only(input: &str) -> Event {
    log("cloudfront", &[], input.as_bytes()).only()
}

fn time(text: &str) -> Option<Timestamp> {
    Some(Timestamp::parse_rfc3339(text).unwrap())
}

#[test]
fn every_column_is_typed() {
    let event = only(&format!("#Version: 1.0\n{FIELDS_33}\n{LINE_33}\n"));
    assert_eq!(event.event_type, "cloudfront_access");
    assert_eq!(event.time, time("2026-11-20T16:59:47Z"));
    for (name, expected) in [
        ("x_edge_location", Some("FRA56-P1")),
        ("c_ip", Some("2001:db8::7")),
        ("cs_method", Some("GET")),
        ("cs_host", Some("d111.cloudfront.net")),
        ("cs_uri_stem", Some("/a%20b.html")),
        ("cs_referer", Some("https://example.net/")),
        ("cs_user_agent", Some("Mozilla/5.0 (X11; Linux)")),
        ("cs_uri_query", Some("q=1&r=%7B")),
        ("cs_cookie", Some("session=\"x\"")),
        ("x_host_header", Some("www.example.com")),
        ("x_forwarded_for", None),
        ("fle_status", None),
        ("sc_content_type", Some("text/html; charset=utf-8")),
    ] {
        assert_eq!(text(&event, name).as_deref(), expected, "{name}");
    }
    for (name, expected) in [
        ("sc_bytes", 2390),
        ("sc_status", 200),
        ("cs_bytes", 512),
        ("c_port", 51432),
        ("sc_content_len", 1800),
    ] {
        assert_eq!(number(&event, name), expected, "{name}");
    }
    let Value::Duration(taken) = event.fields["time_taken"] else { panic!() };
    assert_eq!(taken.as_nanos(), 82_000_000);
    for name in ["fle_encrypted_fields", "sc_range_start", "sc_range_end"] {
        assert_eq!(event.fields[name], Value::Null, "{name}");
    }
    assert!(!event.fields.contains_key("date") && !event.fields.contains_key("time"));
}

#[test]
fn the_fields_line_decides_for_logs_of_18_19_23_26_and_33_columns() {
    for columns in [18, 19, 23, 26, 33] {
        let event = only(&format!("{}\n{}\n", header(columns), line(columns)));
        assert_eq!(event.fields.len(), columns - 2);
        assert_eq!(number(&event, "cs_bytes"), 512);
    }
}

#[test]
fn without_a_fields_line_the_number_of_columns_tells_them() {
    for columns in [12, 15, 18, 19, 23, 24, 26, 33] {
        assert_eq!(only(&line(columns)).fields.len(), columns - 2);
    }
    let reason = log("cloudfront", &[], line(20).as_bytes()).reason();
    assert!(reason.starts_with("at byte 0: expected a `#Fields:` line before"), "{reason}");
}

#[test]
fn the_columns_of_a_log_without_fields_line_can_be_configured() {
    let options = [("fields", "date,time,sc-status,cs-uri-stem,x-new")];
    let event = log("cloudfront", &options, b"2026-11-20\t16:59:47\t404\t/a\thello%20you\n").only();
    assert_eq!(text(&event, "x_new").as_deref(), Some("hello you"));
    assert_eq!(number(&event, "sc_status"), 404);
}

#[test]
fn every_fields_line_of_concatenated_logs_counts_for_the_lines_behind_it() {
    let (new, old) = (LINE_33, line(12));
    let input = format!(
        "#Version: 1.0\n{FIELDS_33}\n{new}\n{new}\n#Version: 1.0\n{FIELDS_12}\n{old}\n#Fields: date time c-ip cs-method\n2026-11-20\t00:00:00\t192.0.2.1\tPUT\n"
    );
    let outcome = log("cloudfront", &[], input.as_bytes());
    assert!(outcome.refused.is_empty());
    assert_eq!(outcome.events.iter().map(|e| e.fields.len()).collect::<Vec<_>>(), [31, 31, 10, 2]);
    assert_eq!(text(&outcome.events[3], "cs_method").as_deref(), Some("PUT"));
}

#[test]
fn lines_with_other_columns_than_their_header_are_refused_with_the_place() {
    let reason = log("cloudfront", &[], format!("{FIELDS_33}\n{LINE_33}\tmore\n").as_bytes()).reason();
    let at = LINE_33.len() + 1;
    assert_eq!(
        reason,
        format!(
            "at byte {at}: expected the end of the line: it has more columns than the `#Fields:` line names"
        )
    );
    let reason = log("cloudfront", &[], format!("{FIELDS_33}\n{}\n", line(26)).as_bytes()).reason();
    assert!(reason.ends_with("expected as many columns as the `#Fields:` line names"), "{reason}");
    let reason = log("cloudfront", &[], b"#Fields:\n").reason();
    assert_eq!(reason, "at byte 8: expected the names of at most 1024 columns after `#Fields:`");
}

#[test]
fn what_a_column_can_not_hold_is_refused_where_it_stands() {
    for (from, to, expected) in [
        ("2026-11-20", "2026-13-20", "a date"),
        ("16:59:47", "16:59", "a time"),
        ("2390", "2 390", "a whole number"),
        ("0.082", "fast", "a number of seconds"),
    ] {
        let at = LINE_33.find(from).unwrap();
        let reason = log("cloudfront", &[], LINE_33.replacen(from, to, 1).as_bytes()).reason();
        assert!(reason.starts_with(&format!("at byte {at}: expected {expected}")), "{reason}");
    }
}

#[test]
fn a_console_copy_with_spaces_for_tabs_is_read() {
    let copied = LINE_33.replace('\t', "  ");
    assert_eq!(only(&format!("{FIELDS_33}\n{copied}\n")), only(&format!("{FIELDS_33}\n{LINE_33}\n")));
}

#[test]
fn agents_of_older_logs_are_decoded_twice_and_paths_once() {
    let old = LINE_33
        .replace("Mozilla/5.0%20(X11;%20Linux)", "Mozilla/5.0%2520(X11;%2520Linux)")
        .replace("/a%2520b.html", "/caf%25C3%25A9");
    let event = only(&old);
    assert_eq!(text(&event, "cs_user_agent").as_deref(), Some("Mozilla/5.0 (X11; Linux)"));
    assert_eq!(text(&event, "cs_uri_stem").as_deref(), Some("/caf%C3%A9"));
}

#[test]
fn leftovers_of_html_entities_and_question_marks_in_queries_are_kept() {
    let event = only(&LINE_33.replace("q=1&r=%257B", "?a=&%2343;1"));
    assert_eq!(text(&event, "cs_uri_query").as_deref(), Some("?a=&#43;1"));
}

#[test]
fn a_status_of_000_is_0() {
    assert_eq!(number(&only(&LINE_33.replace("\t200\t", "\t000\t")), "sc_status"), 0);
}

#[test]
fn a_value_that_is_not_utf8_is_bytes() {
    let event = only(&LINE_33.replace("/a%2520b.html", "/%FF"));
    assert_eq!(event.fields["cs_uri_stem"], Value::Bytes(b"/\xff".to_vec()));
}

#[test]
fn carriage_returns_and_a_byte_order_mark_are_no_part_of_a_log() {
    let event = only(&format!("\u{feff}#Version: 1.0\r\n{FIELDS_12}\r\n{}\r\n", line(12)));
    assert_eq!(text(&event, "cs_uri_query").as_deref(), Some("q=1&r=%7B"));
}

#[test]
fn logs_of_version_2_may_be_json() {
    let line = r#"{"date":"2026-11-20","time":"16:59:47","x-edge-location":"FRA56-P1","sc-bytes":"2390","asn":64500,"c-country":"DE","cs(User-Agent)":"curl/8%20\u00e9","sc-range-start":"-","sc-status":null,"DistributionId":"E1"}"#;
    let event = only(line);
    assert_eq!(event.time, time("2026-11-20T16:59:47Z"));
    assert_eq!(number(&event, "sc_bytes"), 2390);
    assert_eq!(number(&event, "asn"), 64500);
    assert_eq!(text(&event, "cs_user_agent").as_deref(), Some("curl/8 é"));
    assert_eq!(text(&event, "distribution_id").as_deref(), Some("E1"));
    assert_eq!(event.fields["sc_status"], Value::Null);
    let reason = log("cloudfront", &[], br#"{"sc-bytes":[1]}"#).reason();
    assert_eq!(reason, "at byte 12: expected a text or a number");
}

#[test]
fn real_time_logs_are_read_by_the_configured_fields() {
    let options = [(
        "fields",
        "timestamp,c-ip,s-ip,time-to-first-byte,sc-status,cs-uri-stem,cs-user-agent,sc-range-end,cmcd-buffer-length,cmcd-playback-rate",
    )];
    let line = "1795208387.123\t192.0.2.1\t198.51.100.1\t0.002\t206\t/v.ts?a=b\tApp%20X\t-\t2500\t1.5\n";
    let event = log("cloudfront_realtime", &options, line.as_bytes()).only();
    assert_eq!(event.event_type, "cloudfront_realtime");
    assert_eq!(event.time, time("2026-11-20T20:59:47.123Z"));
    assert_eq!(text(&event, "cs_uri_stem").as_deref(), Some("/v.ts?a=b"));
    assert_eq!(text(&event, "cs_user_agent").as_deref(), Some("App X"));
    assert_eq!(number(&event, "sc_status"), 206);
    assert_eq!(event.fields["sc_range_end"], Value::Null);
    assert_eq!(event.fields["cmcd_playback_rate"], Value::F64(1.5));
    let Value::Duration(buffered) = event.fields["cmcd_buffer_length"] else { panic!() };
    assert_eq!(buffered.as_nanos(), 2_500_000_000);
    let reason = log("cloudfront_realtime", &options, b"1795208387.123\t192.0.2.1\n").reason();
    assert_eq!(reason, "at byte 24: expected as many columns as fields are configured");
}

#[test]
fn all_real_time_fields_can_be_asked_for_at_once() {
    let parser = parser("cloudfront_realtime", &[("fields", "all")]);
    assert_eq!(parser.schemas()[0].fields.len(), 63);
    let line = format!("1795208387.000{}", "\t-".repeat(63));
    let event = log("cloudfront_realtime", &[("fields", "all")], line.as_bytes()).only();
    assert!(event.fields.values().all(|value| *value == Value::Null));
}

#[test]
fn a_wrong_list_of_fields_is_shown_with_its_place() {
    let options = [("fields".to_owned(), "c-ip;sc-bytes".to_owned())];
    let format = dendro_parsers::formats::find("cloudfront_realtime").unwrap();
    let error = format.configure(&options).unwrap_err().to_string();
    assert!(error.ends_with("\n  c-ip;sc-bytes\n      ^"), "{error}");
    assert!(format.configure(&[]).unwrap_err().to_string().contains("needs the option `fields`"));
}
