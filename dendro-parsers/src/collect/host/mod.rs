//! The Linux host: CPU, memory, disks, network, processes, pressure, and the limits of the own cgroup.
//!
//! Read from `/proc` and `/sys` as the kernel's documentation (`filesystems/proc`, `admin-guide/iostats`,
//! `admin-guide/cgroup-v2`, `accounting/psi`) and proc(5) describe them, Linux 4.18 to 6.x. Counters are the kernel's own,
//! since the start of the host or since the device came; a device that is gone has no event any more.
//!
//! | group | events | source |
//! |---|---|---|
//! | [`Cpu`](Group::Cpu) | `host_cpu`, one a CPU | `/proc/stat` |
//! | [`System`](Group::System) | `host_system` | `/proc/stat`, `loadavg`, `uptime` |
//! | [`Memory`](Group::Memory) | `host_memory`, `host_paging` | `/proc/meminfo`, `vmstat` |
//! | [`Filesystem`](Group::Filesystem) | `host_filesystem`, one a mount point | `/proc/self/mountinfo`, `statvfs` |
//! | [`Disk`](Group::Disk) | `host_disk`, one a device | `/proc/diskstats` |
//! | [`Network`](Group::Network) | `host_network`, one an interface | `/proc/net/dev`, `/sys/class/net` |
//! | [`Processes`](Group::Processes) | `host_processes`, and `host_program`, one a name | `/proc/[pid]/stat` |
//! | [`Pressure`](Group::Pressure) | `host_pressure`, one a resource | `/proc/pressure` |
//! | [`Cgroup`](Group::Cgroup) | `host_cgroup`, `host_cgroup_io`, `host_pressure` | `/sys/fs/cgroup` |
//!
//! # In a container
//! What `/proc` says of CPU, memory, disks and pressure is the whole host's; network, processes and mounts are the
//! container's, and so are the limits in `host_cgroup`. To watch the host from a container, mount its file system (with
//! `-v /:/host:ro`) and call [`at`](HostCollector::at).

mod cgroup;
mod cpu;
mod disk;
mod files;
mod filesystem;
mod filter;
mod memory;
mod network;
mod pressure;
mod processes;
mod sample;

pub use filter::Filter;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use dendro_core::Schema;
use tokio::task::JoinHandle;

use super::{CollectError, Collector, Scrape};
use files::Files;
use processes::Before;
use sample::Sample;

/// What can be looked at; see the [module](self).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Group {
    /// Time by CPU and mode.
    Cpu,
    /// Load, uptime, context switches.
    System,
    /// Memory, swap, paging.
    Memory,
    /// How full file systems are.
    Filesystem,
    /// Input and output by device.
    Disk,
    /// Traffic by interface.
    Network,
    /// Processes by state, and those that use most.
    Processes,
    /// How long tasks wait for CPU, memory and disks.
    Pressure,
    /// Limits and usage of cgroups.
    Cgroup,
}

impl Group {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Cpu,
        Self::System,
        Self::Memory,
        Self::Filesystem,
        Self::Disk,
        Self::Network,
        Self::Processes,
        Self::Pressure,
        Self::Cgroup,
    ];
}

/// Looks at the host; see the [module](self).
///
/// ```
/// use std::time::Duration;
///
/// use dendro_parsers::collect::CollectSource;
/// use dendro_parsers::collect::host::{Filter, Group, HostCollector};
///
/// let host = HostCollector::new()
///     .without(&[Group::Processes])
///     .interfaces(Filter::new(&["eth*", "en*"], &[])?);
/// let source = CollectSource::new(host, Duration::from_secs(10));
/// # let _ = source;
/// # Ok::<(), dendro_parsers::collect::CollectError>(())
/// ```
#[derive(Debug)]
#[must_use]
pub struct HostCollector {
    settings: Arc<Settings>,
    before: Before,
    /// The look that is under way. It may take longer than the source waits, and there is never a second one.
    busy: Option<JoinHandle<(Sample, Before)>>,
}

#[derive(Clone, Debug)]
struct Settings {
    files: Files,
    groups: Vec<Group>,
    per_core: bool,
    mounts: Filter,
    fstypes: Filter,
    devices: Filter,
    partitions: bool,
    interfaces: Filter,
    cgroups: Option<Filter>,
    top: usize,
}

impl HostCollector {
    /// Looks at this host, at all groups.
    pub fn new() -> Self {
        let settings = Settings {
            files: Files::own(),
            groups: Group::ALL.to_vec(),
            per_core: true,
            mounts: Filter::without(filesystem::NO_MOUNTS),
            fstypes: Filter::without(filesystem::NO_STORAGE),
            devices: Filter::without(disk::NO_DISKS),
            partitions: false,
            interfaces: Filter::without(network::NO_INTERFACES),
            cgroups: None,
            top: 0,
        };
        Self { settings: Arc::new(settings), before: Before::default(), busy: None }
    }

    /// Looks at the host whose root is mounted here: at `proc` and `sys` below it, and at the mount points and interfaces
    /// of its first process.
    pub fn at(self, root: impl AsRef<Path>) -> Self {
        let root = root.as_ref();
        self.folders(root.join("proc"), root.join("sys"), root)
    }

    /// Looks into these folders instead of `/proc`, `/sys` and `/`.
    pub fn folders(
        self,
        proc: impl Into<PathBuf>,
        sys: impl Into<PathBuf>,
        root: impl Into<PathBuf>,
    ) -> Self {
        let files = Files { proc: proc.into(), sys: sys.into(), root: root.into(), foreign: true };
        self.with(|set| set.files = files)
    }

    /// Looks at these groups alone.
    pub fn only(self, groups: &[Group]) -> Self {
        self.with(|set| set.groups = Group::ALL.into_iter().filter(|group| groups.contains(group)).collect())
    }

    /// Leaves these groups out.
    pub fn without(self, groups: &[Group]) -> Self {
        self.with(|set| set.groups.retain(|group| !groups.contains(group)))
    }

    /// Whether each CPU has an event of its own, as it has unless told; if not, there is one for all, without a number.
    pub fn per_core(self, per_core: bool) -> Self {
        self.with(|set| set.per_core = per_core)
    }

    /// Which mount points are looked at: unless told, all but those below `/dev`, `/proc`, `/sys` and of container runtimes.
    pub fn mounts(self, filter: Filter) -> Self {
        self.with(|set| set.mounts = filter)
    }

    /// Which types of file systems are looked at: unless told, all that are storage of this machine. One of another machine
    /// that does not answer holds up all scrapes until it does.
    pub fn fstypes(self, filter: Filter) -> Self {
        self.with(|set| set.fstypes = filter)
    }

    /// Which block devices are looked at: unless told, all but loop devices, memory disks, floppy and CD drives.
    pub fn devices(self, filter: Filter) -> Self {
        self.with(|set| set.devices = filter)
    }

    /// Whether partitions are block devices too, as they are not unless told.
    pub fn partitions(self, partitions: bool) -> Self {
        self.with(|set| set.partitions = partitions)
    }

    /// Which interfaces are looked at: unless told, all but those that container runtimes make for each container.
    pub fn interfaces(self, filter: Filter) -> Self {
        self.with(|set| set.interfaces = filter)
    }

    /// Looks also at other cgroups than the own one, by their path, as in `/system.slice/*`.
    pub fn cgroups(self, filter: Filter) -> Self {
        self.with(|set| set.cgroups = Some(filter))
    }

    /// Tells of the programs, by name, that use most CPU time, and of as many that use most memory; none unless told.
    pub fn top_programs(self, top: usize) -> Self {
        self.with(|set| set.top = top)
    }

    fn with(mut self, set: impl FnOnce(&mut Settings)) -> Self {
        set(Arc::make_mut(&mut self.settings));
        self
    }
}

impl Default for HostCollector {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Collector for HostCollector {
    fn name(&self) -> &str {
        "host"
    }

    fn schemas(&self) -> Vec<Arc<Schema>> {
        let of = |group: &Group| match group {
            Group::Cpu => vec![&*cpu::CPU_SCHEMA],
            Group::System => vec![&*cpu::SYSTEM_SCHEMA],
            Group::Memory => vec![&*memory::MEMORY_SCHEMA, &*memory::PAGING_SCHEMA],
            Group::Filesystem => vec![&*filesystem::SCHEMA],
            Group::Disk => vec![&*disk::SCHEMA],
            Group::Network => vec![&*network::SCHEMA],
            Group::Processes => vec![&*processes::SCHEMA, &*processes::PROGRAM_SCHEMA],
            Group::Pressure => vec![&*pressure::SCHEMA],
            Group::Cgroup => vec![&*cgroup::SCHEMA, &*cgroup::IO_SCHEMA, &*pressure::SCHEMA],
        };
        let mut schemas: Vec<Arc<Schema>> = Vec::new();
        for schema in self.settings.groups.iter().flat_map(of) {
            if !schemas.iter().any(|known| Arc::ptr_eq(known, schema)) {
                schemas.push(schema.clone());
            }
        }
        schemas
    }

    async fn collect(&mut self, scrape: &mut Scrape) -> Result<(), CollectError> {
        if let Some(busy) = &mut self.busy {
            if !busy.is_finished() {
                return Err(CollectError::new("the last look has not ended: a file system may not answer"));
            }
            // What it saw is not how it is now.
            self.before = busy.await.map(|(_, before)| before).unwrap_or_default();
        }
        let (settings, before) = (self.settings.clone(), std::mem::take(&mut self.before));
        let looked = self.busy.insert(tokio::task::spawn_blocking(move || settings.look(before))).await;
        self.busy = None;
        let (sample, before) =
            looked.map_err(|error| CollectError::new("looking at the host failed").with_source(error))?;
        self.before = before;
        for (subject, message) in &sample.warnings {
            scrape.warn(subject, message);
        }
        if sample.events.is_empty() && !self.settings.groups.is_empty() {
            let proc = self.settings.files.proc.display();
            return Err(CollectError::new(format!("nothing could be read: is {proc} a proc file system?")));
        }
        sample.events.iter().try_for_each(|event| {
            scrape.event(&event.schema, |to| {
                event.fields.iter().try_for_each(|(name, value)| to.insert(name, value))
            })
        })
    }
}

impl Settings {
    fn look(&self, mut before: Before) -> (Sample, Before) {
        let mut sample = Sample::default();
        for group in &self.groups {
            let (files, sample) = (&self.files, &mut sample);
            match group {
                Group::Cpu => cpu::cpu(files, self.per_core, sample),
                Group::System => cpu::system(files, sample),
                Group::Memory => {
                    memory::memory(files, sample);
                    memory::paging(files, sample);
                }
                Group::Filesystem => filesystem::filesystems(files, &self.mounts, &self.fstypes, sample),
                Group::Disk => disk::disks(files, &self.devices, self.partitions, sample),
                Group::Network => network::network(files, &self.interfaces, sample),
                Group::Processes => processes::count(files, self.top, &mut before, sample),
                Group::Pressure => pressure::host(files, sample),
                Group::Cgroup => cgroup::cgroups(files, self.cgroups.as_ref(), sample),
            }
        }
        (sample, before)
    }
}
