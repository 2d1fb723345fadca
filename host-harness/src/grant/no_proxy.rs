//! `NO_PROXY`: the hosts that no proxy stands before. No standard says how it is written; this is what curl and Go have in
//! common, and where they differ, what leaves out the proxy for more of what people write.
//!
//! | an entry | names |
//! |---|---|
//! | `*` | every host |
//! | `example.com`, `.example.com`, `*.example.com` | the host and all below it, whatever the case (curl; Go takes the latter two for what is below alone) |
//! | `10.1.2.3`, `::1`, `[::1]` | the address, however it is spelled |
//! | `10.0.0.0/8`, `fd00::/8` | the addresses of the network; a name is not looked up for it |
//! | any but a network, with `:8443` behind | the same at this port alone (Go) |
//!
//! Entries are parted by commas, blanks or both. One that is none of these names no host.

use ipnet::IpNet;
use std::net::IpAddr;

/// Whether the list names a host, given as an [`Egress`](super::Egress) has it: lower case, IPv6 in brackets.
pub(super) fn names(list: &str, host: &str, port: u16) -> bool {
    let address = address(host);
    let is_named = |entry: &str| {
        if entry == "*" {
            return true;
        }
        if let Ok(network) = entry.parse::<IpNet>() {
            return address.is_some_and(|address| network.contains(&address));
        }
        let (name, at) = match entry.rsplit_once(':') {
            // The colons of an IPv6 address part no port, unless it is in brackets.
            Some((name, at)) if !at.contains(']') && entry.parse::<IpAddr>().is_err() => (name, Some(at)),
            _ => (entry, None),
        };
        if at.is_some_and(|at| at.parse() != Ok(port)) {
            return false;
        }
        match address {
            Some(address) => self::address(name) == Some(address),
            None => is_below(host, name),
        }
    };
    list.split(|c: char| c == ',' || c.is_whitespace()).filter(|entry| !entry.is_empty()).any(is_named)
}

fn address(host: &str) -> Option<IpAddr> {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    bare.parse().ok()
}

fn is_below(host: &str, name: &str) -> bool {
    let name = name.strip_prefix('*').filter(|rest| rest.starts_with('.')).unwrap_or(name);
    let domain = name.trim_matches('.').to_ascii_lowercase();
    !domain.is_empty() && host.strip_suffix(&domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_an_entry_is_decided() {
        const DEV: &str = "dev.service-now.com";
        for (list, host, port, is_named) in [
            // Names, and what is below them.
            (DEV, DEV, 443, true),
            ("DEV.Service-Now.COM.", DEV, 443, true),
            ("service-now.com", DEV, 443, true),
            (".service-now.com", DEV, 443, true),
            (".dev.service-now.com", DEV, 443, true),
            ("*.service-now.com", DEV, 443, true),
            ("now.com", DEV, 443, false),
            ("*now.com", DEV, 443, false),
            ("dev", DEV, 443, false),
            ("x.dev.service-now.com", DEV, 443, false),
            ("*.com*", DEV, 443, false),
            // All of them.
            ("*", DEV, 443, true),
            ("*", "10.1.2.3", 443, true),
            ("a.example,*", DEV, 443, true),
            (".", DEV, 443, false),
            // Lists.
            ("localhost, dev.service-now.com ,b", DEV, 443, true),
            ("localhost dev.service-now.com", DEV, 443, true),
            ("", DEV, 443, false),
            (" , ,", DEV, 443, false),
            // Ports.
            ("dev.service-now.com:8443", DEV, 8443, true),
            ("dev.service-now.com:8443", DEV, 443, false),
            (".service-now.com:8443", DEV, 8443, true),
            ("dev.service-now.com:", DEV, 443, false),
            ("dev.service-now.com:https", DEV, 443, false),
            ("dev.service-now.com:99999", DEV, 443, false),
            ("10.1.2.3:8443", "10.1.2.3", 8443, true),
            ("10.1.2.3:8443", "10.1.2.3", 443, false),
            ("[::1]:8443", "[::1]", 8443, true),
            ("[::1]:8443", "[::1]", 443, false),
            // Addresses: bare, in brackets, spelled otherwise.
            ("10.1.2.3", "10.1.2.3", 443, true),
            ("10.1.2.3", "110.1.2.3", 443, false),
            ("1.2.3", "10.1.2.3", 443, false),
            ("::1", "[::1]", 443, true),
            ("0:0:0:0:0:0:0:1", "[::1]", 443, true),
            ("[::1]", "[::1]", 443, true),
            ("FD12::A", "[fd12::a]", 443, true),
            ("fd12::b", "[fd12::a]", 443, false),
            // Networks.
            ("10.0.0.0/8", "10.1.2.3", 443, true),
            ("10.1.2.3/8", "10.200.0.1", 443, true),
            ("10.0.0.0/8", "11.1.2.3", 443, false),
            ("10.1.2.3/32", "10.1.2.3", 443, true),
            ("0.0.0.0/0", "203.0.113.1", 443, true),
            ("0.0.0.0/0", "[fd12::a]", 443, false),
            ("fd00::/8", "[fd12::a]", 443, true),
            ("fe80::/10", "[fd12::a]", 443, false),
            ("10.0.0.0/33", "10.1.2.3", 443, false),
            ("10.0.0.0/", "10.0.0.0", 443, false),
            ("10.0.0.0/8", DEV, 443, false),
        ] {
            assert_eq!(names(list, host, port), is_named, "NO_PROXY={list} for {host}:{port}");
        }
    }
}
