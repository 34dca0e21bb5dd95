//! MySQL and MariaDB: [`MysqlStatus`] reads the server's status variables and its replication.
//!
//! From the documentation of [MySQL's](https://dev.mysql.com/doc/refman/8.4/en/server-status-variables.html) and
//! [MariaDB's](https://mariadb.com/kb/en/server-status-variables/) status variables, MySQL 5.7 to 9, MariaDB 10.3 to 11;
//! checked against MariaDB 10.11.
//!
//! Connections are not encrypted. Passwords are not sent as they are, but for that, what is seen on the way is seen: ask
//! through a socket, on the same machine or through a tunnel.

mod measures;
mod replicas;
mod status;

pub use status::MysqlStatus;
