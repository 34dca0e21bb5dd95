//! Logs of garbage collectors: those that JVMs wrote, counted another way, and what such logs are known to hold.

use std::fs;

use crate::support::{corpus, log, text};
use dendro_core::{Event, SignedDuration, Value};
use regex::Regex;

#[track_caller]
fn of(line: &str) -> Event {
    log("jvm_gc", &[], line.as_bytes()).only()
}

/// The fields that are not null, as one would print them, in the order of their names.
fn shown(event: &Event, names: &str) -> String {
    let value = |name: &str| match event.fields.get(name) {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::Str(text)) => text.clone(),
        Some(Value::U64(number)) => number.to_string(),
        Some(Value::F64(number)) => number.to_string(),
        Some(Value::Duration(length)) => length.to_string(),
        Some(other) => panic!("{other:?}"),
    };
    names.split(' ').map(value).collect::<Vec<_>>().join("|")
}

/// The events of a log that a JVM wrote.
fn written(name: &str) -> Option<(String, Vec<Event>)> {
    let text = fs::read_to_string(corpus(&format!("generated/jvm_gc/{name}"))?).unwrap();
    let outcome = log("jvm_gc", &[], text.as_bytes());
    assert!(outcome.refused.is_empty(), "{:?}", outcome.refused[0]);
    assert_eq!(outcome.events.len(), text.lines().filter(|line| !line.is_empty()).count());
    Some((text, outcome.events))
}

/// How many times a pattern is found, and the sum of the numbers that it captures.
fn counted(pattern: &str, text: &str) -> (usize, Vec<f64>) {
    let pattern = Regex::new(pattern).unwrap();
    let mut sums = vec![0.0; pattern.captures_len() - 1];
    let mut count = 0;
    for captures in pattern.captures_iter(text) {
        count += 1;
        for (sum, number) in sums.iter_mut().zip(captures.iter().skip(1)) {
            *sum += number.unwrap().as_str().parse::<f64>().unwrap();
        }
    }
    (count, sums)
}

/// The same of events: how many have the name, or a name that begins so, and a heap; and the sums of fields.
fn summed(events: &[Event], name: &str, fields: &[&str]) -> (usize, Vec<f64>) {
    let mut sums = vec![0.0; fields.len()];
    let mut count = 0;
    for event in events {
        let has_name = text(event, "name").is_some_and(|text| text.starts_with(name));
        if !has_name || !event.fields.contains_key("heap_after") {
            continue;
        }
        count += 1;
        for (sum, field) in sums.iter_mut().zip(fields) {
            *sum += match &event.fields[*field] {
                Value::U64(bytes) => *bytes as f64 / 1_048_576.0,
                Value::Duration(length) => length.as_secs_f64() * 1_000.0,
                Value::F64(percent) => *percent,
                other => panic!("{field}: {other:?}"),
            };
        }
    }
    (count, sums)
}

#[track_caller]
fn assert_close(actual: (usize, Vec<f64>), expected: (usize, Vec<f64>)) {
    assert!(expected.0 > 0);
    assert_eq!(actual.0, expected.0);
    for (actual, expected) in actual.1.iter().zip(&expected.1) {
        assert!((actual - expected).abs() < 1e-3, "{actual} instead of {expected}");
    }
}

const HEAP: [&str; 4] = ["heap_before", "heap_after", "heap_capacity", "duration"];

#[test]
fn the_log_of_g1_adds_up() {
    let Some((text_of_log, events)) = written("g1_default.log") else { return };
    assert!(events.iter().all(|event| event.time.is_some()));
    let expected =
        counted(r"\) (?:Pause|Concurrent)[^\n]* (\d+)M->(\d+)M\((\d+)M\) ([\d.]+)ms\n", &text_of_log);
    assert_close(summed(&events, "", &HEAP), expected);
    let young = counted(r"Pause Young [^\n]* (\d+)M->(\d+)M\((\d+)M\) ([\d.]+)ms\n", &text_of_log);
    assert_close(summed(&events, "Pause Young", &HEAP), young);

    let with = |field: &str| {
        events
            .iter()
            .filter(|event| event.fields.get(field).is_some_and(|value| *value != Value::Null))
            .count()
    };
    assert_eq!(with("user_time"), text_of_log.matches("User=").count());
    assert_eq!(with("regions"), text_of_log.matches(" regions: ").count());
    assert_eq!(with("metaspace_after"), text_of_log.matches(") Metaspace: ").count());
    assert_eq!(with("gc_id"), text_of_log.matches("] GC(").count());
    assert_eq!(with("collector"), 1);
    let (lengths, sums) = counted(r"\][^\n]* ([\d.]+)ms\n", &text_of_log);
    assert_eq!(with("duration"), lengths);
    let total: f64 = events
        .iter()
        .filter_map(|event| match event.fields["duration"] {
            Value::Duration(length) => Some(length.as_secs_f64() * 1_000.0),
            _ => None,
        })
        .sum();
    assert!((total - sums[0]).abs() < 1e-3, "{total} instead of {}", sums[0]);
}

#[test]
fn the_log_of_the_parallel_collector_adds_up_and_has_no_times() {
    let Some((text_of_log, events)) = written("parallel_uptime.log") else { return };
    assert!(events.iter().all(|event| event.time.is_none() && event.fields["uptime"] != Value::Null));
    for name in ["Pause Young", "Pause Full"] {
        let pattern = format!(r"{name} [^\n]* (\d+)M->(\d+)M\((\d+)M\) ([\d.]+)ms\n");
        assert_close(summed(&events, name, &HEAP), counted(&pattern, &text_of_log));
    }
    let (_, uptime) = counted(r"(?m)^\[([\d.]+)s\]", &text_of_log);
    let total: f64 = events.iter().map(|event| shown(event, "uptime").parse::<f64>().unwrap()).sum();
    assert!((total - uptime[0]).abs() < 1e-6);
}

#[test]
fn the_log_of_zgc_adds_up() {
    let Some((text_of_log, events)) = written("zgc.log") else { return };
    assert!(events.iter().all(|event| event.time.is_some() && event.fields["uptime"] != Value::Null));
    let expected =
        counted(r"Garbage Collection \([^\n]*\) (\d+)M\((\d+)%\)->(\d+)M\((\d+)%\)\n", &text_of_log);
    let fields = ["heap_before", "heap_before_percent", "heap_after", "heap_after_percent"];
    assert_close(summed(&events, "Garbage Collection", &fields), expected);
    let phases = events.iter().filter(|event| text(event, "tags").as_deref() == Some("gc,phases"));
    assert!(phases.clone().count() > 100);
    assert!(
        phases.clone().all(|event| text(event, "name").is_some() && event.fields["duration"] != Value::Null)
    );
    let stalls =
        events.iter().filter(|event| text(event, "name").as_deref() == Some("Allocation Stall")).count();
    assert_eq!(stalls, text_of_log.matches("] Allocation Stall (").count());
}

#[test]
fn a_pause_tells_kind_cause_heap_and_duration() {
    const FIELDS: &str = "gc_id name mode cause heap_before heap_after heap_capacity duration";
    for (message, expected) in [
        (
            "GC(0) Pause Young (Normal) (G1 Evacuation Pause) 53M->9M(1024M) 12.513ms",
            "0|Pause Young|Normal|G1 Evacuation Pause|55574528|9437184|1073741824|0.012513",
        ),
        (
            "GC(1) Pause Young (Concurrent Start) (G1 Humongous Allocation)",
            "1|Pause Young|Concurrent Start|G1 Humongous Allocation|-|-|-|-",
        ),
        (
            "GC(2) Pause Full (System.gc()) 2G->512K(4G) 1234.5ms",
            "2|Pause Full|-|System.gc()|2147483648|524288|4294967296|1.2345",
        ),
        (
            "GC(3) Pause Young (Allocation Failure) 16M->4M(61M) 86.656ms",
            "3|Pause Young|-|Allocation Failure|16777216|4194304|63963136|0.086656",
        ),
        ("GC(4) Pause Remark 12M->12M(64M) 1.250ms", "4|Pause Remark|-|-|12582912|12582912|67108864|0.00125"),
        ("GC(5) Concurrent Mark Cycle 30.221ms", "5|Concurrent Mark Cycle|-|-|-|-|-|0.030221"),
        ("GC(6) Concurrent Mark (0.100s, 0.200s) 100.000ms", "6|Concurrent Mark|-|-|-|-|-|0.1"),
        (
            "GC(7) Pause Young (Normal) (G1 Evacuation Pause) (Evacuation Failure) 63M->60M(64M) 5.000ms",
            "7|Pause Young|Normal|G1 Evacuation Pause|66060288|62914560|67108864|0.005",
        ),
        (
            "GC(8) Minor Collection (Allocation Rate) 100M(50%)->20M(10%) 0.012s",
            "8|Minor Collection|-|Allocation Rate|104857600|20971520|-|0.012",
        ),
        ("GC(9)   Evacuate Collection Set: 35.3ms", "9|Evacuate Collection Set|-|-|-|-|-|0.0353"),
        ("GC(10) Phase 1: Mark live objects 121.679ms", "10|Phase 1: Mark live objects|-|-|-|-|-|0.121679"),
        ("Allocation Stall (main) 465.791ms", "-|Allocation Stall|-|-|-|-|-|0.465791"),
        ("GC(11) MMU: 2ms/97.5%, 100ms/100.0%", "11|-|-|-|-|-|-|-"),
    ] {
        let event = of(&format!("[0.123s][info][gc] {message}"));
        assert_eq!(shown(&event, FIELDS), expected, "{message}");
        assert_eq!(text(&event, "message").as_deref(), Some(message));
    }
}

#[test]
fn zgc_tells_percents() {
    let event = of("[0.1s][info][gc] GC(16) Garbage Collection (Allocation Stall) 64M(100%)->58M(91%)");
    assert_eq!(
        shown(&event, "name cause heap_before heap_before_percent heap_after heap_after_percent"),
        "Garbage Collection|Allocation Stall|67108864|100|60817408|91"
    );
    let event = of("[0.1s][info][gc] GC(17) Garbage Collection (Warmup) Aborted");
    assert_eq!(shown(&event, "name cause heap_before"), "Garbage Collection|Warmup|-");
}

#[test]
fn times_of_the_processor_metaspace_and_regions_are_numbers() {
    let event = of("[0.1s][info][gc,cpu] GC(0) User=0.01s Sys=0.00s Real=1.04s");
    assert_eq!(shown(&event, "user_time sys_time real_time"), "0.01|0|1.04");
    let event = of(
        "[0.1s][info][gc,metaspace] GC(0) Metaspace: 128K(320K)->127K(384K) NonClass: 123K(192K)->123K(192K) Class: 5K(128K)->5K(128K)",
    );
    assert_eq!(shown(&event, "metaspace_before metaspace_after metaspace_committed"), "131072|130048|393216");
    let event = of("[0.1s][info][gc,metaspace] GC(0) Metaspace: 3604K->3604K(1056768K)");
    assert_eq!(shown(&event, "metaspace_before metaspace_after metaspace_committed"), "3690496|3690496|-");
    let event = of("[0.1s][info][gc,metaspace] GC(0) Metaspace: 2M used, 3M committed, 1088M reserved");
    assert_eq!(shown(&event, "metaspace_before metaspace_after metaspace_committed"), "-|2097152|3145728");
    let event = of("[0.1s][info][gc,heap] GC(0) Eden regions: 6->0(5)");
    assert_eq!(shown(&event, "regions regions_before regions_after regions_target"), "Eden|6|0|5");
    let event = of("[0.1s][info][gc,heap] GC(0) Old regions: 0->1");
    assert_eq!(shown(&event, "regions regions_before regions_after regions_target"), "Old|0|1|-");
}

#[test]
fn safepoints_tell_how_long_it_took_to_reach_them() {
    let event = of(
        "[0.1s][info][safepoint] Safepoint \"G1CollectForAllocation\", Time since last: 11063312 ns, Reaching safepoint: 113012 ns, Cleanup: 5 ns, At safepoint: 1234000 ns, Total: 1347017 ns",
    );
    assert_eq!(
        shown(&event, "name cause time_to_safepoint duration"),
        "Safepoint|G1CollectForAllocation|0.000113012|0.001347017"
    );
    let event = of(
        "[0.1s][info][safepoint] Total time for which application threads were stopped: 0.0001234 seconds, Stopping threads took: 0.0000123 seconds",
    );
    assert_eq!(shown(&event, "time_to_safepoint duration"), "0.0000123|0.0001234");
    let event = of("[0.1s][info][safepoint] Application time: 1.5 seconds");
    assert_eq!(shown(&event, "name duration"), "Application time|1.5");
}

#[test]
fn before_the_collector_is_known_and_behind_the_last_collection_lines_are_messages() {
    for (line, collector, message) in [
        ("[0.030s][info][gc] Using G1", "G1", "Using G1"),
        (
            "[0.030s][info][gc     ] Using The Z Garbage Collector",
            "The Z Garbage Collector",
            "Using The Z Garbage Collector",
        ),
        ("[0.030s][info][gc,init] Periodic GC Interval: 5000ms", "-", "Periodic GC Interval: 5000ms"),
        (
            "[0.030s][info][gc,heap,exit]  garbage-first heap   total 65536K, used 58524K [0x0, 0x1)",
            "-",
            " garbage-first heap   total 65536K, used 58524K [0x0, 0x1)",
        ),
        (
            "[0.030s][warning][gc] GC overhead: java.lang.OutOfMemoryError: Java heap space",
            "-",
            "GC overhead: java.lang.OutOfMemoryError: Java heap space",
        ),
        ("[0.030s][info][gc] ", "-", ""),
    ] {
        let event = of(line);
        assert_eq!(shown(&event, "collector"), collector, "{line}");
        assert_eq!(text(&event, "message").as_deref(), Some(message), "{line}");
        assert_eq!(event.fields["duration"], Value::Null, "{line}");
    }
}

#[test]
fn lines_of_collections_that_overlap_keep_their_own_number() {
    let input = b"[1s][info][gc] GC(3) Concurrent Mark Cycle\n[2s][info][gc] GC(4) Pause Young (Normal) (G1 Evacuation Pause) 6M->2M(64M) 1.0ms\n[3s][info][gc] GC(3) Concurrent Mark Cycle 2.0ms\n";
    let ids: Vec<String> =
        log("jvm_gc", &[], input).events.iter().map(|event| shown(event, "gc_id")).collect();
    assert_eq!(ids, ["3", "4", "3"]);
}

#[test]
fn without_decorations_collections_are_read_and_other_lines_if_asked_for() {
    let input =
        b"Using Serial\nGC(0) Pause Young (Allocation Failure) 16M->4M(61M) 86.656ms\n[main] pressure\n";
    let outcome = log("jvm_gc", &[], input);
    assert_eq!(outcome.events.len(), 2);
    assert!(outcome.refused[0].1.starts_with("at byte 0: expected decorations"), "{:?}", outcome.refused);
    assert_eq!(log("jvm_gc", &[("undecorated", "true")], input).events.len(), 3);
}

#[test]
fn times_are_in_their_own_zone_or_the_one_that_was_given() {
    let event = of("[2026-11-20T20:35:31.625+0545][info][gc] Using G1");
    assert_eq!(event.time.unwrap().to_string(), "2026-11-20T14:50:31.625000000Z");
    let event = log("jvm_gc", &[("zone", "+02:00")], b"[2026-11-20T20:35:31.625][info][gc] Using G1").only();
    assert_eq!(event.time.unwrap().to_string(), "2026-11-20T18:35:31.625000000Z");
}

#[test]
fn lines_of_jdk_8_are_read_with_points_and_commas() {
    const FIELDS: &str =
        "uptime name mode cause heap_before heap_after heap_capacity duration user_time real_time";
    for (line, expected) in [
        (
            "2015-05-26T14:45:37.987-0200: 151.126: [GC (Allocation Failure) 151.126: [DefNew: 629119K->69888K(629120K), 0.0584157 secs] 1619346K->1273247K(2027264K), 0.0585007 secs] [Times: user=0.06 sys=0.00, real=0.05 secs] ",
            "151.126|GC|-|Allocation Failure|1658210304|1303804928|2075918336|0.0585007|0.06|0.05",
        ),
        (
            "2015-05-26T14:45:37,987-0200: 151,126: [Full GC (System.gc()) [PSYoungGen: 1K->0K(2K)] [ParOldGen: 1K->1K(3K)] 2K->1K(5K), [Metaspace: 3K->3K(9K)], 0,5 secs] [Times: user=1,06 sys=0,00, real=0,50 secs] ",
            "151.126|Full GC|-|System.gc()|2048|1024|5120|0.5|1.06|0.5",
        ),
        (
            "1.5: [GC pause (G1 Evacuation Pause) (young), 0.0182341 secs]",
            "1.5|GC pause|young|G1 Evacuation Pause|-|-|-|0.0182341|-|-",
        ),
        (
            "   [Eden: 24.0M(24.0M)->0.0B(13.0M) Survivors: 0.0B->3072.0K Heap: 24.0M(256.0M)->21.5M(256.0M)]",
            "-|-|-|-|25165824|22544384|268435456|-|-|-",
        ),
        (" [Times: user=0.05 sys=0.01, real=0.02 secs] ", "-|-|-|-|-|-|-|-|0.05|0.02"),
        (
            "[GC 325407K->83000K(776768K), 0.2300771 secs]",
            "-|GC|-|-|333216768|84992000|795410432|0.2300771|-|-",
        ),
        ("[GC-- 100K->90K(200K), 0.1 secs]", "-|GC|-|-|102400|92160|204800|0.1|-|-"),
        (
            "2015-05-26T14:45:37.987-0200: 1.25: Total time for which application threads were stopped: 0.5 seconds, Stopping threads took: 0.25 seconds",
            "1.25|Total time for which application threads were stopped|-|-|-|-|-|0.5|-|-",
        ),
        (
            "Java HotSpot(TM) 64-Bit Server VM (25.45-b02) for linux-amd64 JRE (1.8.0_45-b14)",
            "-|-|-|-|-|-|-|-|-|-",
        ),
    ] {
        let event = of(line);
        assert_eq!(shown(&event, FIELDS), expected, "{line}");
        if line.starts_with("2015") {
            let time = event.time.unwrap().to_string();
            assert_eq!(time, "2015-05-26T16:45:37.987000000Z");
            assert!(line.ends_with(&text(&event, "message").unwrap()));
        }
    }
}

#[test]
fn two_events_of_jdk_8_on_one_line_are_one_event_with_all_its_text() {
    let line = "1.0: [GC (Allocation Failure) 1.0: [ParNew2.0: [CMS-concurrent-abortable-preclean: 0.1/0.2 secs] [Times: user=0.3 sys=0.0, real=0.2 secs] : 100K->10K(200K), 0.5 secs] 300K->210K(400K), 0.75 secs] [Times: user=0.5 sys=0.0, real=0.8 secs]";
    let event = of(line);
    assert_eq!(shown(&event, "name heap_before heap_after duration real_time"), "GC|307200|215040|0.75|0.8");
    assert_eq!(text(&event, "message").as_deref(), Some(&line[5..]));
}

#[test]
fn what_a_wrapper_writes_before_the_line_is_refused_with_the_reason() {
    let reason =
        log("jvm_gc", &[], b"INFO   | jvm 1    | 2015/05/26 14:45:37 | 1.0: [GC 1K->1K(2K), 0.1 secs]")
            .reason();
    assert_eq!(
        reason,
        "at byte 0: expected decorations as in `[0.123s][info][gc]`, `GC(12)`, or a line as JDK 8 writes it"
    );
}

#[test]
fn a_hostile_megabyte_is_read_in_linear_time() {
    let mib = 1 << 20;
    for line in [
        "[1ms]".repeat(mib / 5),
        format!("[info][gc] GC(1) Pause {}", "(".repeat(mib)),
        format!("[info][gc] GC(1) Pause {}", "(a) ".repeat(mib / 4)),
        format!("[info][gc] GC(1) Pause 1.{}ms", "0".repeat(mib)),
        format!("1.0: [GC {}", "1K".repeat(mib / 2)),
        format!("1.0: [GC {}", "1.".repeat(mib / 2)),
        format!("1.0: [GC {}", "[Times: ".repeat(mib / 8)),
        format!("1.0: [GC {}", "9".repeat(mib)),
    ] {
        let outcome = log("jvm_gc", &[("max_line_bytes", "2097152")], line.as_bytes());
        assert_eq!(outcome.events.len() + outcome.refused.len(), 1);
    }
}

proptest::proptest! {
    #[test]
    fn what_was_printed_is_read(
        id in 0u64..1_000_000,
        before in 0u64..4_000_000,
        after in 0u64..4_000_000,
        capacity in 0u64..4_000_000,
        micros in 0i64..100_000_000,
        cause in "[A-Z][a-z]{1,8}( [A-Z][a-z.]{1,8}(\\(\\))?){0,2}",
        mode in proptest::option::of("[A-Z][a-z]{1,8}( [A-Z][a-z]{1,8})?"),
    ) {
        let kind = mode.as_ref().map(|mode| format!(" ({mode})")).unwrap_or_default();
        let line = format!(
            "[info][gc] GC({id}) Pause Young{kind} ({cause}) {before}K->{after}K({capacity}K) {}.{:03}ms",
            micros / 1_000,
            micros % 1_000,
        );
        let event = of(&line);
        proptest::prop_assert_eq!(&event.fields["gc_id"], &Value::U64(id));
        proptest::prop_assert_eq!(text(&event, "cause"), Some(cause));
        proptest::prop_assert_eq!(text(&event, "mode"), mode);
        for (name, kib) in [("heap_before", before), ("heap_after", after), ("heap_capacity", capacity)] {
            proptest::prop_assert_eq!(&event.fields[name], &Value::U64(kib * 1_024));
        }
        proptest::prop_assert_eq!(&event.fields["duration"], &Value::Duration(SignedDuration::from_nanos(micros * 1_000)));
    }
}
