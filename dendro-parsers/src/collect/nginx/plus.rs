//! The API of NGINX Plus.

use std::sync::Arc;

use async_trait::async_trait;
use dendro_core::Schema;
use serde_json::Value;

use super::super::http::{Http, Session};
use super::super::json::{insert, parse};
use super::super::{CollectError, Collector, Scrape, Secret, Tls};
use super::endpoints::{ENDPOINTS, Endpoint, WHOLE, WHOLE_SCHEMA};

/// The newest version of the API whose objects are known.
const NEWEST: u64 = 9;

/// Reads the API of NGINX Plus: events of type `nginx_plus`, and `nginx_plus_server_zone`, `nginx_plus_upstream_server`,
/// `nginx_plus_cache` and others for what is configured.
///
/// ```
/// use std::time::Duration;
///
/// use dendro_parsers::collect::CollectSource;
/// use dendro_parsers::collect::nginx::NginxPlus;
///
/// let nginx = NginxPlus::new("http://127.0.0.1:8080/api")?;
/// let source = CollectSource::new(nginx, Duration::from_secs(10));
/// # let _ = source;
/// # Ok::<(), dendro_parsers::collect::CollectError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct NginxPlus {
    http: Http,
    /// Without a `/` at its end.
    base: String,
}

impl NginxPlus {
    /// Asks the API at this URL, `http` or `https`, as in `http://127.0.0.1:8080/api`: in the newest version that both
    /// know, or in the one that the URL ends with. The URL may hold user and password.
    ///
    /// # Errors
    /// [`CollectError`] if it is no such URL.
    pub fn new(url: &str) -> Result<Self, CollectError> {
        let http = Http::new(url)?;
        let base = http.path.split('?').next().unwrap_or_default().trim_end_matches('/').to_owned();
        Ok(Self { http, base })
    }

    /// Says who we are.
    pub fn basic_auth(mut self, user: &str, password: impl Into<Secret>) -> Self {
        self.http = self.http.basic_auth(user, &password.into());
        self
    }

    /// For `https`.
    pub fn tls(mut self, tls: Tls) -> Self {
        self.http = self.http.tls(tls);
        self
    }

    /// The path with the version.
    async fn versioned(&self, session: &mut Session<'_>) -> Result<String, CollectError> {
        if self.base.rsplit('/').next().is_some_and(|last| last.parse::<u64>().is_ok()) {
            return Ok(self.base.clone());
        }
        let path = format!("{}/", self.base);
        let versions = parse(&path, &session.get(&path).await?)?;
        let known = versions.as_array().into_iter().flatten().filter_map(Value::as_u64);
        let newest = known.filter(|version| *version <= NEWEST).max();
        let newest = newest.ok_or_else(|| {
            CollectError::new(format!(
                "{path} names no version of the API that is known, which are those up to {NEWEST}"
            ))
        })?;
        Ok(format!("{path}{newest}"))
    }
}

#[async_trait]
impl Collector for NginxPlus {
    fn name(&self) -> &str {
        "nginx_plus"
    }

    fn target(&self) -> Option<&str> {
        Some(&self.http.target)
    }

    fn schemas(&self) -> Vec<Arc<Schema>> {
        let of = |endpoint: &Endpoint| {
            let peers = endpoint.peers.map(|peers| (*peers.schema).clone());
            [Some((*endpoint.schema).clone()), peers]
        };
        let zones = ENDPOINTS.iter().flat_map(of).flatten();
        [WHOLE_SCHEMA.clone()].into_iter().chain(zones.map(|schema| schema.to_owned())).collect()
    }

    async fn collect(&mut self, scrape: &mut Scrape) -> Result<(), CollectError> {
        let mut session = self.http.session();
        let base = self.versioned(&mut session).await?;
        let mut parts = Vec::new();
        for (path, measures) in WHOLE {
            if let Some(object) = ask(&mut session, &base, path).await? {
                parts.push((*measures, object));
            }
        }
        if parts.is_empty() {
            return Err(CollectError::new(format!(
                "there is nothing at {base}: is the API switched on there?"
            )));
        }
        scrape.event(&WHOLE_SCHEMA, |event| {
            parts.iter().try_for_each(|(measures, object)| insert(event, measures, object))
        })?;
        for endpoint in ENDPOINTS {
            let Some(objects) = ask(&mut session, &base, endpoint.path).await? else { continue };
            for (name, object) in objects.as_object().into_iter().flatten() {
                tell(scrape, endpoint, name, object)?;
            }
        }
        Ok(())
    }
}

fn tell(scrape: &mut Scrape, endpoint: &Endpoint, name: &str, object: &Value) -> Result<(), CollectError> {
    scrape.event(endpoint.schema, |event| {
        event.insert(endpoint.named, name)?;
        insert(event, endpoint.measures, object)
    })?;
    let Some(peers) = endpoint.peers else { return Ok(()) };
    for peer in object["peers"].as_array().into_iter().flatten() {
        scrape.event(peers.schema, |event| {
            event.insert(endpoint.named, name)?;
            insert(event, peers.measures, peer)
        })?;
    }
    Ok(())
}

/// `None` if this server has no such thing.
async fn ask(session: &mut Session<'_>, base: &str, path: &str) -> Result<Option<Value>, CollectError> {
    let path = format!("{base}/{path}");
    session.get_if_there(&path).await?.map(|body| parse(&path, &body)).transpose()
}
