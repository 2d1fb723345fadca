//! Which addresses a granted name may lead to: a name is anybody's to point anywhere.

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

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

impl fmt::Display for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Public => "public",
            Self::Private => "public and private",
            Self::Loopback => "this machine's",
        })
    }
}

/// The rule that keeps a request from an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Barred {
    /// Link-local, or one of the others that clouds answer at.
    #[error("clouds tell a machine its own secrets at such addresses, so no grant leads there")]
    Metadata,
    /// Of a private network, which was not granted.
    #[error("it is in a private network; a grant of private networks would allow it")]
    Private,
    /// Of this machine, by a name or in a spelling that is not this machine's.
    #[error("it is this machine itself, where only a grant of `localhost` or `127.0.0.1` leads")]
    Loopback,
    /// Of another machine, where the grant is for this one.
    #[error("the grant is for this machine alone")]
    Elsewhere,
    /// None that a server on the Internet has.
    #[error("IANA keeps it for a special purpose (RFC 6890), so no grant leads there")]
    Special,
}

impl Addresses {
    /// Decides about one address. An IPv4 address within an IPv6 one is judged as what it leads to.
    ///
    /// # Errors
    /// The rule that keeps requests from it.
    pub fn judge(self, address: IpAddr) -> Result<(), Barred> {
        let address = match address {
            IpAddr::V4(v4) => IpAddr::V4(v4),
            IpAddr::V6(v6) => embedded(v6).map_or(IpAddr::V6(v6), IpAddr::V4),
        };
        match self {
            Self::Loopback if address.is_loopback() => Ok(()),
            _ if is_metadata(address) => Err(Barred::Metadata),
            Self::Loopback => Err(Barred::Elsewhere),
            _ if address.is_loopback() => Err(Barred::Loopback),
            Self::Private if is_private(address) => Ok(()),
            Self::Public if is_private(address) => Err(Barred::Private),
            Self::Private | Self::Public if is_public(address) => Ok(()),
            Self::Private | Self::Public => Err(Barred::Special),
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

/// Where clouds tell a machine its own secrets: at link-local addresses, and at some in ranges that are private or public
/// otherwise.
fn is_metadata(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_link_local() || METADATA_V4.contains(&v4),
        // AWS keeps a whole network: metadata, the names of pods, time.
        IpAddr::V6(v6) => {
            v6.is_unicast_link_local() || METADATA_V6.contains(&v6) || matches!(v6.segments(), [0xfd00, 0xec2, ..])
        }
    }
}

/// Azure's wire server, Alibaba, Oracle.
const METADATA_V4: [Ipv4Addr; 3] =
    [Ipv4Addr::new(168, 63, 129, 16), Ipv4Addr::new(100, 100, 100, 200), Ipv4Addr::new(192, 0, 0, 192)];

/// Google, Oracle, Alibaba, Linode, Scaleway.
const METADATA_V6: [Ipv6Addr; 5] = [
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe),
    Ipv6Addr::new(0xfd00, 0x100, 0, 0, 0, 0, 0x100, 0x200),
    Ipv6Addr::new(0xfd00, 0xa9fe, 0xa9fe, 0, 0, 0, 0, 1),
    Ipv6Addr::new(0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42),
];

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

/// A name that leads to no address that it may lead to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name} leads to {address}: {why}")]
pub struct Prohibited {
    /// The name.
    pub name: String,
    /// Where it leads first.
    pub address: IpAddr,
    /// The rule that keeps requests from there.
    pub why: Barred,
}

/// The system's resolver.
pub(super) struct System;

impl Resolve for System {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            // The port is put in by the connector.
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// Hands on what the grant allows of a name's addresses: the connection goes to one that was judged, not to what a second
/// look at the name might give.
#[derive(Clone)]
pub(super) struct Judging {
    pub(super) addresses: Addresses,
    /// The proxy's host, which the administrator named; it may be anywhere.
    pub(super) proxy: Option<String>,
    /// Who is asked for addresses.
    pub(super) names: Arc<dyn Resolve>,
}

impl Resolve for Judging {
    fn resolve(&self, name: Name) -> Resolving {
        let judging = self.clone();
        Box::pin(async move {
            let asked = name.as_str().to_owned();
            let found = judging.names.resolve(name).await?;
            let (mut allowed, mut barred) = (Vec::new(), None);
            for found in found {
                match judging.judge(&asked, found.ip()) {
                    Ok(()) => allowed.push(found),
                    Err(why) => {
                        barred.get_or_insert(Prohibited { name: asked.clone(), address: found.ip(), why });
                    }
                }
            }
            match barred {
                Some(barred) if allowed.is_empty() => Err(barred.into()),
                _ => Ok(Box::new(allowed.into_iter()) as Addrs),
            }
        })
    }
}

impl Judging {
    fn judge(&self, name: &str, address: IpAddr) -> Result<(), Barred> {
        match &self.proxy {
            Some(proxy) if proxy.eq_ignore_ascii_case(name) => Ok(()),
            _ => self.addresses.judge(address),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allow(addresses: Addresses, text: &str) -> bool {
        addresses.judge(text.parse().unwrap()).is_ok()
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
    fn no_grant_leads_to_where_a_cloud_keeps_a_machines_secrets() {
        for address in [
            "169.254.169.254",
            "169.254.170.2",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "fe80::a9fe:a9fe",
            "168.63.129.16",
            "::ffff:168.63.129.16",
            "100.100.100.200",
            "192.0.0.192",
            "fd00:ec2::254",
            "fd00:ec2::23",
            "fd20:ce::254",
            "fd00:c1::a9fe:a9fe",
            "fd00:100::100:200",
            "fd00:a9fe:a9fe::1",
            "fd00:42::42",
        ] {
            for addresses in [Addresses::Public, Addresses::Private, Addresses::Loopback] {
                assert_eq!(addresses.judge(address.parse().unwrap()), Err(Barred::Metadata), "{addresses}: {address}");
            }
        }
        // Beside them are addresses of anybody's.
        for address in ["168.63.129.17", "100.100.100.201", "fd20:ce::255", "fd00:42::43"] {
            assert!(allow(Addresses::Private, address), "{address}");
        }
    }

    #[test]
    fn the_rule_that_keeps_a_request_away_is_told() {
        for (addresses, address, why) in [
            (Addresses::Public, "10.0.0.1", Barred::Private),
            (Addresses::Private, "127.0.0.1", Barred::Loopback),
            (Addresses::Public, "::1", Barred::Loopback),
            (Addresses::Loopback, "10.0.0.1", Barred::Elsewhere),
            (Addresses::Private, "192.0.2.1", Barred::Special),
            (Addresses::Private, "fec0::1", Barred::Special),
        ] {
            assert_eq!(addresses.judge(address.parse().unwrap()), Err(why), "{addresses}: {address}");
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
            Judging { addresses, proxy: proxy.map(str::to_owned), names: Arc::new(System) }
                .resolve("localhost".parse().unwrap())
        };
        let Err(error) = resolve(Addresses::Public, None).await else { panic!("resolved") };
        let prohibited = error.downcast_ref::<Prohibited>().unwrap_or_else(|| panic!("{error}"));
        assert_eq!((prohibited.name.as_str(), prohibited.why), ("localhost", Barred::Loopback));
        assert!(resolve(Addresses::Loopback, None).await.unwrap().count() > 0);
        assert!(resolve(Addresses::Public, Some("LOCALHOST")).await.unwrap().count() > 0);
    }
}
