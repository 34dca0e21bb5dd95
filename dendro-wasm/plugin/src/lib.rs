//! The guest's side of Dendro's sandbox: a [`Transform`] as a WebAssembly component.
//!
//! The transform is the same as a native one; [`Plugin`] adds how it is made from its configuration and which fields it
//! looks at, and [`export!`] makes a component of it.
//!
//! ```
//! use dendro_plugin::{Access, Batch, NoConfig, Plugin, Transform, TransformError};
//!
//! struct Upper;
//!
//! impl Plugin for Upper {
//!     const NAME: &str = "upper";
//!     type Config = NoConfig;
//!
//!     fn new(_: NoConfig) -> Result<Self, String> {
//!         Ok(Self)
//!     }
//!
//!     fn access(&self) -> Access {
//!         Access::default().reads("method").writes("method")
//!     }
//! }
//!
//! impl Transform for Upper {
//!     fn transform(&mut self, batch: &mut Batch) -> Result<(), TransformError> {
//!         batch.try_for_each(|mut event| {
//!             let Some(method) = event.get("method").and_then(|v| v.as_str()) else { return Ok(()) };
//!             let upper = method.to_uppercase();
//!             event.insert("method", upper.as_str())?;
//!             Ok(())
//!         })
//!     }
//! }
//!
//! dendro_plugin::export!(Upper);
//!
//! // Without the sandbox, as in a unit test: what was not declared is invisible here too.
//! let mut upper = dendro_plugin::native::<Upper>("")?;
//! let event = dendro_core::Event::new("t").with("method", "get");
//! let mut batch = Batch::from_events([&event])?;
//! upper.transform(&mut batch)?;
//! assert_eq!(batch.get(0).unwrap().get("method").unwrap().as_str(), Some("GET"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(target_family = "wasm")]
#[doc(hidden)]
pub mod bindings;
mod config;
mod describe;
mod guest;
mod host;
mod plugin;

pub use dendro_core::batch::delta::{Access, Names};
pub use dendro_core::{
    Batch, BatchFull, Event, EventMut, EventRef, FieldSchema, FlushReason, Key, Origin, Schema,
    SignedDuration, Timestamp, Transform, TransformError, Value, ValueRef, ValueType,
};

#[cfg(feature = "json")]
pub use config::Json;
pub use config::{Config, NoConfig};
pub use describe::description;
#[doc(hidden)]
pub use guest::Slot;
pub use host::{Level, counter, log};
pub use plugin::{Plugin, native};
