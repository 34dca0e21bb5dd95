//! Times that groups have captured.

use dendro_core::Timestamp;

use super::InvalidPattern;
use crate::Zone;
use crate::timestamp::Layout;

/// Reads times of a layout, of whichever fits by default.
#[derive(Clone, Debug)]
pub(super) struct Times {
    pub(super) zone: Zone,
    layout: Option<Layout>,
}

impl Default for Times {
    fn default() -> Self {
        Self { zone: Zone::default(), layout: Layout::compile("auto").ok() }
    }
}

impl Times {
    /// Sets the layout, by its name or its directives.
    pub(super) fn layout(&mut self, text: &str) -> Result<(), InvalidPattern> {
        let invalid = |e: crate::timestamp::LayoutError| InvalidPattern {
            text: text.to_owned(),
            at: e.at,
            problem: e.problem,
        };
        self.layout = Some(Layout::compile(text).map_err(invalid)?);
        Ok(())
    }

    /// The time that `text` is, all of it. A year that is missing is the one that suits the observation.
    pub(super) fn read(&mut self, text: &[u8], observed: Timestamp) -> Option<Timestamp> {
        let (reading, len) = self.layout.as_ref()?.read(text)?;
        if len == text.len() { reading.near(observed, &mut self.zone) } else { None }
    }
}
