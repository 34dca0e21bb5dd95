//! What nobody may see.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What stands in the place of a secret.
const HIDDEN: &str = "***";

/// A password, a token, a private key. It prints and serializes as `***`: it gets into no log, no error and no dump of a
/// configuration by itself, only through [`expose`](Self::expose).
///
/// With the `runtime` feature its memory is overwritten when it is dropped. That is so for this copy, not for what was made
/// of it: a header on its way, the environment that it was read from.
///
/// ```
/// use dendro_core::Secret;
/// let secret = Secret::new("hunter2");
/// assert_eq!(format!("{secret} {secret:?}"), "*** ***");
/// assert_eq!(secret.expose(), "hunter2");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for the service that asks for it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

/// As `***`: what was serialized does not come back.
impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(HIDDEN)
    }
}

/// From a text, of a format that tells text from numbers.
impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Text)
    }
}

struct Text;

impl serde::de::Visitor<'_> for Text {
    type Value = Secret;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a secret as text")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Secret, E> {
        Ok(Secret::new(text))
    }

    fn visit_string<E: serde::de::Error>(self, text: String) -> Result<Secret, E> {
        Ok(Secret::new(text))
    }

    // A token of digits alone, without quotes: the errors of serde would quote it.
    fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<Secret, E> {
        Err(E::custom("a secret has to be text: put it in quotes"))
    }

    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<Secret, E> {
        Err(E::custom("a secret has to be text: put it in quotes"))
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<Secret, E> {
        Err(E::custom("a secret has to be text: put it in quotes"))
    }
}

#[cfg(feature = "runtime")]
impl Drop for Secret {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.0);
    }
}

#[cfg(feature = "runtime")]
mod read {
    use std::error::Error;
    use std::ffi::OsStr;
    use std::fmt;
    use std::fs::File;
    use std::io::{self, Read as _};
    use std::path::Path;

    use zeroize::Zeroizing;

    use super::Secret;

    /// No secret is longer: a chain of keys in PEM has some kilobytes.
    const MAX_BYTES: u64 = 1 << 20;

    impl Secret {
        /// The value of an environment variable.
        ///
        /// # Errors
        /// It is not set, empty, or not UTF-8. The error names the variable, never its value.
        pub fn from_env(variable: impl AsRef<OsStr>) -> Result<Self, SecretError> {
            let variable = variable.as_ref();
            let name = variable.to_string_lossy();
            // `std::env::var_os` panics on these.
            let unnamed = name.is_empty() || name.contains(['=', '\0']);
            let value = if unnamed { None } else { std::env::var_os(variable) };
            let Some(value) = value else {
                return Err(SecretError::new(format!("the environment variable {name} is not set")));
            };
            match value.into_string() {
                Ok(text) if text.is_empty() => {
                    Err(SecretError::new(format!("the environment variable {name} is empty")))
                }
                Ok(text) => Ok(Self(text)),
                Err(_) => Err(SecretError::new(format!("the environment variable {name} is not UTF-8"))),
            }
        }

        /// What a file holds, without the line end behind it, if there is one. Blocks for as long as reading takes.
        ///
        /// # Errors
        /// It can't be read, is empty, is not UTF-8, or has more than 1 MiB. The error names the file, never what is in it.
        pub fn from_file(path: impl AsRef<Path>) -> Result<Self, SecretError> {
            let path = path.as_ref();
            let shown = path.display();
            let unreadable = |error: io::Error| SecretError {
                message: format!("the secret's file {shown} can't be read"),
                source: Some(error),
            };
            let wrong = |why: &str| SecretError::new(format!("the secret's file {shown} {why}"));
            let file = File::open(path).map_err(unreadable)?;
            let expected = file.metadata().map_or(0, |metadata| metadata.len()).min(MAX_BYTES) as usize;
            // Long enough from the start, so that it is not copied while it grows.
            let mut bytes = Zeroizing::new(Vec::with_capacity(expected + 1));
            file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
            if bytes.len() as u64 > MAX_BYTES {
                return Err(wrong("has more than 1 MiB: is it the right file?"));
            }
            let text = std::str::from_utf8(&bytes).map_err(|_| wrong("is not UTF-8 text"))?;
            let text = text.strip_suffix('\n').map_or(text, |line| line.strip_suffix('\r').unwrap_or(line));
            if text.is_empty() {
                return Err(wrong("is empty"));
            }
            Ok(Self::new(text))
        }
    }

    /// Why a secret could not be read; says nothing of its value.
    #[derive(Debug)]
    pub struct SecretError {
        message: String,
        source: Option<io::Error>,
    }

    impl SecretError {
        fn new(message: String) -> Self {
            Self { message, source: None }
        }
    }

    impl fmt::Display for SecretError {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(&self.message)
        }
    }

    impl Error for SecretError {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.source.as_ref().map(|error| error as &(dyn Error + 'static))
        }
    }
}

#[cfg(feature = "runtime")]
pub use read::SecretError;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_neither_printed_nor_serialized() {
        let secret = Secret::from("hunter2");
        assert_eq!(format!("{secret:?} {secret:#?} {secret} {secret:>9}"), "*** *** *** ***");
        assert_eq!(serde_json::to_string(&secret).unwrap(), "\"***\"");
        assert_eq!(serde_json::to_value([Some(&secret)]).unwrap(), serde_json::json!(["***"]));
    }

    #[test]
    fn a_secret_is_read_from_text_and_what_is_not_text_is_not_quoted() {
        let secret: Secret = serde_json::from_str(r#""hun\tter2""#).unwrap();
        assert_eq!(secret.expose(), "hun\tter2");
        for number in ["4711", "-4711", "4711.5"] {
            let error = serde_json::from_str::<Secret>(number).unwrap_err().to_string();
            assert!(error.contains("quotes") && !error.contains("4711"), "{error}");
        }
    }
}

#[cfg(all(test, feature = "runtime"))]
#[allow(clippy::unwrap_used)]
mod read_tests {
    use std::error::Error as _;

    use super::*;

    #[test]
    fn a_variable_that_is_not_set_is_named() {
        for name in ["DENDRO_TEST_THERE_IS_NONE", "", "a=b"] {
            let error = Secret::from_env(name).unwrap_err();
            assert_eq!(error.to_string(), format!("the environment variable {name} is not set"));
        }
        // Set for every test by cargo.
        let expected = std::env::var("CARGO_MANIFEST_DIR").unwrap();
        assert_eq!(Secret::from_env("CARGO_MANIFEST_DIR").unwrap().expose(), expected);
    }

    #[test]
    fn a_file_gives_its_text_without_one_line_end() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        for (content, expected) in [
            ("s3", "s3"),
            ("s3\n", "s3"),
            ("s3\r\n", "s3"),
            ("s3\n\n", "s3\n"),
            (" s3 ", " s3 "),
            ("a\nb\n", "a\nb"),
        ] {
            std::fs::write(&path, content).unwrap();
            assert_eq!(Secret::from_file(&path).unwrap().expose(), expected);
        }
    }

    #[test]
    fn a_file_that_holds_no_secret_is_named_and_not_quoted() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        let missing = Secret::from_file(&path).unwrap_err();
        assert!(missing.to_string().contains(&*path.to_string_lossy()) && missing.source().is_some());
        let long = vec![b'x'; (1 << 20) + 1];
        for (content, why) in
            [(&b""[..], "empty"), (b"\n", "empty"), (b"hunter2\xff", "UTF-8"), (&long, "1 MiB")]
        {
            std::fs::write(&path, content).unwrap();
            let error = Secret::from_file(&path).unwrap_err();
            let text = format!("{error} {error:?}");
            assert!(text.contains(why) && text.contains("token"), "{text}");
            assert!(!text.contains("hunter2"), "{text}");
        }
    }
}
