//! Webhooks as Standard Webhooks defines them: where they may go, and how they are signed.

pub(crate) mod deliver;
mod resolver;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use url::{Host, Url};
use uuid::Uuid;

pub(crate) use deliver::Deliverer;

/// Characters that an address may have.
const LONGEST_URL: usize = 2048;
/// What a secret begins with.
const SECRET_PREFIX: &str = "whsec_";

/// Reads the address of a webhook. Outside tests and closed networks (`allow_private`) it is an HTTPS
/// address on the usual port, and no address of a machine that only we can reach.
pub(crate) fn address(text: &str, allow_private: bool) -> Result<Url, &'static str> {
    if text.len() > LONGEST_URL {
        return Err("a webhook's address has at most 2048 characters");
    }
    let url = Url::parse(text).map_err(|_| "a webhook's address must be a whole URL")?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a webhook's address must not carry a user or a password");
    }
    let host = url.host().ok_or("a webhook's address must name a host")?;
    if allow_private {
        let speaks_http = matches!(url.scheme(), "http" | "https");
        return speaks_http
            .then_some(url)
            .ok_or("a webhook's address must begin with http:// or https://");
    }
    if url.scheme() != "https" || url.port().is_some() {
        return Err("a webhook's address must begin with https:// and use the usual port");
    }
    let reachable = match host {
        Host::Ipv4(ip) => is_public(ip.into()),
        Host::Ipv6(ip) => is_public(ip.into()),
        Host::Domain(name) => {
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            let last = name.rsplit_once('.').map(|(_, last)| last);
            last.is_some_and(|last| !matches!(last, "localhost" | "local" | "internal"))
        }
    };
    if reachable {
        Ok(url)
    } else {
        Err("a webhook's address must be one that the whole internet can reach")
    }
}

/// Whether an address belongs to the internet at large: neither to this machine, nor to its network, nor
/// to a cloud's inside. After the registries of special-purpose addresses (RFC 6890 and its successors).
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let special = ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_documentation()
        || ip.is_multicast()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b)) // carriers' own
        || (a == 192 && b == 0 && c == 0) // protocol assignments
        || (a == 192 && b == 88 && c == 99) // relays to IPv6
        || (a == 198 && (18..20).contains(&b)); // benchmarks
    !special
}

/// Only what is routed at all (`2000::/3`), and of that nothing that leads to an IPv4 address in disguise.
fn is_public_v6(ip: Ipv6Addr) -> bool {
    let [a, b, ..] = ip.segments();
    let is_routed = a & 0xe000 == 0x2000;
    let is_special = a == 0x2002 || (a == 0x2001 && (b < 0x0200 || b == 0x0db8)) || a == 0x3fff;
    is_routed && !is_special
}

/// A new secret: 32 random bytes behind the standard's prefix.
pub(crate) fn new_secret() -> String {
    let random = [Uuid::new_v4().into_bytes(), Uuid::new_v4().into_bytes()].concat();
    format!("{SECRET_PREFIX}{}", STANDARD.encode(Sha256::digest(random)))
}

/// The header `webhook-signature`: one signature for each secret, so that a receiver may change it
/// without missing a message.
pub(crate) fn signatures(secrets: &[String], id: &str, timestamp: i64, body: &str) -> String {
    let signed = format!("{id}.{timestamp}.{body}");
    let of = |secret: &String| {
        let key = STANDARD.decode(secret.strip_prefix(SECRET_PREFIX)?).ok()?;
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
        mac.update(signed.as_bytes());
        Some(format!(
            "v1,{}",
            STANDARD.encode(mac.finalize().into_bytes())
        ))
    };
    secrets.iter().filter_map(of).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standards_own_example_is_signed_as_it_says() {
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned();
        let signed = signatures(
            &[secret],
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            r#"{"test": 2432232314}"#,
        );
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn every_secret_signs_and_each_is_new() {
        let secrets = [new_secret(), new_secret()];
        assert_ne!(secrets[0], secrets[1]);
        assert_eq!(signatures(&secrets, "m", 1, "{}").split(' ').count(), 2);
    }

    #[test]
    fn an_address_that_leads_inside_is_refused_however_it_is_written() {
        for refused in [
            "http://example.org/hook",
            "https://example.org:8443/hook",
            "https://127.0.0.1/",
            "https://127.1/",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://017700000001/",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://[::]/",
            "https://0.0.0.0/",
            "https://169.254.169.254/latest/meta-data",
            "https://[fd00:ec2::254]/",
            "https://10.1.2.3/",
            "https://172.16.0.1/",
            "https://192.168.1.1/",
            "https://100.64.0.1/",
            "https://[64:ff9b::7f00:1]/",
            "https://[2002:7f00:1::]/",
            "https://localhost/",
            "https://localhost./",
            "https://nats/",
            "https://user@example.org/",
            "https://user:pass@example.org/",
            "file:///etc/passwd",
            "gopher://example.org/",
            "ftp://example.org/",
            "example.org/hook",
            "",
        ] {
            assert!(address(refused, false).is_err(), "{refused}");
        }
        for accepted in [
            "https://example.org/hook?x=1",
            "https://1.1.1.1/",
            "https://[2606:4700::1111]/",
        ] {
            assert!(address(accepted, false).is_ok(), "{accepted}");
        }
        assert!(address("http://127.0.0.1:9/hook", true).is_ok());
        assert!(address("file:///etc/passwd", true).is_err());
    }
}
