//! The parts of a URL.

use std::ops::Range;
use std::sync::Arc;

use dendro_core::{
    Batch, BatchFull, FieldSchema, Key, Schema, Transform, TransformError, ValueRef, ValueType,
};

use crate::Field;
use crate::field::Bindings;
use crate::schema_map::SchemaMap;

/// Takes a URL, or a part of one that begins with a path, apart (RFC 3986): `scheme`, `host`, `port`, `path`, `query` and
/// `fragment`, each behind a prefix. What the URL does not have is not set; a user and a password in it are left out. Percent-encoding is
/// kept. An event whose field is missing or no text passes unchanged.
///
/// ```
/// use dendro_core::{Batch, Event, Transform};
/// use dendro_transforms::UrlParts;
///
/// let mut parts = UrlParts::of("referer").prefix("referer_");
/// let event = Event::new("t").with("referer", "https://ann@example.com:8443/a%20b?q=1#top");
/// let mut batch = Batch::from_events([&event])?;
/// parts.transform(&mut batch)?;
/// let event = batch.get(0).unwrap();
/// assert_eq!(event.get("referer_host").unwrap().as_str(), Some("example.com"));
/// assert_eq!(event.get("referer_port").unwrap().as_u64(), Some(8443));
/// assert_eq!(event.get("referer_path").unwrap().as_str(), Some("/a%20b"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct UrlParts {
    field: Field,
    prefix: String,
    schemas: SchemaMap,
    room: Vec<u8>,
}

/// The names of the parts, and OpenTelemetry's.
const PARTS: [(&str, &str); 6] = [
    ("scheme", "url.scheme"),
    ("host", "server.address"),
    ("port", "server.port"),
    ("path", "url.path"),
    ("query", "url.query"),
    ("fragment", "url.fragment"),
];
const PORT: usize = 2;

impl UrlParts {
    /// Of the URL in this field.
    pub fn of(field: impl Into<Field>) -> Self {
        Self {
            field: field.into(),
            prefix: "url_".to_owned(),
            schemas: SchemaMap::default(),
            room: Vec::new(),
        }
    }

    /// What the names of the parts begin with: `url_` by default.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    fn output(&self, schema: &Schema) -> Schema {
        let mut schema = schema.clone();
        if schema.fields.is_empty() {
            return schema;
        }
        for (at, (name, otel)) in PARTS.iter().enumerate() {
            let value_type = if at == PORT { ValueType::U64 } else { ValueType::Str };
            let mut field = FieldSchema::attribute(format!("{}{name}", self.prefix), value_type);
            field = field.doc(format!("The {name} of the URL in {}.", self.field));
            // A name of OpenTelemetry's belongs to one field.
            if !schema.fields.iter().any(|f| f.otel.as_deref() == Some(otel)) {
                field = field.otel(*otel);
            }
            schema = schema.field(field);
        }
        schema
    }
}

impl Transform for UrlParts {
    fn transform(&mut self, batch: &mut Batch) -> Result<(), TransformError> {
        let bindings = Bindings::new([&self.field], batch);
        let mut keys: Vec<Key> = Vec::with_capacity(PARTS.len());
        for (name, _) in PARTS {
            keys.push(batch.add_key(&format!("{}{name}", self.prefix))?);
        }
        batch.try_for_each(|mut event| {
            let view = event.view();
            let Some(text) = self.field.get(bindings.of(view)[0], view).and_then(|v| v.as_str()) else {
                return Ok(());
            };
            self.room.clear();
            self.room.extend_from_slice(text.as_bytes());
            for (at, (key, range)) in keys.iter().zip(parts(&self.room)).enumerate() {
                let Some(part) = range.and_then(|r| self.room.get(r)) else { continue };
                if at == PORT {
                    let number = std::str::from_utf8(part).ok().and_then(|t| t.parse::<u16>().ok());
                    if let Some(port) = number {
                        event.insert_key(*key, u64::from(port))?;
                    }
                } else {
                    event.insert_key(*key, ValueRef::from(part))?;
                }
            }
            Ok::<(), BatchFull>(())
        })?;
        let mut schemas = std::mem::take(&mut self.schemas);
        schemas.attach(batch, |schema| self.output(schema));
        self.schemas = schemas;
        Ok(())
    }

    fn schemas(&self, input: &[Arc<Schema>]) -> Vec<Arc<Schema>> {
        SchemaMap::outputs(input, |schema| self.output(schema))
    }
}

/// Where the parts are: scheme, host, port, path, query, fragment.
fn parts(url: &[u8]) -> [Option<Range<usize>>; 6] {
    let find = |from: usize, to: usize, any: &[u8]| (from..to).find(|i| any.contains(&url[*i]));
    let end = find(0, url.len(), b"#").unwrap_or(url.len());
    let fragment = (end < url.len()).then(|| end + 1..url.len());
    let query_at = find(0, end, b"?");
    let query = query_at.map(|at| at + 1..end);
    let end = query_at.unwrap_or(end);
    let (mut scheme, mut host, mut port, mut at) = (None, None, None, 0);
    let colon = find(0, end, b":/").filter(|i| url[*i] == b':');
    if let Some(colon) = colon
        && is_scheme(&url[..colon])
        && url[colon..end].starts_with(b"://")
    {
        scheme = Some(0..colon);
        at = colon + 1;
    }
    if url[at..end].starts_with(b"//") {
        let authority = at + 2..find(at + 2, end, b"/").unwrap_or(end);
        let start = authority.clone().rev().find(|i| url[*i] == b'@').map_or(authority.start, |i| i + 1);
        // The colons of an IPv6 address are within brackets.
        let from = (start..authority.end).rev().find(|i| url[*i] == b']').unwrap_or(start);
        let colon = find(from, authority.end, b":");
        host = Some(start..colon.unwrap_or(authority.end)).filter(|r| !r.is_empty());
        port = colon.map(|i| i + 1..authority.end);
        at = authority.end;
    }
    [scheme, host, port, Some(at..end).filter(|r| !r.is_empty()), query, fragment]
}

fn is_scheme(text: &[u8]) -> bool {
    let rest = |b: &u8| b.is_ascii_alphanumeric() || b"+-.".contains(b);
    text.first().is_some_and(u8::is_ascii_alphabetic) && text.iter().all(rest)
}

#[cfg(test)]
mod tests {
    use super::parts;

    #[test]
    fn parts_are_found_where_they_are_and_only_there() {
        for (url, expected) in [
            ("http://a/b?c#d", ["http", "a", "", "/b", "c", "d"]),
            ("https://u:p@[2001:db8::1]:8443/x:y?z?#", ["https", "[2001:db8::1]", "8443", "/x:y", "z?", ""]),
            ("//cdn.example/x", ["", "cdn.example", "", "/x", "", ""]),
            ("/path?a=http://b/", ["", "", "", "/path", "a=http://b/", ""]),
            ("mailto:a@b", ["", "", "", "mailto:a@b", "", ""]),
            ("1http://a", ["", "", "", "1http://a", "", ""]),
            ("http://", ["http", "", "", "", "", ""]),
            ("http://a:", ["http", "a", "", "", "", ""]),
            ("?", ["", "", "", "", "", ""]),
            ("", [""; 6]),
        ] {
            let found = parts(url.as_bytes()).map(|range| range.map_or("", |r| &url[r]));
            assert_eq!(found, expected, "{url}");
        }
    }
}
