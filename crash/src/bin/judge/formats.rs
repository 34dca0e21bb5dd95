//! The judge's own reading of what the logs hold.

use crate::json::Json;

#[derive(Clone, Copy)]
pub(crate) enum Format {
    Access,
    Traces,
    Postgres,
}

/// What has to become of a record.
pub(crate) enum Expected {
    /// It arrives with these fields.
    Event { fields: Vec<(&'static str, Json)>, is_teapot: bool },
    /// It is not of the format: it is refused.
    DeadLetter,
}

impl Format {
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        match word {
            "access" => Some(Self::Access),
            "traces" => Some(Self::Traces),
            "postgres" => Some(Self::Postgres),
            _ => None,
        }
    }

    pub(crate) fn read(self, text: &str) -> Expected {
        match self {
            Self::Access => access(text),
            Self::Traces => Some(vec![("message", Json::Text(text.to_owned()))]),
            Self::Postgres => postgres(text),
        }
        .map_or(Expected::DeadLetter, |fields| {
            let teapot = ("status", Json::Number("418".into()));
            let is_teapot = fields.contains(&teapot);
            Expected::Event { fields, is_teapot }
        })
    }
}

type Fields = Option<Vec<(&'static str, Json)>>;

/// A line of nginx's format `combined`, without escapes.
fn access(line: &str) -> Fields {
    let (addr, rest) = line.split_once(" - ")?;
    let (user, rest) = rest.split_once(" [")?;
    let (time, rest) = rest.split_once("] \"")?;
    let (request, rest) = rest.split_once("\" ")?;
    let (status, rest) = rest.split_once(' ')?;
    let (bytes, rest) = rest.split_once(" \"")?;
    let (referer, agent) = rest.split_once("\" \"")?;
    let agent = agent.strip_suffix('"')?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if addr.contains(' ') || status.len() != 3 || !is_number(status) || !is_number(bytes) {
        return None;
    }
    let mut words = request.split(' ');
    let (method, target, protocol) = (words.next()?, words.next()?, words.next()?);
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, text(query)),
        None => (target, Json::Null),
    };
    Some(vec![
        ("type", text("nginx_access")),
        ("timestamp", text(&rfc3339(time)?)),
        ("remote_addr", text(addr)),
        ("remote_user", or_null(user)),
        ("request", text(request)),
        ("method", text(method)),
        ("path", text(path)),
        ("query", query),
        ("protocol", text(protocol)),
        ("status", Json::Number(status.to_owned())),
        ("body_bytes_sent", Json::Number(bytes.to_owned())),
        ("http_referer", or_null(referer)),
        ("http_user_agent", or_null(agent)),
    ])
}

/// `20/Nov/2026:16:59:47 +0000` as `2026-11-20T16:59:47.000000000Z`. The writer's clock shows UTC.
fn rfc3339(time: &str) -> Option<String> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (date, zone) = time.split_once(' ')?;
    let (date, clock) = date.split_once(':')?;
    let mut parts = date.split('/');
    let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
    let month = MONTHS.iter().position(|m| *m == month)? + 1;
    (zone == "+0000").then(|| format!("{year}-{month:02}-{day}T{clock}.000000000Z"))
}

/// An error of PostgreSQL with its DETAIL and STATEMENT, `log_line_prefix` being `%m [%p] `.
fn postgres(record: &str) -> Fields {
    let (head, rest) = record.split_once("\n")?;
    let (detail, statement) = rest.split_once("\n")?;
    let (_, message) = head.split_once(" ERROR:  ")?;
    let (pid, _) = head.split_once(" [")?.1.split_once(']')?;
    let (_, detail) = detail.split_once(" DETAIL:  ")?;
    let (_, statement) = statement.split_once(" STATEMENT:  ")?;
    Some(vec![
        ("process_id", Json::Number(pid.to_owned())),
        ("error_severity", text("ERROR")),
        ("message", text(message)),
        ("detail", text(detail)),
        // The server begins each further line with a tab, which is not part of the statement.
        ("query", text(&statement.replace("\n\t", "\n"))),
    ])
}

fn text(value: &str) -> Json {
    Json::Text(value.to_owned())
}

/// `-` stands for what is missing.
fn or_null(value: &str) -> Json {
    if value == "-" { Json::Null } else { text(value) }
}
