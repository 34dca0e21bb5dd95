//! What the project has set itself.

/// A value that is measured, the floor below which it must not fall, and what it should reach.
pub(crate) struct Budget {
    /// By which the benches name it.
    pub(crate) id: &'static str,
    pub(crate) path: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) floor: f64,
    pub(crate) aim: f64,
    /// Whether less is better.
    pub(crate) is_cost: bool,
    /// What others reach with the same work and a like input, where it is known. Measured on another machine, so
    /// that only the order of magnitude counts.
    pub(crate) peers: &'static str,
}

pub(crate) enum Verdict {
    ReachesAim,
    AboveFloor,
    BelowFloor,
    NotMeasured,
}

impl Budget {
    pub(crate) fn verdict(&self, measured: Option<f64>) -> Verdict {
        let reaches = |limit: f64, value: f64| if self.is_cost { value <= limit } else { value >= limit };
        match measured {
            None => Verdict::NotMeasured,
            Some(value) if reaches(self.aim, value) => Verdict::ReachesAim,
            Some(value) if reaches(self.floor, value) => Verdict::AboveFloor,
            Some(_) => Verdict::BelowFloor,
        }
    }
}

impl Verdict {
    pub(crate) fn text(&self) -> &'static str {
        match self {
            Self::ReachesAim => "reaches the aim",
            Self::AboveFloor => "above the floor",
            Self::BelowFloor => "BELOW THE FLOOR",
            Self::NotMeasured => "not measured",
        }
    }
}

const NONE: &str = "";

pub(crate) const BUDGETS: &[Budget] = &[
    rate("split", "split into lines and batch, over counting newlines with memchr", 0.4, 0.6, NONE),
    rate("parse", "parse nginx combined, over a compiled regex with the same typing", 10.0, 15.0, NONE),
    rate(
        "access_logs",
        "parse access logs, fixed or of less than ten fields, over a compiled regex: the least",
        10.0,
        15.0,
        NONE,
    ),
    rate("access_logs_of_ten_fields", "the same of formats of ten fields or more", 5.0, 7.5, NONE),
    rate("csvlog", "cut and parse csvlog, over csv-core that reads its fields", 0.5, 0.75, NONE),
    rate("json", "parse JSON, over the fastest parser into its own tape: the least", 0.5, 0.75, NONE),
    rate(
        "to_nothing",
        "file to parse to nothing, over the loop in memory",
        0.5,
        0.65,
        "Fluent Bit 214 to 227 k events per CPU second, Vector 65 to 88 k",
    ),
    rate(
        "to_file",
        "file to parse to NDJSON file, over the loop that also writes",
        0.6,
        0.8,
        "Fluent Bit 148 to 174 k events per CPU second, Vector 19 k",
    ),
    cost(
        "memory",
        "memory above the configured buffers, long input",
        "MiB",
        32.0,
        16.0,
        "Fluent Bit 57 to 61 MiB for the whole process, Vector 51 to 64",
    ),
    cost("allocations", "allocations per event, source to sink", NONE, 0.05, 0.01, NONE),
    cost("allocations_of_formats", "the same, the most of any format", NONE, 0.05, 0.01, NONE),
    cost("hostile", "a byte of a hostile line of 960 kB over one of 60 kB", "x", 4.0, 2.0, NONE),
    cost("frame_bytes", "bytes of a frame over raw bytes", NONE, 2.2, 1.6, NONE),
    rate(
        "buffer_every_batch",
        "disk buffer, write and read back, over a plain file; fsync every batch",
        0.7,
        0.85,
        NONE,
    ),
    rate("buffer_interval", "the same, fsync every second", 0.7, 0.85, NONE),
    rate("buffer_never", "the same, no fsync", 0.7, 0.85, NONE),
    cost(
        "buffer_memory",
        "memory of a disk buffer while a long input fills and leaves it",
        "MiB",
        32.0,
        16.0,
        NONE,
    ),
    cost("buffer_bytes", "bytes on disk of the buffer over raw bytes", NONE, 2.2, 1.6, NONE),
    cost("build", "dendro-core, clean build on 2 cores", "s", 25.0, 15.0, NONE),
    cost("crates", "crates in the tree of dendro-core", NONE, 40.0, 25.0, NONE),
    cost("crates_without", "the same without default features", NONE, 15.0, 10.0, NONE),
];

/// What is measured beside the budgets, for whoever works on speed.
pub(crate) const INFORMATION: &[(&str, &str, &str)] = &[
    ("formats", "the slowest format, its sample cut and parsed", "MB/s"),
    ("parse_loop", "cut and parse, over the loop in memory", ""),
    ("frame", "write and read a frame, per event", "ns"),
];

const fn rate(id: &'static str, path: &'static str, floor: f64, aim: f64, peers: &'static str) -> Budget {
    Budget { id, path, unit: "x", floor, aim, is_cost: false, peers }
}

const fn cost(
    id: &'static str,
    path: &'static str,
    unit: &'static str,
    floor: f64,
    aim: f64,
    peers: &'static str,
) -> Budget {
    Budget { id, path, unit, floor, aim, is_cost: true, peers }
}

#[cfg(test)]
mod tests {
    use super::{BUDGETS, Verdict};

    #[test]
    fn a_verdict_knows_whether_less_is_better() {
        let verdict = |id: &str, value: f64| {
            let budget = BUDGETS.iter().find(|b| b.id == id).map(|b| b.verdict(Some(value)));
            budget.map_or("", |v| v.text())
        };
        assert_eq!(verdict("parse", 15.0), Verdict::ReachesAim.text());
        assert_eq!(verdict("parse", 12.0), Verdict::AboveFloor.text());
        assert_eq!(verdict("parse", 9.9), Verdict::BelowFloor.text());
        assert_eq!(verdict("memory", 16.0), Verdict::ReachesAim.text());
        assert_eq!(verdict("memory", 33.0), Verdict::BelowFloor.text());
    }

    #[test]
    fn every_aim_is_beyond_its_floor() {
        assert!(BUDGETS.iter().all(|b| (b.aim < b.floor) == b.is_cost));
    }
}
