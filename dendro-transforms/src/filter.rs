//! Events that go no further.

use dendro_core::{Batch, Transform, TransformError};

use crate::Condition;
use crate::condition::Matcher;

/// Keeps the events for which a condition holds, or drops them. What goes no further counts as filtered.
///
/// ```
/// use dendro_core::{Batch, Event, Transform};
/// use dendro_transforms::{Condition, Filter};
///
/// let mut filter = Filter::drop(Condition::field("path").starts_with("/health"));
/// let mut batch = Batch::from_events([
///     &Event::new("t").with("path", "/healthz"),
///     &Event::new("t").with("path", "/shop"),
/// ])?;
/// filter.transform(&mut batch)?;
/// assert_eq!(batch.len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Filter {
    matcher: Matcher,
    keep: bool,
}

impl Filter {
    /// Keeps the events for which it holds.
    pub fn keep(condition: Condition) -> Self {
        Self { matcher: condition.compile(), keep: true }
    }

    /// Drops the events for which it holds.
    pub fn drop(condition: Condition) -> Self {
        Self { matcher: condition.compile(), keep: false }
    }
}

impl Transform for Filter {
    fn transform(&mut self, batch: &mut Batch) -> Result<(), TransformError> {
        let bindings = self.matcher.bind(batch);
        batch.retain(|event| self.matcher.holds(&bindings, event) == self.keep);
        Ok(())
    }
}
