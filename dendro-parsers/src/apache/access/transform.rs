//! The access log as a transform.

use std::sync::Arc;

use dendro_core::{Batch, Schema, Transform, TransformError};

use super::config::{COMBINED, read};
use crate::Zone;
use crate::log_format::{Access, Escape, LogFormatError, Template};

const TYPE: &str = "apache_access";
const DOC: &str = "One request that Apache httpd has answered; the time is when the request came.";

/// Parses lines of Apache httpd's access log, in the format `combined` or in any `LogFormat`, compiled from httpd's own text.
///
/// Every directive that is in the format becomes a field. Its name is the one that nginx's log has for the same, else the words of httpd's
/// documentation; the schema tells the directive:
///
/// | directive | field | |
/// |---|---|---|
/// | `%h` `%a` `%{c}a` `%l` `%u` | `remote_host` `remote_addr` `peer_addr` `remote_logname` `remote_user` | `%u` may hold spaces; two quotes are what httpd writes for an empty one |
/// | `%r` | `request`, and split into `method` `path` `query` `protocol` | as by [`NginxAccess`](crate::nginx::NginxAccess) |
/// | `%m` `%U` `%q` `%H` | `request_method` `uri` `query_string` `server_protocol` | |
/// | `%>s` `%s` | `status` | with both in a format, `%s` is `original_status` |
/// | `%b` `%B` `%O` `%I` `%S` | `body_bytes_sent` `body_bytes_sent` `bytes_sent` `bytes_received` `bytes_transferred` | `-` is null: no body was sent |
/// | `%D` `%T` `%{ms}T` | `request_time`, a duration | the finest of them |
/// | `%t` `%{...}t` | the time of the event, put together from all of them | `%{end:...}t` beside another is `request_end_time` |
/// | `%v` `%V` `%p` `%{local}p` `%{remote}p` | `server_name` `host` `server_port` `local_port` `remote_port` | |
/// | `%{Referer}i` `%{X}o` `%{X}C` `%{X}e` `%{X}n` | `http_referer` `sent_http_x` `cookie_x` `env_x` `note_x` | |
/// | `%{SSL_PROTOCOL}x` | `ssl_protocol` | |
///
/// - `<` and `>` before a directive that is of the other request by itself give `original_` and `final_` names.
/// - `-` is null; a header that was sent empty is the empty string.
/// - Escapes (`\"`, `\\`, `\n`, `\t`, `\xhh`) are decoded; a value that is not UTF-8 then is bytes.
/// - A time whose directives tell no zone is in the configured one.
///
/// Where a value ends is found out when the format is compiled; a line that can be read in more than one way is refused, as is any that
/// is not of the format, with the byte where it differs.
///
/// ```
/// use dendro_parsers::apache::ApacheAccess;
///
/// let format = ApacheAccess::log_format(r#"LogFormat "%h %u %t \"%r\" %>s %b %{ms}T \"%{X-Request-Id}i\"" timed"#)?;
/// let fields: Vec<_> = format.schema().fields.iter().map(|field| field.name.to_string()).collect();
/// assert_eq!(fields[7..], ["status", "body_bytes_sent", "request_time", "http_x_request_id"]);
///
/// let error = ApacheAccess::log_format("%h %{Referer}i %{User-Agent}i").unwrap_err();
/// assert_eq!(error.at, 3);
/// # Ok::<(), dendro_parsers::LogFormatError>(())
/// ```
#[derive(Clone, Debug)]
pub struct ApacheAccess(Access);

impl ApacheAccess {
    /// For the format `combined`, with `%b` (httpd's own) or `%O` (Debian's) for the bytes; lines of `common`, which end there, are read
    /// too.
    pub fn combined() -> Self {
        // `%h %l %u %t %r %>s %O`, and the headers behind.
        const COMMON_VALUES: usize = 7;
        match Self::compile("combined", Some(COMMON_VALUES)) {
            Ok(parser) => parser,
            Err(error) => unreachable!("{COMBINED} is a format: {error}"),
        }
    }

    /// For a format, given as the directive (`LogFormat "..." nickname`), as its text alone, or as one of the nicknames `common`,
    /// `combined`, `vhost_combined` and `combinedio`.
    ///
    /// # Errors
    /// [`LogFormatError`] if httpd would not take it, or where the value of a directive ends could not be told.
    pub fn log_format(log_format: &str) -> Result<Self, LogFormatError> {
        Self::compile(log_format, None)
    }

    /// For times that don't tell their zone; UTC if nothing is said.
    pub fn zone(self, zone: Zone) -> Self {
        Self(self.0.zone(zone))
    }

    /// The schema of its events, `apache_access`.
    pub fn schema(&self) -> Arc<Schema> {
        self.0.schema().clone()
    }

    fn compile(log_format: &str, optional: Option<usize>) -> Result<Self, LogFormatError> {
        let template = Template::compile(read(log_format)?, Escape::Apache, optional)?;
        Ok(Self(Access::new(template, TYPE, DOC)))
    }
}

impl Transform for ApacheAccess {
    fn transform(&mut self, batch: &mut Batch) -> Result<(), TransformError> {
        self.0.transform(batch)
    }

    fn schemas(&self, input: &[Arc<Schema>]) -> Vec<Arc<Schema>> {
        self.0.schemas(input)
    }
}
