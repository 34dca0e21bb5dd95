//! The directives of `LogFormat`, with what is known of their values.

use std::sync::Arc;

use dendro_core::{FieldSchema, ValueType};

use super::config;
use crate::http_request::parts_schema;
use crate::log_format::{Chars, Field, Kind, LogFormatError, Missing, Number, Part, Piece, Stamp};
use crate::timestamp::Strftime;

/// A directive as it is written: `%!200<{Referer}i`.
#[derive(Clone, Debug)]
pub(super) struct Directive {
    at: usize,
    shown: String,
    /// Its letter, or `^` and what follows.
    letter: String,
    argument: Option<String>,
    /// Where the argument stands in the configuration text.
    argument_at: usize,
    /// `<` or `>`: of which request, where one was redirected internally.
    of: Option<u8>,
}

impl Directive {
    /// The directive that a text begins with, and its length; bytes come with where they stand.
    pub(super) fn read(text: &[(u8, usize)]) -> Result<(Self, usize), LogFormatError> {
        let at = text.first().map_or(0, |(_, at)| *at);
        let byte = |i: usize| text.get(i).map(|(byte, _)| *byte);
        let error = |problem: &str| Err(LogFormatError::new(at, problem));
        let mut directive = Self {
            at,
            shown: String::new(),
            letter: String::new(),
            argument: None,
            argument_at: at,
            of: None,
        };
        let mut i = 1;
        loop {
            match byte(i) {
                None => return error("a `%` without its directive"),
                // For which statuses it is written, else `-` is.
                Some(b'!' | b',' | b'0'..=b'9') => i += 1,
                Some(of @ (b'<' | b'>')) => {
                    directive.of = Some(of);
                    i += 1;
                }
                Some(b'{') => {
                    let rest = &text[i + 1..];
                    let Some(len) = rest.iter().position(|(byte, _)| *byte == b'}') else {
                        return error("expected `}` behind the argument of the directive");
                    };
                    directive.argument = Some(string(&rest[..len]));
                    directive.argument_at = rest.first().map_or(at, |(_, at)| *at);
                    i += len + 2;
                }
                Some(letter) => {
                    let len = if letter == b'^' { 3 } else { 1 };
                    directive.letter = string(text.get(i..i + len).unwrap_or(&text[i..]));
                    i += len;
                    directive.shown = string(text.get(..i).unwrap_or(text));
                    directive.check()?;
                    return Ok((directive, i));
                }
            }
        }
    }

    /// Whether there is such a directive.
    fn check(&self) -> Result<(), LogFormatError> {
        let error = |problem: String| Err(LogFormatError::new(self.at, problem));
        let Self { shown, letter, argument, .. } = self;
        if known(letter).is_none() && !FAMILIES.iter().any(|family| family.letter == letter) && letter != "t"
        {
            return error(format!("{shown} is no directive that is known"));
        }
        if FAMILIES.iter().any(|family| family.letter == letter)
            && argument.as_ref().is_none_or(String::is_empty)
        {
            return error(format!("{shown} needs a name, as in %{{name}}{letter}"));
        }
        if let ("t", Some(format)) = (letter.as_str(), argument) {
            time(format, self.argument_at)?;
        }
        Ok(())
    }

    fn argument(&self) -> &str {
        self.argument.as_deref().unwrap_or_default()
    }

    /// The length of time in one of its units, in nanoseconds, if it is a time taken to serve the request.
    fn serving_unit(&self) -> Option<i64> {
        match (self.letter.as_str(), self.argument()) {
            ("D", _) | ("T", "us") => Some(MICROSECOND),
            ("T", "ms") => Some(1_000 * MICROSECOND),
            ("T", _) => Some(1_000_000 * MICROSECOND),
            _ => None,
        }
    }
}

const MICROSECOND: i64 = 1_000;

fn string(text: &[(u8, usize)]) -> String {
    String::from_utf8_lossy(&text.iter().map(|(byte, _)| *byte).collect::<Vec<_>>()).into_owned()
}

/// A directive without a name of its own.
struct Known {
    letter: &'static str,
    name: &'static str,
    value: Is,
    role: Role,
    otel: &'static str,
    doc: &'static str,
}

#[derive(Clone, Copy)]
enum Is {
    Token,
    Host,
    Word,
    Uri,
    Name,
    Text,
    Byte,
    Request,
    Status,
    Bytes,
    Count,
    Hex,
    Serving,
    Micros,
}

#[derive(Clone, Copy)]
enum Role {
    Dim,
    Attr,
    Gauge,
    Delta,
}

use Is::{Byte, Bytes, Count, Host, Micros, Name, Request, Serving, Status, Text, Token, Uri, Word};
use Role::{Attr, Delta, Dim, Gauge};

const fn d(
    letter: &'static str,
    name: &'static str,
    value: Is,
    role: Role,
    otel: &'static str,
    doc: &'static str,
) -> Known {
    Known { letter, name, value, role, otel, doc }
}

/// By their letters; an argument that changes the meaning stands before a slash.
const KNOWN: &[Known] = &[
    d(
        "a",
        "remote_addr",
        Token,
        Attr,
        "client.address",
        "the client's address, as mod_remoteip has found it.",
    ),
    d("c/a", "peer_addr", Token, Attr, "network.peer.address", "the address that the connection came from."),
    d(
        "A",
        "local_addr",
        Token,
        Dim,
        "network.local.address",
        "the address of the server that took the request.",
    ),
    d("B", "body_bytes_sent", Bytes, Delta, "http.response.body.size", "the bytes sent without the header."),
    d(
        "b",
        "body_bytes_sent",
        Bytes,
        Delta,
        "http.response.body.size",
        "the bytes sent without the header; null where `-` stands, which is written when no body was sent.",
    ),
    d(
        "D",
        "request_time",
        Serving,
        Gauge,
        "http.server.request.duration",
        "how long serving the request took.",
    ),
    d("f", "filename", Text, Attr, "", "the file that was sent."),
    d("h", "remote_host", Host, Attr, "client.address", "the client's host name or address."),
    d(
        "c/h",
        "peer_host",
        Word,
        Attr,
        "network.peer.address",
        "the host name or address that the connection came from.",
    ),
    d(
        "H",
        "server_protocol",
        Word,
        Dim,
        "network.protocol.version",
        "the protocol of the request, as in HTTP/1.1.",
    ),
    d("k", "keepalive_requests", Count, Gauge, "", "the requests made through the connection before."),
    d("l", "remote_logname", Word, Attr, "", "the client's user by identd, if that is asked."),
    d("L", "request_log_id", Token, Attr, "", "the id of the request in the error log, if it has one."),
    d(
        "c/L",
        "connection_log_id",
        Token,
        Attr,
        "",
        "the id of the connection in the error log, if it has one.",
    ),
    d("m", "request_method", Word, Dim, "http.request.method", "the method of the request."),
    d(
        "p",
        "server_port",
        Count,
        Dim,
        "server.port",
        "the canonical port of the server, which need not be the one that was connected to.",
    ),
    d(
        "local/p",
        "local_port",
        Count,
        Dim,
        "network.local.port",
        "the port of the server that was connected to.",
    ),
    d("remote/p", "remote_port", Count, Attr, "client.port", "the client's port."),
    d("P", "pid", Count, Attr, "process.pid", "the process id of the child that served the request."),
    d("tid/P", "tid", Count, Attr, "thread.id", "the id of the thread that served the request."),
    d("hextid/P", "tid", Is::Hex, Attr, "thread.id", "the id of the thread that served the request."),
    d("q", "query_string", Text, Attr, "url.query", "the query with its `?`; empty if there is none."),
    d("r", "request", Request, Attr, "", "the request line as the client sent it."),
    d("R", "handler", Word, Dim, "", "the handler that made the response."),
    d("s", "status", Status, Dim, "http.response.status_code", "the status; null where `-` stands."),
    d(
        "T",
        "request_time",
        Serving,
        Gauge,
        "http.server.request.duration",
        "how long serving the request took.",
    ),
    d("u", "remote_user", Name, Attr, "user.name", "the user that was authenticated, or tried to be."),
    d("U", "uri", Uri, Attr, "url.path", "the path, decoded, without the query."),
    d("v", "server_name", Host, Dim, "server.address", "the canonical name of the server."),
    d(
        "V",
        "host",
        Word,
        Dim,
        "server.address",
        "the name of the server, by the setting of UseCanonicalName.",
    ),
    d(
        "X",
        "connection_status",
        Byte,
        Dim,
        "",
        "`X` if the client went away before the end, `+` if the connection may be used again, `-` if it was closed.",
    ),
    d("I", "bytes_received", Bytes, Delta, "http.request.size", "the bytes received, with the header."),
    d("O", "bytes_sent", Bytes, Delta, "http.response.size", "the bytes sent, with the header."),
    d("S", "bytes_transferred", Bytes, Delta, "", "the bytes received and sent, with the headers."),
    d("^FB", "first_byte_time", Micros, Gauge, "", "how long it took until the first byte of the response."),
];

/// Directives that name a header, a cookie, ...
struct Family {
    letter: &'static str,
    prefix: &'static str,
    otel: &'static str,
    doc: &'static str,
}

const FAMILIES: [Family; 9] = [
    Family { letter: "i", prefix: "http_", otel: "http.request.header.", doc: "the header of the request" },
    Family {
        letter: "o",
        prefix: "sent_http_",
        otel: "http.response.header.",
        doc: "the header of the response",
    },
    Family { letter: "^ti", prefix: "trailer_", otel: "", doc: "the trailer of the request" },
    Family { letter: "^to", prefix: "sent_trailer_", otel: "", doc: "the trailer of the response" },
    Family { letter: "C", prefix: "cookie_", otel: "", doc: "the cookie of the request" },
    Family { letter: "e", prefix: "env_", otel: "", doc: "the environment variable" },
    Family { letter: "n", prefix: "note_", otel: "", doc: "the note of another module" },
    Family { letter: "x", prefix: "", otel: "", doc: "the variable of mod_ssl" },
    Family { letter: "c", prefix: "ssl_", otel: "", doc: "the variable of mod_ssl" },
];

fn known(letter: &str) -> Option<&'static Known> {
    KNOWN.iter().find(|known| known.letter == letter)
}

/// What the directives of a format are compiled from. Of a format by its nickname, `%O` may be `%b`.
pub(super) fn pieces(parts: &[config::Part], bytes_of_either: bool) -> Vec<Piece> {
    let directives: Vec<&Directive> = parts
        .iter()
        .filter_map(|part| match part {
            config::Part::Directive(directive) => Some(directive),
            config::Part::Literal(_) => None,
        })
        .collect();
    let context = Context::new(&directives, bytes_of_either);
    let mut pieces = Vec::new();
    let mut parts = parts.iter().peekable();
    while let Some(part) = parts.next() {
        let directive = match part {
            config::Part::Literal(text) => {
                pieces.push(Piece::Literal(text.clone()));
                continue;
            }
            config::Part::Directive(directive) => directive,
        };
        if directive.letter == "t" {
            context.time(directive, &mut pieces);
            continue;
        }
        let mut field = context.field(directive);
        // The path, and behind it the query with its `?`: there is no other way to write both.
        if directive.letter == "U"
            && let Some(config::Part::Directive(query)) =
                parts.next_if(|part| matches!(part, config::Part::Directive(next) if next.letter == "q"))
        {
            field.published.extend(context.field(query).published);
            field.shown.push_str(&query.shown);
            field.kind = Kind::Target;
        }
        pieces.push(Piece::Field(field));
    }
    pieces
}

/// What the other directives of a format mean for one.
struct Context {
    bytes_of_either: bool,
    /// Whether the status of the final request is logged, so that another one is not just the status.
    has_final_status: bool,
    /// The finest unit of times taken.
    serving_unit: i64,
    /// Whether the time of the beginning is told, and that of the end.
    tells_begin: bool,
    tells_end: bool,
}

impl Context {
    fn new(directives: &[&Directive], bytes_of_either: bool) -> Self {
        let tells = |end: bool| {
            directives.iter().filter(|directive| directive.letter == "t").any(|directive| {
                time(directive.argument(), 0).is_ok_and(|time| time.is_end == end && time.tells_day())
            })
        };
        Self {
            bytes_of_either,
            has_final_status: directives.iter().any(|d| d.letter == "s" && d.of == Some(b'>')),
            serving_unit: directives.iter().filter_map(|d| d.serving_unit()).min().unwrap_or_default(),
            tells_begin: tells(false),
            tells_end: tells(true),
        }
    }

    fn field(&self, directive: &Directive) -> Field {
        let Directive { at, shown, letter, of, .. } = directive;
        let argument = directive.argument();
        let mut shown = shown.clone();
        if self.bytes_of_either && letter == "O" {
            shown.push_str(" or %b");
        }
        if let Some(family) = FAMILIES.iter().find(|family| family.letter == letter) {
            let published = vec![family.published(argument, &shown)];
            return Field { shown, at: *at, kind: Kind::Text(Chars::of_name(argument)), published };
        }
        let special = known(&format!("{argument}/{letter}"));
        let Some(known) = special.or_else(|| known(letter)) else {
            return Field { shown, at: *at, kind: Kind::Text(Chars::Free), published: Vec::new() };
        };
        // These are of the original request by themselves, the others of the final one.
        let is_original = matches!(letter.as_str(), "s" | "U" | "T" | "D" | "r");
        let name = match of {
            _ if letter == "s" && *of != Some(b'>') && self.has_final_status => "original_status".to_owned(),
            _ if letter == "s" => known.name.to_owned(),
            Some(b'<') if !is_original => format!("original_{}", known.name),
            Some(b'>') if is_original => format!("final_{}", known.name),
            _ => known.name.to_owned(),
        };
        let unit = directive.serving_unit();
        let kind = match known.value {
            // Its parts have their names from the original one.
            Request if name != known.name => Kind::Text(Chars::Free),
            value => value.kind(unit.unwrap_or_default()),
        };
        let published = match unit {
            // The same is told better elsewhere in the line.
            Some(unit) if unit > self.serving_unit => Vec::new(),
            _ => known.published(name, &shown, matches!(kind, Kind::Request)),
        };
        Field { shown, at: *at, kind, published }
    }

    fn time(&self, directive: &Directive, pieces: &mut Vec<Piece>) {
        let Ok(time) = time(directive.argument(), directive.argument_at) else { return };
        let stamp = match time.is_end {
            false if self.tells_begin => Stamp::Event,
            true if self.tells_end => {
                if self.tells_begin {
                    Stamp::Other
                } else {
                    Stamp::Event
                }
            }
            _ => Stamp::Ignored,
        };
        let published = match stamp {
            Stamp::Other => vec![FieldSchema::attribute("request_end_time", ValueType::Timestamp).doc(
                "`%{end:...}t`: when the request had been served; the time of the event is when it came.",
            )],
            _ => Vec::new(),
        };
        let shown = match stamp {
            // All of them make one.
            Stamp::Other => "%{end:...}t".to_owned(),
            _ => directive.shown.clone(),
        };
        let in_brackets = matches!(time.part, Part::Clf);
        if in_brackets {
            pieces.push(Piece::Literal(b"[".to_vec()));
        }
        let kind = Kind::Time(time.part, stamp);
        pieces.push(Piece::Field(Field { shown, at: directive.at, kind, published }));
        if in_brackets {
            pieces.push(Piece::Literal(b"]".to_vec()));
        }
    }
}

impl Is {
    fn kind(self, serving_unit: i64) -> Kind {
        let number = |number| Kind::Number(number, Missing::Null);
        match self {
            Token => Kind::Text(Chars::Token),
            Host => Kind::Text(Chars::Host),
            Word => Kind::Text(Chars::Word),
            Uri => Kind::Text(Chars::Uri),
            Name => Kind::Text(Chars::Name),
            Text => Kind::Text(Chars::Free),
            Byte => Kind::Byte(b"X+-"),
            Request => Kind::Request,
            Status => number(Number::Status),
            Bytes | Count => number(Number::U64),
            Self::Hex => number(Number::HexU64),
            Serving => number(Number::Duration(serving_unit)),
            Micros => number(Number::Duration(MICROSECOND)),
        }
    }
}

impl Known {
    fn published(&self, name: String, shown: &str, in_parts: bool) -> Vec<FieldSchema> {
        let value_type = match self.value {
            Token | Host | Word | Uri | Name | Text | Byte | Request => ValueType::Str,
            Status | Bytes | Count | Is::Hex => ValueType::U64,
            Serving | Micros => ValueType::Duration,
        };
        let mut field = match self.role {
            Dim => FieldSchema::dimension(name, value_type),
            Attr => FieldSchema::attribute(name, value_type),
            Gauge => FieldSchema::gauge(name, value_type),
            Delta => FieldSchema::delta(name, value_type),
        };
        field = match self.value {
            Bytes => field.unit("By"),
            Serving | Micros => field.unit("s"),
            _ => field,
        };
        if !self.otel.is_empty() {
            field = field.otel(self.otel);
        }
        let mut fields = vec![field.doc(format!("`{shown}`: {}", self.doc))];
        if in_parts {
            fields.extend(parts_schema());
        }
        fields
    }
}

impl Family {
    fn published(&self, argument: &str, shown: &str) -> FieldSchema {
        let name = format!("{}{}", self.prefix, snake_case(argument));
        let lower = argument.to_ascii_lowercase();
        let field = FieldSchema::attribute(name, ValueType::Str);
        let field = match (self.letter, lower.as_str()) {
            ("i", "user-agent") => field.otel("user_agent.original"),
            ("x", "ssl_protocol") | ("c", "version") => field.otel("tls.protocol.version"),
            ("x", "ssl_cipher") | ("c", "cipher") => field.otel("tls.cipher"),
            _ if self.otel.is_empty() => field,
            _ => field.otel(format!("{}{lower}", self.otel)),
        };
        field.doc(format!("`{shown}`: {} {argument}; null if there is none.", self.doc))
    }
}

/// A name in lower case, with an underscore for what needs quoting in SQL.
fn snake_case(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect()
}

/// What `%{...}t` tells.
struct Time {
    part: Part,
    /// Of the end of the request, else of its beginning.
    is_end: bool,
}

impl Time {
    fn tells_day(&self) -> bool {
        match &self.part {
            Part::Fraction(_) => false,
            Part::Strftime(format) => format.has_day() && format.has_year(),
            _ => true,
        }
    }
}

/// As `log_request_time` has it; the format stands at byte `at` of the configuration text.
fn time(format: &str, at: usize) -> Result<Time, LogFormatError> {
    let (is_end, start) = match format.split_once(':').map_or((format, ""), |(first, _)| (first, ":")) {
        ("begin", colon) => (false, 5 + colon.len()),
        ("end", colon) => (true, 3 + colon.len()),
        _ => (false, 0),
    };
    let part = match &format[start..] {
        "" => Part::Clf,
        "sec" => Part::Whole(1),
        "msec" => Part::Whole(1_000),
        "usec" => Part::Whole(1_000_000),
        "msec_frac" => Part::Fraction(3),
        "usec_frac" => Part::Fraction(6),
        strftime => {
            let compiled = Strftime::compile(strftime)
                .map_err(|error| LogFormatError::new(at + start + error.at, error.problem))?;
            Part::Strftime(Arc::new(compiled.with_any_zone()))
        }
    };
    Ok(Time { part, is_end })
}
