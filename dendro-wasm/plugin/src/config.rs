//! What a plugin is configured with.

/// A configuration, read from JSON.
pub trait Config: Sized {
    /// Reads it; without a configuration the text is empty.
    ///
    /// # Errors
    /// What the user is told.
    fn from_json(text: &str) -> Result<Self, String>;
}

/// None: anything but an empty object is refused. Nothing of a JSON reader gets into the plugin.
#[derive(Clone, Copy, Debug)]
pub struct NoConfig;

impl Config for NoConfig {
    fn from_json(text: &str) -> Result<Self, String> {
        let inner = text.trim();
        let inner = inner.strip_prefix('{').and_then(|t| t.strip_suffix('}')).unwrap_or(inner).trim();
        match inner {
            "" | "null" => Ok(Self),
            _ => Err("it takes no configuration: leave it out".to_owned()),
        }
    }
}

/// One that serde reads; without a configuration, from an empty object.
#[cfg(feature = "json")]
#[derive(Clone, Debug)]
pub struct Json<T>(pub T);

#[cfg(feature = "json")]
impl<T: serde::de::DeserializeOwned> Config for Json<T> {
    fn from_json(text: &str) -> Result<Self, String> {
        let text = if text.trim().is_empty() { "{}" } else { text };
        serde_json::from_str(text).map(Json).map_err(|error| error.to_string())
    }
}
