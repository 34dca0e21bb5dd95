//! What a plugin may ask of its host.

/// How much a message matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Level {
    /// Something failed.
    Error = 1,
    /// Something may fail.
    Warn = 2,
    /// Something to know.
    Info = 3,
    /// For whoever looks for a fault.
    Debug = 4,
    /// For whoever looks closely.
    Trace = 5,
}

/// Says something to whoever runs the pipeline. The host lets only so much through. Natively, nobody hears it.
pub fn log(level: Level, message: &str) {
    #[cfg(target_family = "wasm")]
    crate::bindings::dendro::transform::host::log(level as u8, message);
    #[cfg(not(target_family = "wasm"))]
    let _ = (level, message);
}

/// Adds to a counter of the plugin's own. Natively, nobody counts.
pub fn counter(name: &str, add: u64) {
    #[cfg(target_family = "wasm")]
    crate::bindings::dendro::transform::host::counter(name, add);
    #[cfg(not(target_family = "wasm"))]
    let _ = (name, add);
}
