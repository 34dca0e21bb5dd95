//! The structured log as a transform.

use std::sync::Arc;

use dendro_core::batch::Reason;
use dendro_core::{Batch, BatchFull, EventWriter, Key, Schema, Timestamp, Transform, TransformError};

use super::attributes::{Attributes, Keys};
use super::schema;
use crate::Refused;
use crate::json::{Names, Reader, Text, Value};

/// Parses lines of MongoDB's structured log, 4.4 and later:
///
/// ```text
/// {"t":{"$date":"2026-11-20T16:59:47.180+00:00"},"s":"I","c":"COMMAND","id":51803,"ctx":"conn42","msg":"Slow query","attr":{"ns":"shop.orders",..}}
/// ```
///
/// - `t` becomes the time of the event; its offset is honoured.
/// - The others keep MongoDB's names: `s` (severity), `c` (component), `id`, `ctx` (context), `svc`, `msg`, `attr`, `tags`, `truncated`,
///   `size`. Attributes are as MongoDB writes them, its extended JSON (`{"$oid":".."}`) included.
/// - What time series are made of is a field of its own beside: `ns`, `remote`, `app_name`, `plan_summary`, `keys_examined`, `docs_examined`,
///   `nreturned`, `num_yields`, `reslen`, `duration` (`durationMillis`) and `cpu` (`cpuNanos`), where a message has them.
/// - Any other line is refused with the reason and the byte where it does not fit: the text that MongoDB logged before 4.4 too.
///
/// Keeps nothing of one line that would matter for another, so batches may be spread over clones.
#[derive(Clone, Debug, Default)]
pub struct MongoDb {
    names: Names,
    scratch: Vec<u8>,
}

impl MongoDb {
    /// For the log of any version since 4.4.
    pub fn new() -> Self {
        Self::default()
    }

    /// The schema of its events, `mongodb`.
    pub fn schema() -> Arc<Schema> {
        schema::log().clone()
    }
}

impl Transform for MongoDb {
    fn transform(&mut self, batch: &mut Batch) -> Result<(), TransformError> {
        let prepared = Prepared::new(batch)?;
        self.names.begin_batch();
        batch.parse_each(|event| {
            event.set_type(prepared.ty);
            self.parse(event, &prepared)
        });
        Ok(())
    }

    fn schemas(&self, _input: &[Arc<Schema>]) -> Vec<Arc<Schema>> {
        vec![Self::schema()]
    }
}

/// What the value of a member is, if it is not null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Number,
    Attributes,
    Object,
    Array,
}

/// The members of a message but its time.
const MEMBERS: [(&str, Kind); 10] = [
    ("s", Kind::Text),
    ("c", Kind::Text),
    ("id", Kind::Number),
    ("ctx", Kind::Text),
    ("svc", Kind::Text),
    ("msg", Kind::Text),
    ("attr", Kind::Attributes),
    ("tags", Kind::Array),
    ("truncated", Kind::Object),
    ("size", Kind::Object),
];
/// So many of them every event has, null if the message has not.
const ALWAYS: usize = 6;

/// What is made once a batch.
struct Prepared {
    ty: u16,
    members: [Key; MEMBERS.len()],
    attributes: Keys,
}

impl Prepared {
    fn new(batch: &mut Batch) -> Result<Self, BatchFull> {
        let mut members = [batch.add_key(MEMBERS[0].0)?; MEMBERS.len()];
        for (key, (name, _)) in members.iter_mut().zip(MEMBERS) {
            *key = batch.add_key(name)?;
        }
        Ok(Self { ty: batch.add_type(schema::log())?, members, attributes: Keys::new(batch)? })
    }
}

impl MongoDb {
    fn parse(&mut self, event: &mut EventWriter<'_>, prepared: &Prepared) -> Result<(), Reason> {
        let line = event.raw();
        if !event.is_empty() {
            event.keep_last_of_each_name();
        }
        let mut json = Reader::new(line);
        json.begin_object().map_err(|_| not_json(line))?;
        let mut time = None;
        let mut seen = [false; MEMBERS.len()];
        let mut attributes = Attributes::default();
        while let Some(name) = json.next_key()? {
            let name = json.text(&name, &mut self.scratch);
            if name == b"t" {
                time = Some(read_time(&mut json)?);
                continue;
            }
            match MEMBERS.iter().position(|(member, _)| member.as_bytes() == name) {
                Some(place) => {
                    if std::mem::replace(&mut seen[place], true) {
                        event.keep_last_of_each_name();
                    }
                    let member = (MEMBERS[place].1, prepared.members[place]);
                    self.member(member, &mut json, event, &mut attributes)?;
                }
                None => {
                    let key = event.key(&String::from_utf8_lossy(name));
                    event.keep_last_of_each_name();
                    let value = json.value()?;
                    json.write_named(value, event, key, &mut self.names, &mut self.scratch)?;
                }
            }
        }
        json.end()?;
        let Some(time) = time else {
            return Err(Refused::new(json.position(), "a line with `t`, the time of the message").into());
        };
        event.set_time(time);
        for (key, _) in prepared.members[..ALWAYS].iter().zip(seen).filter(|(_, seen)| !seen) {
            event.null(*key);
        }
        attributes.write(event, &prepared.attributes, &mut self.scratch);
        Ok(())
    }

    fn member(
        &mut self,
        (kind, key): (Kind, Key),
        json: &mut Reader<'_>,
        event: &mut EventWriter<'_>,
        attributes: &mut Attributes,
    ) -> Result<(), Refused> {
        let Self { names, scratch } = self;
        json.skip_white_space();
        let at = json.position();
        let value = json.value()?;
        let expected = match (kind, &value) {
            (_, Value::Null)
            | (Kind::Text, Value::String(_))
            | (Kind::Array, Value::Array)
            | (Kind::Object, Value::Object) => {
                return json.write_named(value, event, key, names, scratch);
            }
            (Kind::Attributes, Value::Object) => {
                return json.write_watched(value, event, key, names, scratch, attributes);
            }
            (Kind::Number, Value::Number(number)) if number.as_u64().is_some() => {
                return json.write_named(value, event, key, names, scratch);
            }
            (Kind::Text, _) => "a string",
            (Kind::Number, _) => "a number that is not negative",
            (Kind::Array, _) => "an array",
            (Kind::Attributes | Kind::Object, _) => "an object",
        };
        Err(Refused::new(at, expected))
    }
}

/// `{"$date":"2026-11-20T16:59:47.180+00:00"}`.
fn read_time(json: &mut Reader<'_>) -> Result<Timestamp, Refused> {
    const TIME: &str = "`{\"$date\":` and a time as in 2026-11-20T16:59:47.180+00:00";
    let refused = json.refused(TIME);
    json.begin_object().map_err(|_| refused)?;
    let Some(name) = json.next_key()? else { return Err(refused) };
    let mut scratch = Vec::new();
    if json.text(&name, &mut scratch) != b"$date" {
        return Err(refused);
    }
    let Value::String(text @ Text { escaped: false, .. }) = json.value()? else { return Err(refused) };
    let time = std::str::from_utf8(json.text(&text, &mut scratch)).ok().and_then(Timestamp::parse_rfc3339);
    let time = time.ok_or(Refused::new(text.start, "a time as in 2026-11-20T16:59:47.180+00:00"))?;
    if json.next_key()?.is_some() { Err(refused) } else { Ok(time) }
}

/// Why a line is refused that is no JSON.
#[cold]
fn not_json(line: &[u8]) -> Refused {
    match line {
        [y1, _, _, _, b'-', _, _, b'-', _, _, b'T', ..] if y1.is_ascii_digit() => {
            Refused::new(0, "`{`: this is the text log of MongoDB before 4.4, which is not structured")
        }
        _ => Refused::new(0, "`{`: a line of MongoDB's structured log"),
    }
}
