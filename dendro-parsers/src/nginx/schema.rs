//! What the access log publishes.

use std::sync::{Arc, OnceLock};

use dendro_core::Schema;

use super::variables::published;

/// The type of its events.
pub(super) const ACCESS: &str = "nginx_access";
pub(super) const ACCESS_DOC: &str =
    "One request that nginx has answered; the time is that of the end of the request.";

/// The schema of the format `combined`, with what a ninth field may be.
pub(super) fn combined() -> &'static Arc<Schema> {
    static SCHEMA: OnceLock<Arc<Schema>> = OnceLock::new();
    SCHEMA.get_or_init(|| {
        let variables = [
            "remote_addr",
            "remote_user",
            "request",
            "status",
            "body_bytes_sent",
            "http_referer",
            "http_user_agent",
            "http_x_forwarded_for",
            "gzip_ratio",
        ];
        let fields = variables.into_iter().flat_map(published);
        Arc::new(fields.fold(Schema::new(ACCESS).doc(ACCESS_DOC), Schema::field))
    })
}
