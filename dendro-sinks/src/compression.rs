//! How what is written is compressed.

/// How files and request bodies are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// gzip (RFC 1952); levels 0 to 9.
    Gzip(u32),
    /// Zstandard (RFC 8878); levels 1 to 22.
    Zstd(i32),
}

impl Compression {
    /// # Errors
    /// There is no such level.
    pub(crate) fn check(self) -> Result<(), String> {
        match self {
            Self::Gzip(level) if level > 9 => Err(format!("gzip has the levels 0 to 9, and no {level}")),
            Self::Zstd(level) if !(1..=22).contains(&level) => {
                Err(format!("zstd has the levels 1 to 22, and no {level}"))
            }
            _ => Ok(()),
        }
    }

    /// What is put behind a file's name.
    #[cfg(feature = "file")]
    pub(crate) fn extension(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Gzip(_) => ".gz",
            Self::Zstd(_) => ".zst",
        }
    }

    /// What HTTP calls it.
    #[cfg(feature = "http")]
    pub(crate) fn content_coding(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Gzip(_) => Some("gzip"),
            Self::Zstd(_) => Some("zstd"),
        }
    }
}
