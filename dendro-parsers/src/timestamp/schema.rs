//! What [`Timestamped`](super::Timestamped) publishes.

use std::sync::{Arc, OnceLock};

use dendro_core::{FieldSchema, Schema, ValueType};

pub(super) fn timestamped() -> &'static Arc<Schema> {
    static SCHEMA: OnceLock<Arc<Schema>> = OnceLock::new();
    SCHEMA.get_or_init(|| Arc::new(build()))
}

fn build() -> Schema {
    let attribute = |name: &'static str| FieldSchema::attribute(name, ValueType::Str);
    Schema::new("timestamped")
        .doc("One line that begins with a time, which is that of the event.")
        .field(attribute("prefix").doc("What stands before the time, as the level's letter in the logs of glog; brackets alone are none."))
        .field(attribute("message").doc("What stands behind the time."))
}
