//! The logs by their names.

use super::error::begins;
use super::slow::SlowFramer;
use super::{MysqlError, MysqlSlow};
use crate::continued::ContinuedLines;
use crate::formats::{Detection, Format, MAX_LINE_BYTES, Parser, ZONE};

pub(crate) const FORMATS: &[Format] = &[
    Format {
        name: "mysql_slow",
        doc: "The slow query log of MySQL, MariaDB and Percona Server.",
        options: &[ZONE, MAX_LINE_BYTES],
        example: &[],
        sample: concat!(
            "# Time: 2026-11-20T20:35:15.123456Z\n",
            "# User@Host: app[app] @ web1 [192.0.2.7]  Id:    12\n",
            "# Query_time: 1.294391  Lock_time: 0.000119 Rows_sent: 10  Rows_examined: 40490\n",
            "use shop;\n",
            "SET timestamp=1795206913;\n",
            "SELECT *\n",
            "  FROM orders WHERE note LIKE '%;%';\n",
            "# User@Host: root[root] @ localhost []\n",
            "# Thread_id: 13  Schema: shop  QC_hit: No\n",
            "# Query_time: 2.078697  Lock_time: 0.000328  Rows_sent: 1  Rows_examined: 2000\n",
            "# Rows_affected: 0  Bytes_sent: 71\n",
            "SET timestamp=1795206918;\n",
            "SELECT count(*) FROM orders;\n",
        ),
        detection: Detection::Weight(100),
        configure: |options| {
            let (zone, max_bytes) = (options.zone()?, options.max_line_bytes()?);
            let framer = move || SlowFramer::new(max_bytes);
            Ok(Parser::new(vec![MysqlSlow::schema()], MysqlSlow::new(zone), framer))
        },
    },
    Format {
        name: "mysql_error",
        doc: "The error log of MySQL (text or JSON), MariaDB and Percona Server.",
        options: &[ZONE, MAX_LINE_BYTES],
        example: &[],
        sample: concat!(
            "2026-11-20T20:35:10.835618Z 0 [System] [MY-010116] [Server] /usr/sbin/mysqld (mysqld 8.4.3) starting as process 1\n",
            "2026-11-20T20:35:11.109022Z 0 [Warning] [MY-010068] [Server] CA certificate ca.pem is self signed.\n",
            "2026-11-20 20:36:16 163 [Note] InnoDB: *** (1) TRANSACTION:\n",
            "TRANSACTION 131, ACTIVE 0 sec starting index read\n",
            "2026-11-20 20:36:16 163 [ERROR] InnoDB: Transaction was aborted due to Deadlock\n",
        ),
        detection: Detection::Weight(90),
        configure: |options| {
            let framer = ContinuedLines::new(begins).max_bytes(options.max_line_bytes()?);
            let parser = MysqlError::new(options.zone()?);
            Ok(Parser::new(vec![MysqlError::schema()], parser, move || framer.clone()))
        },
    },
];
