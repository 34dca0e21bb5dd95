//! Objects into the fields of an event: the hot path.

use std::ops::Range;

use dendro_core::{EventWriter, Key};

use super::names::{Known, Learned, NONE, Names, Place};
use super::number::Number;
use super::reader::{MAX_DEPTH, Reader};
use super::string::Text;
use crate::Refused;

/// Writes the members of an object, and all that is in them, as fields of an event.
pub(super) struct Members<'a, 'w, 'e, W> {
    text: &'a [u8],
    event: &'w mut EventWriter<'e>,
    names: &'w mut Names,
    scratch: &'w mut Vec<u8>,
    watch: &'w mut W,
    /// The entry of the name that was read last.
    after: u16,
    /// How many arrays and objects are open.
    depth: usize,
    /// How many of them are fields themselves.
    nested: usize,
    /// So many are where values are watched.
    watched: usize,
    /// The keys of the innermost object that is a field itself: where they begin, and whether they have come in order so far, up to
    /// the last one. As long as they do, none has come twice.
    keys: Keys,
    /// Whether a name has come twice in its object.
    repeated: bool,
    joined: Option<Joined<'w>>,
}

#[derive(Clone, Copy)]
struct Keys {
    start: usize,
    last: Option<Key>,
    in_order: bool,
}

/// Names of members of members, joined to one.
#[derive(Clone, Copy)]
struct Joined<'w> {
    separator: &'w str,
    /// The innermost object.
    within: Option<Key>,
}

/// Is told of values as they are read.
pub(crate) trait Watch {
    /// A number for the field of this name, that [`value`](Self::value) is given then; 0 if it is of no interest.
    fn note(&self, name: &str) -> u8;
    /// Where the value of a field that is of interest stands.
    fn value(&mut self, note: u8, range: Range<usize>);
}

/// Nothing is of interest.
impl Watch for () {
    fn note(&self, _: &str) -> u8 {
        0
    }
    fn value(&mut self, _: u8, _: Range<usize>) {}
}

impl<'a, 'w, 'e, W: Watch> Members<'a, 'w, 'e, W> {
    pub(super) fn new(
        text: &'a [u8],
        event: &'w mut EventWriter<'e>,
        names: &'w mut Names,
        scratch: &'w mut Vec<u8>,
        watch: &'w mut W,
    ) -> Self {
        names.begin_event(event.key_count());
        Self {
            text,
            event,
            names,
            scratch,
            watch,
            after: NONE,
            depth: 0,
            nested: 0,
            watched: 0,
            keys: Keys { start: 0, last: None, in_order: true },
            repeated: false,
            joined: None,
        }
    }

    /// Joins the names of objects in objects with this text between.
    pub(super) fn join(mut self, separator: Option<&'w str>) -> Self {
        self.joined = separator.map(|separator| Joined { separator, within: None });
        self
    }

    /// Writes the members of the object whose `{` is before `at` as fields. Gives where it ends.
    #[inline]
    pub(super) fn write(mut self, at: usize) -> Result<usize, Refused> {
        let end = self.object(at)?;
        self.close(self.keys);
        self.finish();
        Ok(end)
    }

    /// Writes the object whose `{` is before `at` as one field, of which the members are watched. Gives where it ends.
    pub(super) fn write_object(mut self, key: Key, at: usize) -> Result<usize, Refused> {
        self.watched = 1;
        let end = self.nested_object(key, at)?;
        self.finish();
        Ok(end)
    }

    /// Writes the array whose `[` is before `at` as one field. Gives where it ends.
    pub(super) fn write_array(mut self, key: Key, at: usize) -> Result<usize, Refused> {
        let end = self.nested_array(key, at)?;
        self.finish();
        Ok(end)
    }

    /// The innermost object that is a field itself ends; `outer` is what is known of the one around it.
    #[inline]
    fn close(&mut self, outer: Keys) {
        if !self.keys.in_order && self.names.is_repeated(self.keys.start) {
            self.repeated = true;
        }
        self.names.close(self.keys.start);
        self.keys = outer;
    }

    fn finish(self) {
        if self.repeated {
            self.event.keep_last_of_each_name();
        }
    }

    fn object(&mut self, start: usize) -> Result<usize, Refused> {
        self.enter(start)?;
        let within = self.joined.as_ref().and_then(|joined| joined.within);
        let (mut at, mut first) = (start, true);
        loop {
            if self.text.get(at) == Some(&b'}') {
                break;
            }
            let place = Place { first, within };
            let known = match self.names.find(self.text, at, self.after, place) {
                Some(known) => known,
                None => match self.name(at, place)? {
                    Ok(known) => known,
                    Err(end) => {
                        at = end;
                        break;
                    }
                },
            };
            first = false;
            self.after = known.entry;
            self.names.push(known.key);
            self.keys.in_order &= self.keys.last < Some(known.key);
            self.keys.last = Some(known.key);
            at = self.value(known.key, known.end)?;
            if known.note != 0 && self.nested == self.watched {
                self.watch.value(known.note, known.end..at);
            }
        }
        self.depth -= 1;
        Ok(at + 1)
    }

    /// Reads a name the slow way; `Err` is where the object ends instead.
    #[cold]
    fn name(&mut self, at: usize, place: Place) -> Result<Result<Known, usize>, Refused> {
        let mut json = Reader::within(self.text, at, place.first);
        let Some(name) = json.next_key()? else { return Ok(Err(json.position() - 1)) };
        let end = json.skip_white_space();
        let decoded = String::from_utf8_lossy(json.text(&name, self.scratch));
        let name_of_field = match self.joined {
            Some(Joined { separator, within: Some(within) }) => {
                let joined = &mut self.names.joined;
                joined.clear();
                joined.extend([self.event.key_name(within), separator, &decoded]);
                joined.as_str()
            }
            _ => &decoded,
        };
        let (key, note) = (self.event.key(name_of_field), self.watch.note(name_of_field));
        if self.event.is_refused() || name.escaped {
            return Ok(Ok(Known { entry: NONE, key, note, end }));
        }
        let text = self.text.get(at..end).unwrap_or_default();
        let entry = self.names.learn(Learned { text, key, place, note }, self.after);
        Ok(Ok(Known { entry, key, note, end }))
    }

    #[inline(always)]
    fn value(&mut self, key: Key, at: usize) -> Result<usize, Refused> {
        match self.text.get(at) {
            Some(b'"') => {
                let text = Text::read(self.text, at + 1)?;
                if text.escaped {
                    self.escaped(key, &text);
                } else {
                    self.event.str(key, text.range());
                }
                Ok(text.end + 1)
            }
            Some(b'-' | b'0'..=b'9') => {
                let (number, end) = Number::read(self.text, at)?;
                number.write(self.event, key);
                Ok(end)
            }
            _ => self.other(key, at),
        }
    }

    /// Anything but a string and a number.
    fn other(&mut self, key: Key, at: usize) -> Result<usize, Refused> {
        let word = |word: &[u8]| self.text.get(at..).is_some_and(|rest| rest.starts_with(word));
        match self.text.get(at) {
            // A name was found again, behind which there was no white space before.
            Some(b' ' | b'\t' | b'\n' | b'\r') => {
                let at = Reader::within(self.text, at, true).skip_white_space();
                self.value(key, at)
            }
            Some(b'{') => self.nested_object(key, at + 1),
            Some(b'[') => self.nested_array(key, at + 1),
            Some(b'n') if word(b"null") => {
                self.event.null(key);
                Ok(at + 4)
            }
            Some(b't') if word(b"true") => {
                self.event.bool(key, true);
                Ok(at + 4)
            }
            Some(b'f') if word(b"false") => {
                self.event.bool(key, false);
                Ok(at + 5)
            }
            _ => Err(Refused::new(at, "a value")),
        }
    }

    #[cold]
    fn escaped(&mut self, key: Key, text: &Text) {
        let decoded = Reader::new(self.text).text(text, self.scratch);
        self.event.new_str(key, decoded);
    }

    fn nested_object(&mut self, key: Key, at: usize) -> Result<usize, Refused> {
        if let Some(joined) = &mut self.joined
            && Reader::within(self.text, at, true).next_key()?.is_some()
        {
            let outer = joined.within.replace(key);
            let end = self.object(at)?;
            if let Some(joined) = &mut self.joined {
                joined.within = outer;
            }
            return Ok(end);
        }
        self.event.begin_object(key);
        self.nested += 1;
        let inner = Keys { start: self.names.open(), last: None, in_order: true };
        let outer = std::mem::replace(&mut self.keys, inner);
        let end = self.object(at)?;
        self.close(outer);
        self.nested -= 1;
        self.event.end();
        Ok(end)
    }

    fn nested_array(&mut self, key: Key, start: usize) -> Result<usize, Refused> {
        self.enter(start)?;
        self.event.begin_array(key);
        self.nested += 1;
        // Names are joined across objects alone.
        let joined = self.joined.take();
        let mut json = Reader::within(self.text, start, true);
        while json.next_element()? {
            let at = json.skip_white_space();
            let end = self.value(key, at)?;
            json = Reader::within(self.text, end, false);
        }
        self.joined = joined;
        self.nested -= 1;
        self.event.end();
        self.depth -= 1;
        Ok(json.position())
    }

    #[inline]
    fn enter(&mut self, at: usize) -> Result<(), Refused> {
        if self.depth == MAX_DEPTH {
            return Err(Refused::new(at - 1, "values that are nested less deep"));
        }
        self.depth += 1;
        Ok(())
    }
}
