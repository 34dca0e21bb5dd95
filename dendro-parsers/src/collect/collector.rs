//! The collector's side of the contract.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use dendro_core::{BatchFull, Schema};

use super::Scrape;

/// Asks one service how it is; see the [module](super).
#[async_trait]
pub trait Collector: Send + 'static {
    /// What it collects from, as in `nginx`.
    fn name(&self) -> &str;

    /// Which one, as an address without credentials. It is the field `target` of all of its events.
    fn target(&self) -> Option<&str> {
        None
    }

    /// The schemas of its events, without the field `target`.
    fn schemas(&self) -> Vec<Arc<Schema>>;

    /// Asks once and gives the events to `scrape`.
    ///
    /// # Errors
    /// [`CollectError`] if there was no answer, or none that it understands. What it has given to `scrape` is dropped.
    ///
    /// # Cancel safety
    /// Is dropped when it takes too long and when the pipeline stops; the next call has to work.
    async fn collect(&mut self, scrape: &mut Scrape) -> Result<(), CollectError>;
}

#[async_trait]
impl Collector for Box<dyn Collector> {
    fn name(&self) -> &str {
        (**self).name()
    }
    fn target(&self) -> Option<&str> {
        (**self).target()
    }
    fn schemas(&self) -> Vec<Arc<Schema>> {
        (**self).schemas()
    }
    async fn collect(&mut self, scrape: &mut Scrape) -> Result<(), CollectError> {
        (**self).collect(scrape).await
    }
}

/// Why a service could not be asked, for people. Never holds a password.
#[derive(Debug)]
pub struct CollectError {
    message: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl CollectError {
    /// An error with this message: what, where, and what to do.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), source: None }
    }

    /// Adds the error behind it.
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The message and those of the errors behind it, in one line.
    pub fn full_message(&self) -> String {
        let mut text = self.message.clone();
        let mut next = self.source();
        while let Some(error) = next {
            let message = error.to_string();
            // Many errors repeat the one behind them.
            if !text.ends_with(&message) {
                text = format!("{text}: {message}");
            }
            next = error.source();
        }
        text
    }
}

impl fmt::Display for CollectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for CollectError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|e| e as &(dyn Error + 'static))
    }
}

impl From<BatchFull> for CollectError {
    fn from(full: BatchFull) -> Self {
        Self::new("the service told more than an event can hold").with_source(full)
    }
}

#[cfg(feature = "_net")]
impl From<dendro_net::ConnectError> for CollectError {
    fn from(error: dendro_net::ConnectError) -> Self {
        let (message, source) = error.into_parts();
        Self { message, source }
    }
}
