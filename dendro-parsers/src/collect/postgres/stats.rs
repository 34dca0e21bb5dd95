//! The collector.

use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use async_trait::async_trait;
use dendro_core::Schema;
use dendro_net::Address;
use tokio_postgres::{Config, SimpleQueryRow};

use super::super::table::Measure;
use super::super::{CollectError, Collector, Scrape, Secret, Tls};
use super::connection::{Connection, Endpoint, Failure};
use super::queries::QUERIES;
use super::relations::{
    INDEX_MEASURES, INDEX_SCHEMA, SIZE_MEASURES, SIZE_SCHEMA, SIZES_SQL, TABLE_MEASURES, TABLE_SCHEMA,
    indexes_sql, tables_sql,
};

/// Unless told, no statement runs longer.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(5);

/// Reads PostgreSQL's statistics: events of type `postgres_server`, `postgres_database`, `postgres_activity`,
/// `postgres_bgwriter`, `postgres_checkpointer`, `postgres_wal`, `postgres_archiver`, `postgres_replication`,
/// `postgres_replication_slot`, `postgres_standby` and `postgres_locks`; and by choice `postgres_table`, `postgres_index`
/// and `postgres_database_size`.
///
/// One connection is kept. Its user should have the role `pg_monitor`, without which it does not see what others do:
/// `CREATE ROLE monitor LOGIN PASSWORD '…' IN ROLE pg_monitor`. What it may not see is told once and missing.
///
/// ```
/// use std::time::Duration;
///
/// use dendro_parsers::collect::CollectSource;
/// use dendro_parsers::collect::postgres::PostgresStats;
///
/// let postgres = PostgresStats::new("127.0.0.1:5432")?.user("monitor").password("from your secret store").tables(20);
/// let source = CollectSource::new(postgres, Duration::from_secs(10));
/// # let _ = source;
/// # Ok::<(), dendro_parsers::collect::CollectError>(())
/// ```
#[must_use]
pub struct PostgresStats {
    endpoint: Endpoint,
    target: String,
    config: Config,
    tls: Option<Tls>,
    statement_timeout: Duration,
    tables: usize,
    sizes: bool,
    connection: Option<Connection>,
}

impl PostgresStats {
    /// Asks the server at this `host:port`; the port is 5432 unless told.
    ///
    /// # Errors
    /// [`CollectError`] if it is no address.
    pub fn new(address: &str) -> Result<Self, CollectError> {
        let address = Address::parse(address, 5432)?;
        Ok(Self::at(address.to_string(), Endpoint::Tcp(address)))
    }

    /// Asks the server at this socket, as in `/run/postgresql/.s.PGSQL.5432`.
    pub fn socket(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        Self::at(path.display().to_string(), Endpoint::Socket(path))
    }

    fn at(target: String, endpoint: Endpoint) -> Self {
        let mut config = Config::new();
        config.user("postgres").dbname("postgres").application_name("dendro");
        Self {
            endpoint,
            target,
            config,
            tls: None,
            statement_timeout: STATEMENT_TIMEOUT,
            tables: 0,
            sizes: false,
            connection: None,
        }
    }

    /// Logs in as this user: `postgres` unless told.
    pub fn user(mut self, user: &str) -> Self {
        self.config.user(user);
        self
    }

    /// Logs in with this password.
    pub fn password(mut self, password: impl Into<Secret>) -> Self {
        self.config.password(password.into().expose());
        self
    }

    /// Connects to this database: `postgres` unless told. It matters for [`tables`](Self::tables) alone.
    pub fn database(mut self, database: &str) -> Self {
        self.config.dbname(database);
        self
    }

    /// Connects with TLS, and not without.
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Lets no statement run longer: five seconds unless told.
    pub fn statement_timeout(mut self, timeout: Duration) -> Self {
        self.statement_timeout = timeout;
        self
    }

    /// Tells of so many of the largest tables, and of as many indexes, of the database that it is connected to; of none
    /// unless told.
    pub fn tables(mut self, tables: usize) -> Self {
        self.tables = tables;
        self
    }

    /// Whether the size of each database is measured, which looks at each of its files; it is not unless told.
    pub fn database_sizes(mut self, sizes: bool) -> Self {
        self.sizes = sizes;
        self
    }

    async fn connect(&self) -> Result<Connection, CollectError> {
        Connection::open(&self.endpoint, &self.config, self.tls.as_ref(), self.statement_timeout).await
    }

    /// The questions that this version can be asked.
    fn questions(&self, version: u32) -> Vec<Question> {
        let known = QUERIES.iter().filter(|query| version >= query.since);
        let mut questions: Vec<Question> = known
            .map(|query| Question {
                sql: query.sql.into(),
                measures: vec![query.measures],
                schema: query.schema,
            })
            .collect();
        let mut add =
            |sql: String, measures: &[&'static [Measure]], schema: &'static LazyLock<Arc<Schema>>| {
                questions.push(Question { sql, measures: measures.to_vec(), schema });
            };
        if self.tables > 0 {
            add(tables_sql(self.tables), TABLE_MEASURES, &TABLE_SCHEMA);
            add(indexes_sql(self.tables), INDEX_MEASURES, &INDEX_SCHEMA);
        }
        if self.sizes {
            add(SIZES_SQL.into(), SIZE_MEASURES, &SIZE_SCHEMA);
        }
        questions
    }
}

struct Question {
    sql: String,
    measures: Vec<&'static [Measure]>,
    schema: &'static LazyLock<Arc<Schema>>,
}

impl std::fmt::Debug for PostgresStats {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresStats")
            .field("target", &self.target)
            .field("tables", &self.tables)
            .field("sizes", &self.sizes)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Collector for PostgresStats {
    fn name(&self) -> &str {
        "postgres"
    }

    fn target(&self) -> Option<&str> {
        Some(&self.target)
    }

    fn schemas(&self) -> Vec<Arc<Schema>> {
        self.questions(u32::MAX).iter().map(|question| (*question.schema).clone()).collect()
    }

    async fn collect(&mut self, scrape: &mut Scrape) -> Result<(), CollectError> {
        // The kept connection may be one of a server that has been started anew.
        let kept = match self.connection.take() {
            Some(connection) => connection.ask("SELECT 1").await.is_ok().then_some(connection),
            None => None,
        };
        let connection = match kept {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        let mut answered = 0;
        let mut refused = None;
        for question in self.questions(connection.version) {
            match connection.ask(&question.sql).await {
                Ok(rows) => {
                    answered += 1;
                    rows.iter().try_for_each(|row| tell(scrape, &question, row))?;
                }
                Err(Failure::Lost(error)) => return Err(error),
                Err(Failure::Refused(why)) => {
                    let name = &question.schema.name;
                    scrape.warn(name, format!("PostgreSQL at {} gives no {name}: {why}", self.target));
                    refused = Some(why);
                }
            }
        }
        if let (0, Some(why)) = (answered, refused) {
            return Err(CollectError::new(why));
        }
        self.connection = Some(connection);
        Ok(())
    }
}

fn tell(scrape: &mut Scrape, question: &Question, row: &SimpleQueryRow) -> Result<(), CollectError> {
    let read = |column: usize, name: &str| {
        let measure = question.measures.iter().copied().flatten().find(|measure| measure.from == name)?;
        Some((measure.name, measure.read(row.get(column)?)?))
    };
    let columns = row.columns().iter().enumerate();
    let fields: Vec<_> = columns.filter_map(|(at, column)| read(at, column.name())).collect();
    scrape
        .event(question.schema, |event| fields.iter().try_for_each(|(name, value)| event.insert(name, value)))
}
