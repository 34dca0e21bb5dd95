//! The collector.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use dendro_core::{Schema, Value};
use dendro_net::Address;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Error, Opts, OptsBuilder, Row};

use super::super::table::Growing;
use super::super::{CollectError, Collector, Scrape, Secret};
use super::measures::{COMMAND_SCHEMA, SERVER, STATUS, is_gauge, status};
use super::replicas;

/// Asks MySQL or MariaDB for its status variables: events of type `mysql_status`, `mysql_command` and, of a replica,
/// `mysql_replica`.
///
/// One connection is kept. Its user needs no rights for the status; for replication `REPLICATION CLIENT` (`REPLICA MONITOR`
/// in MariaDB), without which `mysql_replica` is missing, which is told once.
///
/// ```
/// use std::time::Duration;
///
/// use dendro_parsers::collect::CollectSource;
/// use dendro_parsers::collect::mysql::MysqlStatus;
///
/// let mysql = MysqlStatus::new("127.0.0.1:3306")?.user("monitor").password("from your secret store");
/// let source = CollectSource::new(mysql, Duration::from_secs(10));
/// # let _ = source;
/// # Ok::<(), dendro_parsers::collect::CollectError>(())
/// ```
#[must_use]
pub struct MysqlStatus {
    target: String,
    opts: OptsBuilder,
    schema: Growing,
    conn: Option<Conn>,
}

impl MysqlStatus {
    /// Asks the server at this `host:port`; the port is 3306 unless told.
    ///
    /// # Errors
    /// [`CollectError`] if it is no address.
    pub fn new(address: &str) -> Result<Self, CollectError> {
        let address = Address::parse(address, 3306)?;
        let opts = OptsBuilder::default().ip_or_hostname(address.host.clone()).tcp_port(address.port);
        Ok(Self::at(address.to_string(), opts))
    }

    /// Asks the server at this socket, as in `/run/mysqld/mysqld.sock`.
    pub fn socket(path: impl Into<PathBuf>) -> Self {
        let path = path.into().display().to_string();
        Self::at(path.clone(), OptsBuilder::default().socket(Some(path)))
    }

    fn at(target: String, opts: OptsBuilder) -> Self {
        // What is set here, the client need not ask for.
        let opts = opts.prefer_socket(false).max_allowed_packet(Some(16 << 20)).wait_timeout(Some(28_800));
        Self {
            target,
            opts: opts.stmt_cache_size(0).user(Some("root")),
            schema: Growing::new(status()),
            conn: None,
        }
    }

    /// Logs in as this user: `root` unless told.
    pub fn user(mut self, user: &str) -> Self {
        self.opts = self.opts.user(Some(user));
        self
    }

    /// Logs in with this password.
    pub fn password(mut self, password: impl Into<Secret>) -> Self {
        self.opts = self.opts.pass(Some(password.into().expose()));
        self
    }

    async fn connect(&self) -> Result<Conn, CollectError> {
        Conn::new(Opts::from(self.opts.clone())).await.map_err(|error| match error {
            Error::Server(told) => CollectError::new(format!("MySQL lets us not in: {}", told.message)),
            Error::Io(error) => {
                CollectError::new(format!("can't connect to {}", self.target)).with_source(error)
            }
            other => CollectError::new("no connection to MySQL").with_source(other),
        })
    }

    async fn status(&mut self, conn: &mut Conn, scrape: &mut Scrape) -> Result<String, CollectError> {
        let server = "SELECT @@version AS version, @@version_comment AS version_comment, \
                      @@max_connections AS max_connections, @@read_only AS read_only";
        let server: Vec<Row> = conn.query(server).await.map_err(failed)?;
        let variables: Vec<(String, String)> = conn.query("SHOW GLOBAL STATUS").await.map_err(failed)?;
        let mut fields: Vec<(std::borrow::Cow<'static, str>, Value)> = Vec::new();
        let mut version = String::new();
        for row in &server {
            for (measure, text) in
                SERVER.iter().filter_map(|measure| Some((measure, text(row, measure.from)?)))
            {
                if measure.name == "version" {
                    version.clone_from(&text);
                }
                fields.extend(measure.read(&text).map(|value| (measure.name.into(), value)));
            }
        }
        for (name, text) in &variables {
            let name = name.to_ascii_lowercase();
            match name.strip_prefix("com_") {
                Some(command) => {
                    let Some(count) = text.parse::<u64>().ok().filter(|count| *count > 0) else { continue };
                    scrape.event(&COMMAND_SCHEMA, |event| {
                        event.insert("command", command)?;
                        event.insert("count", count)
                    })?;
                }
                None => fields.extend(self.schema.read_as(STATUS, &name, text, !is_gauge(&name))),
            }
        }
        scrape.event(&self.schema.schema(), |event| {
            fields.iter().try_for_each(|(name, value)| event.insert(name, value))
        })?;
        Ok(version)
    }

    async fn replicas(
        &self,
        conn: &mut Conn,
        version: &str,
        scrape: &mut Scrape,
    ) -> Result<(), CollectError> {
        let rows: Vec<Row> = match conn.query(replicas::question(version)).await {
            Ok(rows) => rows,
            Err(Error::Server(told)) => {
                let why = told.message;
                scrape
                    .warn("mysql_replica", format!("MySQL at {} gives no mysql_replica: {why}", self.target));
                return Ok(());
            }
            Err(error) => return Err(failed(error)),
        };
        for row in &rows {
            let read = |at: usize| {
                let measure = replicas::measure(&row.columns_ref().get(at)?.name_str())?;
                Some((measure.name, measure.read(&bytes(row.as_ref(at)?)?)?))
            };
            let fields: Vec<_> = (0..row.len()).filter_map(read).collect();
            scrape.event(&replicas::SCHEMA, |event| {
                fields.iter().try_for_each(|(name, value)| event.insert(name, value))
            })?;
        }
        Ok(())
    }
}

impl std::fmt::Debug for MysqlStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MysqlStatus").field("target", &self.target).finish_non_exhaustive()
    }
}

#[async_trait]
impl Collector for MysqlStatus {
    fn name(&self) -> &str {
        "mysql"
    }

    fn target(&self) -> Option<&str> {
        Some(&self.target)
    }

    fn schemas(&self) -> Vec<Arc<Schema>> {
        vec![self.schema.schema(), COMMAND_SCHEMA.clone(), replicas::SCHEMA.clone()]
    }

    async fn collect(&mut self, scrape: &mut Scrape) -> Result<(), CollectError> {
        // The kept connection may be one of a server that has been started anew.
        let kept = match self.conn.take() {
            Some(mut conn) => conn.ping().await.is_ok().then_some(conn),
            None => None,
        };
        let mut conn = match kept {
            Some(conn) => conn,
            None => self.connect().await?,
        };
        let version = self.status(&mut conn, scrape).await?;
        self.replicas(&mut conn, &version, scrape).await?;
        self.conn = Some(conn);
        Ok(())
    }
}

fn failed(error: Error) -> CollectError {
    match error {
        Error::Server(told) => CollectError::new(told.message),
        other => CollectError::new("the connection to MySQL was lost").with_source(other),
    }
}

fn text(row: &Row, column: &str) -> Option<String> {
    let at = row.columns_ref().iter().position(|known| known.name_str() == column)?;
    bytes(row.as_ref(at)?)
}

/// The server answers in text.
fn bytes(value: &mysql_async::Value) -> Option<String> {
    match value {
        mysql_async::Value::Bytes(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        _ => None,
    }
}
