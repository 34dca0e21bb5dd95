//! Fields of one name.

use super::layout::{FIELD_DEAD, Field, Tag};

/// Of fields behind `start` that have one key, at the top or within one object, leaves the last. There are `keys` keys.
pub(super) fn remove(fields: &mut Vec<Field>, start: usize, keys: usize) {
    if mark(fields, start, keys) {
        let level = start..fields.len();
        let end = compact(fields, level, start);
        fields.truncate(end);
    }
}

/// Marks those that are to go; whether there are any.
fn mark(fields: &mut [Field], start: usize, keys: usize) -> bool {
    // Where each key was seen last. What is outside of the level that is looked at counts for nothing: a level is done with
    // before those in it.
    let mut seen = vec![usize::MAX; keys];
    let mut levels = vec![(start..fields.len(), true)];
    let mut any = false;
    while let Some((level, is_object)) = levels.pop() {
        let mut at = level.start;
        while at < level.end {
            let field = fields[at];
            if let Some(seen) = seen.get_mut(usize::from(field.key)).filter(|_| is_object) {
                if level.contains(seen) {
                    fields[*seen].flags |= FIELD_DEAD;
                    any = true;
                }
                *seen = at;
            }
            let next = at + field.entries();
            if field.tag.is_nested() && field.len > 0 {
                levels.push((at + 1..next, field.tag == Tag::Object));
            }
            at = next;
        }
    }
    any
}

/// Moves what is left of `level` to `to`; gives where it ends.
fn compact(fields: &mut [Field], level: std::ops::Range<usize>, to: usize) -> usize {
    let (mut at, mut to) = (level.start, to);
    while at < level.end {
        let field = fields[at];
        let next = at + field.entries();
        if !field.is_dead() {
            fields[to] = field;
            let end = if field.tag.is_nested() { compact(fields, at + 1..next, to + 1) } else { to + 1 };
            if field.tag.is_nested() {
                fields[to].len = (end - to - 1) as u32;
            }
            to = end;
        }
        at = next;
    }
    to
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use bytes::Bytes;

    use crate::json::JsonEncoder;
    use crate::{Batch, EventWriter, RecordRow, Timestamp};

    /// The JSON of an event that is written so and rid of repetitions.
    fn left(write: impl Fn(&mut EventWriter<'_>)) -> String {
        let mut batch = Batch::new(Bytes::from_static(b"raw")).unwrap();
        batch.push_record(0..3, 0, RecordRow { ty: 0, origin: 0, observed: Timestamp::EPOCH });
        batch.get_mut(0).unwrap().insert("source", true).unwrap();
        batch.parse_each(|event| {
            assert!(!event.is_empty());
            event.keep_last_of_each_name();
            write(event);
            Ok(())
        });
        let mut frame = Vec::new();
        batch.write_frame(&mut frame);
        let mut text = Vec::new();
        JsonEncoder::new().encode_lines(&Batch::from_frame(&frame.into()).unwrap(), &mut text);
        let text = String::from_utf8(text).unwrap();
        text[text.find("\"source").unwrap_or(text.len() - 2)..].trim_end().to_owned()
    }

    fn number(event: &mut EventWriter<'_>, name: &str, value: u64) {
        let key = event.key(name);
        event.u64(key, value);
    }

    #[test]
    fn the_last_of_each_name_is_left_at_every_level() {
        let text = left(|event| {
            number(event, "a", 1);
            let o = event.key("o");
            event.begin_object(o);
            number(event, "a", 2);
            number(event, "b", 3);
            event.begin_array(o);
            number(event, "a", 4);
            number(event, "a", 5);
            event.begin_object(o);
            number(event, "a", 6);
            number(event, "a", 7);
            event.end();
            event.end();
            number(event, "a", 8);
            event.end();
            number(event, "a", 9);
            number(event, "b", 10);
        });
        let expected = r#""source":true,"o":{"b":3,"o":[4,5,{"a":7}],"a":8},"a":9,"b":10}"#;
        assert_eq!(text, expected);
    }

    #[test]
    fn a_repetition_goes_with_all_that_is_in_it_and_what_the_source_has_set_counts() {
        let text = left(|event| {
            let o = event.key("o");
            event.begin_object(o);
            event.begin_array(o);
            number(event, "a", 1);
            event.end();
            event.end();
            number(event, "source", 2);
            event.null(o);
        });
        assert_eq!(text, r#""source":2,"o":null}"#);
    }
}
