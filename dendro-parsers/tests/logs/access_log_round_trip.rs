//! Whatever values a request has: what a server would write of it, in a format that can be compiled, comes back.

use std::collections::BTreeMap;

use crate::support::{bytes, parser, through};
use dendro_core::{Event, SignedDuration, Value};
use proptest::prelude::*;

/// A value of a request as its server has it.
#[derive(Clone, Debug)]
enum Logged {
    Text(Option<Vec<u8>>),
    Number(u64),
    Millis(u64),
    Tries(Vec<Option<u64>>),
}

/// Bytes of which many are special to a format.
fn text() -> impl Strategy<Value = Logged> {
    let byte = prop_oneof![any::<u8>(), proptest::sample::select(&br#""\ |,[]-?/:'{}x"#[..]), b'a'..=b'z'];
    let bytes = proptest::collection::vec(byte, 0..40).prop_map(|mut bytes| {
        // No server has a line in a value that it does not escape.
        bytes.retain(|byte| !matches!(byte, b'\n' | b'\r'));
        bytes
    });
    proptest::option::of(bytes).prop_map(Logged::Text)
}

fn word() -> impl Strategy<Value = Logged> {
    "[0-9a-f.:]{1,20}".prop_map(|word| Logged::Text(Some(word.into_bytes())))
}

fn value(kind: char) -> BoxedStrategy<Logged> {
    match kind {
        't' => text().boxed(),
        'w' => word().boxed(),
        'n' => any::<u64>().prop_map(Logged::Number).boxed(),
        's' => (100u64..600).prop_map(Logged::Number).boxed(),
        'd' => (0u64..1_000_000_000).prop_map(Logged::Millis).boxed(),
        _ => proptest::collection::vec(proptest::option::of(0u64..1_000_000), 0..4)
            .prop_map(Logged::Tries)
            .boxed(),
    }
}

/// Variables of nginx with what they are: text, word, number, status, duration, list.
const NGINX: [(&str, char); 10] = [
    ("http_a", 't'),
    ("http_b", 't'),
    ("remote_user", 't'),
    ("sent_http_c", 't'),
    ("remote_addr", 'w'),
    ("request_length", 'n'),
    ("bytes_sent", 'n'),
    ("status", 's'),
    ("request_time", 'd'),
    ("upstream_response_time", 'l'),
];
const APACHE: [(&str, &str, char); 9] = [
    ("%{A}i", "http_a", 't'),
    ("%{B}i", "http_b", 't'),
    ("%u", "remote_user", 't'),
    ("%{C}o", "sent_http_c", 't'),
    ("%a", "remote_addr", 'w'),
    ("%I", "bytes_received", 'n'),
    ("%O", "bytes_sent", 'n'),
    ("%>s", "status", 's'),
    ("%{ms}T", "request_time", 'd'),
];

/// A format as pairs of a separator and the number of a variable, and a value for each variable.
fn case(kinds: Vec<char>) -> impl Strategy<Value = (Vec<(String, usize)>, Vec<Logged>)> {
    let separator = proptest::sample::select(vec![
        " ",
        "\" \"",
        "\"",
        "|",
        " - ",
        "] [",
        ", ",
        "\t",
        " \"",
        "\" ",
        "",
        ";",
        " x=",
        "\",\"y\":\"",
    ]);
    let parts = proptest::collection::vec((separator.prop_map(str::to_owned), 0..kinds.len()), 1..8);
    let values: Vec<_> = kinds.into_iter().map(value).collect();
    (parts, values)
}

fn escaped(value: &[u8], out: &mut Vec<u8>, escape: &str) {
    for byte in value {
        match (escape, byte) {
            ("default", b'"' | b'\\' | 0..=0x1f | 0x7f..) => out.extend(format!("\\x{byte:02X}").bytes()),
            ("json" | "apache", b'"' | b'\\') => out.extend([b'\\', *byte]),
            ("json", 0..=0x1f) => out.extend(format!("\\u{byte:04x}").bytes()),
            ("apache", b'\t') => out.extend(b"\\t"),
            ("apache", 0x0b) => out.extend(b"\\v"),
            ("apache", 0x08) => out.extend(b"\\b"),
            ("apache", 0..=0x1f | 0x7f..) => out.extend(format!("\\x{byte:02x}").bytes()),
            _ => out.push(*byte),
        }
    }
}

fn written(value: &Logged, escape: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let missing = if matches!(escape, "default" | "apache") { "-" } else { "" };
    match value {
        Logged::Text(None) => out.extend(missing.bytes()),
        Logged::Text(Some(text)) => escaped(text, &mut out, escape),
        Logged::Number(number) => out.extend(number.to_string().bytes()),
        Logged::Millis(millis) if escape == "apache" => out.extend(millis.to_string().bytes()),
        Logged::Millis(millis) => out.extend(format!("{}.{:03}", millis / 1_000, millis % 1_000).bytes()),
        Logged::Tries(tries) if tries.is_empty() => out.extend(missing.bytes()),
        Logged::Tries(tries) => {
            let tries = tries.iter().map(|time| match time {
                Some(millis) => format!("{}.{:03}", millis / 1_000, millis % 1_000),
                None => "-".to_owned(),
            });
            out.extend(tries.collect::<Vec<_>>().join(", ").bytes());
        }
    }
    out
}

fn millis(millis: u64) -> Value {
    Value::Duration(SignedDuration::from_nanos(i64::try_from(millis).unwrap() * 1_000_000))
}

fn assert_is(event: &Event, name: &str, value: &Logged, escape: &str) -> Result<(), TestCaseError> {
    let actual = event.fields.get(name).unwrap();
    match value {
        Logged::Text(text) => {
            let text = match escape {
                // A value that is `-` can't be told from a missing one, nor an empty one.
                "default" | "apache" => text.clone().filter(|text| text != b"-"),
                _ => Some(text.clone().unwrap_or_default()),
            };
            prop_assert_eq!(bytes(event, name), text, "{}", name);
        }
        Logged::Number(number) => prop_assert_eq!(actual, &Value::U64(*number), "{}", name),
        Logged::Millis(time) => prop_assert_eq!(actual, &millis(*time), "{}", name),
        Logged::Tries(tries) if tries.is_empty() || tries == &[None] => {
            prop_assert_eq!(actual, &Value::Null, "{}", name);
        }
        Logged::Tries(tries) => {
            let expected = tries.iter().map(|time| time.map_or(Value::Null, millis)).collect();
            prop_assert_eq!(actual, &Value::Array(expected), "{}", name);
        }
    }
    Ok(())
}

/// Writes a line in the format and reads it back; what is read is right, or the line is refused because it can be
/// read in several ways.
fn check(
    format: &str,
    options: &[(&str, &str)],
    fields: &[&str],
    parts: &[(String, usize)],
    values: &[Logged],
    escape: &str,
) -> Result<(), TestCaseError> {
    let options: Vec<_> = options.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    // A format that could not be read back is refused, which is tested elsewhere.
    let Ok(parser) = dendro_parsers::formats::find(format).unwrap().configure(&options) else {
        return Ok(());
    };
    let mut line = b"<".to_vec();
    for (separator, variable) in parts {
        line.extend(separator.bytes());
        line.extend(written(&values[*variable], escape));
    }
    line.push(b'>');
    if line.contains(&b'\n') {
        return Ok(());
    }
    let outcome = through(&parser, &line);
    let Some(event) = outcome.events.first() else {
        let reason = &outcome.refused[0].1;
        prop_assert!(reason.contains("several"), "{}: {}", reason, String::from_utf8_lossy(&line));
        return Ok(());
    };
    let used: BTreeMap<usize, &str> =
        parts.iter().map(|(_, variable)| (*variable, fields[*variable])).collect();
    for (variable, name) in used {
        assert_is(event, name, &values[variable], escape)
            .map_err(|error| TestCaseError::fail(format!("{error} of {}", String::from_utf8_lossy(&line))))?;
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_nginx_writes_is_read_back(
        (parts, values) in case(NGINX.map(|(_, kind)| kind).to_vec()),
        escape in proptest::sample::select(vec!["default", "json", "none"]),
    ) {
        let format: String =
            parts.iter().map(|(separator, variable)| format!("{separator}${{{}}}", NGINX[*variable].0)).collect();
        let format = format!("<{format}>");
        check(
            "nginx",
            &[("log_format", &format), ("escape", escape)],
            &NGINX.map(|(name, _)| name),
            &parts,
            &values,
            escape,
        )?;
    }

    #[test]
    fn what_httpd_writes_is_read_back((parts, values) in case(APACHE.map(|(_, _, kind)| kind).to_vec())) {
        let format: String =
            parts.iter().map(|(separator, variable)| format!("{separator}{}", APACHE[*variable].0)).collect();
        let format = format!("<{format}>");
        check("apache", &[("log_format", &format)], &APACHE.map(|(_, name, _)| name), &parts, &values, "apache")?;
    }

    #[test]
    fn no_format_and_no_line_make_it_panic(
        format in r#"(\$[a-z_]{1,12}|%[>{a-zA-Z}]{1,8}|["|\[\] a-z]{1,3}){1,8}"#,
        line in proptest::collection::vec(any::<u8>(), 0..120),
    ) {
        for name in ["nginx", "apache"] {
            let options = [("log_format".to_owned(), format.clone())];
            if let Ok(parser) = dendro_parsers::formats::find(name).unwrap().configure(&options) {
                through(&parser, &line);
            }
        }
    }

    #[test]
    fn a_line_with_one_byte_changed_is_an_event_or_refused(at in 0usize..150, byte in any::<u8>()) {
        let format = r#"$remote_addr|$http_x - $remote_user [$time_local] "$request" $upstream_addr $status $request_id"#;
        let mut line = br#"2001:db8::53|a - b - a] [b [20/Nov/2026:16:59:42 -0330] "GET /p?q=\x22 HTTP/1.1" 10.0.0.1:80, - 404 00112233445566778899aabbccddeeff"#.to_vec();
        let at = at % line.len();
        line[at] = byte;
        let outcome = through(&parser("nginx", &[("log_format", format)]), &line);
        prop_assert!(outcome.events.len() + outcome.refused.len() >= 1);
    }
}
