//! Traffic by interface: `/proc/net/dev`, and their state: `/sys/class/net`.

use std::sync::{Arc, LazyLock};

use dendro_core::Schema;

use super::super::table::{Measure, Reads, counter, dimension, gauge, schema};
use super::files::{Files, read_value};
use super::filter::Filter;
use super::sample::Sample;

const INTERFACE: Measure =
    dimension("interface", "The interface, as in `eth0`.").otel("network.interface.name");

const fn bytes(name: &'static str, doc: &'static str) -> Measure {
    counter(name, "By", doc).otel("system.network.io")
}
const fn packets(name: &'static str, doc: &'static str) -> Measure {
    counter(name, "{packet}", doc)
}

/// In the order of the columns; named as in `/sys/class/net/*/statistics`.
const COLUMNS: &[Measure] = &[
    bytes("rx_bytes", "Bytes received."),
    packets("rx_packets", "Packets received.").otel("system.network.packet.count"),
    packets("rx_errors", "Packets received broken.").otel("system.network.errors"),
    packets("rx_dropped", "Packets received and dropped for want of room.")
        .otel("system.network.packet.dropped"),
    packets("rx_fifo_errors", "Packets that overran the device."),
    packets("rx_frame_errors", "Packets broken in their framing."),
    packets("rx_compressed", "Compressed packets received."),
    packets("multicast", "Multicast packets received."),
    bytes("tx_bytes", "Bytes sent."),
    packets("tx_packets", "Packets sent.").otel("system.network.packet.count"),
    packets("tx_errors", "Packets that could not be sent.").otel("system.network.errors"),
    packets("tx_dropped", "Packets dropped before they were sent.").otel("system.network.packet.dropped"),
    packets("tx_fifo_errors", "Packets that underran the device."),
    packets("collisions", "Collisions while sending."),
    packets("tx_carrier_errors", "Packets lost for want of a carrier."),
    packets("tx_compressed", "Compressed packets sent."),
];

const STATE: &[Measure] = &[
    dimension("operstate", "Its state, as in `up`, `down`, `unknown`."),
    gauge("mtu", "By", "The largest packet that it sends."),
    gauge("speed", "Mbit/s", "Its speed, where it has one.").reads(Reads::U64),
];

pub(super) static SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| {
    schema("host_network", "Traffic of one network interface since it came.", &[&[INTERFACE], COLUMNS, STATE])
        .into()
});

/// One for each container, each with a new name.
pub(super) const NO_INTERFACES: &[&str] = &["veth*", "cali*", "lxc*"];

pub(super) fn network(files: &Files, interfaces: &Filter, sample: &mut Sample) {
    let Some(dev) = files.proc_of_namespace("net/dev", sample) else { return };
    for line in dev.lines() {
        // The colon may stand right before the first number.
        let Some((name, columns)) = line.rsplit_once(':') else { continue };
        let name = name.trim();
        if !interfaces.matches(name) {
            continue;
        }
        let event = sample.event(&SCHEMA).set("interface", name);
        event.columns(COLUMNS, columns.split_ascii_whitespace());
        let folder = files.sys.join("class/net").join(name);
        for state in STATE {
            // An interface without a speed says -1, or that the question is not valid.
            if let Some(text) = read_value(&folder.join(state.from)) {
                event.read(state, &text);
            }
        }
    }
}
