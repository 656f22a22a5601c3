//! Which addresses may be connected to: public ones, and those that configuration names.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::config::AllowedAddress;

/// Decides about an address right before it is connected to, whatever name led there.
#[derive(Debug, Clone, Default)]
pub(super) struct AddressPolicy {
    allowed: Vec<AllowedAddress>,
}

impl AddressPolicy {
    /// Public addresses and those of the list.
    pub(super) fn new(allowed: Vec<AllowedAddress>) -> AddressPolicy {
        AddressPolicy { allowed }
    }

    /// Whether it may be connected to.
    pub(super) fn allows(&self, address: SocketAddr) -> bool {
        is_public(address.ip()) || self.allowed.iter().any(|entry| entry.covers(address))
    }
}

/// Whether an address is one of the public internet (IANA special-purpose registries). Addresses that carry an IPv4
/// address inside are judged by that one.
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => v4_is_public(ip),
        IpAddr::V6(ip) => v6_is_public(ip),
    }
}

fn v4_is_public(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let special = ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_multicast()
        || ip.is_documentation()
        || a == 0
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (b == 18 || b == 19))
        || a >= 240;
    !special
}

fn v6_is_public(ip: Ipv6Addr) -> bool {
    let [a, b, c, d, e, f, g, h] = ip.segments();
    let inner = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        v4_is_public(Ipv4Addr::new(a, b, c, d))
    };
    match (a, b) {
        // ::/96 and ::ffff:0:0/96; the first is refused whole but for its embedded form.
        (0, 0) if (c, d, e, f) == (0, 0, 0, 0xffff) => inner(g, h),
        (0, 0) => false,
        // NAT64 64:ff9b::/96, and its local-use sibling.
        (0x64, 0xff9b) => (c, d, e, f) == (0, 0, 0, 0) && inner(g, h),
        // 6to4.
        (0x2002, _) => inner(b, c),
        // Teredo, benchmarking, ORCHID: 2001::/23.
        (0x2001, low) if low < 0x200 => false,
        // Documentation.
        (0x2001, 0xdb8) | (0x3fff, 0..0x1000) => false,
        // Only 2000::/3 is global unicast.
        _ => (0x2000..0x4000).contains(&a),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_addresses_are_not_public() {
        for public in [
            "1.1.1.1",
            "172.32.0.1",
            "100.128.0.1",
            "192.0.1.1",
            "2606:4700::1111",
            "::ffff:1.1.1.1",
            "64:ff9b::101:101",
            "2002:101:101::1",
        ] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for special in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.8.8.8",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "3fff::1",
            "5f00::1",
        ] {
            assert!(!is_public(special.parse().unwrap()), "{special}");
        }
    }

    #[test]
    fn configuration_may_name_others() {
        let policy = AddressPolicy::new(vec!["127.0.0.1:4433".parse().unwrap(), "::1".parse().unwrap()]);
        let allows = |text: &str| policy.allows(text.parse().unwrap());
        assert!(allows("127.0.0.1:4433") && allows("[::1]:1") && allows("1.1.1.1:443"));
        assert!(!allows("127.0.0.1:4434") && !allows("127.0.0.2:4433") && !allows("[::ffff:127.0.0.1]:4433"));
    }
}
