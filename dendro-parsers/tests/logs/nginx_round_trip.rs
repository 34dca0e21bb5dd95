//! Whatever values a request has: what nginx would write of it comes back.

use crate::support::{bytes, number, parse};
use proptest::prelude::*;

/// `ngx_http_log_escape` of nginx 1.22, and `-` for a missing value.
fn logged(value: Option<&[u8]>, out: &mut Vec<u8>) {
    let Some(value) = value else { return out.push(b'-') };
    for byte in value {
        match byte {
            b'"' | b'\\' | 0..=0x1f | 0x7f..=0xff => {
                out.extend_from_slice(format!("\\x{byte:02X}").as_bytes())
            }
            _ => out.push(*byte),
        }
    }
}

/// Bytes of which many are special to the format.
fn value() -> impl Strategy<Value = Option<Vec<u8>>> {
    let byte = prop_oneof![
        any::<u8>(),
        Just(b'"'),
        Just(b'\\'),
        Just(b' '),
        Just(b'['),
        Just(b']'),
        Just(b'-'),
        Just(b'?'),
        Just(b'/'),
        b'a'..=b'z',
    ];
    let bytes = proptest::collection::vec(byte, 0..80);
    let words = "[A-Z]{3,5} {1,2}[/a-z?]{0,20} {0,2}(HTTP/[0-9.]{1,4})?".prop_map(String::into_bytes);
    prop_oneof![Just(None), bytes.prop_map(Some), words.prop_map(Some)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_nginx_writes_is_read_back(
        addr in "[0-9a-f.:]{1,40}",
        user in value(),
        secs in 0i64..9_000_000_000,
        offset_minutes in -1439i32..1440,
        request in value(),
        status in 0u64..1000,
        sent in any::<u64>(),
        referer in value(),
        agent in value(),
        forwarded in proptest::option::of(value()),
    ) {
        let mut line = format!("{addr} - ").into_bytes();
        logged(user.as_deref(), &mut line);
        line.extend_from_slice(format!(" [{}] \"", clf(secs, offset_minutes)).as_bytes());
        logged(request.as_deref(), &mut line);
        line.extend_from_slice(format!("\" {status:03} {sent} \"").as_bytes());
        logged(referer.as_deref(), &mut line);
        line.extend_from_slice(b"\" \"");
        logged(agent.as_deref(), &mut line);
        line.push(b'"');
        if let Some(forwarded) = &forwarded {
            line.extend_from_slice(b" \"");
            logged(forwarded.as_deref(), &mut line);
            line.push(b'"');
        }

        let event = parse(&line).map_err(|e| TestCaseError::fail(format!("{e}: {}", String::from_utf8_lossy(&line))))?;
        prop_assert_eq!(event.time.unwrap().as_nanos(), secs * 1_000_000_000);
        prop_assert_eq!(bytes(&event, "remote_addr"), Some(addr.into_bytes()));
        prop_assert_eq!(number(&event, "status"), status);
        prop_assert_eq!(number(&event, "body_bytes_sent"), sent);
        let mut fields = vec![
            ("remote_user", user),
            ("request", request.clone()),
            ("http_referer", referer),
            ("http_user_agent", agent),
        ];
        if let Some(forwarded) = forwarded {
            fields.push(("http_x_forwarded_for", forwarded));
        }
        for (name, value) in fields {
            // A value that is `-` can't be told from a missing one.
            let expected = value.filter(|value| value != b"-");
            prop_assert_eq!(bytes(&event, name), expected, "{}", name);
        }
        // The parts of the request are in it, in order, with nothing but spaces, a host and a `?` between.
        let request = request.unwrap_or_default();
        let mut rest = &request[..];
        for name in ["method", "path", "query", "protocol"] {
            let Some(part) = bytes(&event, name) else { continue };
            let at = rest.windows(part.len().max(1)).position(|w| w.starts_with(&part)).or(part.is_empty().then_some(0));
            prop_assert!(at.is_some(), "{name} {part:?} is not in {rest:?}");
            rest = &rest[at.unwrap() + part.len()..];
        }
    }

    #[test]
    fn no_bytes_make_it_panic(line in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse(&line);
    }

    #[test]
    fn a_line_with_one_byte_changed_is_an_event_or_refused(at in 0usize..150, byte in any::<u8>()) {
        let mut line = br#"2001:db8::53 - a] [b [20/Nov/2026:16:59:42 -0330] "GET /p?q=%22 HTTP/1.1" 404 153 "back\x5Cslash" "a] [b" "192.0.2.1""#.to_vec();
        let at = at % line.len();
        line[at] = byte;
        let _ = parse(&line);
    }
}

/// The time of the Common Log Format.
fn clf(secs: i64, offset_minutes: i32) -> String {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let local = dendro_core::Timestamp::from_secs(secs + i64::from(offset_minutes) * 60).unwrap().to_civil();
    let (sign, minutes) = if offset_minutes < 0 { ('-', -offset_minutes) } else { ('+', offset_minutes) };
    format!(
        "{:02}/{}/{:04}:{:02}:{:02}:{:02} {sign}{:02}{:02}",
        local.day,
        MONTHS[usize::from(local.month) - 1],
        local.year,
        local.hour,
        local.minute,
        local.second,
        minutes / 60,
        minutes % 60
    )
}
