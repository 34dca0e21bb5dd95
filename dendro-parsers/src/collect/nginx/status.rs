//! The page of `stub_status`.

use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use dendro_core::Schema;

use super::super::http::Http;
use super::super::table::{Measure, counter, gauge, schema};
use super::super::{CollectError, Collector, Scrape, Secret, Tls};

const ACTIVE: Measure = gauge("active", "{connection}", "Open connections, idle ones included.");
/// In the order in which they stand.
const COUNTERS: &[Measure] = &[
    counter("accepts", "{connection}", "Connections accepted."),
    counter("handled", "{connection}", "Connections handled: fewer than accepted if a limit was reached."),
    counter("requests", "{request}", "Requests."),
];
const STATES: &[Measure] = &[
    gauge("Reading", "{connection}", "Connections whose request is being read.").named("reading"),
    gauge("Writing", "{connection}", "Connections whose answer is being made or written.").named("writing"),
    gauge("Waiting", "{connection}", "Connections that are kept alive and wait for a request.")
        .named("waiting"),
];

static SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| {
    let doc = "What nginx says of its connections and requests; the scrape is one of them.";
    schema("nginx_status", doc, &[&[ACTIVE], COUNTERS, STATES]).into()
});

/// Reads the page of nginx's `stub_status`: events of type `nginx_status`.
///
/// ```nginx
/// location = /nginx_status { stub_status; allow 127.0.0.1; deny all; }
/// ```
///
/// ```
/// use std::time::Duration;
///
/// use dendro_parsers::collect::CollectSource;
/// use dendro_parsers::collect::nginx::NginxStatus;
///
/// let nginx = NginxStatus::new("http://127.0.0.1/nginx_status")?;
/// let source = CollectSource::new(nginx, Duration::from_secs(10));
/// # let _ = source;
/// # Ok::<(), dendro_parsers::collect::CollectError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct NginxStatus(Http);

impl NginxStatus {
    /// Asks at this URL, `http` or `https`; it may hold user and password.
    ///
    /// # Errors
    /// [`CollectError`] if it is no such URL.
    pub fn new(url: &str) -> Result<Self, CollectError> {
        Http::new(url).map(Self)
    }

    /// Says who we are.
    pub fn basic_auth(self, user: &str, password: impl Into<Secret>) -> Self {
        Self(self.0.basic_auth(user, &password.into()))
    }

    /// For `https`.
    pub fn tls(self, tls: Tls) -> Self {
        Self(self.0.tls(tls))
    }
}

#[async_trait]
impl Collector for NginxStatus {
    fn name(&self) -> &str {
        "nginx"
    }

    fn target(&self) -> Option<&str> {
        Some(&self.0.target)
    }

    fn schemas(&self) -> Vec<Arc<Schema>> {
        vec![SCHEMA.clone()]
    }

    async fn collect(&mut self, scrape: &mut Scrape) -> Result<(), CollectError> {
        let page = self.0.session().get(&self.0.path).await?;
        let values = String::from_utf8_lossy(&page);
        let values = read(&values).ok_or_else(|| {
            CollectError::new(format!(
                "{} was answered with something that is no page of stub_status",
                self.0.path
            ))
        })?;
        scrape.event(&SCHEMA, |event| values.iter().try_for_each(|(name, value)| event.insert(name, *value)))
    }
}

/// ```text
/// Active connections: 2
/// server accepts handled requests
///  8 8 10
/// Reading: 0 Writing: 1 Waiting: 1
/// ```
fn read(page: &str) -> Option<Vec<(&'static str, u64)>> {
    let mut lines = page.lines();
    let active = lines.next()?.strip_prefix("Active connections:")?.trim().parse().ok()?;
    let mut values = vec![(ACTIVE.name, active)];
    // Forks add columns behind these.
    if !lines.next()?.trim().starts_with("server accepts handled requests") {
        return None;
    }
    let mut counts = lines.next()?.split_ascii_whitespace();
    for measure in COUNTERS {
        values.push((measure.name, counts.next()?.parse().ok()?));
    }
    let mut states = lines.next()?.split_ascii_whitespace();
    for measure in STATES {
        if states.next()?.strip_suffix(':') != Some(measure.from) {
            return None;
        }
        values.push((measure.name, states.next()?.parse().ok()?));
    }
    Some(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_as_a_whole_or_not_at_all() {
        let page = "Active connections: 2 \nserver accepts handled requests\n 8 7 10 \nReading: 0 Writing: 1 Waiting: 3 \n";
        let expected = vec![
            ("active", 2),
            ("accepts", 8),
            ("handled", 7),
            ("requests", 10),
            ("reading", 0),
            ("writing", 1),
            ("waiting", 3),
        ];
        assert_eq!(read(page), Some(expected));
        let tengine = page.replace("requests\n", "requests request_time\n").replace("10 \n", "10 999\n");
        assert_eq!(read(&tengine).map(|values| values.len()), Some(7));
        let whole = page.trim_end().len();
        for cut in (0..whole).filter(|cut| page.is_char_boundary(*cut)) {
            assert_eq!(read(&page[..cut]), None, "{cut}");
        }
        for wrong in [
            "<html>",
            "Active connections: x\n",
            "Active connections: 1\na\n1 1 1\n",
            &page.replace("Writing", "Other"),
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
