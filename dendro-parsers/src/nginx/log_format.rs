//! The access log in any format as a transform.

use std::sync::Arc;

use dendro_core::{Batch, Schema, Transform, TransformError};

use super::config::LogFormat;
use super::schema::{ACCESS, ACCESS_DOC};
use crate::log_format::{Access, Escape, LogFormatError, Template};

/// Parses lines of nginx's access log in any `log_format`, compiled from nginx's own text.
///
/// Every variable that is in the format becomes a field of its name:
///
/// - Numbers are numbers, times taken (`$request_time`) are durations, `$gzip_ratio` is a float.
/// - `$msec`, `$time_iso8601` or `$time_local`, the most precise of them, is the time of the event and no field.
/// - `$upstream_*` variables that have a value for each server are arrays: of durations, numbers or strings, with `, ` (a
///   further server) and ` : ` (an internal redirect) alike between them in the log. A `-` in them is null.
/// - `$request` is kept and also split into `method`, `path`, `query` and `protocol`, as by [`NginxAccess`](super::NginxAccess).
/// - All others are strings: headers (`$http_*`, `$sent_http_*`), cookies, arguments, and what the configuration sets. `$1`
///   is `capture_1`.
/// - A value that is logged twice is written once. A name that is taken gets a number: with `$request`, a variable `$path` is
///   `path_2`.
///
/// Escapes are those of the format: with `escape=default` and without `escape`, `\xHH`, and `-` for a missing value, which becomes null;
/// with `json`, those of JSON; with `none`, none, so that a line may not be telling. With the last two a missing value and an empty one look
/// alike: they are the empty string, or null where the value is no text.
///
/// Where a variable ends is found out when the format is compiled; a line that can be read in more than one way is refused, as is any
/// that is not of the format, with the byte where it differs.
///
/// ```
/// use dendro_parsers::nginx::NginxLogFormat;
///
/// let format = NginxLogFormat::new(r#"
///     log_format timed '$remote_addr - $remote_user [$time_local] "$request" '
///                      '$status $body_bytes_sent rt=$request_time urt="$upstream_response_time"';
/// "#)?;
/// let fields: Vec<_> = format.schema().fields.iter().map(|field| field.name.to_string()).collect();
/// assert_eq!(fields[6..], ["protocol", "status", "body_bytes_sent", "request_time", "upstream_response_time"]);
/// # Ok::<(), dendro_parsers::LogFormatError>(())
/// ```
#[derive(Clone, Debug)]
pub struct NginxLogFormat(Access);

impl NginxLogFormat {
    /// For a format, given as the directive (`log_format name [escape=default|json|none] 'text' ...;`) or as its text alone. A text
    /// alone that begins with `{` is taken to have `escape=json`, and `combined` is the format that nginx has from the beginning.
    ///
    /// # Errors
    /// [`LogFormatError`] if nginx would not take it, or where one of its variables ends could not be told.
    pub fn new(log_format: &str) -> Result<Self, LogFormatError> {
        Self::with_escape(log_format, None)
    }

    pub(super) fn with_escape(log_format: &str, escape: Option<Escape>) -> Result<Self, LogFormatError> {
        let format = LogFormat::read(log_format, escape)?;
        let template = Template::compile(format.pieces, format.escape, None)?;
        Ok(Self(Access::new(template, ACCESS, ACCESS_DOC)))
    }

    /// The schema of its events, `nginx_access`.
    pub fn schema(&self) -> Arc<Schema> {
        self.0.schema().clone()
    }
}

impl Transform for NginxLogFormat {
    fn transform(&mut self, batch: &mut Batch) -> Result<(), TransformError> {
        self.0.transform(batch)
    }

    fn schemas(&self, input: &[Arc<Schema>]) -> Vec<Arc<Schema>> {
        self.0.schemas(input)
    }
}
