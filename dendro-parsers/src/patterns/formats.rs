//! The described formats by name.

#[cfg(feature = "grok")]
use super::GrokLog;
use super::InvalidPattern;
#[cfg(feature = "regex")]
use super::RegexLog;
use crate::formats::{Detection, Format, FormatError, FormatOption, MAX_LINE_BYTES, Options, Parser, ZONE};

const TYPES: FormatOption = FormatOption::new(
    "types",
    "The types of groups, as in `status:u64,took:duration_ms`: str, u64, i64, f64, bool, timestamp, duration_s, duration_ms, duration_us, duration_ns.",
);
const TIME: FormatOption = FormatOption::new("time", "The group that is the time of the event.");
const LAYOUT: FormatOption = FormatOption::new(
    "layout",
    "How times are written: directives (`%Y-%m-%d %H:%M:%S%.f %z`), a name (`rfc3339`, `log4j`, `epoch_ms`, ...) or `auto` (the default).",
);
const TYPE: FormatOption = FormatOption::new("type", "The type of the events: a name in snake_case.");

#[cfg(feature = "regex")]
const REGEX: FormatOption = FormatOption::new(
    "pattern",
    r"A regular expression with named groups, as in `^(?<level>\w+): (?<text>.*)$`. May be given several times: the first that matches counts.",
)
.required();

#[cfg(feature = "grok")]
const GROK: FormatOption = FormatOption::new(
    "pattern",
    "A grok pattern, as in `%{IP:client} %{NUMBER:bytes:int}`, or the name of one. May be given several times: the first that matches counts.",
)
.required();
#[cfg(feature = "grok")]
const DEFINE: FormatOption = FormatOption::new(
    "define",
    "A definition that patterns may refer to, as in `CODE [A-Z]{3}`. May be given several times.",
);

pub(crate) const FORMATS: &[Format] = &[
    #[cfg(feature = "regex")]
    Format {
        name: "regex",
        doc: "Lines as regular expressions with named groups describe them.",
        options: &[REGEX, TYPES, TIME, LAYOUT, TYPE, ZONE, MAX_LINE_BYTES],
        example: &[
            (
                "pattern",
                r"^(?<time>\S+) (?<level>[A-Z]+) (?<method>[A-Z]+) (?<path>\S+) took (?<took>[\d.]+) ms$",
            ),
            ("pattern", r"^(?<time>\S+) (?<level>[A-Z]+) (?<text>.*)$"),
            ("types", "took:duration_ms"),
            ("time", "time"),
            ("type", "my_app"),
        ],
        sample: SAMPLE,
        detection: Detection::No,
        configure: |options| {
            let patterns: Vec<&str> = options.all(&REGEX).collect();
            let mut log = RegexLog::new(patterns).map_err(|e| invalid(options, &REGEX, e))?;
            if let Some(types) = options.get(&TYPES) {
                log = log.types(types).map_err(|e| invalid(options, &TYPES, e))?;
            }
            if let Some(time) = options.get(&TIME) {
                log = log.time(time).map_err(|e| invalid(options, &TIME, e))?;
            }
            if let Some(layout) = options.get(&LAYOUT) {
                log = log.layout(layout).map_err(|e| invalid(options, &LAYOUT, e))?;
            }
            if let Some(name) = options.get(&TYPE) {
                log = log.event_type(name).map_err(|e| invalid(options, &TYPE, e))?;
            }
            let lines = options.lines()?;
            let log = log.zone(options.zone()?);
            Ok(Parser::new(vec![log.schema()], log, move || lines.clone()))
        },
    },
    #[cfg(feature = "grok")]
    Format {
        name: "grok",
        doc: "Lines as Logstash's grok patterns describe them.",
        options: &[GROK, DEFINE, TYPES, TIME, LAYOUT, TYPE, ZONE, MAX_LINE_BYTES],
        example: &[
            ("pattern", "%{TIMESTAMP_ISO8601:time} %{LOGLEVEL:level} %{GREEDYDATA:text}"),
            ("time", "time"),
        ],
        sample: SAMPLE,
        detection: Detection::No,
        configure: |options| {
            let patterns: Vec<&str> = options.all(&GROK).collect();
            let mut definitions = Vec::new();
            for text in options.all(&DEFINE) {
                let Some((name, definition)) = text.trim_start().split_once(' ') else {
                    return Err(options.invalid_text(
                        &DEFINE,
                        text,
                        text.len(),
                        "there is no pattern behind the name",
                    ));
                };
                definitions.push((name, definition));
            }
            let mut log = GrokLog::new(patterns, definitions).map_err(|e| invalid(options, &GROK, e))?;
            if let Some(types) = options.get(&TYPES) {
                log = log.types(types).map_err(|e| invalid(options, &TYPES, e))?;
            }
            if let Some(time) = options.get(&TIME) {
                log = log.time(time).map_err(|e| invalid(options, &TIME, e))?;
            }
            if let Some(layout) = options.get(&LAYOUT) {
                log = log.layout(layout).map_err(|e| invalid(options, &LAYOUT, e))?;
            }
            if let Some(name) = options.get(&TYPE) {
                log = log.event_type(name).map_err(|e| invalid(options, &TYPE, e))?;
            }
            let lines = options.lines()?;
            let log = log.zone(options.zone()?);
            Ok(Parser::new(vec![log.schema()], log, move || lines.clone()))
        },
    },
];

const SAMPLE: &str = "2026-11-20T16:59:47.123Z INFO GET /a took 1.5 ms\n2026-11-20T16:59:48.001+01:00 WARN too many connections\n";

fn invalid(options: Options<'_>, option: &FormatOption, error: InvalidPattern) -> FormatError {
    options.invalid_text(option, &error.text, error.at, error.problem)
}
