//! Sends events to an output by the value of a field: what matters to the hot store, the rest to the cheap one.
//!
//! Configuration: `{"field": "status", "hot": [{"from": 500, "to": 599}, {"is": "error"}]}`. Events of which the field is one of
//! those values leave by the port `hot`, all others by `cold`.

use dendro_plugin::{Access, Batch, Json, Plugin, Transform, TransformError, ValueRef};
use serde::Deserialize;

/// What the plugin is configured with.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The field to look at.
    field: String,
    /// The values that matter.
    hot: Vec<Values>,
}

/// Some values.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum Values {
    /// One text.
    Is {
        /// The text.
        is: String,
    },
    /// Numbers from one to another, both included.
    Range {
        /// The smallest.
        from: f64,
        /// The largest.
        to: f64,
    },
}

impl Values {
    fn has(&self, value: ValueRef<'_>) -> bool {
        match self {
            Self::Is { is } => value.as_str() == Some(is),
            Self::Range { from, to } => value.as_f64().is_some_and(|n| (*from..=*to).contains(&n)),
        }
    }
}

/// The transform.
pub struct RouteByValue(Config);

impl Plugin for RouteByValue {
    const NAME: &str = env!("CARGO_PKG_NAME");
    const VERSION: &str = env!("CARGO_PKG_VERSION");
    const DOC: &str = "Sends events to `hot` or `cold` by the value of a field.";
    type Config = Json<Config>;

    fn new(Json(config): Json<Config>) -> Result<Self, String> {
        if config.hot.is_empty() {
            return Err("`hot` is empty: say which values matter".to_owned());
        }
        Ok(Self(config))
    }

    fn access(&self) -> Access {
        Access::default().reads(&*self.0.field)
    }
}

impl Transform for RouteByValue {
    fn transform(&mut self, batch: &mut Batch) -> Result<(), TransformError> {
        let Config { field, hot } = &self.0;
        batch.try_for_each(|mut event| {
            let is_hot = event.get(field).is_some_and(|value| hot.iter().any(|values| values.has(value)));
            event.set_port(u16::from(!is_hot));
            Ok(())
        })
    }

    fn ports(&self) -> Vec<String> {
        vec!["hot".to_owned(), "cold".to_owned()]
    }
}

dendro_plugin::export!(RouteByValue);

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use dendro_plugin::Event;

    #[test]
    fn events_leave_by_the_port_of_their_value() {
        let config = r#"{"field": "status", "hot": [{"from": 500, "to": 599}, {"is": "error"}]}"#;
        let mut route = dendro_plugin::native::<RouteByValue>(config).unwrap();
        let events = [
            Event::new("t").with("status", 503u64),
            Event::new("t").with("status", 200u64),
            Event::new("t").with("status", "error"),
            Event::new("t"),
        ];
        let mut batch = Batch::from_events(&events).unwrap();
        route.transform(&mut batch).unwrap();
        assert_eq!(batch.iter().map(|e| e.port()).collect::<Vec<_>>(), [0, 1, 0, 1]);
    }
}
