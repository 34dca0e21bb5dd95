//! The format `auto`: each stream's own.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use dendro_core::{
    Batch, Cut, FlushReason, Framer, Lines, Records, Schema, Timestamp, Transform, TransformError,
};

use super::detection::{self, Candidates};
use super::{Detection, Format, MAX_LINE_BYTES, Parser, ZONE};

pub(super) const FORMATS: &[Format] = &[Format {
    name: "auto",
    doc: "Whichever of the others each stream turns out to be, judged by its first records.",
    options: &[ZONE, MAX_LINE_BYTES],
    example: &[],
    sample: concat!(
        r#"192.0.2.7 - - [20/Nov/2026:16:59:47 -0330] "GET / HTTP/1.1" 200 153 "-" "curl/8.14.1""#,
        "\n",
        r#"192.0.2.7 - - [20/Nov/2026:16:59:48 -0330] "GET /a HTTP/1.1" 404 0 "-" "curl/8.14.1""#,
        "\n",
    ),
    detection: Detection::No,
    configure: |options| {
        options.zone()?;
        let (lines, candidates) = (options.lines()?, Candidates::new(options.given())?);
        let framer = AutoFramer { candidates: candidates.clone(), lines };
        let schemas = detection::schemas(&candidates);
        let auto = move || Auto { candidates: candidates.clone(), streams: HashMap::new() };
        Ok(Parser::from_factory(schemas, auto, move || Settling { auto: framer.clone(), settled: None }))
    },
}];

/// So many records that are all of one format settle a stream.
const ENOUGH_RECORDS: u64 = 20;

/// Parses each stream as the format that its records are of.
///
/// The likeliest format of the records so far is taken, anew for each batch until twenty records have been of one; from then on it stays,
/// also over a restart, and a record that is not of it is refused as by the format's own parser. Records that no known format reads
/// are refused.
struct Auto {
    candidates: Candidates,
    streams: HashMap<String, Stream>,
}

#[derive(Default)]
struct Stream {
    /// The candidate, and its transform for this stream.
    current: Option<(usize, Box<dyn Transform>)>,
    /// How many records have been of it.
    parsed: u64,
}

impl Transform for Auto {
    fn transform(&mut self, batch: &mut Batch) -> Result<(), TransformError> {
        let name = batch.stream().unwrap_or_default();
        if !self.streams.contains_key(name) {
            self.streams.insert(name.to_owned(), Stream::default());
        }
        let Some(stream) = self.streams.get_mut(name) else { return Ok(()) };
        if stream.parsed < ENOUGH_RECORDS {
            stream.choose(&self.candidates, batch);
        }
        let Some((_, transform)) = &mut stream.current else {
            batch.parse_each(|_| Err("at byte 0: expected a record of a format that is known".into()));
            return Ok(());
        };
        transform.transform(batch)?;
        stream.parsed += batch.len() as u64;
        Ok(())
    }

    fn schemas(&self, _input: &[Arc<Schema>]) -> Vec<Arc<Schema>> {
        detection::schemas(&self.candidates)
    }

    fn is_stateful(&self) -> bool {
        true
    }

    fn flush(&mut self, reason: FlushReason, now: Timestamp, out: &mut Batch) -> Result<(), TransformError> {
        for stream in self.streams.values_mut() {
            if let Some((_, transform)) = &mut stream.current {
                transform.flush(reason, now, out)?;
            }
        }
        Ok(())
    }

    /// How many records were parsed, the format, its options, the state of its own transform: each behind its length.
    fn snapshot(&self, name: &str) -> Option<Vec<u8>> {
        let stream = self.streams.get(name)?;
        let (index, transform) = stream.current.as_ref()?;
        let candidate = self.candidates.get(*index)?;
        let mut state = stream.parsed.to_le_bytes().to_vec();
        put(&mut state, candidate.format.name.as_bytes());
        put(&mut state, &(candidate.options.len() as u32).to_le_bytes());
        for (name, value) in &candidate.options {
            put(&mut state, name.as_bytes());
            put(&mut state, value.as_bytes());
        }
        if let Some(own) = transform.snapshot(name) {
            put(&mut state, &own);
        }
        Some(state)
    }

    fn restore(&mut self, name: &str, state: &[u8]) -> Result<(), TransformError> {
        let Some(Saved { parsed, format, options, own }) = Saved::read(state) else {
            return Err(TransformError::new("this is no state of `auto`"));
        };
        let Some(index) = self.candidates.find(format, &options) else {
            return Err(TransformError::new(format!(
                "`{format}` with these options is not looked for any more"
            )));
        };
        let mut transform = self.candidates.0[index].parser.transform();
        if let Some(own) = own {
            transform.restore(name, own)?;
        }
        self.streams.insert(name.to_owned(), Stream { current: Some((index, transform)), parsed });
        Ok(())
    }
}

impl Stream {
    /// Takes the likeliest format of the records in a batch, unless the one that it has is as good.
    fn choose(&mut self, candidates: &Candidates, batch: &Batch) {
        let records = batch.iter().filter(|event| event.is_unparsed()).map(|event| event.raw());
        let ranked = candidates.rank_records(records);
        let confidence =
            |index: usize| ranked.iter().find(|(of, _)| *of == index).map(|(_, confidence)| *confidence);
        let Some((best, highest)) = ranked.first().copied() else { return };
        match &self.current {
            Some((index, _)) if confidence(*index).is_some_and(|now| now >= highest) => {}
            _ => {
                let Some(candidate) = candidates.get(best) else { return };
                *self = Self { current: Some((best, candidate.parser.transform())), parsed: 0 };
            }
        }
    }
}

/// What [`Auto::snapshot`] has written.
struct Saved<'a> {
    parsed: u64,
    format: &'a str,
    options: Vec<(String, String)>,
    own: Option<&'a [u8]>,
}

impl<'a> Saved<'a> {
    fn read(state: &'a [u8]) -> Option<Self> {
        let (parsed, mut rest) = state.split_first_chunk()?;
        let text = |rest: &mut &'a [u8]| std::str::from_utf8(take(rest)?).ok();
        let format = text(&mut rest)?;
        let count = u32::from_le_bytes(*take(&mut rest)?.as_array()?);
        let mut options = Vec::new();
        for _ in 0..count {
            options.push((text(&mut rest)?.to_owned(), text(&mut rest)?.to_owned()));
        }
        let own = if rest.is_empty() { None } else { Some(take(&mut rest)?) };
        Some(Self { parsed: u64::from_le_bytes(*parsed), format, options, own })
    }
}

fn put(state: &mut Vec<u8>, piece: &[u8]) {
    state.extend_from_slice(&(piece.len() as u32).to_le_bytes());
    state.extend_from_slice(piece);
}

fn take<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (len, behind) = rest.split_first_chunk()?;
    let (piece, behind) = behind.split_at_checked(u32::from_le_bytes(*len) as usize)?;
    *rest = behind;
    Some(piece)
}

/// So much of a stream is looked at before it is cut as some format's, if it comes without a pause.
const ENOUGH_BYTES: usize = 16 << 10;
const PAUSE: Duration = Duration::from_secs(1);

/// Cuts a stream as the format that its first bytes are of; as lines if no known format is.
#[derive(Clone)]
struct AutoFramer {
    candidates: Candidates,
    lines: Lines,
}

struct Settling {
    auto: AutoFramer,
    settled: Option<Box<dyn Framer>>,
}

impl Framer for Settling {
    fn frame(&mut self, input: &[u8], cut: Cut, records: &mut Records) -> usize {
        if self.settled.is_none() && (cut != Cut::Open || input.len() >= ENOUGH_BYTES) {
            let best = self.auto.candidates.rank(input).first().map(|(index, _)| *index);
            let candidate = best.and_then(|index| self.auto.candidates.get(index));
            self.settled = Some(match candidate {
                Some(candidate) => candidate.parser.framer(),
                None => Box::new(self.auto.lines.clone()),
            });
        }
        self.settled.as_mut().map_or(0, |framer| framer.frame(input, cut, records))
    }

    fn quiet_after(&self) -> Option<Duration> {
        match &self.settled {
            None => Some(PAUSE),
            Some(framer) => framer.quiet_after(),
        }
    }

    fn reset(&mut self) {
        if let Some(framer) = &mut self.settled {
            framer.reset();
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::formats::{self, Feed};
    use bytes::Bytes;
    use dendro_core::{Origin, RecordRow};

    const ACCESS: &str = r#"192.0.2.7 - - [20/Nov/2026:16:59:47 -0330] "GET / HTTP/1.1" 200 153 "-" "-""#;

    fn auto() -> Parser {
        formats::find("auto").unwrap().configure(&[]).unwrap()
    }

    fn batch(stream: &str, records: &[&str]) -> Batch {
        let mut batch = Batch::new(Bytes::new()).unwrap();
        let ty = batch.add_type(&Schema::new("log").into()).unwrap();
        let origin = Origin { stream: Some(stream.into()), ..Origin::default() };
        let origin = batch.add_origin(&origin.into()).unwrap();
        for record in records {
            batch
                .push_assembled(record.as_bytes(), 0, RecordRow { ty, origin, observed: Timestamp::EPOCH })
                .unwrap();
        }
        batch
    }

    #[test]
    fn a_log_is_read_as_what_it_is() {
        let mut feed = Feed::new(&auto());
        let log = format!("{ACCESS}\n").repeat(300);
        let mut events = 0;
        for piece in log.as_bytes().chunks(700) {
            events += feed
                .push(piece, Timestamp::EPOCH)
                .unwrap()
                .iter()
                .filter(|e| e.event_type() == "nginx_access")
                .count();
        }
        events += feed.finish(Timestamp::EPOCH).unwrap().len();
        assert_eq!(events, 300);
    }

    #[test]
    fn what_no_format_knows_is_refused_and_the_next_records_are_judged_anew() {
        let mut transform = auto().transform();
        let mut unknown = batch("s", &["nothing that anybody knows"]);
        transform.transform(&mut unknown).unwrap();
        assert_eq!((unknown.len(), unknown.rejected().count()), (0, 1));
        let mut known = batch("s", &[ACCESS]);
        transform.transform(&mut known).unwrap();
        assert_eq!((known.len(), known.rejected().count()), (1, 0));
    }

    #[test]
    fn a_settled_stream_stays_over_a_restart_and_others_have_their_own() {
        let mut transform = auto().transform();
        transform.transform(&mut batch("s", &[ACCESS; 30])).unwrap();
        assert!(transform.snapshot("other").is_none());
        let state = transform.snapshot("s").unwrap();

        let mut next = auto().transform();
        next.restore("s", &state).unwrap();
        assert_eq!(next.snapshot("s").unwrap(), state);
        let mut odd = batch("s", &["nothing that anybody knows"]);
        next.transform(&mut odd).unwrap();
        let reason = odd.rejected().next().unwrap().reason.to_owned();
        assert!(!reason.contains("a format that is known"), "{reason}");

        for cut in 0..state.len() {
            assert!(next.restore("s", &state[..cut]).is_err(), "{cut}");
        }
    }
}
