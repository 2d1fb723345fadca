//! Which addresses a granted name may lead to: a name is anybody's to point anywhere.

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Which addresses a granted name may resolve to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addresses {
    /// Those of the Internet.
    Public,
    /// Those of the Internet and of private networks.
    Private,
    /// Those of this machine: for a simulated ServiceNow.
    Loopback,
}

impl Addresses {
    /// Whether this one is among them. An IPv4 address within an IPv6 one is judged as what it leads to.
    pub fn allow(self, address: IpAddr) -> bool {
        let address = match address {
            IpAddr::V4(v4) => IpAddr::V4(v4),
            IpAddr::V6(v6) => embedded(v6).map_or(IpAddr::V6(v6), IpAddr::V4),
        };
        match self {
            Self::Loopback => address.is_loopback(),
            _ if is_metadata(address) => false,
            Self::Private => is_private(address) || is_public(address),
            Self::Public => is_public(address),
        }
    }
}

/// The IPv4 address that an IPv6 one stands for: mapped, translated (NAT64) or tunnelled (6to4).
fn embedded(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    let last = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        Ipv4Addr::new(a, b, c, d)
    };
    match v6.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] => Some(last(high, low)),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(last(high, low)),
        [0x2002, high, low, ..] => Some(last(high, low)),
        _ => None,
    }
}

/// RFC 1918, RFC 6598 (shared by carriers and by some clouds' virtual machines) and RFC 4193.
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_private() || matches!(v4.octets(), [100, 64..=127, ..]),
        IpAddr::V6(v6) => v6.is_unique_local(),
    }
}

/// Where clouds tell a machine its own secrets, beside the link-local addresses, which are neither public nor private:
/// AWS by IPv6, Azure's wire server, Alibaba's metadata.
fn is_metadata(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => matches!(v4.octets(), [168, 63, 129, 16] | [100, 100, 100, 200]),
        IpAddr::V6(v6) => matches!(v6.segments(), [0xfd00, 0xec2, ..]),
    }
}

/// Whatever the special-purpose registries of IANA (RFC 6890) do not list.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => !matches!(
            v4.octets(),
            [0 | 10 | 127 | 224..=255, ..]
                | [100, 64..=127, ..]
                | [169, 254, ..]
                | [172, 16..=31, ..]
                | [192, 0, 0 | 2, _]
                | [192, 88, 99, _]
                | [192, 168, ..]
                | [198, 18 | 19, ..]
                | [198, 51, 100, _]
                | [203, 0, 113, _]
        ),
        // The Internet's own addresses are within 2000::/3.
        IpAddr::V6(v6) => match v6.segments() {
            [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => false,
            [first, ..] => (0x2000..0x4000).contains(&first),
        },
    }
}

/// A name leads to no address that it may lead to.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{name}` resolves to {found}, where no grant leads: an instance in a private network needs a grant that says so"
)]
pub(super) struct Prohibited {
    name: String,
    found: String,
}

/// Resolves with the system's resolver, and hands on what the grant allows: the connection goes to an address that was
/// judged, not to what a second look at the name might give.
#[derive(Clone, Debug)]
pub(super) struct Judging {
    pub(super) addresses: Addresses,
    /// The proxy's host, which the administrator named; it may be anywhere.
    pub(super) proxy: Option<String>,
}

impl Resolve for Judging {
    fn resolve(&self, name: Name) -> Resolving {
        let judging = self.clone();
        Box::pin(async move {
            let name = name.as_str();
            // The port is put in by the connector.
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name, 0)).await?.collect();
            let allowed: Vec<SocketAddr> =
                found.iter().filter(|found| judging.allows(name, found.ip())).copied().collect();
            if allowed.is_empty() && !found.is_empty() {
                let found = found.iter().map(|found| found.ip().to_string()).collect::<Vec<_>>().join(", ");
                return Err(Prohibited { name: name.to_owned(), found }.into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

impl Judging {
    fn allows(&self, name: &str, address: IpAddr) -> bool {
        self.proxy.as_deref().is_some_and(|proxy| proxy.eq_ignore_ascii_case(name)) || self.addresses.allow(address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allow(addresses: Addresses, text: &str) -> bool {
        addresses.allow(text.parse().unwrap())
    }

    #[test]
    fn the_internet_is_public() {
        for address in ["8.8.8.8", "149.96.0.1", "2606:4700::1", "2a00:1450::1", "::ffff:8.8.8.8", "64:ff9b::808:808"] {
            assert!(allow(Addresses::Public, address), "{address}");
            assert!(allow(Addresses::Private, address), "{address}");
            assert!(!allow(Addresses::Loopback, address), "{address}");
        }
    }

    #[test]
    fn a_private_network_needs_a_grant_that_says_so() {
        for address in
            ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "fd12::1", "::ffff:10.0.0.1"]
        {
            assert!(!allow(Addresses::Public, address), "{address}");
            assert!(allow(Addresses::Private, address), "{address}");
        }
    }

    #[test]
    fn metadata_loopback_and_special_networks_are_never_reached_by_name() {
        for address in [
            "169.254.169.254",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
            "fe80::1",
            "fd00:ec2::254",
            "127.0.0.1",
            "::1",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "0.0.0.0",
            "::",
            "224.0.0.1",
            "255.255.255.255",
            "192.0.2.1",
            "198.18.0.1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "ff02::1",
        ] {
            assert!(!allow(Addresses::Public, address), "{address}");
            assert!(!allow(Addresses::Private, address), "{address}");
        }
    }

    #[test]
    fn a_simulated_servicenow_is_on_this_machine_alone() {
        for address in ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"] {
            assert!(allow(Addresses::Loopback, address), "{address}");
        }
        assert!(!allow(Addresses::Loopback, "10.0.0.1"));
    }

    #[tokio::test]
    async fn a_name_that_leads_to_this_machine_is_refused_unless_that_was_granted() {
        let resolve = |addresses, proxy: Option<&str>| {
            Judging { addresses, proxy: proxy.map(str::to_owned) }.resolve("localhost".parse().unwrap())
        };
        let Err(error) = resolve(Addresses::Public, None).await else { panic!("resolved") };
        assert!(error.downcast_ref::<Prohibited>().is_some(), "{error}");
        assert!(resolve(Addresses::Loopback, None).await.unwrap().count() > 0);
        assert!(resolve(Addresses::Public, Some("LOCALHOST")).await.unwrap().count() > 0);
    }
}
