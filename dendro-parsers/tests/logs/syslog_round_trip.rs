//! What is written as RFC 5424 has it is read back.

use crate::support::{log, text};
use dendro_core::{Timestamp, Value};
use proptest::prelude::*;

/// A parameter's value with the escapes of RFC 5424.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace(']', "\\]")
}

fn name() -> impl Strategy<Value = String> {
    "[!#-<>-\\\\^-~]{1,8}"
}

fn or_nil() -> impl Strategy<Value = Option<String>> {
    proptest::option::of(name()).prop_map(|name| name.filter(|name| name != "-"))
}

/// Elements with ids of their own, of parameters with names of their own.
fn data() -> impl Strategy<Value = Vec<(String, Vec<(String, String)>)>> {
    let params = proptest::collection::btree_map(name(), "[^\0]{0,10}", 0..4)
        .prop_map(|params| params.into_iter().collect());
    proptest::collection::btree_map(name(), params, 0..4).prop_map(|elements| elements.into_iter().collect())
}

proptest! {
    #[test]
    fn a_record_of_rfc5424_is_read_as_it_was_written(
        pri in 0u64..192,
        version in 1u64..1_000,
        nanos in proptest::option::of(-2_000_000_000_000_000_000i64..4_000_000_000_000_000_000),
        names in (or_nil(), or_nil(), or_nil(), or_nil()),
        data in data(),
        message in proptest::option::of("[^\u{feff}\0\n]([^\0\n]{0,20}[^\0\r\n])?"),
        counted: bool,
    ) {
        let time = nanos.map(Timestamp::from_nanos);
        let nil = |name: &Option<String>| name.clone().unwrap_or_else(|| "-".to_owned());
        let (host, app, procid, msgid) = &names;
        let mut written = format!(
            "<{pri}>{version} {} {} {} {} {} ",
            time.map_or("-".to_owned(), |time| time.to_string()),
            nil(host), nil(app), nil(procid), nil(msgid),
        );
        for (id, params) in &data {
            written.push_str(&format!("[{id}"));
            for (name, value) in params {
                written.push_str(&format!(" {name}=\"{}\"", escaped(value)));
            }
            written.push(']');
        }
        if data.is_empty() {
            written.push('-');
        }
        if let Some(message) = &message {
            written.push_str(&format!(" {message}"));
        }
        let stream = if counted { format!("{} {written}", written.len()) } else { format!("{written}\0") };
        let framing = if counted { "auto" } else { "nul" };

        let event = log("syslog", &[("framing", framing)], stream.as_bytes()).only();
        prop_assert_eq!(&event.fields["pri"], &Value::U64(pri));
        prop_assert_eq!(&event.fields["version"], &Value::U64(version));
        prop_assert_eq!(event.time, time);
        for (field, expected) in [("hostname", host), ("app_name", app), ("procid", procid), ("msgid", msgid)] {
            prop_assert_eq!(&text(&event, field), expected, "{}", field);
        }
        let object = |params: &[(String, String)]| {
            Value::Object(params.iter().map(|(name, value)| (name.clone(), Value::Str(value.clone()))).collect())
        };
        let expected = match data.is_empty() {
            true => Value::Null,
            false => Value::Object(data.iter().map(|(id, params)| (id.clone(), object(params))).collect()),
        };
        prop_assert_eq!(&event.fields["structured_data"], &expected);
        prop_assert_eq!(text(&event, "message"), Some(message.unwrap_or_default()));
    }
}
