//! Redis, and what speaks its protocol (Valkey, KeyDB): [`RedisInfo`] reads the answer to `INFO`.
//!
//! From the documentation of [`INFO`](https://redis.io/docs/latest/commands/info/), Redis 2.8 to 8, and of the
//! [protocol](https://redis.io/docs/latest/develop/reference/protocol-spec/), version 2; checked against Redis 7.0.

mod client;
mod info;
mod measures;

pub use info::RedisInfo;
