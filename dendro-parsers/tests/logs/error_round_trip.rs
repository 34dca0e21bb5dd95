//! Whatever values an event has: what the servers would write of it to their error logs comes back.

use crate::support::{self, bytes, log};
use dendro_core::{Event, Timestamp, Value};
use proptest::prelude::*;

/// `ap_escape_errorlog_item` of httpd 2.4.
fn escaped(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for byte in text {
        match byte {
            0x08 => out.extend_from_slice(b"\\b"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0x0b => out.extend_from_slice(b"\\v"),
            b'\\' => out.extend_from_slice(b"\\\\"),
            0..=0x1f | 0x7f..=0xff => out.extend_from_slice(format!("\\x{byte:02x}").as_bytes()),
            _ => out.push(*byte),
        }
    }
    out
}

#[derive(Clone, Debug)]
struct Logged {
    secs: i64,
    micros: u32,
    module: Option<String>,
    level: &'static str,
    pid: u32,
    tid: Option<u64>,
    source: Option<(String, u32)>,
    error: Option<(u32, String)>,
    client: Option<(String, u16)>,
    message: Vec<u8>,
    referer: Option<Vec<u8>>,
}

impl Logged {
    fn time(&self) -> (String, String) {
        const MONTHS: [&str; 12] =
            ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let time = Timestamp::from_secs(self.secs).unwrap().to_civil();
        let clock = format!("{:02}:{:02}:{:02}.{:06}", time.hour, time.minute, time.second, self.micros);
        let day = format!("Fri {} {:02}", MONTHS[usize::from(time.month) - 1], time.day);
        (
            format!("{day} {clock} {:04}", time.year),
            format!("{:04}-{:02}-{:02} {clock}", time.year, time.month, time.day),
        )
    }

    /// As `do_errorlog_default` writes it, or as the documented example of a format with log ids does.
    fn line(&self, configured: bool) -> Vec<u8> {
        let (long, compact) = self.time();
        let mut out = if configured {
            let module = self.module.as_deref().unwrap_or("-");
            format!("[{compact}] [{module}:{}] [R:a+/c] ", self.level)
        } else {
            let tid = self.tid.map_or(String::new(), |tid| format!(":tid {tid}"));
            format!(
                "[{long}] [{}:{}] [pid {}{tid}] ",
                self.module.as_deref().unwrap_or_default(),
                self.level,
                self.pid
            )
        };
        if let Some((file, line)) = &self.source {
            out.push_str(&format!("{file}({line}): "));
        }
        if let Some((code, text)) = &self.error {
            out.push_str(&format!("({code}){text}: "));
        }
        if let Some((address, port)) = &self.client {
            out.push_str(&format!("[client {address}:{port}] "));
        }
        let mut out = out.into_bytes();
        out.extend_from_slice(&escaped(&self.message));
        if let Some(referer) = &self.referer {
            out.extend_from_slice(b", referer: ");
            out.extend_from_slice(&escaped(referer));
        }
        out
    }

    fn assert_read(&self, event: &Event, configured: bool) -> Result<(), TestCaseError> {
        let text = |text: &str| Some(text.as_bytes().to_vec());
        let number = |name: &str| match event.fields[name] {
            Value::U64(number) => Some(number),
            _ => None,
        };
        prop_assert_eq!(
            event.time.unwrap().as_nanos(),
            self.secs * 1_000_000_000 + i64::from(self.micros) * 1_000
        );
        prop_assert_eq!(bytes(event, "module"), self.module.as_deref().and_then(text));
        prop_assert_eq!(bytes(event, "level"), text(self.level));
        prop_assert_eq!(bytes(event, "file"), self.source.as_ref().and_then(|(file, _)| text(file)));
        prop_assert_eq!(number("line"), self.source.as_ref().map(|(_, line)| u64::from(*line)));
        prop_assert_eq!(number("error_code"), self.error.as_ref().map(|(code, _)| u64::from(*code)));
        prop_assert_eq!(bytes(event, "error_text"), self.error.as_ref().and_then(|(_, error)| text(error)));
        prop_assert_eq!(bytes(event, "client"), self.client.as_ref().and_then(|(client, _)| text(client)));
        prop_assert_eq!(number("client_port"), self.client.as_ref().map(|(_, port)| u64::from(*port)));
        prop_assert_eq!(bytes(event, "message"), Some(self.message.clone()));
        prop_assert_eq!(bytes(event, "referer"), self.referer.clone());
        if configured {
            prop_assert_eq!(bytes(event, "request_log_id"), text("a+/c"));
        } else {
            prop_assert_eq!((number("pid"), number("tid")), (Some(self.pid.into()), self.tid));
        }
        Ok(())
    }
}

fn logged() -> impl Strategy<Value = Logged> {
    let word = "[a-z][a-z0-9_]{0,9}";
    let address =
        prop_oneof![Just("192.0.2.7"), Just("::1"), Just("2001:db8::a:7"), Just("2001:db8:1:2:3:4:5:6")];
    let client = (address.prop_map(str::to_owned), any::<u16>());
    let special = proptest::sample::select(&b"\\\n\t\"[](): ,x\xc3\xa9\xff\0"[..]);
    // What would be read as another part does not stand at its front.
    let message = proptest::collection::vec(prop_oneof![any::<u8>(), special], 0..60)
        .prop_map(|rest| [b"m".to_vec(), rest].concat());
    let referer = proptest::option::of(proptest::collection::vec(
        any::<u8>().prop_filter("", |byte| *byte != b','),
        1..30,
    ));
    (
        (
            0i64..9_000_000_000,
            0u32..1_000_000,
            proptest::option::of(word),
            any::<u32>(),
            proptest::option::of(any::<u64>()),
        ),
        prop_oneof![Just("error"), Just("info"), Just("debug"), Just("trace8")],
        proptest::option::of((word.prop_map(|word| format!("{word}.c")), any::<u32>())),
        proptest::option::of((any::<u32>(), "[A-Z][a-z ]{0,20}[a-z]")),
        proptest::option::of(client),
        message,
        referer,
    )
        .prop_map(
            |((secs, micros, module, pid, tid), level, source, error, client, message, referer)| {
                let verbose = matches!(level, "debug" | "trace8");
                let source = source.filter(|_| verbose);
                let referer = referer.filter(|_| client.is_some());
                Logged { secs, micros, module, level, pid, tid, source, error, client, message, referer }
            },
        )
}

/// As [`Logged::line`] writes it, configured.
const FORMAT: &str =
    r#"ErrorLogFormat "[%{uc}t] [%-m:%-l] [R:%L] %7F: %E: [client\ %a] %M% ,\ referer:\ %{Referer}i""#;

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_httpd_writes_is_read_back(logged in logged()) {
        let event = log("apache_error", &[], &logged.line(false)).only();
        logged.assert_read(&event, false)?;
        let event = log("apache_error", &[("error_log_format", FORMAT)], &logged.line(true)).only();
        logged.assert_read(&event, true)?;
    }

    #[test]
    fn what_nginx_writes_is_read_back(
        secs in 0i64..9_000_000_000,
        (pid, tid, cid) in any::<(u32, u32, Option<u64>)>(),
        message in "[a-z][a-z \"(),:0-9]{0,40}[a-z]",
        errno in proptest::option::of((any::<u32>(), "[A-Z][a-z ]{0,20}")),
        client in proptest::option::of("(192\\.0\\.2\\.[0-9]|::1|unix:)"),
        server in "[a-z.*_]{0,12}",
        request in proptest::option::of(proptest::collection::vec(any::<u8>().prop_filter("", |byte| !matches!(byte, b'\n' | b',')), 0..40)),
        upstream in proptest::option::of("http://[a-z/\"]{0,12}"),
        host in proptest::option::of("[a-z\" :]{0,12}"),
        referrer in proptest::option::of("[a-z\"/, :]{0,20}"),
    ) {
        prop_assume!(!message.contains("client: "));
        let time = Timestamp::from_secs(secs).unwrap().to_civil();
        let mut line = format!(
            "{:04}/{:02}/{:02} {:02}:{:02}:{:02} [crit] {pid}#{tid}: ",
            time.year, time.month, time.day, time.hour, time.minute, time.second
        );
        if let Some(cid) = cid {
            line.push_str(&format!("*{cid} "));
        }
        let mut whole = message;
        if let Some((code, text)) = &errno {
            whole.push_str(&format!(" ({code}: {text})"));
        }
        line.push_str(&whole);
        let mut line = line.into_bytes();
        let mut expected = Vec::new();
        if let Some(client) = &client {
            line.extend_from_slice(format!(", client: {client}, server: {server}").as_bytes());
            expected.extend([("client", client.as_bytes().to_vec()), ("server", server.into_bytes())]);
            let values = [
                ("request", request),
                ("upstream", upstream.map(String::into_bytes)),
                ("host", host.map(String::into_bytes)),
                ("referrer", referrer.map(String::into_bytes)),
            ];
            for (key, value) in values {
                let Some(value) = value else { continue };
                line.extend_from_slice(format!(", {key}: \"").as_bytes());
                line.extend_from_slice(&value);
                line.push(b'"');
                expected.push((key, value));
            }
        }
        let event = log("nginx_error", &[], &line).only();
        prop_assert_eq!(event.time.unwrap().as_secs(), secs);
        let number = |name: &str| match event.fields[name] {
            Value::U64(number) => Some(number),
            _ => None,
        };
        prop_assert_eq!((number("pid"), number("tid"), number("cid")), (Some(pid.into()), Some(tid.into()), cid));
        prop_assert_eq!(number("error_code"), errno.map(|(code, _)| code.into()));
        prop_assert_eq!(bytes(&event, "message"), Some(whole.into_bytes()));
        for name in ["client", "server", "request", "upstream", "host", "referrer"] {
            let expected = expected.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone());
            prop_assert_eq!(bytes(&event, name), expected, "{} of {}", name, String::from_utf8_lossy(&line));
        }
    }

    #[test]
    fn no_bytes_and_no_format_make_it_panic(
        line in proptest::collection::vec(any::<u8>(), 0..200),
        texts in proptest::collection::vec(proptest::sample::select(&[
            "%", "M", "%M", " ", "\\", "{", "}", "u", "c", "-", "+", "7", "%t", "%a", "%E", "%F", "%{x}i", "%l", "%L", "%v", "%k", "[", "]", ": ", "\"", "\n",
            "ErrorLogFormat ", "request ",
        ][..]), 0..12),
        pieces in proptest::collection::vec(proptest::sample::select(&[
            "[", "]", "Fri Nov 20 17:02:31 2026", "2026-11-20 17:02:31", "error", "core:", "(2)x: ", "a.c(7)", "::1:7", "-", " ", "x",
            ", client: 1.1.1.1", ", server: s", ", request: \"", "\", host: \"", "\"", "2026/11/20 17:02:31 [error] 1#1: *7 ",
        ][..]), 0..14),
    ) {
        let pieces = pieces.concat();
        for line in [&line[..], pieces.as_bytes()] {
            log("nginx_error", &[], line);
            log("nginx_error", &[], &[b"2026/11/20 17:02:31 [error] 1#1: ", line].concat());
            log("apache_error", &[], line);
            let options = [("error_log_format".to_owned(), texts.concat())];
            match dendro_parsers::formats::find("apache_error").unwrap().configure(&options) {
                Ok(parser) => { support::through(&parser, line); }
                Err(error) => prop_assert!(error.to_string().contains("apache_error")),
            }
        }
    }
}
