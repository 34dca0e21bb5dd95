//! The collector of MongoDB.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use ::mongodb::Client;
use ::mongodb::bson::{Bson, Document, doc};
use ::mongodb::options::{ClientOptions, ConnectionString, HostInfo, ServerAddress, ServerMonitoringMode};
use async_trait::async_trait;
use dendro_core::{Schema, SignedDuration, Value};

use super::super::table::{Measure, schema};
use super::super::{CollectError, Collector, Scrape, Secret};
use super::measures::{MEMBER, OPTIME, SERVER};

const PORT: u16 = 27_017;
/// A server that is there answers sooner; the driver tries again and again until then.
const PATIENCE: Duration = Duration::from_secs(2);

/// Asks one MongoDB server how it is: events of type `mongodb`, and `mongodb_member` for each member of its replica set as
/// it sees them.
///
/// ```
/// use std::time::Duration;
///
/// use dendro_parsers::collect::CollectSource;
/// use dendro_parsers::collect::mongodb::MongodbMetrics;
///
/// let mongodb = MongodbMetrics::new("mongodb://dendro@127.0.0.1:27017/")?.password("from your secret store");
/// let source = CollectSource::new(mongodb, Duration::from_secs(10));
/// # let _ = source;
/// # Ok::<(), dendro_parsers::collect::CollectError>(())
/// ```
#[must_use]
pub struct MongodbMetrics {
    connection: ConnectionString,
    password: Option<Secret>,
    target: String,
    server: Arc<Schema>,
    member: Arc<Schema>,
    client: Option<Client>,
}

impl MongodbMetrics {
    /// Connects by this [connection string](https://www.mongodb.com/docs/manual/reference/connection-string/), as in
    /// `mongodb://user@host:27017/?tls=true&tlsCAFile=ca.pem`; it may hold the password. It has to name one server, and that one is
    /// asked, also as member of a replica set. Without `tlsCAFile` the authorities of Mozilla are trusted.
    ///
    /// # Errors
    /// [`CollectError`] if it is no such text, or names several servers or `mongodb+srv`.
    pub fn new(connection: &str) -> Result<Self, CollectError> {
        // It is not quoted, nor is what the parser says of it: it may hold a password.
        let wrong = |why: &str| {
            CollectError::new(format!("the connection string {why}: expected `mongodb://user@host:port/`"))
        };
        let connection = ConnectionString::parse(connection).map_err(|_| wrong("is not valid"))?;
        let target = match &connection.host_info {
            HostInfo::HostIdentifiers(hosts) => match hosts.as_slice() {
                [host] => target(host),
                _ => return Err(wrong("names several servers")),
            },
            _ => return Err(wrong("names no server, but a record of DNS")),
        };
        Ok(Self {
            connection,
            password: None,
            target,
            server: schema("mongodb", "What a MongoDB server says of itself.", &[SERVER]).into(),
            member: schema("mongodb_member", "One member of the replica set.", &[MEMBER]).into(),
            client: None,
        })
    }

    /// The password of the user in the connection string.
    pub fn password(mut self, password: impl Into<Secret>) -> Self {
        self.password = Some(password.into());
        self
    }

    /// The driver connects by itself, again and again.
    async fn client(&mut self) -> Result<Client, CollectError> {
        if let Some(client) = &self.client {
            return Ok(client.clone());
        }
        let wrong = |error| CollectError::new("the connection string can't be used").with_source(told(error));
        let mut options = ClientOptions::parse(self.connection.clone()).await.map_err(wrong)?;
        options.app_name.get_or_insert_with(|| "dendro".to_owned());
        options.direct_connection = Some(true);
        options.max_pool_size = Some(1);
        options.server_selection_timeout = Some(PATIENCE);
        options.server_monitoring_mode = Some(ServerMonitoringMode::Poll);
        if let Some(password) = &self.password {
            options.credential.get_or_insert_default().password = Some(password.expose().to_owned());
        }
        Ok(self.client.insert(Client::with_options(options).map_err(wrong)?).clone())
    }
}

#[async_trait]
impl Collector for MongodbMetrics {
    fn name(&self) -> &str {
        "mongodb"
    }

    fn target(&self) -> Option<&str> {
        Some(&self.target)
    }

    fn schemas(&self) -> Vec<Arc<Schema>> {
        vec![self.server.clone(), self.member.clone()]
    }

    async fn collect(&mut self, scrape: &mut Scrape) -> Result<(), CollectError> {
        let admin = self.client().await?.database("admin");
        let status = admin
            .run_command(doc! { "serverStatus": 1 })
            .await
            .map_err(|error| CollectError::new("no answer to serverStatus").with_source(told(error)))?;
        tell(&self.server, &values(SERVER, &status), scrape)?;
        if !status.contains_key("repl") {
            return Ok(());
        }
        match admin.run_command(doc! { "replSetGetStatus": 1 }).await {
            Ok(status) => members(&status).iter().try_for_each(|member| tell(&self.member, member, scrape)),
            Err(error) => {
                scrape.warn(
                    "mongodb_member",
                    format!("mongodb at {}: no answer to replSetGetStatus: {}", self.target, told(error)),
                );
                Ok(())
            }
        }
    }
}

impl std::fmt::Debug for MongodbMetrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MongodbMetrics").field("target", &self.target).finish_non_exhaustive()
    }
}

/// As people write it; the driver leaves the brackets out.
fn target(address: &ServerAddress) -> String {
    match address {
        ServerAddress::Tcp { host, port } if host.contains(':') => {
            format!("[{host}]:{}", port.unwrap_or(PORT))
        }
        other => other.to_string(),
    }
}

/// What the driver says, without the labels that are for itself.
fn told(error: ::mongodb::error::Error) -> String {
    error.kind.to_string()
}

type Values = Vec<(&'static str, Value)>;

fn tell(schema: &Arc<Schema>, values: &Values, scrape: &mut Scrape) -> Result<(), CollectError> {
    scrape.event(schema, |event| values.iter().try_for_each(|(name, value)| event.insert(name, value)))
}

fn values(measures: &[Measure], document: &Document) -> Values {
    measures
        .iter()
        .filter_map(|measure| {
            let text = text(find(document, measure.from)?)?;
            Some((measure.name, measure.read(&text)?))
        })
        .collect()
}

/// What stands at a path with dots.
fn find<'a>(document: &'a Document, path: &str) -> Option<&'a Bson> {
    match path.split_once('.') {
        None => document.get(path),
        Some((name, rest)) => find(document.get_document(name).ok()?, rest),
    }
}

fn text(value: &Bson) -> Option<Cow<'_, str>> {
    Some(match value {
        Bson::String(text) => text.into(),
        Bson::Int32(number) => number.to_string().into(),
        Bson::Int64(number) => number.to_string().into(),
        Bson::Double(number) => number.to_string().into(),
        Bson::Boolean(flag) => flag.to_string().into(),
        _ => return None,
    })
}

/// The members, each with how far it is behind the primary.
fn members(status: &Document) -> Vec<Values> {
    let members: Vec<&Document> =
        status.get_array("members").into_iter().flatten().filter_map(Bson::as_document).collect();
    let millis = |member: &Document| Some(member.get_datetime("optimeDate").ok()?.timestamp_millis());
    let is_primary = |member: &&&Document| member.get_str("stateStr").is_ok_and(|state| state == "PRIMARY");
    let primary = members.iter().find(is_primary).and_then(|primary| millis(primary));
    members
        .iter()
        .map(|member| {
            let mut values = values(MEMBER, member);
            if let (Some(primary), Some(own)) = (primary, millis(member)) {
                // What was heard of the primary may be older than what was heard of the member.
                let behind = primary.saturating_sub(own).max(0).saturating_mul(1_000_000);
                values.push((OPTIME.name, SignedDuration::from_nanos(behind).into()));
            }
            values
        })
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use ::mongodb::bson::DateTime;

    use super::*;

    fn get(values: &Values, name: &str) -> Option<Value> {
        values.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone())
    }

    #[test]
    fn numbers_of_all_kinds_are_read_from_their_paths() {
        let status = doc! {
            "version": "7.0.14",
            "uptime": 3_600.0,
            "connections": { "current": 5, "totalCreated": 1_234_567_890_123_i64 },
            "mem": { "resident": 201, "virtual": "not a number" },
            "opLatencies": { "reads": { "latency": 1_500_000_i64, "ops": 12_i64 } },
            "wiredTiger": { "cache": { "bytes currently in the cache": 1e10, "maximum bytes configured": 17_i64 } },
            "network": 3,
        };
        let values = values(SERVER, &status);
        for (name, expected) in [
            ("version", Value::from("7.0.14")),
            ("uptime", Value::from(Duration::from_secs(3_600))),
            ("connections_current", Value::from(5u64)),
            ("connections_total_created", Value::from(1_234_567_890_123u64)),
            ("mem_resident", Value::from(201u64)),
            ("reads_latency", Value::from(Duration::from_millis(1_500))),
            ("reads_ops", Value::from(12u64)),
            ("cache_bytes", Value::from(10_000_000_000u64)),
            ("cache_max_bytes", Value::from(17u64)),
        ] {
            assert_eq!(get(&values, name), Some(expected), "{name}");
        }
        assert_eq!(values.len(), 9, "{values:?}");
    }

    #[test]
    fn members_tell_how_far_they_are_behind_the_primary() {
        let member = |name: &str, state: &str, millis: i64| {
            doc! { "name": name, "stateStr": state, "health": 1.0, "optimeDate": DateTime::from_millis(millis) }
        };
        let down = doc! { "name": "c:27017", "stateStr": "(not reachable/healthy)", "health": 0.0 };
        let all = vec![member("a:27017", "SECONDARY", 1_000), member("b:27017", "PRIMARY", 4_500), down];
        let members = members(&doc! { "members": all });
        let lags: Vec<_> = members.iter().map(|member| get(member, "optime_lag")).collect();
        let expected = [3_500, 0].map(|millis| Some(Value::from(Duration::from_millis(millis))));
        assert_eq!(lags, [expected[0].clone(), expected[1].clone(), None]);
        assert_eq!(get(&members[2], "health"), Some(Value::from(0u64)));
        assert!(self::members(&doc! {}).is_empty());
    }

    #[test]
    fn what_is_wrong_is_told_without_being_quoted() {
        for (text, why) in [
            ("hunter2", "is not valid"),
            ("mongodb://me:hunter2@a:hunter2/", "is not valid"),
            ("mongodb://me:hunter2@a,b/", "names several servers"),
            ("", "is not valid"),
        ] {
            let error = MongodbMetrics::new(text).unwrap_err().full_message();
            assert!(error.contains(why) && !error.contains("hunter2"), "{text}: {error}");
        }
        assert!(MongodbMetrics::new("mongodb+srv://me:hunter2@a.example/").is_err());
        let mongodb = MongodbMetrics::new("mongodb://me:hunter2@[::1]:27018/?tls=true").unwrap();
        assert!(!format!("{mongodb:?}").contains("hunter2"));
        assert_eq!(mongodb.target(), Some("[::1]:27018"));
    }
}
