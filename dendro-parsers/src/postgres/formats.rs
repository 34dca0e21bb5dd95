//! PostgreSQL's formats by name.

use super::{CsvLog, CsvLogRecords, JsonLog, Stderr, StderrRecords};
use crate::Zone;
use crate::formats::{Detection, Format, FormatError, FormatOption, MAX_LINE_BYTES, Options, Parser};

const LOG_LINE_PREFIX: FormatOption = FormatOption::new(
    "log_line_prefix",
    "The server's setting of this name: its value, or its line in postgresql.conf. Empty if it is.",
)
.required();

const ZONE: FormatOption = FormatOption::new(
    "zone",
    "The zone of times with an abbreviation that several zones have (`IST`, `CST`), which are refused without it: an offset (`+05:30`) or a name (`Asia/Kolkata`).",
);

const LOST_TABS: FormatOption = FormatOption::new(
    "lost_tabs",
    "`true` if a collector has dropped the tab before the second and later lines of an event: then each line without the prefix belongs to the event before. `false` by default: it is one of its own.",
);

/// What tells zones apart, if it was given.
fn zone(options: Options<'_>) -> Result<Option<Zone>, FormatError> {
    options.get(&ZONE).map(|_| options.zone()).transpose()
}

pub(crate) const FORMATS: &[Format] = &[
    Format {
        name: "postgres",
        doc: "PostgreSQL's stderr log, also in files of a syslog daemon.",
        options: &[LOG_LINE_PREFIX, ZONE, LOST_TABS, MAX_LINE_BYTES],
        example: &[("log_line_prefix", "%m [%p] %q%u@%d ")],
        sample: concat!(
            "2026-11-20 20:34:09.433 UTC [14046] LOG:  checkpoint starting: time\n",
            "2026-11-20 20:34:09.496 UTC [14866] ann@shop LOG:  duration: 87.065 ms  statement: SELECT count(*)\n\tFROM orders;\n",
            "2026-11-20 20:34:14.615 UTC [15084] ann@shop ERROR:  relation \"order\" does not exist at character 13\n",
            "2026-11-20 20:34:14.615 UTC [15084] ann@shop STATEMENT:  INSERT INTO order VALUES (1);\n",
        ),
        detection: Detection::Weight(100),
        configure: |options| {
            let text = options.required(&LOG_LINE_PREFIX)?;
            let max_bytes = options.max_line_bytes()?;
            let mut transform = Stderr::new(text)
                .map_err(|error| options.invalid_text(&LOG_LINE_PREFIX, text, error.at, error.problem))?;
            if let Some(zone) = zone(options)? {
                transform = transform.zone(zone);
            }
            let lost_tabs = options.flag(&LOST_TABS)?;
            let framer = StderrRecords::new(&transform).max_bytes(max_bytes).lost_tabs(lost_tabs);
            Ok(Parser::new(vec![Stderr::schema()], transform, move || framer.clone()))
        },
    },
    Format {
        name: "postgres_csv",
        doc: "PostgreSQL's csvlog, of every version.",
        options: &[ZONE, MAX_LINE_BYTES],
        example: &[],
        sample: concat!(
            "2026-11-20 20:34:09.433 UTC,,,14046,,6b00aeb4.36de,3,,2026-11-20 20:33:56 UTC,,0,LOG,00000,\"checkpoint starting: time\",,,,,,,,,\"\",\"checkpointer\",,0\n",
            "2026-11-20 20:34:09.496 UTC,\"ann\",\"shop\",14866,\"127.0.0.1:59874\",6b00aec1.3a12,5,\"SELECT\",2026-11-20 20:34:09 UTC,3/0,0,LOG,00000,\"duration: 87.065 ms  statement: SELECT \"\"count\"\"\nFROM orders;\",,,,,,,,,\"psql\",\"client backend\",,0\n",
        ),
        detection: Detection::Weight(100),
        configure: |options| {
            let framer = CsvLogRecords::new().max_bytes(options.max_line_bytes()?);
            let transform = zone(options)?.map_or_else(CsvLog::new, |zone| CsvLog::new().zone(zone));
            Ok(Parser::new(vec![CsvLog::schema()], transform, move || framer.clone()))
        },
    },
    Format {
        name: "postgres_json",
        doc: "PostgreSQL's jsonlog, from version 15 on.",
        options: &[ZONE, MAX_LINE_BYTES],
        example: &[],
        sample: concat!(
            r#"{"timestamp":"2026-11-20 20:34:09.433 UTC","pid":14046,"session_id":"6b00aeb4.36de","line_num":3,"session_start":"2026-11-20 20:33:56 UTC","txid":0,"error_severity":"LOG","message":"checkpoint starting: time","backend_type":"checkpointer","query_id":0}"#,
            "\n",
            r#"{"timestamp":"2026-11-20 20:34:09.496 UTC","user":"ann","dbname":"shop","pid":14866,"remote_host":"127.0.0.1","remote_port":59874,"session_id":"6b00aec1.3a12","line_num":5,"ps":"SELECT","session_start":"2026-11-20 20:34:09 UTC","vxid":"3/0","txid":0,"error_severity":"LOG","message":"duration: 87.065 ms  statement: SELECT 1;","application_name":"psql","backend_type":"client backend","query_id":0}"#,
            "\n",
        ),
        detection: Detection::Weight(100),
        configure: |options| {
            let lines = options.lines()?;
            let transform = zone(options)?.map_or_else(JsonLog::new, |zone| JsonLog::new().zone(zone));
            Ok(Parser::new(vec![JsonLog::schema()], transform, move || lines.clone()))
        },
    },
];
