//! A simulated disk below the storage seam: what was not synced is lost with the power, torn, or there out of order.
//!
//! A file's content is what was synced, and the writes since. A directory's entries are those of its last sync, and the
//! creations, renames and removals since. When the power goes, each write since may be whole, cut short, full of holes by
//! pages, or missing; and the changes of the directory happened up to any of them, as on a file system with a
//! journal, or each for itself, as on one without.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, ErrorKind, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use dendro_core::Timestamp;
use dendro_core::storage::{Storage, StoredFile};

/// The unit in which a disk writes.
const PAGE: usize = 512;

/// What can be made to fail, or was forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Op {
    Create,
    Open,
    OpenToRead,
    Write,
    Sync,
    Truncate,
    Rename,
    Replace,
    Remove,
    List,
    SyncDir,
    Read,
}

pub(crate) const OPS: [Op; 12] = [
    Op::Create,
    Op::Open,
    Op::OpenToRead,
    Op::Write,
    Op::Sync,
    Op::Truncate,
    Op::Rename,
    Op::Replace,
    Op::Remove,
    Op::List,
    Op::SyncDir,
    Op::Read,
];

#[derive(Clone, Default)]
pub(crate) struct SimDisk(Arc<Mutex<World>>);

#[derive(Default)]
struct World {
    inodes: BTreeMap<u64, Inode>,
    next_inode: u64,
    /// Names as programs see them.
    names: BTreeMap<PathBuf, u64>,
    /// Names as they are on the disk.
    durable: BTreeMap<PathBuf, u64>,
    /// What was done to names since.
    changes: Vec<Change>,
    dirs: Vec<PathBuf>,
    /// Operations so far, and the one before which the power goes.
    count: u64,
    cut_at: Option<u64>,
    is_off: bool,
    /// Operations that fail, by their kind and number.
    fail: Option<(Op, u64)>,
    reached: BTreeMap<Op, u64>,
    /// Operations that say they were done, and were not.
    pub(crate) forget: Vec<(Op, &'static str)>,
}

#[derive(Clone, Debug, Default)]
struct Inode {
    synced: Vec<u8>,
    content: Vec<u8>,
    /// Writes since the sync: where, and what.
    writes: Vec<(usize, Vec<u8>)>,
    /// A sync has failed: the kernel takes what was written until then for written, and never tries it again.
    is_poisoned: bool,
    /// Since the sync it was cut to this length, at the least.
    cut: Option<usize>,
    is_locked: bool,
}

#[derive(Clone, Debug)]
enum Change {
    Link(PathBuf, u64),
    Rename(PathBuf, PathBuf, u64),
    Unlink(PathBuf),
}

/// `splitmix64`.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }
}

impl SimDisk {
    fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap()
    }

    /// How many operations there were.
    pub(crate) fn count(&self) -> u64 {
        self.world().count
    }

    /// Before this operation, counted from the beginning, the power goes.
    pub(crate) fn cut_at(&self, operation: u64) {
        self.world().cut_at = Some(operation);
    }

    /// The `n`th operation of a kind fails, counted from the beginning.
    pub(crate) fn fail(&self, op: Op, n: u64) {
        self.world().fail = Some((op, n));
    }

    /// How often each kind was done.
    pub(crate) fn reached(&self) -> BTreeMap<Op, u64> {
        self.world().reached.clone()
    }

    /// From now on operations of a kind on paths that end so are only said to be done.
    pub(crate) fn forget(&self, op: Op, ending: &'static str) {
        self.world().forget.push((op, ending));
    }

    pub(crate) fn is_off(&self) -> bool {
        self.world().is_off
    }

    /// The names in all directories.
    pub(crate) fn names(&self) -> Vec<PathBuf> {
        self.world().names.keys().cloned().collect()
    }

    /// Changes bytes of a file in place.
    pub(crate) fn damage(&self, path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
        let mut world = self.world();
        let id = world.names[path];
        let inode = world.inodes.get_mut(&id).unwrap();
        change(&mut inode.content);
        inode.synced = inode.content.clone();
        inode.writes.clear();
    }

    /// The content of a file.
    pub(crate) fn content(&self, path: &Path) -> Vec<u8> {
        let world = self.world();
        world.inodes[&world.names[path]].content.clone()
    }

    /// The disk as it is found when the power is back.
    pub(crate) fn after_power_loss(&self, seed: u64) -> Self {
        let mut random = Random(seed);
        let world = self.world();
        let mut names = world.durable.clone();
        let is_journalled = random.below(2) == 0;
        let until = random.below(world.changes.len() as u64 + 1) as usize;
        for (i, change) in world.changes.iter().enumerate() {
            let happened = if is_journalled { i < until } else { random.below(2) == 0 };
            if happened {
                apply(&mut names, change);
            }
        }
        let mut after = World { dirs: world.dirs.clone(), next_inode: world.next_inode, ..World::default() };
        for (path, id) in names {
            let content = world.inodes[&id].after_power_loss(&mut random);
            let inode = Inode { synced: content.clone(), content, ..Inode::default() };
            after.inodes.insert(id, inode);
            after.names.insert(path.clone(), id);
            after.durable.insert(path, id);
        }
        Self(Arc::new(Mutex::new(after)))
    }

    /// The disk as another process finds it when this one was killed.
    pub(crate) fn after_kill(&self) -> Self {
        let world = self.world();
        let mut inodes = world.inodes.clone();
        inodes.values_mut().for_each(|i| i.is_locked = false);
        let after = World {
            inodes,
            names: world.names.clone(),
            durable: world.durable.clone(),
            changes: world.changes.clone(),
            dirs: world.dirs.clone(),
            next_inode: world.next_inode,
            forget: world.forget.clone(),
            ..World::default()
        };
        Self(Arc::new(Mutex::new(after)))
    }

    /// Whether it is to be done; an error if it fails.
    fn op(&self, op: Op, path: &Path) -> io::Result<bool> {
        let mut world = self.world();
        if world.is_off || world.cut_at.is_some_and(|at| world.count >= at) {
            world.is_off = true;
            return Err(io::Error::other("the power is gone"));
        }
        world.count += 1;
        let n = world.reached.entry(op).or_default();
        *n += 1;
        let n = *n;
        if world.fail == Some((op, n)) {
            let kind =
                if op == Op::Write || op == Op::Create { ErrorKind::StorageFull } else { ErrorKind::Other };
            return Err(io::Error::new(kind, format!("the test lets {op:?} {n} fail")));
        }
        let name = path.to_string_lossy();
        Ok(!world.forget.iter().any(|(o, ending)| *o == op && name.ends_with(ending)))
    }
}

fn apply(names: &mut BTreeMap<PathBuf, u64>, change: &Change) {
    match change {
        Change::Link(path, id) => {
            names.insert(path.clone(), *id);
        }
        Change::Rename(from, to, id) => {
            names.remove(from);
            names.insert(to.clone(), *id);
        }
        Change::Unlink(path) => {
            names.remove(path);
        }
    }
}

impl Inode {
    fn after_power_loss(&self, random: &mut Random) -> Vec<u8> {
        let mut bytes = self.synced.clone();
        if let Some(cut) = self.cut.filter(|_| random.below(2) == 0) {
            bytes.truncate(cut);
        }
        // Often all of the last writes are gone, or none.
        let how = random.below(6);
        for (at, write) in &self.writes {
            let kept = match how {
                0 => 0,
                1 => write.len(),
                _ => match random.below(4) {
                    0 => 0,
                    1 => random.below(write.len() as u64 + 1) as usize,
                    _ => write.len(),
                },
            };
            if kept == 0 {
                continue;
            }
            let end = at + kept;
            if bytes.len() < end {
                bytes.resize(end, 0);
            }
            let with_holes = how > 1 && random.below(4) == 0;
            let mut from = 0;
            while from < kept {
                let page = (PAGE - (at + from) % PAGE).min(kept - from);
                if !with_holes || random.below(3) > 0 {
                    bytes[at + from..at + from + page].copy_from_slice(&write[from..from + page]);
                }
                from += page;
            }
        }
        bytes
    }
}

impl Storage for SimDisk {
    fn open(&self, path: &Path, create: Option<u32>) -> io::Result<Box<dyn StoredFile>> {
        self.op(if create.is_some() { Op::Create } else { Op::Open }, path)?;
        let mut world = self.world();
        let id = match (world.names.get(path).copied(), create) {
            (Some(_), Some(_)) => return Err(ErrorKind::AlreadyExists.into()),
            (None, None) => return Err(ErrorKind::NotFound.into()),
            (Some(id), None) => id,
            (None, Some(_)) => {
                world.next_inode += 1;
                let id = world.next_inode;
                world.inodes.insert(id, Inode::default());
                world.names.insert(path.to_owned(), id);
                world.changes.push(Change::Link(path.to_owned(), id));
                id
            }
        };
        let inode = world.inodes.get_mut(&id).unwrap();
        if std::mem::replace(&mut inode.is_locked, true) {
            return Err(ErrorKind::ResourceBusy.into());
        }
        Ok(Box::new(SimFile { disk: self.clone(), path: path.to_owned(), id, is_writer: true }))
    }

    fn open_to_read(&self, path: &Path) -> io::Result<Box<dyn StoredFile>> {
        self.op(Op::OpenToRead, path)?;
        let id = self.world().names.get(path).copied().ok_or(ErrorKind::NotFound)?;
        Ok(Box::new(SimFile { disk: self.clone(), path: path.to_owned(), id, is_writer: false }))
    }

    fn create_dirs(&self, path: &Path, _mode: u32) -> io::Result<()> {
        self.world().dirs.push(path.to_owned());
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.op(Op::Rename, from)?;
        if self.world().names.contains_key(to) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        self.moved(from, to)
    }

    fn replace(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.op(Op::Replace, from)?;
        self.moved(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.op(Op::Remove, path)?;
        let mut world = self.world();
        world.names.remove(path).ok_or(ErrorKind::NotFound)?;
        world.changes.push(Change::Unlink(path.to_owned()));
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<OsString>> {
        self.op(Op::List, dir)?;
        let world = self.world();
        if !world.dirs.iter().any(|d| d == dir) {
            return Err(ErrorKind::NotFound.into());
        }
        let inside = world.names.keys().filter(|p| p.parent() == Some(dir));
        Ok(inside.filter_map(|p| p.file_name()).map(Into::into).collect())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        if self.op(Op::SyncDir, dir)? {
            let mut world = self.world();
            world.changes.clear();
            world.durable = world.names.clone();
        }
        Ok(())
    }
}

impl SimDisk {
    fn moved(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut world = self.world();
        let id = world.names.remove(from).ok_or(ErrorKind::NotFound)?;
        world.names.insert(to.to_owned(), id);
        world.changes.push(Change::Rename(from.to_owned(), to.to_owned(), id));
        Ok(())
    }
}

struct SimFile {
    disk: SimDisk,
    path: PathBuf,
    id: u64,
    is_writer: bool,
}

impl SimFile {
    fn inode<R>(&self, look: impl FnOnce(&mut Inode) -> R) -> R {
        look(self.disk.world().inodes.get_mut(&self.id).unwrap())
    }
}

impl StoredFile for SimFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let result = self.disk.op(Op::Write, &self.path);
        // A write that fails, or in which the power goes, may have been done in part.
        let done = if result.is_ok() { bytes.len() } else { bytes.len() / 2 };
        if !self.disk.is_off() || result.is_err() {
            self.inode(|inode| {
                inode.writes.push((inode.content.len(), bytes[..done].to_vec()));
                inode.content.extend_from_slice(&bytes[..done]);
            });
        }
        result.map(|_| done)
    }

    /// One call to the file system.
    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        self.write(&parts.iter().flat_map(|part| part.iter().copied()).collect::<Vec<u8>>())
    }

    fn sync(&mut self) -> io::Result<()> {
        match self.disk.op(Op::Sync, &self.path) {
            Ok(true) => self.inode(|inode| {
                if inode.is_poisoned {
                    return;
                }
                inode.synced = inode.content.clone();
                inode.writes.clear();
                inode.cut = None;
            }),
            Ok(false) => {}
            Err(e) => {
                self.inode(|inode| inode.is_poisoned = true);
                return Err(e);
            }
        }
        Ok(())
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.disk.op(Op::Truncate, &self.path)?;
        self.inode(|inode| {
            let len = len as usize;
            inode.content.truncate(len);
            inode.cut = Some(inode.cut.unwrap_or(usize::MAX).min(len));
        });
        Ok(())
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.inode(|inode| inode.content.len() as u64))
    }

    fn modified(&self) -> io::Result<Timestamp> {
        Ok(Timestamp::EPOCH)
    }

    fn read_at(&mut self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        self.disk.op(Op::Read, &self.path)?;
        Ok(self.inode(|inode| {
            let there = inode.content.get(offset as usize..).unwrap_or_default();
            let n = there.len().min(bytes.len());
            bytes[..n].copy_from_slice(&there[..n]);
            n
        }))
    }

    fn is_at(&self, path: &Path) -> io::Result<bool> {
        Ok(self.disk.world().names.get(path) == Some(&self.id))
    }
}

impl Drop for SimFile {
    fn drop(&mut self) {
        if self.is_writer
            && let Some(inode) = self.disk.world().inodes.get_mut(&self.id)
        {
            inode.is_locked = false;
        }
    }
}
