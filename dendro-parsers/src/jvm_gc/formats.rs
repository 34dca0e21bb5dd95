//! The format by its name.

use super::JvmGc;
use crate::formats::{Detection, Format, FormatOption, MAX_LINE_BYTES, Parser, ZONE};

const UNDECORATED: FormatOption = FormatOption::new(
    "undecorated",
    "Whether any line without decorations is a message, as in logs written with the decorations `none`: `true` or `false` (the default).",
);

pub(crate) const FORMATS: &[Format] = &[Format {
    name: "jvm_gc",
    doc: "The log of a JVM's garbage collector: unified logging, and JDK 8.",
    options: &[UNDECORATED, ZONE, MAX_LINE_BYTES],
    example: &[],
    sample: "[2026-11-20T20:35:31.625+0000][0.030s][info][gc] Using G1\n\
        [2026-11-20T20:35:32.092+0000][0.497s][info][gc] GC(0) Pause Young (Normal) (G1 Evacuation Pause) 53M->9M(1024M) 12.513ms\n\
        [2026-11-20T20:35:32.092+0000][0.497s][info][gc,cpu] GC(0) User=0.01s Sys=0.00s Real=0.01s\n",
    detection: Detection::Weight(90),
    configure: |options| {
        let gc = JvmGc::new().zone(options.zone()?).undecorated(options.flag(&UNDECORATED)?);
        let lines = options.lines()?;
        Ok(Parser::new(vec![JvmGc::schema()], gc, move || lines.clone()))
    },
}];
