//! Writes the field `method` in capitals: the smallest plugin that does something.

use dendro_plugin::{Access, Batch, NoConfig, Plugin, Transform, TransformError};

/// The transform.
pub struct Upper;

impl Plugin for Upper {
    const NAME: &str = env!("CARGO_PKG_NAME");
    const VERSION: &str = env!("CARGO_PKG_VERSION");
    const DOC: &str = "Writes the field `method` in capitals.";
    type Config = NoConfig;

    fn new(_: NoConfig) -> Result<Self, String> {
        Ok(Self)
    }

    fn access(&self) -> Access {
        Access::default().reads("method").writes("method")
    }
}

impl Transform for Upper {
    fn transform(&mut self, batch: &mut Batch) -> Result<(), TransformError> {
        batch.try_for_each(|mut event| {
            let Some(method) = event.get("method").and_then(|v| v.as_str()) else { return Ok(()) };
            let upper = method.to_ascii_uppercase();
            event.insert("method", upper.as_str())?;
            Ok(())
        })
    }
}

dendro_plugin::export!(Upper);

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use dendro_plugin::Event;

    #[test]
    fn a_method_is_written_in_capitals_and_all_else_stays() {
        let event = Event::new("request").with("method", "get").with("path", "/x");
        let mut batch = Batch::from_events([&event]).unwrap();
        dendro_plugin::native::<Upper>("").unwrap().transform(&mut batch).unwrap();
        let expected = Event::new("request").with("method", "GET").with("path", "/x");
        assert_eq!(batch.get(0).unwrap().to_event(), expected);
    }
}
