//! One attempt, from its URL to its answer.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use stayhook_core::{AddressRules, Fault, FaultClass, Span, WebhookId, WebhookUrl};

use crate::connect::{self, Vetted};
use crate::connection::{Connection, Sent};
use crate::deadline::{Deadline, Phase};
use crate::pool::Pool;
use crate::resolve::Resolver;
use crate::tls::Tls;
use crate::{Answer, CourierConfig, CourierError, Outbound, Reply, Transport, answer, request};

/// Carries requests to receivers over HTTP/1.1. Works inside of a Tokio runtime.
pub struct Courier {
    limit: Span,
    addresses: AddressRules,
    resolver: Resolver,
    tls: Tls,
    pool: Arc<Pool>,
}

impl Courier {
    /// A courier with its own resolver, trust and connections. Reads the system's resolver configuration,
    /// where no name servers are given, and the file of further roots.
    ///
    /// # Errors
    /// When one of these is missing or broken.
    pub fn new(config: CourierConfig) -> Result<Self, CourierError> {
        Ok(Self {
            limit: config.timeout,
            resolver: Resolver::new(&config.nameservers, config.timeout)?,
            tls: Tls::new(config.ca_file.as_deref())?,
            addresses: config.addresses,
            pool: Arc::default(),
        })
    }

    /// The addresses to which an attempt could connect now: resolved and vetted as in every attempt, but
    /// nothing is connected to.
    ///
    /// # Errors
    /// The fault with which an attempt would fail.
    pub async fn look_up(&self, url: &WebhookUrl) -> Result<Vec<SocketAddr>, Fault> {
        let vetted = self.vet(url, Deadline::after(self.limit)).await?;
        Ok(vetted.into_iter().map(Vetted::address).collect())
    }

    async fn vet(&self, url: &WebhookUrl, deadline: Deadline) -> Result<Vec<Vetted>, Fault> {
        let found: Vec<IpAddr> = deadline.bound(Phase::Lookup, self.resolver.addresses(url.host())).await??;
        Vetted::all(&found, url.port(), &self.addresses)
    }

    async fn attempt(&self, outbound: Outbound) -> Result<Reply, Fault> {
        let Outbound { webhook, now, keep, .. } = outbound;
        let url = outbound.url.clone();
        let deadline = Deadline::after(self.limit);
        let vetted = self.vet(&url, deadline).await?;
        let request = request::build(outbound)?;

        let (response, connection, reused) =
            match self.send_over_kept(webhook, &url, &vetted, request, deadline).await? {
                Ok((response, connection)) => (response, connection, true),
                Err(request) => {
                    let connection = connect::connect(&vetted, &url, &self.tls, deadline).await?;
                    let (response, connection) = send_over_fresh(connection, request, deadline).await?;
                    (response, connection, false)
                }
            };
        let (reply, ended) = answer::read(response, (now, keep), deadline).await?;
        if ended {
            self.pool.put(webhook, url, connection);
        }
        Ok(Reply { reused, ..reply })
    }

    /// Sends over a connection of an earlier attempt. Gives the request back where there is none, or where
    /// it was closed before anything was written: only then is it certain that the receiver has not seen it.
    async fn send_over_kept(
        &self,
        webhook: WebhookId,
        url: &WebhookUrl,
        vetted: &[Vetted],
        request: Request<Full<Bytes>>,
        deadline: Deadline,
    ) -> Result<Result<(Response<Incoming>, Connection), Request<Full<Bytes>>>, Fault> {
        let Some(mut connection) = self.pool.take(webhook, url, vetted) else { return Ok(Err(request)) };
        match connection.send(request, deadline).await {
            Sent::Answered(response) => Ok(Ok((response, connection))),
            Sent::Unsent(request) => Ok(Err(request)),
            Sent::Failed(fault) => Err(fault),
        }
    }
}

async fn send_over_fresh(
    mut connection: Connection,
    request: Request<Full<Bytes>>,
    deadline: Deadline,
) -> Result<(Response<Incoming>, Connection), Fault> {
    match connection.send(request, deadline).await {
        Sent::Answered(response) => Ok((response, connection)),
        Sent::Unsent(_) => {
            let words = "the receiver closed the connection before the request was sent";
            Err(Fault::new(FaultClass::Protocol, words))
        }
        Sent::Failed(fault) => Err(fault),
    }
}

#[async_trait]
impl Transport for Courier {
    async fn send(&self, outbound: Outbound) -> Answer {
        match self.attempt(outbound).await {
            Ok(reply) => Answer::Replied(reply),
            Err(fault) => Answer::Failed(fault),
        }
    }

    fn forget(&self, webhook: WebhookId) {
        self.pool.forget(webhook);
    }
}
