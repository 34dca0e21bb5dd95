//! Which files there are.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher, GlobSet, GlobSetBuilder};

use super::identity::Inode;

/// A regular file that was found, without opening it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Seen {
    pub(super) path: PathBuf,
    pub(super) inode: Inode,
    pub(super) size: u64,
    /// In nanoseconds.
    pub(super) modified: i64,
}

impl Seen {
    fn of(path: PathBuf, metadata: &Metadata) -> Option<Self> {
        metadata.is_file().then(|| Self {
            path,
            inode: Inode::of(metadata),
            size: metadata.len(),
            modified: modified(metadata),
        })
    }
}

/// When the file was last written to, in nanoseconds.
pub(super) fn modified(metadata: &Metadata) -> i64 {
    metadata.mtime().saturating_mul(1_000_000_000).saturating_add(metadata.mtime_nsec())
}

/// What a look through the directories has given.
#[derive(Default)]
pub(super) struct Found {
    pub(super) files: Vec<Seen>,
    /// The directories in which something may change.
    pub(super) directories: BTreeSet<PathBuf>,
    /// Where the files behind symbolic links are.
    pub(super) targets: Vec<(PathBuf, PathBuf)>,
    /// What the user has named and is not there.
    pub(super) missing: Vec<PathBuf>,
    pub(super) errors: Vec<(PathBuf, io::Error)>,
}

/// What the user wants to have read.
pub(super) struct Patterns {
    include: Vec<Pattern>,
    exclude: GlobSet,
}

struct Pattern {
    path: PathBuf,
    matcher: Option<GlobMatcher>,
    /// The directory above the first wildcard.
    base: PathBuf,
    /// How many directories down there may be files; `None`: any number.
    depth: Option<usize>,
}

impl Patterns {
    /// Paths and globs; relative ones begin at the working directory. A glob without `/` excludes by file name.
    ///
    /// # Errors
    /// In words, which one is no glob.
    pub(super) fn new(include: &[PathBuf], exclude: &[String]) -> Result<Self, String> {
        if include.is_empty() {
            return Err("no file is named".to_owned());
        }
        let include = include.iter().map(|p| Pattern::new(p)).collect::<Result<_, _>>()?;
        let mut set = GlobSetBuilder::new();
        for text in exclude {
            let text = if text.contains('/') {
                absolute(Path::new(text))?.to_string_lossy().into()
            } else {
                format!("**/{text}")
            };
            set.add(glob(&text)?);
        }
        let exclude = set.build().map_err(|e| format!("the excluded globs can't be used: {e}"))?;
        Ok(Self { include, exclude })
    }

    pub(super) fn matches(&self, path: &Path) -> bool {
        self.include.iter().any(|p| p.matches(path)) && !self.exclude.is_match(path)
    }

    pub(super) fn scan(&self) -> Found {
        let mut found = Found::default();
        let mut seen = BTreeSet::new();
        for pattern in &self.include {
            let before = found.files.len();
            match &pattern.matcher {
                None => {
                    found.directories.insert(existing(pattern.path.parent()));
                    self.add(&pattern.path, &mut seen, &mut found);
                }
                Some(_) => {
                    if !pattern.base.is_dir() {
                        found.directories.insert(existing(Some(&pattern.base)));
                    }
                    self.walk(pattern, &pattern.base, 0, &mut seen, &mut found);
                }
            }
            let has_errors = found.errors.iter().any(|(p, _)| p.starts_with(&pattern.base));
            if found.files.len() == before && !has_errors && !seen.iter().any(|p| pattern.matches(p)) {
                found.missing.push(pattern.path.clone());
            }
        }
        found
    }

    fn walk(
        &self,
        pattern: &Pattern,
        directory: &Path,
        depth: usize,
        seen: &mut BTreeSet<PathBuf>,
        found: &mut Found,
    ) {
        let entries = match fs::read_dir(directory) {
            Ok(entries) => entries,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return,
            Err(e) => return found.errors.push((directory.to_owned(), e)),
        };
        found.directories.insert(directory.to_owned());
        for entry in entries {
            let entry = match entry {
                Ok(entry) => entry,
                Err(e) => {
                    found.errors.push((directory.to_owned(), e));
                    continue;
                }
            };
            let path = entry.path();
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => {
                    if pattern.depth.is_none_or(|d| depth < d) {
                        self.walk(pattern, &path, depth + 1, seen, found);
                    }
                }
                Ok(_) if pattern.matches(&path) => self.add(&path, seen, found),
                Ok(_) => {}
                Err(e) => found.errors.push((path, e)),
            }
        }
    }

    fn add(&self, path: &Path, seen: &mut BTreeSet<PathBuf>, found: &mut Found) {
        if self.exclude.is_match(path) || seen.contains(path) {
            return;
        }
        match fs::metadata(path) {
            Ok(metadata) => {
                let Some(file) = Seen::of(path.to_owned(), &metadata) else { return };
                seen.insert(path.to_owned());
                if fs::symlink_metadata(path).is_ok_and(|m| m.is_symlink())
                    && let Ok(target) = fs::canonicalize(path)
                {
                    found.directories.insert(existing(target.parent()));
                    found.targets.push((target, path.to_owned()));
                }
                found.files.push(file);
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => found.errors.push((path.to_owned(), e)),
        }
    }
}

impl Pattern {
    fn new(path: &Path) -> Result<Self, String> {
        let path = absolute(path)?;
        let text = path.to_string_lossy();
        let is_wild = |c: &Component<'_>| c.as_os_str().to_string_lossy().contains(['*', '?', '[', '{']);
        // A file may be named like a glob.
        if !path.components().any(|c| is_wild(&c)) || path.exists() {
            let base = path.parent().unwrap_or(&path).to_owned();
            return Ok(Self { base, matcher: None, depth: Some(0), path });
        }
        let base: PathBuf = path.components().take_while(|c| !is_wild(c)).collect();
        let below = path.components().count() - base.components().count();
        let depth = (!text.contains("**")).then_some(below.saturating_sub(1));
        Ok(Self { matcher: Some(glob(&text)?.compile_matcher()), base, depth, path })
    }

    fn matches(&self, path: &Path) -> bool {
        match &self.matcher {
            Some(matcher) => matcher.is_match(path),
            None => self.path == path,
        }
    }
}

/// The regular files beside `path` that may be what it was before: by their names, or all of them.
pub(super) fn siblings(path: &Path, by_name: bool) -> Vec<Seen> {
    let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else { return Vec::new() };
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let seen = entries.flatten().filter_map(|entry| {
        let other = entry.file_name();
        if other == name || (by_name && !is_rotated_name(name, &other, true)) {
            return None;
        }
        Seen::of(entry.path(), &entry.metadata().ok()?)
    });
    let mut seen: Vec<Seen> = seen.collect();
    // While a file is being compressed both are there, and one of them is not complete.
    let plain: Vec<PathBuf> = seen.iter().map(|s| s.path.clone()).collect();
    seen.retain(|s| unpacked_name(&s.path).is_none_or(|p| !plain.contains(&p)));
    seen
}

/// Whether a rotation may have given the file `name` the name `other`: `access.log.1`, `access.log-20261120.gz`;
/// with `within`, also `access-20261120.log`.
pub(super) fn is_rotated_name(name: &OsStr, other: &OsStr, within: bool) -> bool {
    let (Some(name), Some(other)) = (name.to_str(), other.to_str()) else { return false };
    let (other, packed) = match PACKED.iter().find_map(|e| other.strip_suffix(e)) {
        Some(rest) => (rest, true),
        None => (other, false),
    };
    let is_suffix = |text: &str| {
        let known = matches!(text, ".old" | ".prev" | ".bak");
        known || text.starts_with(['.', '-', '_']) && text.contains(|c: char| c.is_ascii_digit())
    };
    if let Some(suffix) = other.strip_prefix(name) {
        return if suffix.is_empty() { packed } else { is_suffix(suffix) };
    }
    let Some((stem, extension)) = name.rsplit_once('.') else { return false };
    let middle =
        other.strip_prefix(stem).and_then(|o| o.strip_suffix(extension)).and_then(|o| o.strip_suffix('.'));
    within && !stem.is_empty() && middle.is_some_and(is_suffix)
}

const PACKED: [&str; 4] = [".gz", ".zst", ".zstd", ".z"];

/// The name that a compressed file had before.
fn unpacked_name(path: &Path) -> Option<PathBuf> {
    let text = path.to_str()?;
    PACKED.iter().find_map(|e| text.strip_suffix(e)).map(PathBuf::from)
}

fn glob(text: &str) -> Result<globset::Glob, String> {
    let built = GlobBuilder::new(text).literal_separator(true).build();
    built.map_err(|e| format!("{text} is neither a path nor a glob: {e}"))
}

fn absolute(path: &Path) -> Result<PathBuf, String> {
    std::path::absolute(path).map_err(|e| format!("{} is no path: {e}", path.display()))
}

/// The nearest directory above that exists.
fn existing(path: Option<&Path>) -> PathBuf {
    let above = path.into_iter().flat_map(Path::ancestors).find(|p| p.is_dir());
    above.unwrap_or(Path::new("/")).to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    fn names(patterns: &Patterns, root: &Path) -> Vec<String> {
        let found = patterns.scan();
        let shown = |s: &Seen| s.path.strip_prefix(root).unwrap().display().to_string();
        let mut names: Vec<String> = found.files.iter().map(shown).collect();
        names.sort();
        names
    }

    #[test]
    fn globs_and_paths_find_files_and_excludes_leave_them_out() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        for name in ["a.log", "b.log", "b.txt", "d/c.log", "d/e/f.log", "[x].log"] {
            fs::create_dir_all(at(name).parent().unwrap()).unwrap();
            fs::write(at(name), "").unwrap();
        }
        let check = |include: &[&str], exclude: &[&str], expected: &[&str]| {
            let include: Vec<PathBuf> = include.iter().map(|p| at(p)).collect();
            let exclude: Vec<String> = exclude.iter().map(|s| s.to_string()).collect();
            assert_eq!(names(&Patterns::new(&include, &exclude).unwrap(), root.path()), expected);
        };
        check(&["*.log"], &[], &["[x].log", "a.log", "b.log"]);
        check(&["*.log", "a.log"], &["b*"], &["[x].log", "a.log"]);
        check(&["**/*.log"], &["*x*"], &["a.log", "b.log", "d/c.log", "d/e/f.log"]);
        check(&["*/*.log"], &[], &["d/c.log"]);
        check(&["{a,b}.*"], &[], &["a.log", "b.log", "b.txt"]);
        check(&["[x].log"], &[], &["[x].log"]);
        check(&["**/*.log"], &[at("d/**").to_str().unwrap(), "[[]*"], &["a.log", "b.log"]);
    }

    #[test]
    fn what_is_not_there_is_told_with_the_directory_to_watch() {
        let root = tempfile::tempdir().unwrap();
        let found = Patterns::new(&[root.path().join("no/such/a.log"), root.path().join("x/*.log")], &[])
            .unwrap()
            .scan();
        assert_eq!(found.missing.len(), 2);
        assert!(found.directories.contains(root.path()));
        assert!(Patterns::new(&["/a/[b".into()], &[]).is_err());
        assert!(Patterns::new(&[], &[]).is_err());
    }

    #[test]
    fn rotated_names_are_known() {
        let rotated = [
            "a.log.1",
            "a.log.12.gz",
            "a.log-20261120",
            "a.log-20261120.zst",
            "a.log.old",
            "a.log.gz",
            "a-2026-11-20.log",
            "a.1.log.gz",
        ];
        for name in rotated {
            assert!(is_rotated_name("a.log".as_ref(), name.as_ref(), true), "{name}");
        }
        for name in ["a.log", "b.log", "ab.log.1", "a.log.swp", "a.logger1", "a.txt", "b-1.log", "a-x.log"] {
            assert!(!is_rotated_name("a.log".as_ref(), name.as_ref(), true), "{name}");
        }
        assert!(!is_rotated_name("a.log".as_ref(), "a-2.log".as_ref(), false));
        assert!(is_rotated_name("syslog".as_ref(), "syslog.1".as_ref(), true));
    }
}
