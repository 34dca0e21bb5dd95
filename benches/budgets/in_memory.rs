//! What is measured on bytes in memory: cutting lines, parsing, frames.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use dendro::parsers::nginx::NginxAccess;
use dendro::sources::FileSource;
use dendro_core::{Batch, BatchPool, Cut, Framer, Lines, RecordRow, Records, Schema, Timestamp, Transform};

use crate::clock::{Spent, Turns};
use crate::hand_loop::HandLoop;
use crate::regex_baseline::Baseline;
use crate::report::Figure;

/// As much as the file source puts into one batch.
pub(crate) const CHUNK: usize = FileSource::DEFAULT_READ_BYTES;

type Error = Box<dyn std::error::Error>;

static POOL: LazyLock<Arc<BatchPool>> = LazyLock::new(|| BatchPool::new(8, 8 << 20));

/// Cutting the lines of the whole log and putting them into batches, against counting its newlines.
pub(crate) fn split(log: &Bytes, turns: usize) -> Result<Figure, Error> {
    let mut lines = 0;
    let mut failed = None;
    let turns = Turns::<3>::take(turns, |contestant| match contestant {
        0 => Spent::on(|| {
            lines = 0;
            failed = each_batch(log, |batch| {
                lines += batch.len();
                Ok(())
            })
            .err();
        }),
        // Has a loop of its own in `memchr` that counts whole vectors and never learns where a newline is.
        1 => Spent::on(|| memchr::memchr_iter(b'\n', log).count()),
        _ => Spent::on(|| memchr::memchr_iter(b'\n', log).fold(0, |sum, at| sum ^ at)),
    });
    failed.map_or(Ok(()), Err)?;
    let [split, count, find] =
        [0, 1, 2].map(|contestant| log.len() as f64 / 1e9 / turns.median(contestant).cpu_s);
    let mut figure = Figure::new("split", split / count);
    figure.detail(format!(
        "{split:.1} GB/s into batches of {} KiB; {count:.1} GB/s counted; {find:.1} GB/s where each newline is found, \
         against which it is {:.2} x",
        CHUNK >> 10,
        split / find
    ));
    figure.values([
        ("split_gb_per_s", split),
        ("count_gb_per_s", count),
        ("find_gb_per_s", find),
        ("lines", lines as f64),
    ]);
    Ok(figure)
}

/// Parsing what is cut already, against a compiled regular expression with the same typing into the same batch, and
/// with the cutting against the hand loop.
pub(crate) fn parse(log: &Bytes, turns: usize) -> Result<[Figure; 2], Error> {
    let mut parser = NginxAccess::combined();
    let mut baseline = Baseline::new();
    let mut hand = HandLoop::default();
    let mut parsed = [0; 4];
    let mut failed = None;
    let medians = Turns::<4>::take(turns, |contestant| {
        let mut spent = Spent::default();
        parsed[contestant] = 0;
        let counted = &mut parsed[contestant];
        let each =
            |work: &mut dyn FnMut(&mut Batch) -> Result<(), Error>| each_batch(log, |batch| work(batch));
        let result = match contestant {
            0 => each(&mut |batch| {
                let mut result = Ok(());
                spent += Spent::on(|| result = parser.transform(batch));
                *counted += batch.len();
                Ok(result?)
            }),
            1 => each(&mut |batch| {
                spent += Spent::on(|| baseline.transform(batch));
                *counted += batch.len();
                Ok(())
            }),
            2 => {
                let mut result = Ok(());
                spent = Spent::on(|| {
                    result = each(&mut |batch| {
                        parser.transform(batch)?;
                        *counted += batch.len();
                        Ok(())
                    });
                });
                result
            }
            _ => {
                spent = Spent::on(|| {
                    each_chunk(log, |lines| *counted += std::hint::black_box(hand.parse(lines)))
                });
                Ok(())
            }
        };
        failed = result.err().or(failed.take());
        spent
    });
    failed.map_or(Ok(()), Err)?;
    let per_event = |contestant: usize| medians.median(contestant).cpu_s * 1e9 / parsed[contestant] as f64;
    let [parser_ns, regex_ns, cut_ns, hand_ns] = [0, 1, 2, 3].map(per_event);

    let mut against_regex = Figure::new("parse", regex_ns / parser_ns);
    against_regex.detail(format!("{parser_ns:.0} ns an event, regex {regex_ns:.0} ns"));
    if parsed[0] != parsed[1] {
        against_regex.detail(format!("parsed {} events, the regex {}", parsed[0], parsed[1]));
    }
    against_regex.values([("parser_ns", parser_ns), ("regex_ns", regex_ns)]);
    let mut against_loop = Figure::new("parse_loop", hand_ns / cut_ns);
    against_loop.detail(format!(
        "{cut_ns:.0} ns an event with cutting, loop {hand_ns:.0} ns ({:.1} M/s)",
        1e3 / hand_ns
    ));
    if parsed[2] != parsed[3] {
        against_loop.detail(format!("parsed {} events, the loop {}", parsed[2], parsed[3]));
    }
    against_loop.values([("parser_with_cutting_ns", cut_ns), ("loop_ns", hand_ns)]);
    Ok([against_regex, against_loop])
}

/// Writing parsed batches as frames and reading them back.
pub(crate) fn frame(log: &Bytes, turns: usize) -> Result<[Figure; 2], Error> {
    let mut parser = NginxAccess::combined();
    let (mut events, mut raw, mut framed) = (0, 0, 0);
    let mut failed = None;
    let medians = Turns::<2>::take(turns, |contestant| {
        let mut spent = Spent::default();
        let mut frame = Vec::new();
        (events, raw, framed) = (0, 0, 0);
        let result = each_batch(log, |batch| {
            parser.transform(batch)?;
            frame.clear();
            let writing = Spent::on(|| batch.write_frame(&mut frame));
            (events, raw, framed) = (events + batch.len(), raw + batch.base().len(), framed + frame.len());
            let frame = Bytes::from(std::mem::take(&mut frame));
            let mut read = None;
            let reading = Spent::on(|| read = Some(Batch::from_frame(&frame)));
            if read.transpose()?.is_none_or(|read| read.len() != batch.len()) {
                return Err("a frame did not give back its batch".into());
            }
            spent += if contestant == 0 { writing } else { reading };
            Ok(())
        });
        failed = result.err().or(failed.take());
        spent
    });
    failed.map_or(Ok(()), Err)?;
    let [write_ns, read_ns] = [0, 1].map(|contestant| medians.median(contestant).cpu_s * 1e9 / events as f64);
    let mut time = Figure::new("frame", write_ns + read_ns);
    time.detail(format!("{write_ns:.0} ns to write into memory, {read_ns:.0} ns to check and read"));
    time.values([("write_ns", write_ns), ("read_ns", read_ns)]);
    let mut size = Figure::new("frame_bytes", framed as f64 / raw as f64);
    size.detail(format!(
        "{:.0} bytes an event, raw {:.0}",
        framed as f64 / events as f64,
        raw as f64 / events as f64
    ));
    Ok([time, size])
}

/// The log as batches of parsed events.
pub(crate) fn parsed_batches(log: &Bytes) -> Result<Vec<Batch>, Error> {
    let mut parser = NginxAccess::combined();
    let mut batches = Vec::new();
    each_batch(log, |batch| {
        parser.transform(batch)?;
        batch.purge();
        batches.push(std::mem::take(batch));
        Ok(())
    })?;
    Ok(batches)
}

/// Cuts the log as the file source does, without reading a file, and gives each chunk as a batch.
fn each_batch(log: &Bytes, mut work: impl FnMut(&mut Batch) -> Result<(), Error>) -> Result<(), Error> {
    let schema = Arc::new(Schema::new("log"));
    let (mut lines, mut records, mut at) = (Lines::new(), Records::new(), 0);
    while at < log.len() {
        let end = log.len().min(at + CHUNK);
        records.clear();
        let done =
            lines.frame(&log[at..end], if end == log.len() { Cut::End } else { Cut::Open }, &mut records);
        // What a framer has looked at is given to it again, as long as it is not done with it.
        let mut batch = POOL.batch(log.slice(at..at + done))?;
        let row = RecordRow { ty: batch.add_type(&schema)?, origin: 0, observed: Timestamp::EPOCH };
        batch.push_records(&records, at as u64, row);
        work(&mut batch)?;
        at += done;
    }
    Ok(())
}

/// Gives the log in pieces of whole lines that are about as long as a chunk.
pub(crate) fn each_chunk(log: &[u8], mut work: impl FnMut(&[u8])) {
    let mut at = 0;
    while at < log.len() {
        let end = log.len().min(at + CHUNK);
        let end = memchr::memrchr(b'\n', &log[at..end]).map_or(end, |newline| at + newline + 1);
        work(&log[at..end]);
        at = end;
    }
}
