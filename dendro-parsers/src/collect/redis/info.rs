//! The answer to `INFO`.

use std::sync::Arc;

use async_trait::async_trait;
use dendro_core::{Schema, Value};
use dendro_net::Address;

use super::super::table::{Growing, Measure};
use super::super::{CollectError, Collector, Scrape, Secret, Tls};
use super::client::Client;
use super::measures::{
    COMMAND, COMMAND_SCHEMA, ERROR, ERROR_SCHEMA, INFO, KEYSPACE, KEYSPACE_SCHEMA, LEFT_OUT, REPLICA,
    REPLICA_SCHEMA, info,
};

/// Asks Redis for `INFO`: events of type `redis_info`, `redis_keyspace`, `redis_replica`, `redis_error`, and
/// `redis_command` if asked for.
///
/// The user needs to be allowed `INFO` alone: `ACL SETUSER monitor on >password +info`.
///
/// ```
/// use std::time::Duration;
///
/// use dendro_parsers::collect::CollectSource;
/// use dendro_parsers::collect::redis::RedisInfo;
///
/// let redis = RedisInfo::new("127.0.0.1:6379")?.user("monitor").password("from your secret store");
/// let source = CollectSource::new(redis, Duration::from_secs(10));
/// # let _ = source;
/// # Ok::<(), dendro_parsers::collect::CollectError>(())
/// ```
#[must_use]
pub struct RedisInfo {
    address: Address,
    target: String,
    user: Option<String>,
    password: Option<Secret>,
    tls: Option<Tls>,
    command_stats: bool,
    schema: Growing,
    client: Option<Client>,
}

impl RedisInfo {
    /// Asks the server at this `host:port`; the port is 6379 unless told.
    ///
    /// # Errors
    /// [`CollectError`] if it is no address.
    pub fn new(address: &str) -> Result<Self, CollectError> {
        let address = Address::parse(address, 6379)?;
        Ok(Self {
            target: address.to_string(),
            address,
            user: None,
            password: None,
            tls: None,
            command_stats: false,
            schema: Growing::new(info()),
            client: None,
        })
    }

    /// Logs in as this user (Redis 6), if there is a password too.
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.user = Some(user.into());
        self
    }

    /// Logs in with this password.
    pub fn password(mut self, password: impl Into<Secret>) -> Self {
        self.password = Some(password.into());
        self
    }

    /// Connects with TLS.
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Whether each command that was used has an event, as it has not unless told.
    pub fn command_stats(mut self, command_stats: bool) -> Self {
        self.command_stats = command_stats;
        self
    }

    async fn connect(&self) -> Result<Client, CollectError> {
        let mut client = Client::connect(&self.address, self.tls.as_ref()).await?;
        match (&self.user, &self.password) {
            (Some(user), Some(password)) => client.ask(&["AUTH", user, password.expose()]).await?,
            (None, Some(password)) => client.ask(&["AUTH", password.expose()]).await?,
            (_, None) => return Ok(client),
        };
        Ok(client)
    }

    async fn ask(&self, client: &mut Client) -> Result<String, CollectError> {
        let mut text = client.ask(&["INFO"]).await?;
        if self.command_stats {
            text.push_str(&client.ask(&["INFO", "commandstats"]).await?);
        }
        Ok(text)
    }
}

impl std::fmt::Debug for RedisInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisInfo")
            .field("target", &self.target)
            .field("user", &self.user)
            .field("command_stats", &self.command_stats)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Collector for RedisInfo {
    fn name(&self) -> &str {
        "redis"
    }

    fn target(&self) -> Option<&str> {
        Some(&self.target)
    }

    fn schemas(&self) -> Vec<Arc<Schema>> {
        let others = [&KEYSPACE_SCHEMA, &REPLICA_SCHEMA, &COMMAND_SCHEMA, &ERROR_SCHEMA];
        [self.schema.schema()].into_iter().chain(others.map(|schema| (*schema).clone())).collect()
    }

    async fn collect(&mut self, scrape: &mut Scrape) -> Result<(), CollectError> {
        // The kept connection may be one of a server that has been started anew.
        let kept = match self.client.take() {
            Some(mut client) => self.ask(&mut client).await.ok().map(|text| (client, text)),
            None => None,
        };
        let (client, text) = match kept {
            Some(answered) => answered,
            None => {
                let mut client = self.connect().await?;
                let text = self.ask(&mut client).await?;
                (client, text)
            }
        };
        self.client = Some(client);
        let mut fields = Vec::new();
        for (key, value) in text.lines().filter_map(|line| line.trim_end().split_once(':')) {
            match Line::of(key, value) {
                Line::Field => fields.extend(self.schema.read(INFO, key, value)),
                Line::Event(schema, values) => {
                    scrape.event(schema, |event| {
                        values.iter().try_for_each(|(name, value)| event.insert(name, value))
                    })?;
                }
                Line::Nothing => {}
            }
        }
        if fields.is_empty() {
            return Err(CollectError::new("INFO was answered with nothing that is known"));
        }
        scrape.event(&self.schema.schema(), |event| {
            fields.iter().try_for_each(|(name, value)| event.insert(name, value))
        })
    }
}

/// What a line of the answer is about.
enum Line {
    /// Redis itself.
    Field,
    /// One thing of many.
    Event(&'static Arc<Schema>, Vec<(&'static str, Value)>),
    Nothing,
}

impl Line {
    fn of(key: &str, value: &str) -> Self {
        let number = |prefix: &str| {
            key.strip_prefix(prefix).filter(|n| !n.is_empty() && n.bytes().all(|c| c.is_ascii_digit()))
        };
        if let Some(db) = number("db") {
            return Self::Event(&KEYSPACE_SCHEMA, read(KEYSPACE, Some(db), value));
        }
        if number("slave").is_some() {
            return Self::Event(&REPLICA_SCHEMA, read(REPLICA, None, value));
        }
        if let Some(command) = key.strip_prefix("cmdstat_") {
            return Self::Event(&COMMAND_SCHEMA, read(COMMAND, Some(command), value));
        }
        if let Some(error) = key.strip_prefix("errorstat_") {
            return Self::Event(&ERROR_SCHEMA, read(ERROR, Some(error), value));
        }
        // A time that there is none of is -1.
        let nothing = value.is_empty() || value == "-1" || LEFT_OUT.contains(&key);
        if nothing { Self::Nothing } else { Self::Field }
    }
}

/// Reads `a=1,b=2`, and `first` as the first measure.
fn read(measures: &[Measure], first: Option<&str>, pairs: &str) -> Vec<(&'static str, Value)> {
    let named = pairs.split(',').filter_map(|pair| pair.split_once('='));
    let named = named.filter_map(|(name, value)| Some((measures.iter().find(|m| m.from == name)?, value)));
    let first = first.and_then(|value| Some((measures.first()?, value)));
    first
        .into_iter()
        .chain(named)
        .filter_map(|(measure, text)| Some((measure.name, measure.read(text)?)))
        .collect()
}
