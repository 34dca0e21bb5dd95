//! What Lambda's platform reports, under one name whether it is written as text or as JSON.

/// How a value is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Text.
    Text,
    /// A length of time: `3.5 ms` in text, milliseconds in JSON.
    Duration,
    /// A size: `128 MB` in text, a number of megabytes in JSON, which are 1,048,576 bytes.
    Megabytes,
    /// A whole number.
    Count,
    /// `true` or `false`.
    Flag,
    /// Texts: `[INVOKE,SHUTDOWN]` in text, an array in JSON.
    List,
}

/// Something that is reported.
#[derive(Debug)]
pub(super) struct Term {
    /// The name of the field.
    pub(super) field: &'static str,
    pub(super) kind: Kind,
    /// The key in JSON; empty if there is none.
    pub(super) json: &'static str,
    /// The label in text; empty if there is none.
    pub(super) label: &'static str,
}

const fn term(field: &'static str, kind: Kind, json: &'static str, label: &'static str) -> Term {
    Term { field, kind, json, label }
}

/// All of them.
pub(super) const TERMS: [Term; 31] = [
    term("request_id", Kind::Text, "requestId", "RequestId"),
    term("version", Kind::Text, "version", "Version"),
    term("status", Kind::Text, "status", "Status"),
    term("error_type", Kind::Text, "errorType", "Error Type"),
    term("duration", Kind::Duration, "durationMs", "Duration"),
    term("billed_duration", Kind::Duration, "billedDurationMs", "Billed Duration"),
    term("memory_size", Kind::Megabytes, "memorySizeMB", "Memory Size"),
    term("max_memory_used", Kind::Megabytes, "maxMemoryUsedMB", "Max Memory Used"),
    term("init_duration", Kind::Duration, "initDurationMs", "Init Duration"),
    term("restore_duration", Kind::Duration, "restoreDurationMs", "Restore Duration"),
    term("billed_restore_duration", Kind::Duration, "billedRestoreDurationMs", "Billed Restore Duration"),
    term("trace_id", Kind::Text, "", "XRAY TraceId"),
    term("segment_id", Kind::Text, "", "SegmentId"),
    term("sampled", Kind::Flag, "", "Sampled"),
    term("phase", Kind::Text, "phase", "Phase"),
    term("initialization_type", Kind::Text, "initializationType", "Init Type"),
    term("runtime_version", Kind::Text, "runtimeVersion", "Runtime Version"),
    term("runtime_version_arn", Kind::Text, "runtimeVersionArn", "Runtime Version ARN"),
    term("name", Kind::Text, "name", "Name"),
    term("state", Kind::Text, "state", "State"),
    term("events", Kind::List, "events", "Events"),
    term("types", Kind::List, "types", "Types"),
    term("produced_bytes", Kind::Count, "producedBytes", ""),
    term("reason", Kind::Text, "reason", ""),
    term("dropped_records", Kind::Count, "droppedRecords", ""),
    term("dropped_bytes", Kind::Count, "droppedBytes", ""),
    term("function_name", Kind::Text, "functionName", ""),
    term("function_version", Kind::Text, "functionVersion", ""),
    term("function_arn", Kind::Text, "functionArn", ""),
    term("instance_id", Kind::Text, "instanceId", ""),
    term("instance_max_memory", Kind::Megabytes, "instanceMaxMemory", ""),
];

/// The number in [`TERMS`] of a field.
pub(super) const fn of(field: &str) -> usize {
    let mut at = 0;
    while at < TERMS.len() {
        if same(TERMS[at].field.as_bytes(), field.as_bytes()) {
            return at;
        }
        at += 1;
    }
    panic!("no such field")
}

const fn same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut at = 0;
    while at < a.len() {
        if a[at] != b[at] {
            return false;
        }
        at += 1;
    }
    true
}

/// The term that JSON calls so, in a record of this type. Reports of the phases before an invocation call theirs `durationMs`
/// too; text and the report of the invocation tell them apart.
pub(super) fn by_json(key: &[u8], record_type: &[u8]) -> Option<usize> {
    let at = TERMS.iter().position(|term| !term.json.is_empty() && term.json.as_bytes() == key)?;
    Some(match (at, record_type) {
        (DURATION, b"platform.initReport") => INIT_DURATION,
        (DURATION, b"platform.restoreReport") => RESTORE_DURATION,
        _ => at,
    })
}

const DURATION: usize = of("duration");
const INIT_DURATION: usize = of("init_duration");
const RESTORE_DURATION: usize = of("restore_duration");

/// The longest label that `text` ends with, as a word of its own.
pub(super) fn by_label_at_end(text: &[u8]) -> Option<usize> {
    let ends = |term: &Term| {
        let start = text.len().checked_sub(term.label.len());
        !term.label.is_empty()
            && start.is_some_and(|start| {
                text[start..] == *term.label.as_bytes()
                    && (start == 0 || text[start - 1].is_ascii_whitespace())
            })
    };
    let found = TERMS.iter().enumerate().filter(|(_, term)| ends(term));
    found.max_by_key(|(_, term)| term.label.len()).map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_label_is_meant() {
        let field = |text: &str| by_label_at_end(text.as_bytes()).map(|at| TERMS[at].field);
        assert_eq!(field("128 MB Billed Restore Duration"), Some("billed_restore_duration"));
        assert_eq!(field("Restore Duration"), Some("restore_duration"));
        assert_eq!(field("x Duration"), Some("duration"));
        assert_eq!(field("xDuration"), None);
        assert_eq!(field(""), None);
    }

    #[test]
    fn reports_of_earlier_phases_have_durations_of_their_own() {
        let field =
            |record_type: &str| by_json(b"durationMs", record_type.as_bytes()).map(|at| TERMS[at].field);
        assert_eq!(field("platform.report"), Some("duration"));
        assert_eq!(field("platform.initReport"), Some("init_duration"));
        assert_eq!(field("platform.restoreReport"), Some("restore_duration"));
        assert_eq!(by_json(b"", b""), None);
    }
}
