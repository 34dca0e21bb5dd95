//! The host's figures, from trees of files as the kernel writes them, and from the machine that the tests run on.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::collect_support::{self, Asked, check_schemas, number, text};
use dendro_core::{Event, Source, Value};
use dendro_parsers::collect::CollectSource;
use dendro_parsers::collect::host::{Filter, Group, HostCollector};
use dendro_test::conformance::{Pace, SourceFixture};
use dendro_test::source_conformance;
use tempfile::TempDir;

/// A root with files in it.
struct Tree(TempDir);

impl Tree {
    fn new(files: &[(&str, &str)]) -> Self {
        let tree = Self(tempfile::tempdir().unwrap());
        fs::create_dir_all(tree.0.path().join("proc")).unwrap();
        files.iter().for_each(|(file, text)| tree.write(file, text));
        tree
    }

    fn write(&self, file: &str, text: &str) {
        let path = self.0.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn remove(&self, file: &str) {
        fs::remove_file(self.0.path().join(file)).unwrap();
    }

    fn collector(&self, groups: &[Group]) -> HostCollector {
        HostCollector::new().at(self.0.path()).only(groups)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

const STAT: &str = "\
cpu  300 20 50 4000 7 0 3 1 0 0
cpu0 100 10 25 2000 7 0 2 1 0 0
cpu1 200 10 25 2000 0 0 1 0 0 0
intr 123456 9 0 0 1
ctxt 987654
btime 1700000000
processes 4321
procs_running 3
procs_blocked 1
softirq 5555 0 1 2
";

#[tokio::test]
async fn cpu_time_is_told_for_each_core_and_mode() {
    let tree = Tree::new(&[("proc/stat", STAT)]);
    let scraped = Asked::often(tree.collector(&[Group::Cpu])).scrape().await;
    assert_eq!(scraped.of("host_cpu").len(), 2);
    let second = scraped.with("host_cpu", "cpu", 1u64);
    assert_eq!(second.get("user"), Some(&Value::from(Duration::from_secs(2))));
    assert_eq!((number(second, "idle"), number(second, "softirq")), (20.0, 0.01));
    assert!(scraped.is_up());

    let scraped = Asked::often(tree.collector(&[Group::Cpu]).per_core(false)).scrape().await;
    let all = scraped.one("host_cpu");
    assert_eq!((all.get("cpu"), number(all, "user")), (None, 3.0));
}

#[tokio::test]
async fn modes_that_an_old_kernel_does_not_have_are_missing() {
    let tree = Tree::new(&[("proc/stat", "cpu0 1 2 3 4\n")]);
    let scraped = Asked::often(tree.collector(&[Group::Cpu])).scrape().await;
    let cpu = scraped.one("host_cpu");
    assert_eq!((number(cpu, "idle"), cpu.get("iowait")), (0.04, None));
}

#[tokio::test]
async fn load_uptime_and_counts_of_the_kernel_are_one_event() {
    let tree = Tree::new(&[
        ("proc/stat", STAT),
        ("proc/loadavg", "0.50 1.25 2.00 3/456 7890\n"),
        ("proc/uptime", "1234.56 9999.00\n"),
    ]);
    let scraped = Asked::often(tree.collector(&[Group::System])).scrape().await;
    let system = scraped.one("host_system");
    let loads = ["load1", "load5", "load15"].map(|name| number(system, name));
    assert_eq!(loads, [0.5, 1.25, 2.0]);
    assert_eq!(
        (number(system, "threads"), number(system, "cpus"), number(system, "uptime")),
        (456.0, 2.0, 1234.56)
    );
    assert_eq!(number(system, "context_switches"), 987_654.0);
    assert_eq!((number(system, "interrupts"), number(system, "forks")), (123_456.0, 4_321.0));
    let Some(Value::Timestamp(boot)) = system.get("boot_time") else { panic!("{system:?}") };
    assert_eq!(boot.to_string(), "2023-11-14T22:13:20.000000000Z");
}

#[tokio::test]
async fn memory_is_in_bytes_and_huge_pages_are_counted() {
    let meminfo = "MemTotal:       16384000 kB\nMemAvailable:    8192000 kB\nActive(anon):     100 kB\n\
                   SwapTotal:       1024 kB\nHugePages_Total:       5\nSomethingNew:   7 kB\n";
    let tree =
        Tree::new(&[("proc/meminfo", meminfo), ("proc/vmstat", "pgpgin 10\npswpout 3\nnr_free_pages 5\n")]);
    let scraped = Asked::often(tree.collector(&[Group::Memory])).scrape().await;
    let memory = scraped.one("host_memory");
    assert_eq!(memory.get("mem_total"), Some(&Value::U64(16_384_000 * 1_024)));
    assert_eq!((number(memory, "active_anon"), number(memory, "hugepages_total")), (102_400.0, 5.0));
    assert_eq!(memory.get("swap_total"), Some(&Value::U64(1_048_576)));
    let paging = scraped.one("host_paging");
    assert_eq!((number(paging, "paged_in"), number(paging, "pswpout")), (10_240.0, 3.0));
}

#[tokio::test]
async fn file_systems_are_asked_at_their_mount_points_and_pseudo_and_remote_ones_are_not() {
    let tree =
        Tree::new(&[("proc/self/mountinfo", ""), ("data/my disk/x", ""), ("nfs/x", ""), ("run/lock/x", "")]);
    let mountinfo = "\
21 1 8:1 / / rw - ext4 /dev/sda1 rw
22 21 0:5 / /proc rw - proc proc rw
23 21 8:2 / /data/my\\040disk rw shared:1 - xfs /dev/sdb1 rw
24 21 0:9 / /nfs rw - nfs4 server:/x rw
25 21 0:10 / /run/lock rw - tmpfs first rw
26 25 0:11 / /run/lock rw - tmpfs second rw
27 21 8:3 / /gone rw - ext4 /dev/sdc1 rw
28 21 0:12 / /var/lib/docker/overlay2/0a/merged rw - overlay overlay rw
";
    tree.write("proc/1/mountinfo", mountinfo);
    let asked = Asked::often(tree.collector(&[Group::Filesystem]));
    let scraped = asked.scrape().await;
    let points: Vec<&str> =
        scraped.of("host_filesystem").iter().map(|event| text(event, "mountpoint")).collect();
    assert_eq!(points, ["/", "/data/my disk", "/run/lock"]);
    let disk = scraped.with("host_filesystem", "mountpoint", "/data/my disk");
    assert_eq!((text(disk, "device"), text(disk, "fstype")), ("/dev/sdb1", "xfs"));
    assert_eq!(number(disk, "used") + number(disk, "free"), number(disk, "size"));
    assert!(number(disk, "size") > 0.0);
    assert_eq!(text(scraped.with("host_filesystem", "mountpoint", "/run/lock"), "device"), "second");
    asked.scrape().await;
    let told: Vec<String> = asked.harness.problems().into_iter().map(|p| p.message).collect();
    assert_eq!(told.len(), 1, "once: {told:?}");
    assert!(told[0].contains("/gone can't be asked: No such file"), "{told:?}");

    let only_data = tree.collector(&[Group::Filesystem]).mounts(Filter::new(&["/data/*"], &[]).unwrap());
    let scraped = Asked::often(only_data).scrape().await;
    assert_eq!(scraped.of("host_filesystem").len(), 1);
}

const DISKSTATS: &str = "\
   7       0 loop0 1 0 1 1 0 0 0 0 0 1 1
 259       0 nvme0n1 100 5 2000 30 200 6 4000 60 2 70 90 1 0 8 2 9 3
 259       1 nvme0n1p1 90 5 1800 30 200 6 4000 60 0 70 90 1 0 8 2 9 3
   8       0 sda 1 2 3 4 5 6 7 8 9 10 11
";

#[tokio::test]
async fn disks_are_told_without_partitions_and_loop_devices_unless_asked_for() {
    let tree = Tree::new(&[("proc/diskstats", DISKSTATS), ("sys/class/block/nvme0n1p1/partition", "1\n")]);
    let asked = Asked::often(tree.collector(&[Group::Disk]));
    let scraped = asked.scrape().await;
    assert_eq!(scraped.of("host_disk").len(), 2);
    let nvme = scraped.with("host_disk", "device", "nvme0n1");
    assert_eq!((number(nvme, "read_bytes"), number(nvme, "write_bytes")), (1_024_000.0, 2_048_000.0));
    assert_eq!((number(nvme, "read_time"), number(nvme, "io_time")), (0.03, 0.07));
    assert_eq!((number(nvme, "in_flight"), number(nvme, "flush_ios")), (2.0, 9.0));
    assert_eq!(scraped.with("host_disk", "device", "sda").get("discard_ios"), None);

    tree.write("proc/diskstats", "   8       0 sda 0 0 0 0 0 0 0 0 0 0 0\n");
    let mut scraped = asked.scrape().await;
    while scraped.of("host_disk").len() == 2 {
        scraped = asked.scrape().await;
    }
    assert_eq!(number(scraped.one("host_disk"), "read_ios"), 0.0, "begun anew, as the kernel says");
    assert!(asked.harness.problems().is_empty(), "a device may go");

    tree.write("proc/diskstats", DISKSTATS);
    let all = tree.collector(&[Group::Disk]).partitions(true).devices(Filter::all());
    assert_eq!(Asked::often(all).scrape().await.of("host_disk").len(), 4);
}

const NET_DEV: &str = "\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 10 1 0 0 0 0 0 0 10 1 0 0 0 0 0 0
  eth0:1000 20 1 2 3 4 5 6 7000 80 9 10 11 12 13 14
eth0:1: 5 1 0 0 0 0 0 0 5 1 0 0 0 0 0 0
vetha1b2: 5 1 0 0 0 0 0 0 5 1 0 0 0 0 0 0
";

#[tokio::test]
async fn interfaces_tell_their_traffic_and_state() {
    let tree = Tree::new(&[
        ("proc/self/net/dev", "none of ours\n"),
        ("proc/1/net/dev", NET_DEV),
        ("sys/class/net/eth0/operstate", "up\n"),
        ("sys/class/net/eth0/speed", "1000\n"),
        ("sys/class/net/eth0/mtu", "1500\n"),
        ("sys/class/net/lo/speed", "-1\n"),
    ]);
    let scraped = Asked::often(tree.collector(&[Group::Network])).scrape().await;
    assert_eq!(scraped.of("host_network").len(), 3);
    let eth0 = scraped.with("host_network", "interface", "eth0");
    assert_eq!((number(eth0, "rx_bytes"), number(eth0, "tx_bytes")), (1_000.0, 7_000.0));
    assert_eq!((number(eth0, "multicast"), number(eth0, "collisions")), (6.0, 12.0));
    assert_eq!(
        (text(eth0, "operstate"), number(eth0, "speed"), number(eth0, "mtu")),
        ("up", 1_000.0, 1_500.0)
    );
    assert_eq!(scraped.with("host_network", "interface", "lo").get("speed"), None);
    scraped.with("host_network", "interface", "eth0:1");
}

fn stat(pid: u32, name: &str, state: char, ticks: u64, start: u64, rss: u64) -> String {
    format!(
        "{pid} ({name}) {state} 1 1 1 0 -1 4194560 1 2 3 4 {ticks} 0 0 0 20 0 3 0 {start} 4096 {rss} 18446744073709551615\n"
    )
}

#[tokio::test]
async fn processes_are_counted_by_state_whatever_their_names() {
    let tree = Tree::new(&[
        ("proc/1/stat", &stat(1, "init", 'S', 5, 1, 1)),
        ("proc/20/stat", &stat(20, "a (b) R 1", 'R', 5, 1, 1)),
        ("proc/21/stat", &stat(21, "dead", 'Z', 5, 1, 1)),
        ("proc/22/stat", &stat(22, "new", 'P', 5, 1, 1)),
        ("proc/23/stat", "no such thing"),
        ("proc/24/cmdline", "gone"),
        ("proc/fb/stat", "0 fb\n"),
    ]);
    let scraped = Asked::often(tree.collector(&[Group::Processes])).scrape().await;
    let counts = scraped.one("host_processes");
    let by_state = ["sleeping", "running", "zombie", "other", "disk_sleep", "processes", "threads"];
    assert_eq!(by_state.map(|name| number(counts, name)), [1.0, 1.0, 1.0, 1.0, 0.0, 4.0, 12.0]);
    assert!(scraped.of("host_program").is_empty());
}

#[tokio::test]
async fn programs_that_use_most_are_told_by_name() {
    let tree = Tree::new(&[
        ("proc/10/stat", &stat(10, "busy", 'R', 1_000, 1, 10)),
        ("proc/11/stat", &stat(11, "busy", 'R', 2_000, 1, 10)),
        ("proc/12/stat", &stat(12, "large", 'S', 0, 1, 5_000)),
        ("proc/13/stat", &stat(13, "neither", 'S', 1, 1, 1)),
    ]);
    let asked = Asked::often(tree.collector(&[Group::Processes]).top_programs(1));
    let first = asked.scrape().await;
    assert_eq!(first.of("host_program").len(), 2);
    let busy = first.with("host_program", "name", "busy");
    assert_eq!((number(busy, "processes"), number(busy, "threads"), busy.get("cpu_usage")), (2.0, 6.0, None));
    assert!(number(first.with("host_program", "name", "large"), "rss") >= 5_000.0 * 4_096.0);

    // The same id, and another process: it has used 50 ticks since it began.
    tree.write("proc/12/stat", &stat(12, "fresh", 'R', 50, 99, 1));
    let mut next = asked.scrape().await;
    while next.of("host_program").iter().all(|event| event.get("name") != Some(&Value::from("fresh"))) {
        next = asked.scrape().await;
    }
    let usage = |event: &Event| number(event, "cpu_usage");
    assert!(usage(next.with("host_program", "name", "fresh")) > 0.0);
}

#[tokio::test]
async fn pressure_is_told_by_resource() {
    let cpu = "some avg10=1.50 avg60=0.20 avg300=0.05 total=2500000\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n";
    let tree = Tree::new(&[
        ("proc/pressure/cpu", cpu),
        ("proc/pressure/memory", "some avg10=0.00 avg60=0.00 avg300=0.00 total=7\n"),
    ]);
    let asked = Asked::often(tree.collector(&[Group::Pressure]));
    let scraped = asked.scrape().await;
    let cpu = scraped.with("host_pressure", "resource", "cpu");
    assert_eq!(
        (number(cpu, "some_avg10"), number(cpu, "some_total"), number(cpu, "full_total")),
        (1.5, 2.5, 0.0)
    );
    assert_eq!(cpu.get("cgroup"), None);
    assert_eq!(scraped.with("host_pressure", "resource", "memory").get("full_total"), None);
    assert!(asked.harness.problems().is_empty());
}

fn cgroup_tree() -> Tree {
    Tree::new(&[
        ("proc/self/cgroup", "0::/system.slice/app.service\n"),
        ("sys/fs/cgroup/cgroup.controllers", "cpu io memory pids\n"),
        ("sys/fs/cgroup/system.slice/cpu.max", "150000 100000\n"),
        ("sys/fs/cgroup/system.slice/memory.max", "1000000\n"),
        ("sys/fs/cgroup/system.slice/app.service/cpu.max", "max 100000\n"),
        ("sys/fs/cgroup/system.slice/app.service/memory.max", "max\n"),
        ("sys/fs/cgroup/system.slice/app.service/memory.current", "4096\n"),
        ("sys/fs/cgroup/system.slice/app.service/pids.max", "99\n"),
        (
            "sys/fs/cgroup/system.slice/app.service/cpu.stat",
            "usage_usec 1500000\nnr_throttled 4\nthrottled_usec 10\n",
        ),
        ("sys/fs/cgroup/system.slice/app.service/memory.events", "low 0\nhigh 1\nmax 2\noom 3\noom_kill 4\n"),
        ("sys/fs/cgroup/system.slice/app.service/memory.stat", "anon 100\nfile 200\npgmajfault 3\n"),
        ("sys/fs/cgroup/system.slice/app.service/io.stat", "8:16 rbytes=10 wbytes=20 rios=1 wios=2\n8:0\n"),
        (
            "sys/fs/cgroup/system.slice/app.service/memory.pressure",
            "some avg10=0.10 avg60=0.00 avg300=0.00 total=7\n",
        ),
        ("sys/fs/cgroup/user.slice/memory.current", "5\n"),
    ])
}

#[tokio::test]
async fn the_own_cgroup_is_told_with_the_limits_that_really_hold() {
    let tree = cgroup_tree();
    let scraped = Asked::often(tree.collector(&[Group::Cgroup])).scrape().await;
    let own = scraped.one("host_cgroup");
    assert_eq!(text(own, "cgroup"), "/system.slice/app.service");
    assert_eq!((own.get("memory_max"), own.get("cpu_limit")), (None, None));
    assert_eq!((number(own, "memory_max_effective"), number(own, "cpu_limit_effective")), (1e6, 1.5));
    assert_eq!((number(own, "memory_current"), number(own, "pids_max")), (4_096.0, 99.0));
    assert_eq!((number(own, "cpu_usage"), number(own, "cpu_periods_throttled")), (1.5, 4.0));
    assert_eq!((number(own, "memory_events_oom_kill"), number(own, "memory_anon")), (4.0, 100.0));
    let io = scraped.with("host_cgroup_io", "device", "8:16");
    assert_eq!((number(io, "read_bytes"), number(io, "write_ios")), (10.0, 2.0));
    let pressure = scraped.one("host_pressure");
    assert_eq!(
        (text(pressure, "cgroup"), text(pressure, "resource")),
        ("/system.slice/app.service", "memory")
    );
}

#[tokio::test]
async fn inside_a_cgroup_namespace_the_root_is_the_own_one() {
    let tree = Tree::new(&[
        ("proc/self/cgroup", "1:name=systemd:/x\n0::/\n"),
        ("sys/fs/cgroup/unified/cgroup.controllers", "\n"),
        ("sys/fs/cgroup/unified/memory.max", "7\n"),
    ]);
    let scraped = Asked::often(tree.collector(&[Group::Cgroup])).scrape().await;
    let own = scraped.one("host_cgroup");
    assert_eq!((text(own, "cgroup"), number(own, "memory_max")), ("/", 7.0));
    // A path that leads out of the namespace, and one that is not mounted here.
    for path in ["/../../other", "/not/mounted"] {
        tree.write("proc/self/cgroup", &format!("0::{path}\n"));
        let scraped = Asked::often(tree.collector(&[Group::Cgroup])).scrape().await;
        assert_eq!(text(scraped.one("host_cgroup"), "cgroup"), "/");
    }
}

#[tokio::test]
async fn other_cgroups_are_told_by_choice() {
    let tree = cgroup_tree();
    let filter = Filter::new(&["/*.slice"], &[]).unwrap();
    let scraped = Asked::often(tree.collector(&[Group::Cgroup]).cgroups(filter)).scrape().await;
    let names: Vec<&str> = scraped.of("host_cgroup").iter().map(|event| text(event, "cgroup")).collect();
    assert_eq!(names, ["/system.slice/app.service", "/system.slice", "/user.slice"]);
}

#[tokio::test]
async fn what_cannot_be_read_is_told_once_and_the_rest_goes_on() {
    let tree = Tree::new(&[("proc/stat", STAT), ("proc/meminfo", "MemTotal: 1 kB\n")]);
    let asked = Asked::often(tree.collector(&Group::ALL));
    for _ in 0..3 {
        let scraped = asked.scrape().await;
        assert!(scraped.is_up());
        assert_eq!(scraped.of("host_cpu").len(), 2);
    }
    let told: Vec<String> = asked.harness.problems().into_iter().map(|p| p.message).collect();
    let loadavg = format!(
        "{}/proc/loadavg can't be read: No such file or directory (os error 2)",
        tree.path().display()
    );
    assert_eq!(told.iter().filter(|message| **message == loadavg).count(), 1, "{told:?}");
    assert!(told.iter().any(|message| message.contains("psi=1")), "{told:?}");
    assert!(told.iter().any(|message| message.contains("no cgroup file system of version 2")), "{told:?}");
}

#[tokio::test]
async fn where_nothing_can_be_read_the_host_is_not_up_and_comes_back() {
    let tree = Tree::new(&[]);
    let asked = Asked::often(tree.collector(&[Group::Cpu, Group::Memory]));
    let down = asked.until(false).await;
    assert!(down.error().starts_with("nothing could be read: is "), "{}", down.error());
    tree.write("proc/stat", STAT);
    assert_eq!(asked.until(true).await.of("host_cpu").len(), 2);
    tree.remove("proc/stat");
    asked.until(false).await;
}

#[tokio::test]
async fn hostile_files_do_no_harm() {
    let hostile = "cpu\ncpu0\ncpu0 -1 99999999999999999999 x\n::::\n=\n()\n some\nsome avg10= total=\n0::\n8:0 =\n\u{0}\n";
    let files = [
        "stat",
        "loadavg",
        "uptime",
        "meminfo",
        "vmstat",
        "self/mountinfo",
        "diskstats",
        "self/net/dev",
        "1/stat",
        "pressure/cpu",
        "self/cgroup",
    ];
    let tree = Tree::new(&[("sys/fs/cgroup/cgroup.controllers", "")]);
    for file in files {
        tree.write(&format!("proc/{file}"), hostile);
    }
    for file in ["cpu.max", "cpu.stat", "io.stat", "memory.stat", "memory.max", "cpu.pressure"] {
        tree.write(&format!("sys/fs/cgroup/{file}"), hostile);
    }
    fs::write(tree.path().join("proc/2"), b"\xff").unwrap();
    assert!(Asked::often(tree.collector(&Group::ALL)).scrape().await.is_up());
}

#[tokio::test]
async fn this_machine_tells_of_itself() {
    let asked = Asked::often(HostCollector::new().top_programs(3));
    let first = asked.scrape().await;
    assert!(first.is_up());
    for kind in [
        "host_cpu",
        "host_system",
        "host_memory",
        "host_paging",
        "host_network",
        "host_processes",
        "host_program",
    ] {
        assert!(!first.of(kind).is_empty(), "{kind}");
    }
    let memory = first.one("host_memory");
    assert!(number(memory, "mem_available") <= number(memory, "mem_total"));
    assert!(number(first.one("host_system"), "uptime") > 0.0);
    let idle = |scraped: &collect_support::Scraped| number(scraped.with("host_cpu", "cpu", 0u64), "user");
    assert!(idle(&asked.scrape().await) >= idle(&first), "counters don't fall");
}

#[test]
fn schemas_are_complete() {
    let names = check_schemas(&CollectSource::new(HostCollector::new(), Duration::from_secs(1)));
    assert_eq!(names.len(), 13, "{names:?}");
    let few = CollectSource::new(HostCollector::new().only(&[Group::Disk]), Duration::from_secs(1));
    assert_eq!(few.schemas().len(), 2);
}

#[test]
fn a_glob_that_is_none_is_an_error_that_names_it() {
    let error = Filter::new(&["eth[0"], &[]).unwrap_err().full_message();
    assert!(error.starts_with("`eth[0` is no glob: "), "{error}");
}

struct World(Tree);

#[async_trait::async_trait]
impl SourceFixture for World {
    fn source(&self) -> Box<dyn Source> {
        let collector = self.0.collector(&[Group::Cpu, Group::Network]);
        Box::new(CollectSource::new(collector, Duration::from_millis(2)).at_once())
    }
    async fn feed(&self, _stream: usize, _records: &[String]) {}
    /// It reads on a blocking thread.
    fn pace(&self) -> Pace {
        Pace::Real(Duration::from_millis(50))
    }
    fn can_replay(&self) -> bool {
        false
    }
    fn feeds_itself(&self) -> bool {
        true
    }
}

source_conformance!(host_source, World(Tree::new(&[("proc/stat", STAT), ("proc/1/net/dev", NET_DEV)])));
