//! Every trick with a URL, decided.

use super::*;
use proptest::prelude::*;

const ORIGIN: &str = "https://dev.service-now.com";

fn verdict(egress: &Egress, uri: &str) -> Result<(), Reason> {
    let uri: Uri = uri.parse().unwrap_or_else(|error| panic!("{uri}: {error}"));
    egress.judge(&Method::GET, &uri).map_err(|denial| denial.why)
}

fn allowed(uri: &str) -> bool {
    verdict(&Egress::to(ORIGIN).unwrap(), uri).is_ok()
}

#[test]
fn the_granted_origin_is_reached_in_every_spelling_that_means_it() {
    for uri in [
        "https://dev.service-now.com/api/now/table/change_request?sysparm_query=a^b",
        "https://DEV.Service-Now.com/api/x",
        "https://dev.service-now.com./api/x",
        "https://dev.service-now.com:443/api/x",
        "https://dev.service-now.com:0443/api/x",
        "https://dev.service-now.com/api/",
        // A fragment is nobody's but the reader's, and is not sent.
        "https://dev.service-now.com/api/x#frag",
    ] {
        assert!(allowed(uri), "{uri}");
    }
}

#[test]
fn no_trick_with_the_authority_reaches_another_host() {
    let egress = Egress::to(ORIGIN).unwrap();
    for uri in [
        "https://evil.example/api/x",
        "https://dev.service-now.com.evil.example/api/x",
        "https://evildev.service-now.com/api/x",
        "https://dev.service-now.com../api/x",
        "https://service-now.com/api/x",
        "https://127.0.0.1/api/x",
        "https://0x7f.1/api/x",
        "https://2130706433/api/x",
        "https://[::1]/api/x",
        "https://[::ffff:169.254.169.254]/api/x",
    ] {
        assert!(matches!(verdict(&egress, uri), Err(Reason::Host { .. })), "{uri}");
    }
    for uri in [
        "https://user:pw@dev.service-now.com/api/x",
        "https://dev.service-now.com@evil.example/api/x",
        "https://evil.example@dev.service-now.com/api/x",
        "https://@dev.service-now.com/api/x",
    ] {
        assert_eq!(verdict(&egress, uri), Err(Reason::UserInfo), "{uri}");
    }
}

#[test]
fn what_may_be_a_password_in_a_url_is_not_shown() {
    for url in [
        "https://svc:hunter2@dev.service-now.com",
        "https://svc:hunter2@dev.service-now.com:99999",
        "https://svc:hunter2@exa mple.com",
        "https://svc:hun/hunter2@dev.service-now.com",
        "https://dev.service-now.com/?token=hunter2",
        "https://dev.service-now.com/#hunter2",
        "svc:hunter2@dev",
        "https://admin:hunter2#xyz@dev.service-now.com",
        "https://admin:hunter2?xyz@dev.service-now.com",
        "https://dev.service-now.com/?token=a@hunter2",
        "https://dev.service-now.com/#a@hunter2",
        "admin:hunter2@https://dev.service-now.com",
    ] {
        let error = Egress::to(url).err().unwrap_or_else(|| panic!("{url}"));
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    }
    let error = Egress::to("https://admin:12345?xyz@dev.service-now.com").unwrap_err();
    assert!(!format!("{error} {error:?}").contains("12345"), "{error:?}");
}

#[test]
fn a_denial_tells_the_whole_path() {
    let uri: Uri = "https://user:pw@dev.service-now.com/else/where@x".parse().unwrap();
    let denial = Egress::to(ORIGIN).unwrap().judge(&Method::GET, &uri).unwrap_err();
    assert_eq!(denial.target, "https://dev.service-now.com/else/where@x");
}

#[test]
fn a_url_is_judged_up_to_a_length() {
    let egress = Egress::to(ORIGIN).unwrap();
    let of = |length: usize| format!("{ORIGIN}/api/{}", "x".repeat(length - "/api/".len()));
    assert_eq!(verdict(&egress, &of(URI_BYTES)), Ok(()));
    assert_eq!(verdict(&egress, &of(URI_BYTES + 1)), Err(Reason::TooLong { most: URI_BYTES }));
}

#[test]
fn a_port_is_the_granted_one_or_none() {
    let egress = Egress::to(ORIGIN).unwrap();
    for port in ["0", "80", "8443", "99999", "65979", ""] {
        let uri = format!("https://dev.service-now.com:{port}/api/x");
        if let Ok(uri) = uri.parse::<Uri>() {
            let denied = egress.judge(&Method::GET, &uri).unwrap_err();
            assert_eq!(denied.why, Reason::Port { granted: 443 }, "{uri}");
        }
    }
    let other = Egress::to("https://dev.service-now.com:8443").unwrap();
    assert_eq!(verdict(&other, "https://dev.service-now.com/api/x"), Err(Reason::Port { granted: 8443 }));
    assert_eq!(verdict(&other, "https://dev.service-now.com:8443/api/x"), Ok(()));
}

#[test]
fn a_scheme_is_the_granted_one() {
    let granted = Err(Reason::Scheme { granted: "https" });
    let egress = Egress::to(ORIGIN).unwrap();
    assert_eq!(verdict(&egress, "http://dev.service-now.com/api/x"), granted);
    assert_eq!(verdict(&egress, "ftp://dev.service-now.com/api/x"), granted);
    assert_eq!(verdict(&egress, "/api/x"), granted);
    let simulated = Egress::to("http://127.0.0.1:8080").unwrap();
    assert_eq!(verdict(&simulated, "http://127.0.0.1:8080/api/x"), Ok(()));
    assert!(verdict(&simulated, "https://127.0.0.1:8080/api/x").is_err());
}

#[test]
fn a_path_is_below_a_granted_one_however_it_is_written() {
    let egress = Egress::to(ORIGIN).unwrap();
    for path in ["/", "/oauth_token.do", "/login.do", "/apix/y", "/API/x", "/x?y=/api/", "/api"] {
        assert!(matches!(verdict(&egress, &format!("{ORIGIN}{path}")), Err(Reason::Path { .. })), "{path}");
    }
    for path in [
        "//evil.example/x",
        "/api//x",
        "/api/../login.do",
        "/api/x/..",
        "/api/./x",
        "/api/..;/login.do",
        "/api/..;x=y/login.do",
        "/api/%2e%2e/login.do",
        "/api/%2E./login.do",
        "/api/..%2flogin.do",
        "/api/..%5clogin.do",
        "/api/%252e%252e/login.do",
        "/api/x%00",
    ] {
        assert!(matches!(verdict(&egress, &format!("{ORIGIN}{path}")), Err(Reason::AmbiguousPath { .. })), "{path}");
    }
    // What the `http` crate refuses to parse never reaches a judgement; if it ever parses, it is refused here.
    for uri in [&format!("{ORIGIN}/api\\..\\login.do"), &format!("{ORIGIN}*"), "*"] {
        if let Ok(uri) = uri.parse::<Uri>() {
            assert!(egress.judge(&Method::GET, &uri).is_err(), "{uri}");
        }
    }
}

/// What the `http` crate does not parse never reaches a judgement; if it ever parses one of these, it is refused here.
#[test]
fn what_one_reader_takes_for_another_host_passes_with_none() {
    let egress = Egress::to(ORIGIN).unwrap();
    for uri in [
        "https:///api/x",
        "https://evil.example#@dev.service-now.com/api/x",
        "https://evil.example\\@dev.service-now.com/api/x",
        "https://evil.example/@dev.service-now.com/api/x",
        "https://dev.service-now.com",
        "https://dev.service-now.com?/api/x",
        "https://dev.service-now.com#/api/x",
        "https://dev.service-now.com@evil.example:443/api/x",
        "https://dev.service-now.com:8443@evil.example/api/x",
        "https://dev.service-now.com:443:443/api/x",
        "https://dev.service-now.com%2eevil.example/api/x",
        "https://dev.service-now.com /api/x",
        "https://dev.service-now.com\r\nhost: evil.example/api/x",
        "https://[dev.service-now.com]/api/x",
        "dev.service-now.com/api/x",
        "dev.service-now.com:443",
    ] {
        if let Ok(uri) = uri.parse::<Uri>() {
            assert!(egress.judge(&Method::GET, &uri).is_err(), "{uri}");
        }
    }
}

#[test]
fn a_prefix_ends_where_a_segment_does() {
    let egress = Egress::to(ORIGIN).unwrap().paths(["/api/now/table/incident"]).unwrap();
    assert_eq!(verdict(&egress, &format!("{ORIGIN}/api/now/table/incident")), Ok(()));
    assert_eq!(verdict(&egress, &format!("{ORIGIN}/api/now/table/incident/1")), Ok(()));
    assert!(verdict(&egress, &format!("{ORIGIN}/api/now/table/incident_task")).is_err());
}

#[test]
fn a_grant_of_nothing_allows_nothing() {
    let none: [&str; 0] = [];
    assert!(verdict(&Egress::to(ORIGIN).unwrap().paths(none).unwrap(), &format!("{ORIGIN}/api/x")).is_err());
    assert!(verdict(&Egress::to(ORIGIN).unwrap().methods([]), &format!("{ORIGIN}/api/x")).is_err());
}

#[test]
fn a_method_is_one_of_the_granted() {
    let egress = Egress::to(ORIGIN).unwrap().methods([Method::GET]);
    let uri: Uri = format!("{ORIGIN}/api/x").parse().unwrap();
    let denied = |method: &str| egress.judge(&Method::from_bytes(method.as_bytes()).unwrap(), &uri).unwrap_err();
    for method in ["POST", "CONNECT", "TRACE", "get", "PROPFIND"] {
        assert!(matches!(denied(method).why, Reason::Method { .. }), "{method}");
    }
}

#[test]
fn an_instance_behind_a_reverse_proxy_keeps_its_path() {
    let egress = Egress::to("https://corp.example/snow/").unwrap();
    assert_eq!(verdict(&egress, "https://corp.example/snow/api/now/x"), Ok(()));
    assert!(verdict(&egress, "https://corp.example/api/now/x").is_err());
}

#[test]
fn what_cannot_be_granted_is_said() {
    assert!(matches!(Egress::to("dev.service-now.com"), Err(EgressError::NotAUrl { .. })));
    for host in ["dev..service-now.com", "dev.service-now.com..", ".", "..."] {
        assert!(matches!(Egress::to(&format!("https://{host}")), Err(EgressError::NotAUrl { .. })), "{host}");
    }
    assert!(matches!(Egress::to("http://dev.service-now.com"), Err(EgressError::NotHttps { .. })));
    assert!(matches!(Egress::to("ftp://127.0.0.1"), Err(EgressError::NotHttps { .. })));
    assert!(matches!(Egress::to("https://dev.service-now.com?x"), Err(EgressError::TooMuch { .. })));
    let secret = Egress::to("https://user:hunter2@dev.service-now.com").unwrap_err().to_string();
    assert!(!secret.contains("hunter2"), "{secret}");
    for path in ["api", "/a//b", "/a/../b", "/a%20b", "/a\\b"] {
        assert!(Egress::to(ORIGIN).unwrap().paths([path]).is_err(), "{path}");
    }
}

#[test]
fn a_grant_that_only_reads_lets_through_no_write_but_the_query_forms() {
    let egress = Egress::to("https://x.example").unwrap().reads_only();
    let judge = |method: Method, path: &str| {
        egress.judge(&method, &format!("https://x.example{path}?a=b").parse().unwrap()).is_ok()
    };
    assert!(judge(Method::GET, "/api/now/table/incident"));
    assert!(judge(Method::POST, "/api/now/identifyreconcile/queryEnhanced"));
    assert!(!judge(Method::POST, "/api/now/identifyreconcile/enhanced"));
    assert!(!judge(Method::POST, "/api/now/identifyreconcile/query/x"));
    assert!(!judge(Method::POST, "/api/now/table/incident"));
    assert!(!judge(Method::PATCH, "/api/now/table/incident/1"));
    assert!(!judge(Method::DELETE, "/api/now/identifyreconcile/query"));
}

#[test]
fn a_denial_says_which_grant_would_allow_it_and_hides_what_may_be_secret() {
    let uri: Uri = "https://evil.example/api/x?token=hunter2".parse().unwrap();
    let text = Egress::to(ORIGIN).unwrap().judge(&Method::GET, &uri).unwrap_err().to_string();
    assert_eq!(
        text,
        "GET https://evil.example/api/x was denied: the grant is for the host dev.service-now.com; a grant of \
         https://evil.example would allow it"
    );
    let uri: Uri = "https://user:hunter2@dev.service-now.com/api/x".parse().unwrap();
    let text = Egress::to(ORIGIN).unwrap().judge(&Method::GET, &uri).unwrap_err().to_string();
    assert!(!text.contains("hunter2"), "{text}");
}

#[test]
fn an_address_of_cloud_metadata_is_never_granted() {
    use Barred::{Loopback, Metadata, Special};
    for (host, rule) in [
        ("169.254.169.254", Metadata),
        ("[fe80::1]", Metadata),
        ("[::ffff:169.254.169.254]", Metadata),
        ("2852039166", Metadata),
        ("168.63.129.16", Metadata),
        ("100.100.100.200", Metadata),
        ("[fd20:ce::254]", Metadata),
        ("[FD00:EC2:0::254]", Metadata),
        ("0.0.0.0", Special),
        ("[::ffff:127.0.0.1]", Loopback),
    ] {
        let granted = Egress::to(&format!("https://{host}"));
        assert!(matches!(granted, Err(EgressError::Address { why, .. }) if why == rule), "{host}: {granted:?}");
    }
}

/// The plugin sends what the settings say, so what is granted must be what they say.
#[test]
fn what_is_granted_reaches_itself_as_it_is_written() {
    for (url, meant) in [
        ("https://dev.service-now.com:", ORIGIN),
        ("https://dev.service-now.com:/", ORIGIN),
        ("https:dev.service-now.com", ORIGIN),
        ("https:///dev.service-now.com", ORIGIN),
        ("https:\\\\dev.service-now.com", ORIGIN),
        (" https://dev.service-now.com", ORIGIN),
        ("https://dev.service-now\n.com", ORIGIN),
        ("https://%64ev.service-now.com", ORIGIN),
        ("https://ｄev.service-now.com", ORIGIN),
        ("http://2130706433:1", "http://127.0.0.1:1"),
        ("http://127.1:1", "http://127.0.0.1:1"),
        ("http://[0:0::1]:1", "http://[::1]:1"),
        ("https://167837955", "https://10.1.1.3"),
        ("https://corp.example/a/../snow", "https://corp.example/snow"),
    ] {
        let granted = Egress::to(url);
        let is_told = matches!(&granted, Err(EgressError::Spelling { meant: told, .. }) if told == meant);
        assert!(is_told, "{url}: {granted:?}");
    }
    for url in ["https://DEV.service-now.com.", "HTTPS://dev.service-now.com:0443/", "https://corp.example/snow/"] {
        Egress::to(url).unwrap_or_else(|error| panic!("{error}"));
    }
}

#[test]
fn addresses_follow_from_the_grant() {
    let addresses = |url: &str| Egress::to(url).unwrap().addresses();
    assert_eq!(addresses(ORIGIN), Addresses::Public);
    assert_eq!(addresses("http://127.0.0.1:1"), Addresses::Loopback);
    assert_eq!(addresses("http://localhost:1"), Addresses::Loopback);
    assert_eq!(addresses("https://[::1]:1"), Addresses::Loopback);
    assert_eq!(addresses("https://10.1.2.3"), Addresses::Private);
    assert_eq!(Egress::to(ORIGIN).unwrap().in_private_network().addresses(), Addresses::Private);
    assert_eq!(Egress::to("http://[::1]:1").unwrap().in_private_network().addresses(), Addresses::Loopback);
}

proptest! {
    /// Whatever the guest writes: what passes leads, by an independent reader of URLs, to the granted origin and path.
    #[test]
    fn what_passes_leads_to_the_granted_origin(
        scheme in "https?|ftp",
        authority in "[a-zA-Z0-9.@:\\[\\]%-]{0,12}(dev\\.service-now\\.com)?[a-zA-Z0-9.@:%-]{0,8}",
        path in "/(api|%2e|\\.\\.|;|\\\\|/|[a-z%]){0,8}",
    ) {
        let text = format!("{scheme}://{authority}{path}");
        if let Ok(uri) = text.parse::<Uri>() && Egress::to(ORIGIN).unwrap().judge(&Method::GET, &uri).is_ok() {
            let url = Url::parse(&text).unwrap();
            prop_assert_eq!(url.scheme(), "https");
            prop_assert_eq!(url.host_str().map(normal), Some("dev.service-now.com".to_owned()));
            prop_assert_eq!(url.port_or_known_default(), Some(443));
            prop_assert!(url.path().starts_with("/api/"), "{}", url.path());
        }
    }
}
