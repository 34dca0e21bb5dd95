//! Names the network that an address belongs to, by a table in the configuration.
//!
//! Configuration: `{"field": "remote_addr", "into": "region", "networks": {"10.0.0.0/8": "office", "2001:db8::/32": "eu"},
//! "otherwise": "world"}`. The longest prefix wins. What is no address is left as it is.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};

use dendro_plugin::{Access, Batch, Json, Plugin, Transform, TransformError};
use serde::Deserialize;

/// What the plugin is configured with.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The field with the address.
    field: String,
    /// The field that gets the name.
    into: String,
    /// Networks and their names.
    networks: BTreeMap<String, String>,
    /// The name of all other addresses.
    otherwise: Option<String>,
}

/// The transform.
pub struct GeoBucket {
    field: String,
    into: String,
    /// Those with the longest prefix first.
    networks: Vec<Network>,
    otherwise: Option<String>,
}

struct Network {
    bits: u128,
    mask: u128,
    name: String,
}

impl Plugin for GeoBucket {
    const NAME: &str = env!("CARGO_PKG_NAME");
    const VERSION: &str = env!("CARGO_PKG_VERSION");
    const DOC: &str = "Names the network that an address belongs to.";
    type Config = Json<Config>;

    fn new(Json(config): Json<Config>) -> Result<Self, String> {
        let networks = config.networks.into_iter().map(|(network, name)| Network::new(&network, name));
        let mut networks = networks.collect::<Result<Vec<_>, _>>()?;
        networks.sort_by_key(|network| std::cmp::Reverse(network.mask));
        Ok(Self { field: config.field, into: config.into, networks, otherwise: config.otherwise })
    }

    fn access(&self) -> Access {
        Access::default().reads(&*self.field).writes(&*self.into)
    }
}

impl Network {
    fn new(network: &str, name: String) -> Result<Self, String> {
        let wrong = || format!("`{network}` is no network: write one as 10.0.0.0/8 or 2001:db8::/32");
        let (address, prefix) = network.split_once('/').ok_or_else(wrong)?;
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let prefix: u32 = prefix.parse().map_err(|_| wrong())?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let host_bits: u32 = u32::checked_sub(width, prefix).ok_or_else(wrong)?;
        let mask = u128::MAX.checked_shl(host_bits).unwrap_or(0);
        Ok(Self { bits: bits(address) & mask, mask, name })
    }
}

/// IPv4 addresses as those that IPv6 maps them to.
fn bits(address: IpAddr) -> u128 {
    let address: Ipv6Addr = match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    };
    address.to_bits()
}

impl Transform for GeoBucket {
    fn transform(&mut self, batch: &mut Batch) -> Result<(), TransformError> {
        batch.try_for_each(|mut event| {
            let address = event.get(&self.field).and_then(|v| v.as_str()).and_then(|text| text.parse().ok());
            let Some(address) = address.map(bits) else { return Ok(()) };
            let network = self.networks.iter().find(|network| address & network.mask == network.bits);
            if let Some(name) = network.map(|network| &network.name).or(self.otherwise.as_ref()) {
                event.insert(&self.into, name.as_str())?;
            }
            Ok(())
        })
    }
}

dendro_plugin::export!(GeoBucket);

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use dendro_plugin::Event;

    #[test]
    fn the_longest_prefix_names_an_address() {
        let config = r#"{"field": "ip", "into": "region", "otherwise": "world", "networks": {
            "10.0.0.0/8": "office", "10.1.0.0/16": "lab", "2001:db8::/32": "eu"}}"#;
        let named = |ip: &str| {
            let mut batch = Batch::from_events([&Event::new("t").with("ip", ip)]).unwrap();
            dendro_plugin::native::<GeoBucket>(config).unwrap().transform(&mut batch).unwrap();
            batch.get(0).unwrap().get("region").map(|v| v.as_str().unwrap().to_owned())
        };
        assert_eq!(named("10.2.3.4").as_deref(), Some("office"));
        assert_eq!(named("10.1.3.4").as_deref(), Some("lab"));
        assert_eq!(named("2001:db8::7").as_deref(), Some("eu"));
        assert_eq!(named("192.0.2.1").as_deref(), Some("world"));
        assert_eq!(named("no address"), None);
    }

    #[test]
    fn a_network_that_is_none_is_refused() {
        for network in ["10.0.0.0", "10.0.0.0/33", "2001:db8::/129", "office/8"] {
            let config = format!(r#"{{"field": "ip", "into": "r", "networks": {{"{network}": "x"}}}}"#);
            let refused = dendro_plugin::native::<GeoBucket>(&config).err().unwrap();
            assert!(refused.contains(network), "{refused}");
        }
    }
}
