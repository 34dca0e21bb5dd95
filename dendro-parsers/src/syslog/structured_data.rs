//! The structured data of RFC 5424.

use std::ops::Range;

use dendro_core::{EventWriter, Key};

/// Where elements and parameters stand in a record; kept from one record to the next for its memory.
#[derive(Clone, Debug, Default)]
pub(super) struct StructuredData {
    elements: Vec<Element>,
    params: Vec<Param>,
    /// Numbers of elements or parameters, for sorting.
    order: Vec<usize>,
    decoded: Vec<u8>,
}

#[derive(Clone, Debug)]
struct Element {
    id: Range<usize>,
    /// The first element with the same id.
    first: usize,
}

#[derive(Clone, Debug)]
struct Param {
    /// Its element.
    element: usize,
    name: Range<usize>,
    value: Range<usize>,
    escaped: bool,
    /// The next parameter of the same name and element.
    next: Option<usize>,
    /// Whether another one has it as its next.
    again: bool,
}

impl StructuredData {
    pub(super) fn clear(&mut self) {
        self.elements.clear();
        self.params.clear();
    }

    /// Reads the elements that stand at `at` one behind the other: where the last well-formed one ends, `at` if there is none.
    ///
    /// ```text
    /// [id name="value" name="value"][id]
    /// ```
    ///
    /// Blanks may stand before a value. In a value `"` ends it unless a backslash stands before; a bracket need not have
    /// one.
    pub(super) fn read(&mut self, text: &[u8], at: usize) -> usize {
        self.clear();
        let mut end = at;
        while let Some(next) = self.element(text, end) {
            end = next;
        }
        end
    }

    /// One element; nothing of it is kept if it is not well-formed.
    fn element(&mut self, text: &[u8], at: usize) -> Option<usize> {
        let params = self.params.len();
        let element = self.elements.len();
        let end = self.params(text, at, element);
        if end.is_none() {
            self.params.truncate(params);
            self.elements.truncate(element);
        }
        end
    }

    fn params(&mut self, text: &[u8], at: usize, element: usize) -> Option<usize> {
        if text.get(at) != Some(&b'[') {
            return None;
        }
        let id = at + 1..at + 1 + name_len(text.get(at + 1..)?)?;
        let mut at = id.end;
        self.elements.push(Element { id, first: element });
        loop {
            let blanks = blanks(text, at);
            at += blanks;
            if text.get(at) == Some(&b']') {
                return Some(at + 1);
            }
            if blanks == 0 {
                return None;
            }
            let name = at..at + name_len(text.get(at..)?)?;
            if text.get(name.end) != Some(&b'=') {
                return None;
            }
            at = name.end + 1;
            at += self::blanks(text, at);
            if text.get(at) != Some(&b'"') {
                return None;
            }
            let (value, escaped) = value(text, at + 1)?;
            at = value.end + 1;
            self.params.push(Param { element, name, value, escaped, next: None, again: false });
        }
    }

    /// Writes the elements as an object of objects: a parameter that is there more than once as an array of its values, elements with the same
    /// id as one. Null if there are none.
    pub(super) fn write(&mut self, event: &mut EventWriter<'_>, key: Key) {
        if self.elements.is_empty() {
            return event.null(key);
        }
        let text = event.raw();
        self.find_repeated(text);
        event.begin_object(key);
        for element in 0..self.elements.len() {
            let Element { ref id, first } = self.elements[element];
            if first != element {
                continue;
            }
            let id = event.key(name(text, id));
            event.begin_object(id);
            let start = self.params.partition_point(|param| param.element < element);
            let end = self.params.partition_point(|param| param.element <= element);
            for param in start..end {
                self.write_param(event, text, param);
            }
            event.end();
        }
        event.end();
    }

    fn write_param(&mut self, event: &mut EventWriter<'_>, text: &[u8], param: usize) {
        let Param { ref name, next, again, .. } = self.params[param];
        if again {
            return;
        }
        let key = event.key(self::name(text, name));
        if next.is_none() {
            return self.write_value(event, text, key, param);
        }
        event.begin_array(key);
        let mut each = Some(param);
        while let Some(param) = each {
            self.write_value(event, text, key, param);
            each = self.params[param].next;
        }
        event.end();
    }

    fn write_value(&mut self, event: &mut EventWriter<'_>, text: &[u8], key: Key, param: usize) {
        let Param { ref value, escaped, .. } = self.params[param];
        if !escaped {
            return event.str(key, value.clone());
        }
        self.decoded.clear();
        decode(text.get(value.clone()).unwrap_or_default(), &mut self.decoded);
        event.new_str(key, &self.decoded);
    }

    /// Links what has the same name. By sorting: a record may have many.
    fn find_repeated(&mut self, text: &[u8]) {
        let Self { elements, params, order, .. } = self;
        if elements.len() > 1 {
            let id = |element: usize| text.get(elements[element].id.clone());
            order.clear();
            order.extend(0..elements.len());
            order.sort_unstable_by(|a, b| id(*a).cmp(&id(*b)).then(a.cmp(b)));
            let same = |a: usize, b: usize| id(a) == id(b);
            let repeated = order.windows(2).any(|pair| same(pair[0], pair[1]));
            if repeated {
                for at in 1..order.len() {
                    let (before, this) = (order[at - 1], order[at]);
                    if text.get(elements[before].id.clone()) == text.get(elements[this].id.clone()) {
                        elements[this].first = elements[before].first;
                    }
                }
                for param in params.iter_mut() {
                    param.element = elements[param.element].first;
                }
                // They stand in order of their elements, and of their places within.
                params.sort_unstable_by_key(|param| (param.element, param.name.start));
            }
        }
        if params.len() > 1 {
            let name = |param: usize| (params[param].element, text.get(params[param].name.clone()));
            order.clear();
            order.extend(0..params.len());
            order.sort_unstable_by(|a, b| name(*a).cmp(&name(*b)).then(a.cmp(b)));
            for at in 1..order.len() {
                let (before, this) = (order[at - 1], order[at]);
                let same = params[before].element == params[this].element
                    && text.get(params[before].name.clone()) == text.get(params[this].name.clone());
                if same {
                    params[before].next = Some(this);
                    params[this].again = true;
                }
            }
        }
    }
}

/// A name, which [`name_len`] found to be ASCII.
fn name<'a>(text: &'a [u8], range: &Range<usize>) -> &'a str {
    text.get(range.clone()).and_then(|name| std::str::from_utf8(name).ok()).unwrap_or_default()
}

/// How long the name at the front of `text` is: printable ASCII but for `=`, `]`, `"` and blanks.
fn name_len(text: &[u8]) -> Option<usize> {
    let of_name = |byte: &&u8| byte.is_ascii_graphic() && !matches!(byte, b'=' | b']' | b'"');
    let len = text.iter().take_while(of_name).count();
    (len > 0).then_some(len)
}

fn blanks(text: &[u8], at: usize) -> usize {
    text.get(at..).unwrap_or_default().iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count()
}

/// The value from `at` on to the quote that ends it, and whether there is a backslash in it.
fn value(text: &[u8], at: usize) -> Option<(Range<usize>, bool)> {
    let mut end = at;
    let mut escaped = false;
    loop {
        end += memchr::memchr2(b'"', b'\\', text.get(end..)?)?;
        if text.get(end) == Some(&b'"') {
            return Some((at..end, escaped));
        }
        escaped = true;
        // What a backslash stands before does not end it.
        end += 2;
    }
}

/// Drops the backslash before `"`, `\` and `]`; any other stands for itself.
fn decode(value: &[u8], out: &mut Vec<u8>) {
    let mut rest = value;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        let (before, from) = rest.split_at(at);
        out.extend_from_slice(before);
        match from {
            [_, escaped @ (b'"' | b'\\' | b']'), behind @ ..] => {
                out.push(*escaped);
                rest = behind;
            }
            [backslash, behind @ ..] => {
                out.push(*backslash);
                rest = behind;
            }
            [] => rest = from,
        }
    }
    out.extend_from_slice(rest);
}
