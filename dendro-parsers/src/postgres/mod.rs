//! PostgreSQL: its log, in each of the ways in which it writes it.
//!
//! From the documentation of [error reporting and logging](https://www.postgresql.org/docs/current/runtime-config-logging.html) and the source
//! (`src/backend/utils/error`), versions 8.3 to 18, checked against logs that version 15 wrote in all three ways at once.
//!
//! # The vocabulary
//!
//! PostgreSQL names the same thing differently in its three logs. Here it has one name, whichever way it was logged, so that
//! a table and what is asked of it stay the same when `log_destination` changes: that of the column in the table that PostgreSQL's
//! documentation creates for csvlog. They are complete and, other than jsonlog's `user` and `timestamp`, need no quoting in SQL.
//!
//! | field | csvlog | jsonlog | stderr |
//! |---|---|---|---|
//! | the time of the event | `log_time` | `timestamp` | `%m`, `%t`, `%n` |
//! | `user_name` | `user_name` | `user` | `%u` |
//! | `database_name` | `database_name` | `dbname` | `%d` |
//! | `process_id` | `process_id` | `pid` | `%p` |
//! | `connection_from` | `connection_from` | | |
//! | `remote_host` | of `connection_from` | `remote_host` | `%r`, `%h` |
//! | `remote_port` | of `connection_from` | `remote_port` | `%r` |
//! | `local_host` | | | `%L` |
//! | `session_id` | `session_id` | `session_id` | `%c` |
//! | `session_line_num` | `session_line_num` | `line_num` | `%l` |
//! | `command_tag` | `command_tag` | `ps` | `%i` |
//! | `session_start_time` | `session_start_time` | `session_start` | `%s` |
//! | `virtual_transaction_id` | `virtual_transaction_id` | `vxid` | `%v` |
//! | `transaction_id` | `transaction_id` | `txid` | `%x` |
//! | `error_severity` | `error_severity`, as it stands | `error_severity` | in English |
//! | `severity` | in English | in English | in English |
//! | `sql_state_code` | `sql_state_code` | `state_code` | `%e`, or before the message |
//! | `message` | `message` | `message` | behind the severity |
//! | `detail` | `detail` | `detail` | DETAIL |
//! | `hint` | `hint` | `hint` | HINT |
//! | `internal_query` | `internal_query` | `internal_query` | QUERY |
//! | `internal_query_pos` | `internal_query_pos` | `internal_position` | behind the message |
//! | `context` | `context` | `context` | CONTEXT |
//! | `query` | `query` | `statement` | STATEMENT |
//! | `query_pos` | `query_pos` | `cursor_position` | behind the message |
//! | `location` | `location` | | LOCATION |
//! | `func_name`, `file_name`, `file_line_num` | of `location` | the same | of LOCATION |
//! | `backtrace` | | `backtrace` | BACKTRACE |
//! | `application_name` | `application_name` | `application_name` | `%a` |
//! | `backend_type` | `backend_type` | `backend_type` | `%b` |
//! | `leader_pid` | `leader_pid` | `leader_pid` | `%P` |
//! | `query_id` | `query_id` | `query_id` | `%Q` |
//! | `duration`, `phase`, `statement_name`, `portal_name`, `statement`, `plan` | of the message | of the message | of the message |
//! | `parameters` | of `detail` | of `detail` | of `detail` |

mod clock;
mod csvlog;
mod csvlog_framer;
mod formats;
mod jsonlog;
mod labels;
mod matching;
mod message;
mod out;
mod prefix;
mod record;
mod schema;
mod stderr;
mod stderr_framer;
mod syslog;
mod words;

pub use csvlog::CsvLog;
pub use csvlog_framer::CsvLogRecords;
pub(crate) use formats::FORMATS;
pub use jsonlog::JsonLog;
pub use stderr::{InvalidPrefix, Stderr};
pub use stderr_framer::StderrRecords;
pub use syslog::SyslogPiece;
