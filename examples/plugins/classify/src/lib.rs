//! Says whether a request came from a person or a program, and drops health checks.
//!
//! It reads `path` and `agent` and sets `class`: what the sandbox's boundary is measured with, since it does next to nothing.

use dendro_plugin::{Access, Batch, NoConfig, Plugin, Transform, TransformError, ValueRef};

/// The transform.
pub struct Classify;

impl Plugin for Classify {
    const NAME: &str = env!("CARGO_PKG_NAME");
    const VERSION: &str = env!("CARGO_PKG_VERSION");
    const DOC: &str = "Says whether a request came from a person or a program, and drops health checks.";
    type Config = NoConfig;

    fn new(_: NoConfig) -> Result<Self, String> {
        Ok(Self)
    }

    fn access(&self) -> Access {
        Access::default().reads("path").reads("agent").writes("class")
    }
}

impl Transform for Classify {
    fn transform(&mut self, batch: &mut Batch) -> Result<(), TransformError> {
        let class = batch.add_key("class")?;
        let (path, agent) = (batch.find_key("path"), batch.find_key("agent"));
        batch.try_for_each(|mut event| {
            let view = event.view();
            let text =
                |key: Option<_>| key.and_then(|key| view.get_key(key)).and_then(|v: ValueRef<'_>| v.as_str());
            if text(path).is_some_and(|path| path.starts_with("/health")) {
                event.remove();
                return Ok(());
            }
            let is_person = text(agent).is_some_and(|agent| agent.starts_with("Mozilla/"));
            event.insert_key(class, if is_person { "person" } else { "program" })?;
            Ok(())
        })
    }
}

dendro_plugin::export!(Classify);

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use dendro_plugin::{Event, Value};

    #[test]
    fn requests_are_classified_and_health_checks_dropped() {
        let request = |path: &str, agent: &str| Event::new("request").with("path", path).with("agent", agent);
        let events = [request("/", "Mozilla/5.0"), request("/healthz", "probe"), request("/", "curl/8.5")];
        let mut batch = Batch::from_events(&events).unwrap();
        dendro_plugin::native::<Classify>("").unwrap().transform(&mut batch).unwrap();
        let classes: Vec<Value> = batch.iter().map(|e| e.get("class").unwrap().to_value()).collect();
        assert_eq!(classes, [Value::from("person"), Value::from("program")]);
    }
}
