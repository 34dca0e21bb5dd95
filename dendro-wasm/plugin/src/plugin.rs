//! What a transform has to say to be a plugin.

use dendro_core::Transform;
use dendro_core::batch::delta::{Access, Declared};

use crate::Config;

/// A transform that can be made from its configuration, and says what it looks at.
pub trait Plugin: Transform + Sized {
    /// Its name, for people.
    const NAME: &str;
    /// Its version, for people.
    const VERSION: &str = "";
    /// A line about it, for people.
    const DOC: &str = "";

    /// What it is configured with: [`NoConfig`](crate::NoConfig), or [`Json`](crate::Json) of a type that serde reads.
    type Config: Config;

    /// Makes one.
    ///
    /// # Errors
    /// What is wrong with the configuration, and what to do about it: the user is told.
    fn new(config: Self::Config) -> Result<Self, String>;

    /// The fields that it sees, and those that it changes. Everything else is invisible to it.
    fn access(&self) -> Access;
}

/// The plugin as a native transform. It sees and does exactly what it would in the sandbox.
///
/// # Errors
/// What the plugin says about its configuration.
pub fn native<P: Plugin>(config: &str) -> Result<Declared<P>, String> {
    let plugin = P::new(P::Config::from_json(config)?)?;
    let access = plugin.access();
    Ok(Declared::new(plugin, access))
}
