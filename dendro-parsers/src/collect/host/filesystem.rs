//! How full file systems are: `/proc/self/mountinfo` and `statvfs`.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::sync::{Arc, LazyLock};

use dendro_core::Schema;
use rustix::fs::{StatVfsMountFlags, statvfs};

use super::super::table::{Measure, Reads, dimension, gauge, schema};
use super::files::Files;
use super::filter::Filter;
use super::sample::Sample;

const FIELDS: &[Measure] = &[
    dimension("device", "What is mounted.").otel("system.device"),
    dimension("mountpoint", "Where.").otel("system.filesystem.mountpoint"),
    dimension("fstype", "The type of the file system.").otel("system.filesystem.type"),
    gauge("size", "By", "All there is.").otel("system.filesystem.limit"),
    gauge("used", "By", "What files take.").otel("system.filesystem.usage"),
    gauge("free", "By", "What no file takes, that which is kept for root included.")
        .otel("system.filesystem.usage"),
    gauge("available", "By", "What is there for users other than root."),
    gauge("inodes", "{inode}", "Files that it can hold; 0 if that has no limit."),
    gauge("inodes_free", "{inode}", "Files that can still be added."),
    dimension("read_only", "Whether it is mounted read-only.")
        .reads(Reads::Bool)
        .otel("system.filesystem.mode"),
];

pub(super) static SCHEMA: LazyLock<Arc<Schema>> =
    LazyLock::new(|| schema("host_filesystem", "How full one mounted file system is.", &[FIELDS]).into());

/// Those that are no storage, and those of other machines, where asking may take forever.
pub(super) const NO_STORAGE: &[&str] = &[
    "9p",
    "afs",
    "autofs",
    "beegfs",
    "binfmt_misc",
    "bpf",
    "ceph",
    "cgroup",
    "cgroup2",
    "cifs",
    "configfs",
    "debugfs",
    "devpts",
    "devtmpfs",
    "efivarfs",
    "erofs",
    "fuse.*",
    "fusectl",
    "gfs2",
    "glusterfs",
    "hugetlbfs",
    "iso9660",
    "lustre",
    "mqueue",
    "ncpfs",
    "nfs",
    "nfs4",
    "nsfs",
    "ocfs2",
    "proc",
    "pstore",
    "ramfs",
    "rpc_pipefs",
    "securityfs",
    "selinuxfs",
    "smb3",
    "smbfs",
    "squashfs",
    "sysfs",
    "tracefs",
    "virtiofs",
];

/// Those that container runtimes make for each container, and the like.
pub(super) const NO_MOUNTS: &[&str] = &[
    "/dev/**",
    "/proc/**",
    "/sys/**",
    "/run/credentials/**",
    "/run/docker/**",
    "/run/netns/**",
    "/run/user/**",
    "/run/containerd/**",
    "/var/lib/docker/**",
    "/var/lib/containers/**",
    "/var/lib/containerd/**",
    "/var/lib/kubelet/**",
];

pub(super) fn filesystems(files: &Files, mounts: &Filter, fstypes: &Filter, sample: &mut Sample) {
    let Some(mountinfo) = files.proc_of_namespace("mountinfo", sample) else { return };
    // A later mount at the same place hides the one before.
    let visible: BTreeMap<Vec<u8>, Mount<'_>> =
        mountinfo.lines().filter_map(Mount::parse).map(|mount| (mount.point.clone(), mount)).collect();
    for (point, mount) in visible {
        let name = String::from_utf8_lossy(&point).into_owned();
        if !fstypes.matches(mount.fstype) || !mounts.matches(&name) {
            continue;
        }
        let below = point.strip_prefix(b"/").unwrap_or(&point);
        let path = files.root.join(OsStr::from_bytes(below));
        let stat = match statvfs(&path) {
            Ok(stat) => stat,
            Err(error) => {
                let error = std::io::Error::from(error);
                sample.warn(&name, format!("the file system at {} can't be asked: {error}", path.display()));
                continue;
            }
        };
        if stat.f_blocks == 0 {
            continue;
        }
        let bytes = |blocks: u64| blocks.saturating_mul(stat.f_frsize);
        sample
            .event(&SCHEMA)
            .set("device", String::from_utf8_lossy(&mount.device).into_owned())
            .set("mountpoint", name)
            .set("fstype", mount.fstype)
            .set("size", bytes(stat.f_blocks))
            .set("used", bytes(stat.f_blocks.saturating_sub(stat.f_bfree)))
            .set("free", bytes(stat.f_bfree))
            .set("available", bytes(stat.f_bavail))
            .set("inodes", stat.f_files)
            .set("inodes_free", stat.f_ffree)
            .set("read_only", stat.f_flag.contains(StatVfsMountFlags::RDONLY));
    }
}

struct Mount<'a> {
    point: Vec<u8>,
    device: Vec<u8>,
    fstype: &'a str,
}

impl<'a> Mount<'a> {
    /// `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw`: see proc(5).
    fn parse(line: &'a str) -> Option<Self> {
        let (mount, source) = line.split_once(" - ")?;
        let point = mount.split(' ').nth(4)?;
        let mut source = source.split(' ');
        Some(Self { point: unescape(point), fstype: source.next()?, device: unescape(source.next()?) })
    }
}

/// Space, tab, newline and backslash stand as a backslash and three octal digits.
fn unescape(text: &str) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (first, tail) {
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', tail @ ..]) => {
                plain.push((a - b'0') * 64 + (b - b'0') * 8 + (c - b'0'));
                rest = tail;
            }
            _ => plain.push(*first),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_mountinfo_is_read_with_its_escapes_and_optional_fields() {
        let line = r"41 27 8:17 / /srv/my\040disk\134x rw shared:5 master:2 - ext4 /dev/sdb1 rw,discard";
        let mount = Mount::parse(line).map(|m| (m.point, m.fstype, m.device));
        assert_eq!(mount, Some((br"/srv/my disk\x".to_vec(), "ext4", b"/dev/sdb1".to_vec())));
        assert!(Mount::parse("41 27 8:17 / /srv rw").is_none());
        assert_eq!(unescape(r"\9\04"), br"\9\04");
    }
}
