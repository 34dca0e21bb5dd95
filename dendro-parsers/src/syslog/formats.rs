//! The format by its name.

use super::{Dialect, Framing, Protocol, Syslog, SyslogFrames};
use crate::formats::{Detection, Format, FormatError, FormatOption, MAX_LINE_BYTES, Options, Parser, ZONE};
use crate::timestamp::{YEAR, year};

const PROTOCOL: FormatOption =
    FormatOption::new("protocol", "`rfc3164`, `rfc5424` or `auto` (the default): told for each record.");

const FRAMING: FormatOption = FormatOption::new(
    "framing",
    "`lines`, `octet_counting`, `nul` or `auto` (the default): lines, and records behind their count of octets.",
);

const DIALECT: FormatOption = FormatOption::new(
    "dialect",
    "`rsyslog` (the default), or `extended`: also a zone or a year behind the time, IPv6 addresses and `-` as hosts.",
);

const STRICT: FormatOption = FormatOption::new(
    "strict",
    "Whether what has neither a priority nor a time is refused: `true` or `false` (the default).",
);

pub(crate) const FORMATS: &[Format] = &[Format {
    name: "syslog",
    doc: "syslog of RFC 3164 and RFC 5424, as datagrams, streams and files.",
    options: &[STRICT, PROTOCOL, FRAMING, DIALECT, ZONE, YEAR, MAX_LINE_BYTES],
    // For detection: anything is a record otherwise.
    example: &[("strict", "true")],
    sample: "<34>Nov 20 16:59:47 web1 sshd[812]: Accepted publickey for ann from 192.0.2.7 port 50522 ssh2\n\
        <165>1 2026-11-20T16:59:48.003Z web1 app 4711 ID47 [origin ip=\"192.0.2.7\"] started\n\
        Nov 20 16:59:49 web1 CRON[8710]: (root) CMD (run-parts /etc/cron.hourly)\n",
    detection: Detection::Weight(60),
    configure,
}];

fn configure(options: Options<'_>) -> Result<Parser, FormatError> {
    let syslog = Syslog::new()
        .protocol(one_of(
            options,
            &PROTOCOL,
            "`auto`, `rfc3164` or `rfc5424`",
            &[("auto", Protocol::Auto), ("rfc3164", Protocol::Rfc3164), ("rfc5424", Protocol::Rfc5424)],
        )?)
        .dialect(one_of(
            options,
            &DIALECT,
            "`rsyslog` or `extended`",
            &[("rsyslog", Dialect::Rsyslog), ("extended", Dialect::Extended)],
        )?)
        .strict(options.flag(&STRICT)?)
        .zone(options.zone()?)
        .year(year(options)?);
    let framing = one_of(
        options,
        &FRAMING,
        "`auto`, `lines`, `octet_counting` or `nul`",
        &[
            ("auto", Framing::Auto),
            ("lines", Framing::Lines),
            ("octet_counting", Framing::OctetCounting),
            ("nul", Framing::Nul),
        ],
    )?;
    let frames = SyslogFrames::new(framing).max_bytes(options.max_line_bytes()?);
    Ok(Parser::new(vec![Syslog::schema()], syslog, move || frames.clone()))
}

/// The value of an option that has a name; the first if nothing was given.
fn one_of<T: Copy + Default>(
    options: Options<'_>,
    option: &FormatOption,
    expected: &'static str,
    known: &[(&str, T)],
) -> Result<T, FormatError> {
    let Some(value) = options.get(option) else { return Ok(T::default()) };
    let named = known.iter().find(|(name, _)| *name == value);
    named.map(|(_, value)| *value).ok_or_else(|| options.invalid(option, value, expected))
}
