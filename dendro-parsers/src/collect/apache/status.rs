//! The page of `mod_status`.

use std::sync::Arc;

use async_trait::async_trait;
use dendro_core::{Schema, Value};

use super::super::http::Http;
use super::super::table::Measure;
use super::super::{CollectError, Collector, Scrape, Secret, Tls};
use super::measures::{
    BALANCER, CACHE, CACHE_SCHEMA, SCOREBOARD, STATUS, STATUS_SCHEMA, WORKER, WORKER_SCHEMA,
};

/// Reads the page of Apache's `mod_status`: events of type `apache_status`, and `apache_balancer_worker` and
/// `apache_tls_session_cache` where the page has them.
///
/// ```apache
/// ExtendedStatus On
/// <Location "/server-status">
///     SetHandler server-status
///     Require local
/// </Location>
/// ```
///
/// ```
/// use std::time::Duration;
///
/// use dendro_parsers::collect::CollectSource;
/// use dendro_parsers::collect::apache::ApacheStatus;
///
/// let apache = ApacheStatus::new("http://127.0.0.1/server-status")?;
/// let source = CollectSource::new(apache, Duration::from_secs(10));
/// # let _ = source;
/// # Ok::<(), dendro_parsers::collect::CollectError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct ApacheStatus(Http);

impl ApacheStatus {
    /// Asks at this URL, `http` or `https`; it may hold user and password. `?auto` is added if it has no query.
    ///
    /// # Errors
    /// [`CollectError`] if it is no such URL.
    pub fn new(url: &str) -> Result<Self, CollectError> {
        let mut http = Http::new(url)?;
        if !http.path.contains('?') {
            http.path.push_str("?auto");
        }
        Ok(Self(http))
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
impl Collector for ApacheStatus {
    fn name(&self) -> &str {
        "apache"
    }

    fn target(&self) -> Option<&str> {
        Some(&self.0.target)
    }

    fn schemas(&self) -> Vec<Arc<Schema>> {
        [&STATUS_SCHEMA, &WORKER_SCHEMA, &CACHE_SCHEMA].map(|schema| (*schema).clone()).to_vec()
    }

    async fn collect(&mut self, scrape: &mut Scrape) -> Result<(), CollectError> {
        let page = self.0.session().get(&self.0.path).await?;
        let page = Page::read(&String::from_utf8_lossy(&page)).ok_or_else(|| {
            let path = &self.0.path;
            CollectError::new(format!(
                "{path} was answered with something that is no page of mod_status for machines: should it end with `?auto`?"
            ))
        })?;
        let mut tell = |schema: &Arc<Schema>, fields: &Fields| {
            scrape
                .event(schema, |event| fields.iter().try_for_each(|(name, value)| event.insert(name, value)))
        };
        tell(&STATUS_SCHEMA, &page.status)?;
        for worker in &page.workers {
            tell(&WORKER_SCHEMA, worker)?;
        }
        if !page.cache.is_empty() {
            tell(&CACHE_SCHEMA, &page.cache)?;
        }
        Ok(())
    }
}

type Fields = Vec<(&'static str, Value)>;

#[derive(Debug, Default)]
struct Page {
    status: Fields,
    workers: Vec<Fields>,
    cache: Fields,
}

impl Page {
    /// Lines of `Key: value`. The scoreboard stands in all of them, with and without `ExtendedStatus`.
    fn read(text: &str) -> Option<Self> {
        let mut page = Self::default();
        let mut balancer = String::new();
        let mut has_scoreboard = false;
        for (key, value) in text.lines().filter_map(|line| line.split_once(':')) {
            let value = value.trim();
            if key == "Scoreboard" {
                has_scoreboard = true;
                page.status.extend(scoreboard(value));
            } else if key.starts_with("ProxyBalancer[") {
                // `ProxyBalancer[0]Name`, then `ProxyBalancer[0]Worker[0]Name` and others.
                match key.rsplit(']').next() {
                    Some("Name") if !key.contains("Worker[") => balancer = value.to_owned(),
                    Some("Name") => page.workers.push(vec![
                        (BALANCER.name, balancer.as_str().into()),
                        (WORKER[0].name, value.into()),
                    ]),
                    Some(name) => {
                        let value =
                            if matches!(name, "Sent" | "Rcvd") { value.trim_end_matches('K') } else { value };
                        if let Some(worker) = page.workers.last_mut() {
                            worker.extend(known(WORKER, name, value));
                        }
                    }
                    None => {}
                }
            } else if key.starts_with("Cache") {
                page.cache.extend(known(CACHE, key, value.trim_end_matches('%')));
            } else {
                page.status.extend(known(STATUS, key, value));
            }
        }
        has_scoreboard.then_some(page)
    }
}

fn known(measures: &[Measure], key: &str, value: &str) -> Option<(&'static str, Value)> {
    let measure = measures.iter().find(|measure| measure.from == key)?;
    Some((measure.name, measure.read(value)?))
}

fn scoreboard(letters: &str) -> impl Iterator<Item = (&'static str, Value)> {
    SCOREBOARD.iter().map(move |(letter, measure)| {
        let count = letters.bytes().filter(|at| at == letter).count();
        (measure.name, Value::U64(count as u64))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field<'a>(fields: &'a Fields, name: &str) -> Option<&'a Value> {
        fields.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    #[test]
    fn balancers_and_the_session_cache_have_events_of_their_own() {
        let text = "localhost\nScoreboard: _W..\nProxyBalancer[0]Name: balancer://a\nProxyBalancer[0]Worker[0]Name: http://x:1\n\
                    ProxyBalancer[0]Worker[0]Status: Init Ok \nProxyBalancer[0]Worker[0]Elected: 3\n\
                    ProxyBalancer[0]Worker[0]Sent: 5K\nProxyBalancer[0]Worker[1]Name: http://x:2\n\
                    ProxyBalancer[1]Name: balancer://b\nProxyBalancer[1]Worker[0]Name: http://y\n\
                    TLSSessionCacheStatus\nCacheType: SHMCB\nCacheUsage: 7%\nCacheStoreCount: 9\n";
        let page = Page::read(text).unwrap_or_default();
        let names: Vec<_> = page
            .workers
            .iter()
            .map(|w| (field(w, "balancer").cloned(), field(w, "worker").cloned()))
            .collect();
        let pair = |a: &str, b: &str| (Some(Value::from(a)), Some(Value::from(b)));
        assert_eq!(
            names,
            [
                pair("balancer://a", "http://x:1"),
                pair("balancer://a", "http://x:2"),
                pair("balancer://b", "http://y")
            ]
        );
        assert_eq!(field(&page.workers[0], "sent"), Some(&Value::U64(5 * 1_024)));
        assert_eq!(field(&page.workers[0], "status"), Some(&Value::from("Init Ok")));
        assert_eq!(
            (field(&page.cache, "usage"), field(&page.cache, "stored")),
            (Some(&Value::U64(7)), Some(&Value::U64(9)))
        );
        assert_eq!(field(&page.status, "scoreboard_open"), Some(&Value::U64(2)));
    }

    #[test]
    fn a_page_without_a_scoreboard_is_none() {
        for text in [
            "",
            "<html>Scoreboard</html>",
            "Total Accesses: 1\n",
            "ProxyBalancer[0]Worker[0]Busy: 1\nProxyBalancer[]: \n",
        ] {
            assert!(Page::read(text).is_none());
        }
    }
}
