//! MongoDB's log by its name.

use super::MongoDb;
use crate::formats::{Detection, Format, MAX_LINE_BYTES, Parser};

pub(crate) const FORMATS: &[Format] = &[Format {
    name: "mongodb",
    doc: "The structured log of mongod and mongos, 4.4 and later.",
    options: &[MAX_LINE_BYTES],
    example: &[],
    sample: concat!(
        r#"{"t":{"$date":"2026-11-20T20:29:47.180+00:00"},"s":"I",  "c":"NETWORK",  "id":22943,   "ctx":"listener","msg":"Connection accepted","attr":{"remote":"192.0.2.7:51022","connectionId":42,"connectionCount":3}}"#,
        "\n",
        r#"{"t":{"$date":"2026-11-20T20:29:48.525+00:00"},"s":"I",  "c":"COMMAND",  "id":51803,   "ctx":"conn42","msg":"Slow query","attr":{"type":"command","ns":"shop.orders","command":{"find":"orders","filter":{"customer":7},"$db":"shop"},"planSummary":"COLLSCAN","keysExamined":0,"docsExamined":120000,"numYields":120,"nreturned":3,"reslen":512,"remote":"192.0.2.7:51022","durationMillis":345}}"#,
        "\n",
    ),
    detection: Detection::Weight(100),
    configure: |options| {
        let lines = options.lines()?;
        Ok(Parser::new(vec![MongoDb::schema()], MongoDb::new(), move || lines.clone()))
    },
}];
