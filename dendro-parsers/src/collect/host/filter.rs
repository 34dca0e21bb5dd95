//! Which devices, mount points and interfaces are looked at.

use globset::{Glob, GlobBuilder, GlobSet, GlobSetBuilder};

use super::super::CollectError;

/// Chooses names by globs: those that one of `include` matches, or all if there is none, but for those that one of
/// `exclude` matches. `*` and `?` match no `/`, `**` does.
///
/// ```
/// use dendro_parsers::collect::host::Filter;
/// let filter = Filter::new(&["eth*", "en*"], &["*.100"])?;
/// assert!(filter.matches("eth0") && !filter.matches("eth0.100") && !filter.matches("lo"));
/// # Ok::<(), dendro_parsers::collect::CollectError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Filter {
    include: Option<GlobSet>,
    exclude: GlobSet,
}

impl Filter {
    /// A filter of these globs.
    ///
    /// # Errors
    /// [`CollectError`] if one is none.
    pub fn new(include: &[&str], exclude: &[&str]) -> Result<Self, CollectError> {
        let include = if include.is_empty() { None } else { Some(set(include)?) };
        Ok(Self { include, exclude: set(exclude)? })
    }

    /// All names.
    pub fn all() -> Self {
        Self { include: None, exclude: GlobSet::empty() }
    }

    /// Whether this name is chosen.
    pub fn matches(&self, name: &str) -> bool {
        self.include.as_ref().is_none_or(|include| include.is_match(name)) && !self.exclude.is_match(name)
    }

    /// All but these, which are known to be globs.
    pub(super) fn without(exclude: &[&str]) -> Self {
        Self::new(&[], exclude).unwrap_or_else(|_| Self::all())
    }
}

fn set(globs: &[&str]) -> Result<GlobSet, CollectError> {
    let wrong = |glob: &str, error: globset::Error| {
        CollectError::new(format!("`{glob}` is no glob")).with_source(error.kind().to_string())
    };
    let mut builder = GlobSetBuilder::new();
    for glob in globs {
        let parsed: Glob =
            GlobBuilder::new(glob).literal_separator(true).build().map_err(|error| wrong(glob, error))?;
        builder.add(parsed);
    }
    builder.build().map_err(|error| wrong(&globs.join("`, `"), error))
}
