//! Events that go different ways.

use dendro_core::{Batch, Transform, TransformError};

use crate::condition::Matcher;
use crate::{Condition, ConfigError};

/// The port of what no other one takes.
pub const UNMATCHED: &str = "unmatched";

/// Sends each event to the first of its ports whose condition holds, and the others to [`UNMATCHED`].
///
/// What reads from it names the port behind a dot (`route.errors`); without a name it reads the first one. The pipeline does not build
/// if a port is read by nobody.
///
/// ```
/// use dendro_core::{Batch, Event, Transform};
/// use dendro_transforms::{Condition, Route};
///
/// let mut route = Route::new()
///     .port("errors", Condition::field("status").at_least(500u64))?
///     .port("slow", Condition::field("took").at_least(1.0))?;
/// assert_eq!(route.ports(), ["errors", "slow", "unmatched"]);
///
/// let mut batch = Batch::from_events([&Event::new("t").with("took", 2.5), &Event::new("t")])?;
/// route.transform(&mut batch)?;
/// let ports: Vec<u16> = batch.iter().map(|e| e.port()).collect();
/// assert_eq!(ports, [1, 2]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Route {
    ports: Vec<(String, Matcher)>,
}

impl Route {
    /// Without ports: everything is unmatched.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a port for the events for which this holds and that no earlier port has taken.
    ///
    /// # Errors
    /// [`ConfigError`] if there is a port of that name, if it is empty or has a dot, or if there are too many.
    pub fn port(mut self, name: impl Into<String>, condition: Condition) -> Result<Self, ConfigError> {
        let name = name.into();
        if name.is_empty() || name.contains('.') {
            return Err(ConfigError::new(format!("`{name}` can't name a port: it is empty or has a dot")));
        }
        if name == UNMATCHED || self.ports.iter().any(|(known, _)| *known == name) {
            return Err(ConfigError::new(format!("there is a port `{name}` already")));
        }
        if self.ports.len() >= usize::from(u16::MAX) {
            return Err(ConfigError::new("there are 65,535 ports already"));
        }
        self.ports.push((name, condition.compile()));
        Ok(self)
    }
}

impl Transform for Route {
    fn transform(&mut self, batch: &mut Batch) -> Result<(), TransformError> {
        let bindings: Vec<_> = self.ports.iter().map(|(_, matcher)| matcher.bind(batch)).collect();
        batch.try_for_each(|mut event| {
            let holds =
                |((_, matcher), bindings): (&(String, Matcher), _)| matcher.holds(bindings, event.view());
            let port = self.ports.iter().zip(&bindings).position(holds).unwrap_or(self.ports.len());
            event.set_port(port as u16);
            Ok(())
        })
    }

    fn ports(&self) -> Vec<String> {
        self.ports.iter().map(|(name, _)| name.clone()).chain([UNMATCHED.to_owned()]).collect()
    }
}
