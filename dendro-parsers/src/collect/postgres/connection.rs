//! One connection, and asking over it.

use std::path::PathBuf;
use std::time::Duration;

use dendro_net::{Address, Tls};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinHandle;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::Severity;
use tokio_postgres::{Client, Config, Error, NoTls, SimpleQueryMessage, SimpleQueryRow};

use super::super::CollectError;
use super::tls::Connector;

/// Where the server listens.
#[derive(Clone, Debug)]
pub(super) enum Endpoint {
    Tcp(Address),
    Socket(PathBuf),
}

pub(super) struct Connection {
    client: Client,
    driver: JoinHandle<()>,
    /// As in `150012`.
    pub(super) version: u32,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// Why there is no answer.
pub(super) enum Failure {
    /// The server refused this question, and goes on.
    Refused(String),
    /// The connection is of no use any more.
    Lost(CollectError),
}

impl Connection {
    pub(super) async fn open(
        endpoint: &Endpoint,
        config: &Config,
        tls: Option<&Tls>,
        statement_timeout: Duration,
    ) -> Result<Self, CollectError> {
        let mut config = config.clone();
        config.ssl_mode(if tls.is_some() { SslMode::Require } else { SslMode::Disable });
        let failed = |error: Error| match error.as_db_error() {
            Some(told) => CollectError::new(format!("PostgreSQL lets us not in: {}", told.message())),
            None => CollectError::new("no connection to PostgreSQL").with_source(error),
        };
        let (client, driver) = match endpoint {
            Endpoint::Socket(path) => {
                let stream = UnixStream::connect(path).await.map_err(|e| {
                    CollectError::new(format!("can't connect to {}", path.display())).with_source(e)
                })?;
                let (client, connection) = config.connect_raw(stream, NoTls).await.map_err(failed)?;
                (client, tokio::spawn(async move { drop(connection.await) }))
            }
            Endpoint::Tcp(address) => {
                let stream: TcpStream = address.connect_tcp().await?;
                match tls {
                    None => {
                        let (client, connection) = config.connect_raw(stream, NoTls).await.map_err(failed)?;
                        (client, tokio::spawn(async move { drop(connection.await) }))
                    }
                    Some(tls) => {
                        let tls = Connector { tls: tls.clone(), host: address.host.clone() };
                        let (client, connection) = config.connect_raw(stream, tls).await.map_err(failed)?;
                        (client, tokio::spawn(async move { drop(connection.await) }))
                    }
                }
            }
        };
        let mut connection = Self { client, driver, version: 0 };
        connection.prepare(statement_timeout).await.map_err(|failure| match failure {
            Failure::Refused(why) => CollectError::new(why),
            Failure::Lost(error) => error,
        })?;
        Ok(connection)
    }

    async fn prepare(&mut self, statement_timeout: Duration) -> Result<(), Failure> {
        // A statement that waits for a lock is in the way of those that wait behind it.
        let setup = format!(
            "SET statement_timeout = {}; SET lock_timeout = 1000; SET default_transaction_read_only = on; SHOW server_version_num",
            statement_timeout.as_millis().clamp(1, i32::MAX as u128)
        );
        let rows = self.ask(&setup).await?;
        let version = rows.first().and_then(|row| row.get(0)).and_then(|text| text.parse().ok());
        self.version = version
            .ok_or_else(|| Failure::Lost(CollectError::new("the server does not tell its version")))?;
        Ok(())
    }

    /// The rows that this gives, as text.
    pub(super) async fn ask(&self, sql: &str) -> Result<Vec<SimpleQueryRow>, Failure> {
        match self.client.simple_query(sql).await {
            Ok(messages) => {
                let row = |message| match message {
                    SimpleQueryMessage::Row(row) => Some(row),
                    _ => None,
                };
                Ok(messages.into_iter().filter_map(row).collect())
            }
            Err(error) => Err(match error.as_db_error() {
                // What is worse than an error ends the connection, if a moment later.
                Some(told)
                    if self.client.is_closed()
                        || matches!(told.parsed_severity(), Some(Severity::Fatal | Severity::Panic)) =>
                {
                    let message = format!("PostgreSQL has ended the connection: {}", told.message());
                    Failure::Lost(CollectError::new(message))
                }
                Some(told) => Failure::Refused(told.message().to_owned()),
                None => Failure::Lost(
                    CollectError::new("the connection to PostgreSQL was lost").with_source(error),
                ),
            }),
        }
    }
}
