//! From a receiver's name to its addresses, by our own resolver.
//!
//! Names are absolute: no search list and no hosts file can lead them elsewhere. An answer is used for
//! its TTL, and for 60 seconds at most.

use std::future::{Future, pending};
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RecordType};
use stayhook_core::{Fault, FaultClass, Host, Span};
use tokio::time::{sleep, timeout};

use crate::CourierError;

/// The longest time for which an answer is used, whatever its TTL.
const LONGEST_USE: Duration = Duration::from_secs(60);

/// Once one address family has been found, how much longer the other is waited for.
const OTHER_FAMILY_GRACE: Duration = Duration::from_millis(300);

/// How many name servers are asked at once.
const MOST_ASKED: usize = 4;

/// How many answers are kept, and how many questions may wait for answers on one connection.
const MOST_KEPT: u64 = 8192;
const MOST_WAITING: usize = 1024;

/// Looks up receivers.
pub(crate) struct Resolver {
    dns: TokioResolver,
    limit: Span,
}

impl Resolver {
    /// A resolver that asks `nameservers`, or those of the system where there are none. `limit` is the
    /// time of a whole attempt.
    pub(crate) fn new(nameservers: &[SocketAddr], limit: Span) -> Result<Self, CourierError> {
        let refuse = |error: NetError| CourierError::Resolver(error.to_string());
        let mut builder = if nameservers.is_empty() {
            TokioResolver::builder_tokio().map_err(refuse)?
        } else {
            let servers = nameservers.iter().copied().map(name_server).collect();
            let config = ResolverConfig::from_parts(None, Vec::new(), servers);
            TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
        };
        configure(builder.options_mut(), limit);
        Ok(Self { dns: builder.build().map_err(refuse)?, limit })
    }

    /// The addresses of a host, unjudged: at least one.
    ///
    /// Waits as long as name servers keep it waiting: the caller bounds it.
    pub(crate) async fn addresses(&self, host: Host<'_>) -> Result<Vec<IpAddr>, Fault> {
        let text = match host {
            Host::Ip(address) => return Ok(vec![address]),
            Host::Name(text) => text,
        };
        let Some(name) = absolute(text) else {
            return Err(Fault::new(FaultClass::Dns, format!("{text} is no name that DNS can hold")));
        };
        tokio::select! {
            biased;
            found = self.look_up_patiently(&name) => match found {
                Ok(addresses) => Ok(addresses),
                Err(error) => Err(self.explain(text, error).await),
            },
            () = self.silence() => Err(our_own("our name servers do not answer")),
        }
    }

    /// As [`Self::look_up`], but never gives up waiting: [`Self::silence`] or the attempt's deadline does,
    /// whichever shows whose fault it is.
    async fn look_up_patiently(&self, name: &Name) -> Result<Vec<IpAddr>, NetError> {
        match self.look_up(name).await {
            Err(NetError::Timeout) => pending().await,
            found => found,
        }
    }

    /// The addresses of both families, IPv6 and IPv4 in turn (RFC 8305, section 4).
    async fn look_up(&self, name: &Name) -> Result<Vec<IpAddr>, NetError> {
        let mut v6 = pin!(self.family(name, RecordType::AAAA));
        let mut v4 = pin!(self.family(name, RecordType::A));
        let (v6, v4) = tokio::select! {
            biased;
            v4 = &mut v4 => (second(&v4, v6).await, v4),
            v6 = &mut v6 => { let v4 = second(&v6, v4).await; (v6, v4) },
        };
        match (v6, v4) {
            (Err(_), Err(error)) => Err(error),
            (v6, v4) => Ok(interleave(&v6.unwrap_or_default(), &v4.unwrap_or_default())),
        }
    }

    async fn family(&self, name: &Name, family: RecordType) -> Result<Vec<IpAddr>, NetError> {
        let answer = self.dns.lookup(name.clone(), family).await?;
        Ok(answer.answers().iter().filter_map(|record| record.data.ip_addr()).collect())
    }

    /// Ends when our own name servers answer nothing at all; otherwise never. A name whose servers are
    /// slow is its owner's fault, but name servers of ours that are gone are not: so in the second half of
    /// an attempt's time they are asked for the root, which every resolver knows.
    async fn silence(&self) {
        sleep(self.limit.part(2).as_duration()).await;
        let patience = self.limit.part(8).times(3).as_duration();
        if !matches!(timeout(patience, self.ask_for_the_root()).await, Err(_) | Ok(Err(_))) {
            pending::<()>().await;
        }
    }

    /// Whether our name servers answer (`Ok`) and whether with something else than a refusal.
    async fn ask_for_the_root(&self) -> Result<bool, NetError> {
        self.dns.clear_lookup_cache(Name::root(), RecordType::NS);
        match self.dns.lookup(Name::root(), RecordType::NS).await {
            Ok(_) => Ok(true),
            Err(NetError::Dns(DnsError::ResponseCode(ResponseCode::Refused))) => Ok(false),
            Err(NetError::Dns(_)) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// What a failed lookup means, and for whom.
    async fn explain(&self, name: &str, error: NetError) -> Fault {
        let words = match error {
            NetError::Dns(DnsError::NoRecordsFound(none)) => match none.response_code {
                ResponseCode::NXDomain => format!("the name {name} does not exist"),
                _ => format!("the name {name} has no address"),
            },
            NetError::Dns(DnsError::ResponseCode(ResponseCode::Refused)) => {
                // For this name, or for whatever we ask?
                if !matches!(self.ask_for_the_root().await, Ok(true)) {
                    return our_own("our name servers refuse to answer us");
                }
                format!("name servers refuse to answer for {name}")
            }
            NetError::Dns(error) => format!("name servers fail for {name}: {error}"),
            NetError::Proto(_) | NetError::ForeignClassRecord { .. } | NetError::Truncated => {
                format!("the name server's answer for {name} cannot be read")
            }
            error => {
                tracing::warn!(%error, "name resolution failed");
                return our_own("our name resolution failed");
            }
        };
        Fault::new(FaultClass::Dns, words)
    }
}

/// A name to which the search list of the system's configuration does not apply.
fn absolute(text: &str) -> Option<Name> {
    let mut name = Name::from_ascii(text).ok()?;
    name.set_fqdn(true);
    Some(name)
}

fn our_own(words: &str) -> Fault {
    Fault::new(FaultClass::Interrupted, words)
}

fn name_server(address: SocketAddr) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = address.port();
        connection
    });
    NameServerConfig::new(address.ip(), true, connections.into())
}

fn configure(options: &mut ResolverOpts, limit: Span) {
    options.ndots = 0;
    options.use_hosts_file = ResolveHosts::Never;
    options.positive_min_ttl = None;
    options.negative_min_ttl = None;
    options.positive_max_ttl = Some(LONGEST_USE);
    options.negative_max_ttl = Some(LONGEST_USE);
    options.cache_size = MOST_KEPT;
    options.max_active_requests = MOST_WAITING;
    // As long as a whole attempt, so that the attempt's own deadline decides. Within it a lost packet is
    // sent again, and several name servers are asked side by side.
    options.timeout = limit.as_duration();
    options.attempts = 2;
    options.num_concurrent_reqs = MOST_ASKED;
}

/// Waits for the second family: briefly where the first one has addresses.
async fn second(
    first: &Result<Vec<IpAddr>, NetError>,
    other: impl Future<Output = Result<Vec<IpAddr>, NetError>>,
) -> Result<Vec<IpAddr>, NetError> {
    match first {
        Ok(found) if !found.is_empty() => {
            timeout(OTHER_FAMILY_GRACE, other).await.unwrap_or_else(|_| Ok(Vec::new()))
        }
        _ => other.await,
    }
}

fn interleave(v6: &[IpAddr], v4: &[IpAddr]) -> Vec<IpAddr> {
    let mut all = Vec::with_capacity(v6.len() + v4.len());
    for turn in 0..v6.len().max(v4.len()) {
        all.extend(v6.get(turn));
        all.extend(v4.get(turn));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_absolute() {
        assert!(absolute("hooks.example.com").is_some_and(|name| name.is_fqdn()));
        assert!(absolute("my_app.example.com").is_some_and(|name| name.is_fqdn()));
        assert!(absolute(&"a".repeat(64)).is_none());
    }

    #[test]
    fn families_take_turns() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let all = interleave(&[ip("2001:db8::1")], &[ip("192.0.2.1"), ip("192.0.2.2")]);
        assert_eq!(all, [ip("2001:db8::1"), ip("192.0.2.1"), ip("192.0.2.2")]);
    }
}
