//! The one instance that a component holds, and what its exports do.

use std::cell::RefCell;

use bytes::Bytes;
use dendro_core::{Batch, FlushReason, Timestamp, TransformError};

use crate::{Config, Plugin, description};

/// Where the instance is between two calls.
pub struct Slot<P>(RefCell<Option<P>>);

impl<P: Plugin> Slot<P> {
    /// Without an instance.
    pub const fn new() -> Self {
        Self(RefCell::new(None))
    }

    /// See the world's `init`.
    pub fn init(&self, config: &str) -> Result<(), String> {
        // A trap says only that there was one.
        #[cfg(target_family = "wasm")]
        std::panic::set_hook(Box::new(|panic| crate::log(crate::Level::Error, &panic.to_string())));
        let plugin = P::new(P::Config::from_json(config)?)?;
        self.0.replace(Some(plugin));
        Ok(())
    }

    /// See the world's `describe`.
    pub fn describe(&self) -> String {
        self.with(|plugin| Ok(description(plugin))).unwrap_or_default()
    }

    /// See the world's `process`.
    pub fn process(&self, frame: Vec<u8>) -> Result<Vec<u8>, String> {
        self.with(|plugin| {
            let mut batch = Batch::from_projection(&Bytes::from(frame)).map_err(|error| error.to_string())?;
            plugin.transform(&mut batch).map_err(|error| told(&error))?;
            delta(&mut batch)
        })
    }

    /// See the world's `flush`.
    pub fn flush(&self, drain: bool, now: i64) -> Result<Vec<u8>, String> {
        self.with(|plugin| {
            let reason = if drain { FlushReason::Drain } else { FlushReason::Tick };
            let mut out = Batch::noted();
            plugin.flush(reason, Timestamp::from_nanos(now), &mut out).map_err(|error| told(&error))?;
            delta(&mut out)
        })
    }

    /// See the world's `snapshot`.
    pub fn snapshot(&self, stream: &str) -> Option<Vec<u8>> {
        self.with(|plugin| Ok(plugin.snapshot(stream))).ok().flatten()
    }

    /// See the world's `restore`.
    pub fn restore(&self, stream: &str, state: &[u8]) -> Result<(), String> {
        self.with(|plugin| plugin.restore(stream, state).map_err(|error| told(&error)))
    }

    fn with<T>(&self, f: impl FnOnce(&mut P) -> Result<T, String>) -> Result<T, String> {
        let mut slot = self.0.try_borrow_mut().map_err(|_| "called while it was being called".to_owned())?;
        f(slot.as_mut().ok_or_else(|| "called before `init`".to_owned())?)
    }
}

impl<P: Plugin> Default for Slot<P> {
    fn default() -> Self {
        Self::new()
    }
}

fn delta(batch: &mut Batch) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    batch.write_delta(&mut out).map_err(|error| error.to_string())?;
    Ok(out)
}

/// The error and what is behind it.
fn told(error: &TransformError) -> String {
    let mut text = error.to_string();
    let mut next = std::error::Error::source(error);
    while let Some(source) = next {
        let more = source.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        next = source.source();
    }
    text
}

/// Makes a component of a [`Plugin`]. Once in a crate whose type is `cdylib`; natively it does nothing.
#[macro_export]
macro_rules! export {
    ($plugin:ty) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            ::std::thread_local! {
                static SLOT: $crate::Slot<$plugin> = const { $crate::Slot::new() };
            }

            struct Exports;

            impl $crate::bindings::Guest for Exports {
                fn init(config: ::std::string::String) -> ::std::result::Result<(), ::std::string::String> {
                    SLOT.with(|slot| slot.init(&config))
                }
                fn describe() -> ::std::string::String {
                    SLOT.with(|slot| slot.describe())
                }
                fn process(
                    frame: ::std::vec::Vec<u8>,
                ) -> ::std::result::Result<::std::vec::Vec<u8>, ::std::string::String> {
                    SLOT.with(|slot| slot.process(frame))
                }
                fn flush(
                    drain: bool,
                    now: i64,
                ) -> ::std::result::Result<::std::vec::Vec<u8>, ::std::string::String> {
                    SLOT.with(|slot| slot.flush(drain, now))
                }
                fn snapshot(stream: ::std::string::String) -> ::std::option::Option<::std::vec::Vec<u8>> {
                    SLOT.with(|slot| slot.snapshot(&stream))
                }
                fn restore(
                    stream: ::std::string::String,
                    state: ::std::vec::Vec<u8>,
                ) -> ::std::result::Result<(), ::std::string::String> {
                    SLOT.with(|slot| slot.restore(&stream, &state))
                }
            }

    $crate::bindings::export_component!(Exports with_types_in $crate::bindings);
        };
    };
}
