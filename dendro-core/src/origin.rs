//! Where events come from.

use std::num::NonZeroU64;

/// Where events come from. A batch holds a small table of origins, shared by its events; the fields
/// here read as fields of each event that names the origin.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Origin {
    /// The host that the event was observed on, or that it names itself.
    pub host: Option<String>,
    /// The service that wrote it.
    pub service: Option<String>,
    /// The name of the source component.
    pub source: Option<String>,
    /// Whose event it is, where several users share a pipeline.
    pub tenant: Option<String>,
    /// The unit of order: one file, one connection, one shard.
    pub stream: Option<String>,
    /// What positions in the stream count in, such as one file of those that have had its name: the same whenever it
    /// is read again, and never that of another. `None` where nothing can be read again, or is not told apart.
    /// [`DedupKey`](crate::DedupKey)s are made of it.
    pub identity: Option<NonZeroU64>,
    /// Fixed names and values, by the user's choice.
    pub tags: Vec<(String, String)>,
}

impl Origin {
    /// The origin field of this name: `host`, `service`, `source`, `tenant`, `stream` or a tag.
    pub fn get(&self, name: &str) -> Option<&str> {
        match name {
            "host" => self.host.as_deref(),
            "service" => self.service.as_deref(),
            "source" => self.source.as_deref(),
            "tenant" => self.tenant.as_deref(),
            "stream" => self.stream.as_deref(),
            _ => self.tags.iter().find(|(k, _)| k == name).map(|(_, v)| v.as_str()),
        }
    }
}
