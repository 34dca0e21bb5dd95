//! Finding out what format a log has.

use std::sync::Arc;

use dendro_core::{Batch, BatchFull, EventRef, RecordRow, Schema, Timestamp, Transform};

use super::feed::raw_schema;
use super::{Feed, Format, FormatError, Parser, formats};

/// How much of a sample is looked at.
const SAMPLE_BYTES: usize = 64 << 10;
/// How many records are.
const SAMPLE_RECORDS: usize = 200;
/// Below this part of a sample that is of a format, the log is taken to be of another.
const LEAST_PART: f64 = 0.5;

/// Whether a format is looked for in a log of which nothing is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Detection {
    /// It is not: it reads anything, or can't be told from the text alone.
    No,
    /// It is tried with its defaults, or, if an option has to be given, its example and the usual values. The number tells how
    /// much it means that a record is of the format: 100 where hardly anything else can be (fixed punctuation and typed fields
    /// in many places), 50 where a more special format may hide in it (any JSON object, any `key=value`), 10 where most
    /// texts pass.
    Weight(u8),
}

/// What a log may be.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Guess {
    /// The format.
    pub format: &'static Format,
    /// Its options, for [`Format::configure`].
    pub options: Vec<(String, String)>,
    /// From 0 to 1: how much of the sample is of the format, and how much that says.
    pub confidence: f64,
}

/// The formats that a log may have, judged by its beginning, the likeliest first.
///
/// Some can't be told apart, such as nginx's and Apache's `combined` where nothing is escaped: they come one behind the other with
/// the same confidence.
///
/// ```
/// let log = b"192.0.2.7 - - [20/Nov/2026:16:59:47 -0330] \"GET / HTTP/1.1\" 200 153 \"-\" \"curl/8.14.1\"\n";
/// let guesses = dendro_parsers::formats::detect(log);
/// assert_eq!(guesses[0].format.name, "nginx_combined");
/// assert!(dendro_parsers::formats::detect(b"nothing that anybody knows\n").is_empty());
/// ```
pub fn detect(sample: &[u8]) -> Vec<Guess> {
    // The built-in formats take their own examples.
    let candidates = Candidates::new(&[]).unwrap_or_default();
    candidates
        .rank(sample)
        .into_iter()
        .map(|(index, confidence)| candidates.guess(index, confidence))
        .collect()
}

/// The formats that are tried, configured.
#[derive(Clone, Debug, Default)]
pub(super) struct Candidates(pub(super) Arc<[Candidate]>);

#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) format: &'static Format,
    pub(super) options: Vec<(String, String)>,
    pub(super) parser: Parser,
    weight: f64,
}

impl Candidates {
    /// All that can be detected, each with those of the `common` options that it knows.
    pub(super) fn new(common: &[(String, String)]) -> Result<Self, FormatError> {
        let mut candidates = Vec::new();
        for format in formats() {
            let Detection::Weight(weight) = format.detection else { continue };
            for options in std::iter::once(format.example).chain(usual_options(format.name)) {
                let own = options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
                let known = |name: &str| format.options.iter().any(|option| option.name == name);
                let shared = common.iter().filter(|(name, _)| known(name)).cloned();
                let options: Vec<_> = own.chain(shared).collect();
                let parser = format.configure(&options)?;
                candidates.push(Candidate { format, options, parser, weight: f64::from(weight) / 100.0 });
            }
        }
        Ok(Self(candidates.into()))
    }

    pub(super) fn get(&self, index: usize) -> Option<&Candidate> {
        self.0.get(index)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Candidate> {
        self.0.iter()
    }

    /// The candidate with this format and these options.
    pub(super) fn find(&self, format: &str, options: &[(String, String)]) -> Option<usize> {
        self.0.iter().position(|candidate| candidate.format.name == format && candidate.options == options)
    }

    /// The candidates that bytes may be of, each with its confidence, the likeliest first.
    pub(super) fn rank(&self, sample: &[u8]) -> Vec<(usize, f64)> {
        let sample = whole_lines(sample);
        self.rank_by(|candidate| {
            let mut feed = Feed::new(&candidate.parser);
            let mut part = Part::default();
            part.add(&feed.push(sample, Timestamp::EPOCH)?);
            part.add(&feed.finish(Timestamp::EPOCH)?);
            Ok(part)
        })
    }

    /// The same for records that somebody has cut already.
    pub(super) fn rank_records<'a>(&self, records: impl Iterator<Item = &'a [u8]>) -> Vec<(usize, f64)> {
        let Ok(sample) = records_as_batch(records) else { return Vec::new() };
        self.rank_by(|candidate| {
            let mut trial = sample.without_acks();
            let mut transform = candidate.parser.transform();
            // What can't be parsed as a whole is not of the format.
            let _ = transform.transform(&mut trial);
            let mut part = Part::default();
            part.add(&trial);
            Ok(part)
        })
    }

    fn rank_by(&self, mut part: impl FnMut(&Candidate) -> Result<Part, BatchFull>) -> Vec<(usize, f64)> {
        let mut ranked = Vec::new();
        for (index, candidate) in self.0.iter().enumerate() {
            let part = part(candidate).map_or(0.0, |part| part.recognised());
            if part >= LEAST_PART {
                ranked.push((index, part * candidate.weight));
            }
        }
        // Stable: among equals the order of the list stands.
        ranked.sort_by(|(_, a), (_, b)| b.total_cmp(a));
        ranked
    }

    fn guess(&self, index: usize, confidence: f64) -> Guess {
        let candidate = &self.0[index];
        Guess { format: candidate.format, options: candidate.options.clone(), confidence }
    }
}

/// Further options with which a format is often used.
fn usual_options(format: &str) -> impl Iterator<Item = &'static [(&'static str, &'static str)]> {
    USUAL_OPTIONS.iter().filter(move |(name, _)| *name == format).map(|(_, options)| *options)
}

type Options = &'static [(&'static str, &'static str)];

const USUAL_OPTIONS: &[(&str, Options)] = &[
    // ingress-nginx's, by its default.
    (
        "nginx",
        &[(
            "log_format",
            concat!(
                r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "#,
                r#""$http_user_agent" $request_length $request_time [$proxy_upstream_name] "#,
                r#"[$proxy_alternative_upstream_name] $upstream_addr $upstream_response_length "#,
                r#"$upstream_response_time $upstream_status $req_id"#,
            ),
        )],
    ),
    ("apache", &[("log_format", "combinedio")]),
    // Amazon RDS, what pgBadger asks for, Debian before version 9.
    ("postgres", &[("log_line_prefix", "%t:%r:%u@%d:[%p]:")]),
    ("postgres", &[("log_line_prefix", "%t [%p]: [%l-1] user=%u,db=%d,app=%a,client=%h ")]),
    ("postgres", &[("log_line_prefix", "%t [%p-%l] %q%u@%d ")]),
];

/// How much of a sample was recognised, in bytes.
#[derive(Default)]
struct Part {
    recognised: usize,
    other: usize,
}

impl Part {
    fn add(&mut self, batch: &Batch) {
        for event in batch.iter() {
            let bytes = event.raw().len();
            if is_evidence(event) { self.recognised += bytes } else { self.other += bytes }
        }
        self.other += batch.rejected().map(|rejected| rejected.event.raw().len()).sum::<usize>();
    }

    fn recognised(&self) -> f64 {
        match self.recognised + self.other {
            0 => 0.0,
            all => self.recognised as f64 / all as f64,
        }
    }
}

/// Whether more was found in a record than a message: parsers of error logs let bare lines pass.
fn is_evidence(event: EventRef<'_>) -> bool {
    !event.is_unparsed()
        && (event.time().is_some()
            || event.fields().filter(|(name, value)| *name != "message" && !value.is_null()).nth(1).is_some())
}

/// The front of a sample, without a line that it cuts through.
fn whole_lines(sample: &[u8]) -> &[u8] {
    let Some(front) = sample.get(..SAMPLE_BYTES) else { return sample };
    memchr::memrchr(b'\n', front).map_or(front, |end| &front[..=end])
}

fn records_as_batch<'a>(records: impl Iterator<Item = &'a [u8]>) -> Result<Batch, BatchFull> {
    let mut batch = Batch::default();
    let row = RecordRow { ty: batch.add_type(raw_schema())?, origin: u16::MAX, observed: Timestamp::EPOCH };
    let mut bytes = 0;
    for record in records.take(SAMPLE_RECORDS) {
        batch.push_assembled(record, 0, row)?;
        bytes += record.len();
        if bytes > SAMPLE_BYTES {
            break;
        }
    }
    Ok(batch)
}

/// The schemas of all candidates, each once.
pub(super) fn schemas(candidates: &Candidates) -> Vec<Arc<Schema>> {
    let mut schemas: Vec<Arc<Schema>> = Vec::new();
    for schema in candidates.iter().flat_map(|candidate| candidate.parser.schemas()) {
        if !schemas.iter().any(|known| known.name == schema.name) {
            schemas.push(schema.clone());
        }
    }
    schemas
}
