//! Who registered the block that a hardware address comes from.

use fossick_parsers::Mac;

/// The observation that every interface makes by having an address: sheets may match it.
pub const ETHERNET_MANUFACTURER: &str = "ethernet.manufacturer";

/// The organisation in the IEEE registry (MA-L, MA-M, MA-S), by its registered name.
#[must_use]
pub fn manufacturer(mac: Mac) -> Option<&'static str> {
    if mac.is_local() || mac.is_group() {
        return None;
    }
    oui_data::lookup(&mac.to_string()).map(oui_data::OuiData::organization)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registered_blocks_are_known_and_chosen_addresses_are_nobodys() {
        let siemens = manufacturer(Mac([0x00, 0x1b, 0x1b, 1, 2, 3]));
        assert!(siemens.is_some_and(|name| name.contains("Siemens")));
        assert_eq!(manufacturer(Mac([0x02, 0x1b, 0x1b, 1, 2, 3])), None);
    }
}
