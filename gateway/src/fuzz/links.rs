//! Download links, folders of films, stream tickets, and addresses of webhooks.

use std::net::IpAddr;

use model::{ArtifactKey, JobId, RunNumber};
use time::OffsetDateTime;
use url::Host;

use super::{KEY, split};
use crate::auth::is_genuine;
use crate::signed_url::{Disposition, ROUTE, UrlSigner};
use crate::webhook;

/// Some moment.
const NOW: i64 = 1_800_000_000;

/// The first byte says what the others are: `s` a key that is signed and then changed, `v` a link's path and
/// query, `f` the ticket of a folder, `t` the ticket of a stream, `a` an address.
pub fn links(bytes: &[u8]) {
    let Some((kind, rest)) = bytes.split_first() else {
        return;
    };
    let (first, second) = split(rest);
    let (Ok(first), Ok(second)) = (std::str::from_utf8(first), std::str::from_utf8(second)) else {
        return;
    };
    let now = OffsetDateTime::from_unix_timestamp(NOW).unwrap();
    let job: JobId = "0190c2a4-7b1e-7c3d-9e4f-5a6b7c8d9e0f".parse().unwrap();
    let signer = UrlSigner::new(KEY.to_owned().into());
    match kind {
        b's' => signed(&signer, first, second, now),
        b'v' => assert_eq!(signer.verify(first, second, now), None),
        b'f' => assert!(!signer.verify_folder((job, RunNumber(1)), first, now)),
        b't' => assert!(!is_genuine(&KEY.to_owned().into(), first, job, now)),
        b'a' => address(first),
        _ => {}
    }
}

/// Any key is signed, read again, and read no more once its link has `change` in place of what is there.
fn signed(signer: &UrlSigner, key: &str, change: &str, now: OffsetDateTime) {
    let Ok(key) = ArtifactKey::try_from(key.to_owned()) else {
        return;
    };
    let link = signer.sign(&key, Disposition::Inline, now);
    let link = link.strip_prefix(ROUTE).unwrap();
    let (path, query) = link.split_once('?').unwrap();
    let allowed = signer.verify(path, query, now).unwrap();
    assert_eq!(
        (allowed.key, allowed.disposition),
        (key, Disposition::Inline)
    );
    // Where the change goes is its own first number.
    let Some((at, change)) = change.split_once(' ') else {
        return;
    };
    let at = at.parse::<usize>().unwrap_or_default() % link.len();
    let end = at + change.len();
    if !link.is_char_boundary(at) || !link.is_char_boundary(end.min(link.len())) {
        return;
    }
    let changed = [&link[..at], change, link.get(end..).unwrap_or_default()].concat();
    if let Some((path, query)) = changed.split_once('?').filter(|_| changed != link) {
        assert_eq!(signer.verify(path, query, now), None, "{changed}");
    }
}

/// What is accepted leads to the internet, and over TLS.
fn address(text: &str) {
    let Ok(url) = webhook::address(text, false) else {
        return;
    };
    assert_eq!(
        (url.scheme(), url.port_or_known_default()),
        ("https", Some(443))
    );
    assert!(url.username().is_empty() && url.password().is_none());
    let address: IpAddr = match url.host().unwrap() {
        Host::Ipv4(address) => address.into(),
        Host::Ipv6(address) => address.into(),
        Host::Domain(name) => {
            let name = name.trim_end_matches('.');
            assert!(name.parse::<IpAddr>().is_err(), "{url}");
            assert!(
                name != "localhost" && !name.ends_with(".localhost"),
                "{url}"
            );
            return;
        }
    };
    let inside = match address.to_canonical() {
        IpAddr::V4(ip) => {
            ip.is_private() || ip.is_link_local() || ip.is_broadcast() || ip.octets()[0] == 0
        }
        IpAddr::V6(ip) => ip.is_unique_local() || ip.is_unicast_link_local(),
    };
    let nobodys = address.is_loopback() || address.is_unspecified() || address.is_multicast();
    assert!(!inside && !nobodys, "{url}");
}
