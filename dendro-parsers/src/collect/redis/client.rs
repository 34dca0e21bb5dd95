//! As much of Redis' protocol as it takes to ask one question.

use dendro_net::{Address, Stream, Tls};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

use super::super::CollectError;

/// No answer to `INFO` is longer.
const MAX_REPLY_BYTES: u64 = 16 << 20;

pub(super) struct Client {
    stream: BufReader<Box<dyn Stream>>,
}

impl Client {
    pub(super) async fn connect(address: &Address, tls: Option<&Tls>) -> Result<Self, CollectError> {
        Ok(Self { stream: BufReader::new(address.connect(tls).await?) })
    }

    /// Sends a command; gives what it is answered with.
    ///
    /// # Cancel safety
    /// A client whose call was dropped has to be dropped too.
    pub(super) async fn ask(&mut self, command: &[&str]) -> Result<String, CollectError> {
        let mut request = format!("*{}\r\n", command.len());
        for word in command {
            request.push_str(&format!("${}\r\n{word}\r\n", word.len()));
        }
        // The name alone, since what stands behind it may be a password.
        let name = command.first().copied().unwrap_or_default();
        let lost = |error| CollectError::new(format!("{name} was not answered")).with_source(error);
        self.stream.write_all(request.as_bytes()).await.map_err(lost)?;
        self.stream.flush().await.map_err(lost)?;
        let mut line = Vec::new();
        (&mut self.stream).take(MAX_REPLY_BYTES).read_until(b'\n', &mut line).await.map_err(lost)?;
        let line = String::from_utf8_lossy(&line);
        let strange = || {
            let shown: String = line.trim_end().chars().take(80).collect();
            CollectError::new(format!("{name} was not answered as Redis does, but with `{shown}`"))
        };
        let Some(text) = line.strip_suffix("\r\n") else {
            return Err(if line.is_empty() {
                CollectError::new(format!("{name} was not answered: the connection was closed"))
            } else {
                strange()
            });
        };
        match text.split_at_checked(1) {
            Some(("+", status)) => Ok(status.to_owned()),
            Some(("-", error)) => Err(CollectError::new(format!("{name} was refused: {error}"))),
            Some(("$", len)) => {
                let len =
                    len.parse::<u64>().ok().filter(|len| *len <= MAX_REPLY_BYTES).ok_or_else(strange)?;
                let mut body = Vec::new();
                let read = (&mut self.stream).take(len + 2).read_to_end(&mut body).await.map_err(lost)?;
                if read as u64 != len + 2 {
                    return Err(CollectError::new(format!("{name} was not answered to the end")));
                }
                body.truncate(body.len() - 2);
                Ok(String::from_utf8_lossy(&body).into_owned())
            }
            _ => Err(strange()),
        }
    }
}
