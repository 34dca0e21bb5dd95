//! Opening the directory: what is there, where reading goes on, and what to tell about it.

use std::path::Path;

use dendro_core::Severity;
use dendro_core::storage::{Storage, StorageFault};

use crate::directory::{self, Content, Lock, Refused};
use crate::options::Options;
use crate::position::{NoPosition, Position};
use crate::quarantine;
use crate::record::{Kind, Totals};
use crate::segment;
use crate::shared::{Segment, View};
use crate::walk::{Found, NoWalk, Walk};

/// Locks the directory and looks at what is there. Of finished segments only the ends are read, of others all.
pub(crate) fn open(options: &Options) -> Result<(Lock, View), Refused> {
    let (storage, dir) = (&*options.storage, &*options.directory);
    directory::create(storage, dir, options.syncs())?;
    let lock = directory::lock(storage, dir)?;
    let mut opening =
        Opening { options, storage, dir, view: View::default(), last_sequence: 0, knows_position: true };
    let content = directory::content(storage, dir)?;
    opening.explain_foreign(&content);
    let stored = opening.read_position()?;
    let place = stored.as_ref().map(|p| p.place).unwrap_or_default();
    opening.view.position = stored.unwrap_or_default();
    let mut previous = None;
    for number in content.segments {
        opening.view.last_number = number;
        if number < place.segment {
            // All of it is acknowledged: a crash came before its end, or the power went before the directory was synced.
            let path = segment::path(dir, number);
            directory::remove(storage, &path).map_err(StorageFault::new("remove", &path))?;
            continue;
        }
        opening.segment(number, &mut previous)?;
    }
    opening.finish();
    Ok((lock, opening.view))
}

struct Opening<'a> {
    options: &'a Options,
    storage: &'a dyn Storage,
    dir: &'a Path,
    view: View,
    last_sequence: u64,
    knows_position: bool,
}

impl Opening<'_> {
    fn explain_foreign(&mut self, content: &Content) {
        if let Some(first) = content.foreign.first() {
            let others = content.foreign.len() - 1;
            let more = if others > 0 { format!(" and {others} others") } else { String::new() };
            self.tell(
                Severity::Warning,
                format!("{first}{more} in {} is no file of a buffer: left alone", self.dir.display()),
            );
        }
    }

    fn read_position(&mut self) -> Result<Option<Position>, Refused> {
        let Some(bytes) = directory::read_position(self.storage, self.dir)? else { return Ok(None) };
        match Position::decode(&bytes) {
            Ok(position) => Ok(Some(position)),
            Err(NoPosition::Version(version)) => Err(self.later("the position", version)),
            Err(NoPosition::Damaged) => {
                self.knows_position = false;
                let path = self.dir.join(directory::POSITION);
                let kept = match directory::set_aside(self.storage, &path) {
                    Ok(aside) => format!("it is kept as {}", aside.display()),
                    Err(e) => format!("it could not be set aside: {e}"),
                };
                let path = path.display();
                self.tell(
                    Severity::Error,
                    format!("{path} is damaged: {kept}; all that is in the buffer is sent, some of it again"),
                );
                Ok(None)
            }
        }
    }

    fn segment(&mut self, number: u64, previous: &mut Option<u64>) -> Result<(), Refused> {
        let path = segment::path(self.dir, number);
        let (mut walk, header) = match Walk::open(self.storage, &path, number) {
            Ok(opened) => opened,
            Err(NoWalk::Version(version)) => {
                return Err(self.later(&format!("segment {number}"), version));
            }
            Err(NoWalk::Io(e)) => return Err(StorageFault::new("read", &path)(e).into()),
            Err(NoWalk::Damaged) => {
                *previous = Some(number);
                return self.without_header(number);
            }
        };
        let place = self.view.position.place;
        let before = header.map_or(0, |h| h.previous);
        // Without a position nobody knows what was acknowledged before the first.
        let is_due = before > 0 && before >= place.segment && (previous.is_some() || self.knows_position);
        if is_due && previous.replace(number) != Some(before) {
            self.missing(before, number);
        }
        *previous = Some(number);
        if header.is_none() {
            self.tell(
                Severity::Error,
                format!("the header of {} is damaged; its records are read all the same", path.display()),
            );
        }
        let first_sequence = header.map_or(0, |h| h.first_sequence);
        self.last_sequence = self.last_sequence.max(first_sequence.saturating_sub(1));
        let io = |e| Refused::from(StorageFault::new("read", &path)(e));
        let size = walk.size().map_err(io)?;
        let (end, size, totals) = match walk.finished().map_err(io)? {
            Some((end, sequence, totals)) => {
                self.last_sequence = self.last_sequence.max(sequence);
                (end, size, totals)
            }
            None => self.unfinished(&mut walk, number, size).map_err(io)?,
        };
        let acknowledged = if place.segment == number { place.events } else { 0 };
        let events = totals.events.saturating_sub(acknowledged);
        self.view.segments.insert(number, Segment { end, size: 0, is_sealed: true, events, keep: false });
        self.view.set_size(number, size);
        Ok(())
    }

    /// Reads all of a segment that a crash has left, and cuts off what was torn.
    fn unfinished(
        &mut self,
        walk: &mut Walk,
        number: u64,
        mut size: u64,
    ) -> std::io::Result<(u64, u64, Totals)> {
        let (mut at, mut end) = (segment::HEADER, segment::HEADER);
        let mut totals = Totals::default();
        // The last record, if its header is whole and its body is not.
        let mut broken = None;
        loop {
            match walk.next(at, size, true)? {
                Found::End => break,
                Found::Damaged(range, _) => at = range.end,
                Found::Record(record) => {
                    at = record.end();
                    self.last_sequence = self.last_sequence.max(record.header.sequence);
                    if record.header.kind == Kind::Frame {
                        totals.frames += 1;
                        totals.events += u64::from(record.header.events);
                    }
                    if record.is_whole() {
                        (end, broken) = (at, None);
                    } else {
                        broken = Some((record.at..at, record.header));
                    }
                }
            }
        }
        if let Some((range, header)) = broken {
            if header.kind == Kind::Frame {
                totals.frames -= 1;
                totals.events -= u64::from(header.events);
            }
            // All of its length is there: it may have been whole once.
            let why = "its checksum is wrong, at the end of a segment that was not finished";
            self.quarantine(number, &range, why);
        }
        if end < size {
            let torn = size - end;
            self.view.stats.torn_bytes += torn;
            let path = segment::path(self.dir, number);
            let cut = self.storage.open(&path, None).and_then(|mut file| {
                file.truncate(end)?;
                if self.options.syncs() { file.sync() } else { Ok(()) }
            });
            let how = match cut {
                Ok(()) => {
                    size = end;
                    "cut off".to_owned()
                }
                Err(e) => format!("not read, though it could not be cut off: {e}"),
            };
            self.tell(
                Severity::Warning,
                format!(
                    "the last {torn} bytes of {} are a write that was not finished, and not acknowledged: {how}",
                    path.display()
                ),
            );
        }
        Ok((end, size, totals))
    }

    /// Neither the header nor the first record of a segment can be read.
    fn without_header(&mut self, number: u64) -> Result<(), Refused> {
        let path = segment::path(self.dir, number);
        let io = |e| Refused::from(StorageFault::new("read", &path)(e));
        let size = self.storage.open_to_read(&path).and_then(|f| f.size()).map_err(io)?;
        let whole_header = size <= segment::HEADER + crate::record::HEADER as u64;
        if whole_header {
            // Begun and never written to.
            directory::remove(self.storage, &path).map_err(StorageFault::new("remove", &path))?;
            return Ok(());
        }
        let kept = match directory::set_aside(self.storage, &path) {
            Ok(aside) => format!("set aside as {}", aside.display()),
            Err(e) => format!("left where it is: {e}"),
        };
        self.view.stats.damaged += 1;
        self.view.stats.damaged_bytes += size;
        self.tell(
            Severity::Error,
            format!("{} is damaged from its beginning, {size} bytes: {kept}", path.display()),
        );
        Ok(())
    }

    fn missing(&mut self, before: u64, number: u64) {
        self.view.stats.missing_segments += 1;
        let (path, next) = (segment::path(self.dir, before), segment::path(self.dir, number));
        self.tell(
            Severity::Error,
            format!(
                "{} is missing, which was written before {}: what waited there is lost, unless you find the file and put \
                 it back while nothing runs",
                path.display(),
                next.display()
            ),
        );
    }

    fn quarantine(&mut self, number: u64, range: &std::ops::Range<u64>, why: &str) {
        let bytes = range.end - range.start;
        self.view.stats.damaged += 1;
        self.view.stats.damaged_bytes += bytes;
        let sync = self.options.syncs();
        let kept = match quarantine::set_aside(self.storage, self.dir, number, range, why, sync) {
            Ok(aside) => format!("set aside as {}", aside.display()),
            Err(e) => format!("could not be set aside: {e}"),
        };
        let path = segment::path(self.dir, number);
        self.tell(
            Severity::Error,
            format!("{bytes} bytes at {} of {} are damaged ({why}): {kept}", range.start, path.display()),
        );
    }

    fn finish(&mut self) {
        let place = self.view.position.place;
        if !self.view.segments.contains_key(&place.segment) {
            if self.view.segments.is_empty() && place.offset > 0 {
                self.missing(place.segment, place.segment + 1);
            }
            let place = &mut self.view.position.place;
            // Never again a segment of which a part would count as acknowledged.
            place.segment += u64::from(place.offset > 0);
            (place.offset, place.events) = (0, 0);
        }
        let view = &mut self.view;
        view.next_number = (view.last_number + 1).max(view.position.place.segment).max(1);
        // What was read and acknowledged, but not durable, has had its numbers.
        view.next_sequence = (self.last_sequence + 1).max(place.sequence).max(1);
        view.last_number = view.segments.keys().next_back().copied().unwrap_or_default();
        view.advance();
    }

    fn later(&self, what: &str, version: u16) -> Refused {
        Refused::Fatal(format!(
            "{what} in the buffer directory {} was written by a later version of this program (format {version}; this one \
             reads {}): run that version until the buffer is drained, or give this one another directory",
            self.dir.display(),
            segment::VERSION
        ))
    }

    fn tell(&mut self, severity: Severity, text: String) {
        self.view.notices.push((severity, text));
    }
}
