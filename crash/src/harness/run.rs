//! One run: a seed, a way to build the pipeline, and many children of which all but the last are killed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use dendro_crash::Failure;
use dendro_crash::random::Random;
use dendro_crash::setup::{Fault, FaultKind, Format, Out, Setup};

use super::checkpoints::Checkpoints;
use super::child::{Child, End, left_in};
use super::damage;
use super::judgement::{Case, Judgement};
use super::ledger::{Followed, Ledger};
use super::mode::Mode;
use super::server::{Files, Mood, Server};
use super::small_disk::{self, SmallDisk};
use super::writer::{Writer, Writing};
use crate::options::Options;

/// Without a new arrival for so long the last child is stuck.
const STUCK: Duration = Duration::from_secs(20);
/// How long one that is asked to stop in the middle of everything has to drain.
const SHORT_DRAIN: Duration = Duration::from_secs(2);
/// How long a child may take to drain when there is nothing left to do.
const DRAIN: Duration = Duration::from_secs(25);
const LOOK: Duration = Duration::from_millis(5);
/// How long a child with a failing storage call has to reach it, and to show what it does then.
const FAULTY_LIFE: Duration = Duration::from_millis(200);

/// What came of a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) kills: u64,
    /// SIGTERM, after which it drained by itself.
    pub(crate) drains: u64,
    /// Likewise, and the deadline came first.
    pub(crate) cut_drains: u64,
    pub(crate) clock_jumps: u64,
    pub(crate) full_disks: u64,
    /// Buffers whose last bytes were destroyed.
    pub(crate) damages: u64,
    pub(crate) rotations: u64,
    pub(crate) compressed: u64,
    pub(crate) faults: BTreeMap<&'static str, u64>,
    /// Calls by failure point, and how many of them were made to fail.
    pub(crate) points: BTreeMap<String, (u64, u64)>,
    pub(crate) bound: Bound,
    pub(crate) judgement: Judgement,
}

impl Outcome {
    /// Adds that of another run. The judge's words are kept if it was not content.
    pub(crate) fn add(&mut self, other: Self) {
        self.kills += other.kills;
        self.drains += other.drains;
        self.cut_drains += other.cut_drains;
        self.clock_jumps += other.clock_jumps;
        self.full_disks += other.full_disks;
        self.damages += other.damages;
        self.rotations += other.rotations;
        self.compressed += other.compressed;
        for (fault, n) in other.faults {
            *self.faults.entry(fault).or_default() += n;
        }
        for (point, (calls, failures)) in other.points {
            let total = self.points.entry(point).or_default();
            total.0 += calls;
            total.1 += failures;
        }
        self.bound.uncovered += other.bound.uncovered;
        self.bound.in_flight += other.bound.in_flight;
        self.bound.untold += other.bound.untold;
        for (name, n) in other.judgement.numbers {
            *self.judgement.numbers.entry(name).or_default() += n;
        }
    }
}

/// How far a run has come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counts {
    pub(crate) written: u64,
    pub(crate) arrived: u64,
    pub(crate) lag: u64,
    pub(crate) twice: u64,
    pub(crate) faults: u64,
}

/// How many duplicates there may be, by where they come from.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bound {
    /// Records that had arrived, and that the source or the buffer still had when the child was killed.
    pub(crate) uncovered: u64,
    /// What was on its way when the child was killed.
    pub(crate) in_flight: u64,
    /// What was accepted without the client being told.
    pub(crate) untold: u64,
}

impl Bound {
    pub(crate) const FORMULA: &str = "duplicates <= sum over kills of (arrived records that the stored checkpoints do not cover or \
         that are left in the buffer + writes in flight x events a write) + events accepted without an answer";

    pub(crate) fn total(&self) -> u64 {
        self.uncovered + self.in_flight + self.untold
    }
}

/// Everything about one run while it goes on.
pub(crate) struct Run<'a> {
    mode: &'a Mode,
    setup: Setup,
    random: Random,
    writing: Option<Writing>,
    server: Option<Server>,
    file: Option<Followed>,
    /// What an aggregate has told.
    windows: Option<Followed>,
    dead: Followed,
    disk: Option<SmallDisk>,
    is_bounded: bool,
    outcome: Outcome,
}

impl<'a> Run<'a> {
    /// In a folder that is there and empty.
    pub(crate) fn new(mode: &'a Mode, seed: u64, dir: &Path, options: &Options) -> Result<Self, Failure> {
        let mut random = Random::new(seed, "run");
        let mut setup = Setup::new(dir.to_owned());
        let pace = (mode.prepare)(&mut setup, &mut random);
        setup.broken = options.broken;
        let disk = if mode.fills_disk { Some(SmallDisk::mount(dir)?) } else { None };
        setup.disk = disk.as_ref().map(|disk| disk.path().to_owned());
        let writer = Writer::open(dir, seed, setup.format, pace, mode.has_judge)?;
        let server = match setup.out.has_server() {
            true => {
                let mood = Mood::of(&mut random);
                let files = mode.has_judge.then(|| Files::within(dir));
                Some(Server::start(files.as_ref(), seed, mood, setup.timeout)?)
            }
            false => None,
        };
        setup.server = server.as_ref().map(|server| server.address.to_string());
        let file = setup.out.has_file().then(|| Followed::new(setup.disk().join("out")));
        let windows = (setup.out == Out::Windows).then(|| Followed::new(setup.disk().join("windows")));
        let dead = Followed::new(setup.disk().join("dead"));
        Ok(Self {
            mode,
            setup,
            random,
            writing: Some(Writing::start(writer)),
            server,
            file,
            windows,
            dead,
            disk,
            is_bounded: true,
            outcome: Outcome::default(),
        })
    }

    /// Kills and restarts it so many times, lets the last one drain, and asks the judge.
    pub(crate) fn go(mut self, rounds: u64) -> Result<Outcome, Failure> {
        for _ in 0..rounds {
            self.round()?;
        }
        self.finish()
    }

    /// One child with a failing storage call, then one without.
    pub(crate) fn go_with_fault(mut self, fault: Fault) -> Result<Outcome, Failure> {
        // What a failed `fsync` of the file sink has lost is sent again by the source, with all that it has sent since, as
        // often as that happens: no number follows from the configuration.
        let is_error = matches!(fault.kind, FaultKind::Error | FaultKind::Errors);
        self.is_bounded = !(is_error && fault.point.starts_with("out."));
        let setup = Setup { fault: Some(fault), ..self.setup.clone() };
        let mut child = Child::start(&setup)?;
        match child.wait(FAULTY_LIFE)? {
            // It has died at the point, or could not go on, and said so.
            Some(End::Killed | End::Other(Some(1))) => {}
            Some(end) => return Err(child.complain(end)),
            None => drop(child.kill()?),
        }
        self.outcome.kills += 1;
        self.after_the_end()?;
        self.finish()
    }

    fn round(&mut self) -> Result<(), Failure> {
        let mut setup = Setup { drain_deadline: SHORT_DRAIN, ..self.setup.clone() };
        if self.mode.clock_jumps && self.random.chance(250) {
            const DAY: u64 = 86_400;
            setup.clock_offset_seconds = self.random.below(20 * DAY) as i64 - 10 * DAY as i64;
            self.outcome.clock_jumps += 1;
        }
        if let Some(server) = &self.server {
            server.set_down(self.random.chance(60));
        }
        let mut child = Child::start(&setup)?;
        // Some die while they start.
        let life =
            if self.random.chance(200) { self.random.millis(0, 25) } else { self.random.millis(25, 260) };
        if let Some(disk) = self.disk.as_mut().filter(|_| self.random.chance(600)) {
            std::thread::sleep(self.random.millis(0, 40));
            disk.fill()?;
            self.outcome.full_disks += 1;
        }
        if let Some(end) = child.wait(life)? {
            return Err(child.complain(end));
        }
        if self.random.chance(120) {
            // The last line is whole while the child drains: half of one would be sent as it is, as documented.
            let paused = self.writing.as_ref().map(Writing::pause);
            // To a dead server, or a full disk, nothing can drain.
            if let Some(server) = &self.server {
                server.set_down(false);
            }
            if let Some(disk) = &mut self.disk {
                disk.free()?;
            }
            child.terminate()?;
            // Some die while they drain.
            let patience = if self.random.chance(500) { self.random.millis(0, 30) } else { DRAIN };
            let mood = self.server.as_ref().map(|server| server.state().mood);
            if let (Some(mood), true) = (mood, patience == DRAIN) {
                self.set_mood(mood.calm());
            }
            let end = child.wait(patience)?;
            if let Some(mood) = mood {
                self.set_mood(mood);
            }
            match end {
                Some(End::Drained) => self.outcome.drains += 1,
                // Some had too much before them: it is where it was.
                Some(End::Other(Some(3))) => self.outcome.cut_drains += 1,
                // SIGTERM may have come before there was anybody to listen.
                Some(End::Other(None)) => self.outcome.kills += 1,
                Some(end) => return Err(child.complain(end)),
                None if patience == DRAIN => {
                    return Err(Failure::new(format!("the child has not drained within {DRAIN:?}")));
                }
                None => {
                    child.kill()?;
                    self.outcome.kills += 1;
                }
            }
            drop(paused);
        } else {
            child.kill()?;
            self.outcome.kills += 1;
        }
        self.after_the_end()
    }

    /// What may come twice because of how the child ended.
    pub(crate) fn after_the_end(&mut self) -> Result<(), Failure> {
        if let Some(disk) = &mut self.disk {
            disk.free()?;
        }
        let Some(writing) = &self.writing else { return Ok(()) };
        if let Some(file) = &mut self.file {
            file.read_on()?;
        }
        self.dead.read_on()?;
        let checkpoints = Checkpoints::read(self.setup.disk())?;
        let mut writer = writing.pause();
        for stream in &mut writer.streams {
            stream.is_known |= checkpoints.knows(stream.path());
        }
        let mut left = Ledger::default();
        if self.setup.buffer.is_on_disk() {
            let buffer = self.setup.disk().join("buffer");
            let lines = left_in(&buffer)?;
            left.note_lines(&lines);
            if self.mode.damages_buffer && self.random.chance(500) {
                self.outcome.damages += u64::from(damage::tail(&buffer, &mut self.random)?);
                damage::note_given_up(&self.setup.dir, &lines, &left_in(&buffer)?)?;
            }
        }
        let again = |ledger: &Ledger| may_come_again(&writer, &checkpoints, &left, ledger);
        let mut bound = again(&self.dead.ledger);
        if let Some(file) = &self.file {
            bound += again(&file.ledger);
        }
        if let Some(server) = &self.server {
            bound += again(&server.state().ledger);
            self.outcome.bound.in_flight += (self.setup.in_flight * self.setup.max_events) as u64;
        }
        self.outcome.bound.uncovered += bound;
        Ok(())
    }

    /// The last child drains everything; then the judge is asked.
    fn finish(mut self) -> Result<Outcome, Failure> {
        if let Some(server) = &self.server {
            server.set_down(false);
            let mut state = server.state();
            state.mood = state.mood.calm();
        }
        let Some(writing) = self.writing.take() else { return Ok(self.outcome) };
        let writer = writing.stop()?;
        let mut writer = super::writer::lock(&writer);
        let mut child = Child::start(&self.setup)?;
        writer.last_words()?;
        self.wait_for_the_rest(&writer, &mut child)?;
        child.terminate()?;
        match child.wait(DRAIN)? {
            Some(End::Drained) => {}
            Some(end) => return Err(child.complain(end)),
            None => return Err(Failure::new(format!("the last child has not drained within {DRAIN:?}"))),
        }
        self.outcome.rotations = writer.rotations;
        self.outcome.compressed = writer.compressed;
        self.outcome.points = read_points(&self.setup.dir)?;
        let mut destinations = Vec::new();
        if let Some(file) = &self.file {
            destinations.push(("file", file.files()?));
        }
        if let Some(server) = &self.server {
            server.flush()?;
            let state = server.state();
            if let Some(complaint) = state.complaints.first() {
                return Err(Failure::new(complaint.clone()));
            }
            self.outcome.faults = state.faults.clone();
            self.outcome.bound.untold = state.untold_events;
            destinations.push(("server", vec![Files::within(&self.setup.dir).journal]));
        }
        let windows = self.windows.as_ref().map(Followed::files).transpose()?.unwrap_or_default();
        let case = Case {
            windows,
            dir: &self.setup.dir,
            format: self.setup.format,
            destinations,
            refused_by: self.server.as_ref().map(|_| "server"),
            dead: self.dead.files()?,
            bound: self.is_bounded.then(|| self.outcome.bound.total()),
            in_order: self.is_ordered(),
        };
        self.outcome.judgement = case.ask()?;
        if !self.is_bounded {
            self.outcome.bound = Bound::default();
            let numbers = &mut self.outcome.judgement.numbers;
            let duplicates = numbers.remove("duplicates").unwrap_or_default();
            numbers.insert("duplicates_without_bound".to_owned(), duplicates);
        }
        match self.outcome.judgement.is_well {
            true => Ok(self.outcome),
            false => Err(Failure::new(format!("the judge says:\n{}", self.outcome.judgement.text))),
        }
    }

    /// Whether first deliveries come in order. Several writes in flight pass each other where one fails, and what a file
    /// sink has lost by a failed `fsync` or a full disk it writes anew behind what came since.
    fn is_ordered(&self) -> bool {
        let may_lose_stages = self.setup.out.has_file() && (self.mode.fills_disk || self.mode.fails_storage);
        self.setup.in_flight == 1 && !may_lose_stages
    }

    /// For a child that is not started by a round.
    pub(crate) fn setup(&self) -> &Setup {
        &self.setup
    }

    /// How the server behaves from now on.
    pub(crate) fn set_mood(&self, mood: Mood) {
        if let Some(server) = &self.server {
            server.state().mood = mood;
        }
    }

    /// How many duplicates there may be so far.
    pub(crate) fn bound(&self) -> Bound {
        let untold = self.server.as_ref().map_or(0, |server| server.state().untold_events);
        Bound { untold, ..self.outcome.bound }
    }

    /// What has arrived so far at the server and among the dead letters; what has arrived as a whole is removed.
    pub(crate) fn counts(&mut self) -> Result<Counts, Failure> {
        self.dead.read_on()?;
        let (Some(writing), Some(server)) = (&self.writing, &self.server) else {
            return Err(Failure::new("there is nothing to count"));
        };
        let mut writer = writing.pause();
        let state = server.state();
        let (there, dead) = (&state.ledger, &self.dead.ledger);
        writer.remove_old(|s, n| there.count(s, n) > 0 || dead.count(s, n) > 0)?;
        let written = writer.written();
        // What a server refuses and what is not of the format is in one of both.
        let arrived = there.different + dead.different;
        let twice = there.arrivals + dead.arrivals - arrived;
        Ok(Counts { written, arrived, lag: written - arrived, twice, faults: state.faults.values().sum() })
    }

    /// No more than so many records are written until this is called again.
    pub(crate) fn limit(&self, records: u64) {
        if let Some(writing) = &self.writing {
            writing.limit(records);
        }
    }

    /// Which records have arrived nowhere, as ranges of each stream.
    pub(crate) fn lost(&self) -> Vec<String> {
        let (Some(writing), Some(server)) = (&self.writing, &self.server) else { return Vec::new() };
        let (writer, state) = (writing.pause(), server.state());
        let mut lost = Vec::new();
        for (s, stream) in writer.streams.iter().enumerate() {
            let mut from = None;
            for number in 0..=stream.written {
                let is_lost = number < stream.written
                    && state.ledger.count(s, number) == 0
                    && self.dead.ledger.count(s, number) == 0;
                match (is_lost, from) {
                    (true, None) => from = Some(number),
                    (false, Some(first)) => {
                        lost.push(format!("~s{s}.{first}~ to ~s{s}.{}~", number - 1));
                        from = None;
                    }
                    _ => {}
                }
            }
        }
        lost
    }

    /// Writes no more, and lets the child bring everything home and end.
    pub(crate) fn drain(&mut self, child: &mut Child) -> Result<Option<End>, Failure> {
        if let Some(writing) = &self.writing {
            writing.limit(0);
            let writing = writing.writer();
            self.wait_for_the_rest(&super::writer::lock(&writing), child)?;
        }
        child.terminate()?;
        child.wait(DRAIN)
    }

    /// Until everything has arrived, or nothing more comes: the judge says what that means.
    fn wait_for_the_rest(&mut self, writer: &Writer, child: &mut Child) -> Result<(), Failure> {
        // The last record of several lines waits for the next.
        let may_wait = if self.setup.format == Format::Access { 0 } else { writer.streams.len() as u64 };
        let mut last = (u64::MAX, Instant::now());
        loop {
            if let Some(end) = child.wait(LOOK)? {
                return Err(child.complain(end));
            }
            self.dead.read_on()?;
            if let Some(file) = &mut self.file {
                file.read_on()?;
            }
            let missing = match self.setup.out {
                // Nobody tells of a record that was counted, but the source knows.
                Out::Windows => unsettled(writer, &Checkpoints::read(self.setup.disk())?),
                _ => self.missing(writer),
            };
            if missing <= may_wait || (last.0 == missing && last.1.elapsed() > STUCK) {
                return Ok(());
            }
            if missing < last.0 {
                last = (missing, Instant::now());
            }
        }
    }

    /// Records that have arrived neither at a destination nor among the dead letters, for all destinations.
    fn missing(&self, writer: &Writer) -> u64 {
        let state = self.server.as_ref().map(Server::state);
        let ledgers = self.file.iter().map(|f| &f.ledger).chain(state.iter().map(|s| &s.ledger));
        let dead = &self.dead.ledger;
        let mut missing = 0;
        for ledger in ledgers {
            for (s, stream) in writer.streams.iter().enumerate() {
                missing += (0..stream.written)
                    .filter(|n| ledger.count(s, *n) == 0 && dead.count(s, *n) == 0)
                    .count() as u64;
            }
        }
        missing
    }
}

/// How many records no checkpoint covers.
fn unsettled(writer: &Writer, checkpoints: &Checkpoints) -> u64 {
    let generations = writer.streams.iter().flat_map(|stream| &stream.generations);
    let rest = generations.map(|generation| {
        let settled = checkpoints.settled(&generation.head);
        generation.ends.len() - generation.ends.partition_point(|end| *end <= settled)
    });
    rest.sum::<usize>() as u64
}

/// How many records may come to a destination again: those that no checkpoint covers, as far as they are there or in the
/// buffer; and what is in the buffer, as far as it is there too.
fn may_come_again(writer: &Writer, checkpoints: &Checkpoints, left: &Ledger, there: &Ledger) -> u64 {
    let mut count = 0;
    for (s, stream) in writer.streams.iter().enumerate() {
        for generation in &stream.generations {
            let settled = checkpoints.settled(&generation.head);
            let covered = generation.ends.partition_point(|end| *end <= settled) as u64;
            for n in 0..generation.ends.len() as u64 {
                let number = generation.first + n;
                let (is_there, waiting) = (there.count(s, number) > 0, u64::from(left.count(s, number)));
                count += u64::from(n >= covered && (is_there || waiting > 0));
                count += if is_there { waiting } else { 0 };
            }
        }
    }
    count
}

/// What the children have noted down of their failure points.
pub(crate) fn read_points(dir: &Path) -> Result<BTreeMap<String, (u64, u64)>, Failure> {
    let path: PathBuf = dir.join("points");
    let text = std::fs::read_to_string(&path).map_err(Failure::io(path.display()))?;
    let mut points = BTreeMap::new();
    for line in text.lines() {
        let (point, failed) = line.strip_prefix("! ").map_or((line, 0), |point| (point, 1));
        let (calls, failures): &mut (u64, u64) = points.entry(point.to_owned()).or_default();
        *calls += 1;
        *failures += failed;
    }
    Ok(points)
}

/// An empty folder of this name.
pub(crate) fn fresh(dir: &Path) -> Result<(), Failure> {
    if dir.exists() {
        small_disk::release(dir);
        std::fs::remove_dir_all(dir).map_err(Failure::io(dir.display()))?;
    }
    std::fs::create_dir_all(dir).map_err(Failure::io(dir.display()))
}
