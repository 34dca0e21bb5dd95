//! A plugin to begin with: it puts a text before a field.

use dendro_plugin::{Access, Batch, Json, Plugin, Transform, TransformError};
use serde::Deserialize;

/// What the plugin is configured with.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The field to change.
    field: String,
    /// What to put before it.
    prefix: String,
}

/// The transform.
pub struct Template(Config);

impl Plugin for Template {
    const NAME: &str = env!("CARGO_PKG_NAME");
    const VERSION: &str = env!("CARGO_PKG_VERSION");
    const DOC: &str = "Puts a text before a field.";
    type Config = Json<Config>;

    fn new(Json(config): Json<Config>) -> Result<Self, String> {
        if config.field.is_empty() {
            return Err("`field` is empty: name the field to change".to_owned());
        }
        Ok(Self(config))
    }

    // Everything else is invisible to the plugin.
    fn access(&self) -> Access {
        Access::default().reads(&*self.0.field).writes(&*self.0.field)
    }
}

impl Transform for Template {
    fn transform(&mut self, batch: &mut Batch) -> Result<(), TransformError> {
        let Config { field, prefix } = &self.0;
        batch.try_for_each(|mut event| {
            let Some(text) = event.get(field).and_then(|v| v.as_str()) else { return Ok(()) };
            let longer = format!("{prefix}{text}");
            event.insert(field, longer.as_str())?;
            Ok(())
        })
    }
}

dendro_plugin::export!(Template);

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use dendro_plugin::Event;

    #[test]
    fn a_text_is_put_before_the_field() {
        let config = r#"{"field": "path", "prefix": "/shop"}"#;
        let event = Event::new("request").with("path", "/cart");
        let mut batch = Batch::from_events([&event]).unwrap();
        dendro_plugin::native::<Template>(config).unwrap().transform(&mut batch).unwrap();
        assert_eq!(batch.get(0).unwrap().get("path").unwrap().as_str(), Some("/shop/cart"));
    }
}
