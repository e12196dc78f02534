//! Names to addresses, with those left out that lead inside. The client connects to what is given here
//! and to nothing else, so a name that answers otherwise the second time gains nothing.

use std::net::SocketAddr;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::is_public;
use crate::error::Source;

/// See above.
pub(super) struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let public: Vec<SocketAddr> = found.filter(|found| is_public(found.ip())).collect();
            if public.is_empty() {
                let refused: Source = "the name leads to no address that may be called".into();
                return Err(refused);
            }
            let addresses: Addrs = Box::new(public.into_iter());
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_that_leads_to_this_machine_is_refused_when_it_is_called() {
        let name = "localhost".parse().unwrap();
        let found = PublicOnly.resolve(name).await;
        let words = found.err().unwrap().to_string();
        assert_eq!(words, "the name leads to no address that may be called");
    }
}
