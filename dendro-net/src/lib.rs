//! How components connect to what is elsewhere: addresses, TCP, TLS.
//!
//! What collectors and sinks have in common, so that a certificate authority or a client certificate is told to either in the
//! same words. [`Tls`] and [`ConnectError`] are for users and are exported again where they are needed; the
//! rest is for the components of this workspace, and outside of semver.

mod address;
#[cfg(feature = "connect")]
mod connect;
mod error;
#[cfg(feature = "connect")]
mod tls;

pub use address::Address;
#[cfg(feature = "connect")]
pub use connect::Stream;
pub use error::ConnectError;
#[cfg(feature = "connect")]
pub use tls::Tls;
