//! The ways in which a pipeline is put together and broken.

use dendro_crash::random::Random;
use dendro_crash::setup::{Buffer, Format, Out, Setup};

use super::writer::Pace;

pub(crate) struct Mode {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// Children that are killed in a run.
    pub(crate) rounds: u64,
    /// Between two children the time may have jumped.
    pub(crate) clock_jumps: bool,
    /// What the children write is on a small disk, which is full now and then.
    pub(crate) fills_disk: bool,
    /// The end of the buffer's last file is destroyed now and then, as a power cut may do it where nothing is synced.
    pub(crate) damages_buffer: bool,
    /// Instead of killing at random, each storage call is made to fail in turn.
    pub(crate) fails_storage: bool,
    /// What went in and what came out is kept for the judge.
    pub(crate) has_judge: bool,
    /// Completes the setup, and says how the logs are written.
    pub(crate) prepare: fn(&mut Setup, &mut Random) -> Pace,
}

impl Mode {
    pub(crate) const PLAIN: Self = Self {
        name: "",
        about: "",
        rounds: 12,
        clock_jumps: false,
        fills_disk: false,
        damages_buffer: false,
        fails_storage: false,
        has_judge: true,
        prepare: |_, random| pace(random),
    };

    /// The command that does the same again, as far as the machine's timing allows.
    pub(crate) fn reproduce(&self, seed: u64, rounds: Option<u64>) -> String {
        let rounds = rounds.map_or(String::new(), |n| format!(" --rounds {n}"));
        format!("cargo xtask crash --mode {} --seed {seed}{rounds}", self.name)
    }
}

pub(crate) const MODES: &[Mode] = &[
    Mode {
        name: "direct",
        about: "access logs, rotated, to a server that fails; nothing between",
        clock_jumps: true,
        prepare: |setup, random| to_server(setup, random, Buffer::None),
        ..Mode::PLAIN
    },
    Mode {
        name: "memory",
        about: "the same with a buffer in memory",
        prepare: |setup, random| to_server(setup, random, Buffer::Memory),
        ..Mode::PLAIN
    },
    Mode {
        name: "disk-every-batch",
        about: "the same with a buffer on disk, fsync before each acknowledgement",
        clock_jumps: true,
        rounds: 20,
        prepare: |setup, random| to_server(setup, random, Buffer::DiskEveryBatch),
        ..Mode::PLAIN
    },
    Mode {
        name: "disk-interval",
        about: "the same, fsync at an interval",
        rounds: 20,
        prepare: |setup, random| to_server(setup, random, Buffer::DiskInterval),
        ..Mode::PLAIN
    },
    Mode {
        name: "disk-never",
        about: "the same, no fsync",
        prepare: |setup, random| to_server(setup, random, Buffer::DiskNever),
        ..Mode::PLAIN
    },
    Mode {
        name: "disk-damaged",
        about: "the same, and the end of the buffer is destroyed now and then: what was there may be lost, and nothing else",
        damages_buffer: true,
        prepare: |setup, random| to_server(setup, random, Buffer::DiskNever),
        ..Mode::PLAIN
    },
    Mode {
        name: "disk-full",
        about: "access logs through a buffer on a disk that is full now and then, to a server that fails",
        fills_disk: true,
        prepare: |setup, random| to_server(setup, random, Buffer::DiskInterval),
        ..Mode::PLAIN
    },
    Mode {
        name: "disk-points",
        about: "access logs through a buffer on disk, with a failure at every storage call in turn",
        fails_storage: true,
        prepare: |setup, random| short(to_server(setup, random, Buffer::DiskEveryBatch)),
        ..Mode::PLAIN
    },
    Mode {
        name: "fan-out",
        about: "access logs through a buffer on disk to a server that fails and to a file",
        prepare: |setup, random| {
            let pace = to_server(setup, random, Buffer::DiskInterval);
            setup.out = Out::Both;
            pace
        },
        ..Mode::PLAIN
    },
    Mode { name: "file", about: "access logs to a file", clock_jumps: true, ..Mode::PLAIN },
    Mode {
        name: "file-full",
        about: "the same, on a disk that is full now and then",
        fills_disk: true,
        ..Mode::PLAIN
    },
    Mode {
        name: "file-points",
        about: "the same, with a failure at every storage call in turn",
        fails_storage: true,
        prepare: |_, random| short(pace(random)),
        ..Mode::PLAIN
    },
    Mode {
        name: "windows",
        about: "state: an aggregate's windows of access logs, to a file",
        prepare: |setup, random| {
            setup.out = Out::Windows;
            pace(random)
        },
        ..Mode::PLAIN
    },
    Mode {
        name: "traces",
        about: "state: Java stack traces, put together from lines, to a server that fails",
        prepare: |setup, random| {
            setup.format = Format::Traces;
            to_server(setup, random, Buffer::None)
        },
        ..Mode::PLAIN
    },
    Mode {
        name: "postgres",
        about: "state: PostgreSQL's log, its lines grouped, to a server that fails",
        prepare: |setup, random| {
            setup.format = Format::Postgres;
            to_server(setup, random, Buffer::DiskInterval)
        },
        ..Mode::PLAIN
    },
];

/// A third of the runs have several writes in flight.
fn to_server(setup: &mut Setup, random: &mut Random, buffer: Buffer) -> Pace {
    setup.out = Out::Http;
    setup.buffer = buffer;
    setup.in_flight = if random.chance(333) { 4 } else { 1 };
    pace(random)
}

fn short(pace: Pace) -> Pace {
    Pace { records: 1_500, rotate_after: 400, ..pace }
}

fn pace(random: &mut Random) -> Pace {
    Pace {
        streams: 1 + random.below(3) as u32,
        burst: [10, 40, 100][random.below(3) as usize],
        pause_ms: 4,
        rotate_after: [150, 400, 1_500][random.below(3) as usize],
        records: 40_000,
    }
}

pub(crate) fn find(name: &str) -> Option<&'static Mode> {
    MODES.iter().find(|mode| mode.name == name)
}
