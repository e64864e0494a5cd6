//! A running node: store, courier, engine and API, put together from the configuration.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;

use stayhook_api::{
    ApiLimits, ApiState, IntrospectionConfig, Issuers, IssuersConfig, JwksSource, Surface, router,
};
use stayhook_core::{Catalogue, DisableRule, Policy, Span};
use stayhook_courier::{Courier, CourierConfig};
use stayhook_engine::{Clock as _, Engine, EngineConfig, Parts, ProfileSet, Roles};
use stayhook_store::{HoldLimits, Store};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::clock::{SystemDice, WallClock};
use crate::config::{Config, Role};
use crate::database;
use crate::http_server::{self, Bound};
use crate::outcome::Trouble;
use crate::telemetry::Render;

/// How long attempts in flight are waited for at the end.
const DRAIN: Span = Span::seconds(10);
/// Of that, how long requests to the API that are under way may take.
const API_DRAIN: Span = Span::seconds(3);

/// A running node.
pub(crate) struct Node {
    engine: Engine,
    address: SocketAddr,
    admin_address: Option<SocketAddr>,
    stop: watch::Sender<bool>,
    servers: JoinSet<()>,
}

/// The addresses of a node, taken before anything else is touched.
pub(crate) struct Sockets {
    public: Bound,
    admin: Option<Bound>,
}

impl Sockets {
    /// Takes `server.listen` and `server.admin_listen`.
    pub(crate) async fn bind(config: &Config) -> Result<Self, Trouble> {
        let public = bind("server.listen", config.server.listen).await?;
        let admin = match config.server.admin_listen {
            Some(address) => Some(bind("server.admin_listen", address).await?),
            None => None,
        };
        Ok(Self { public, admin })
    }
}

impl Node {
    /// Starts delivering and answering.
    pub(crate) async fn start(
        config: &Config,
        sockets: Sockets,
        store: Arc<dyn Store>,
        metrics: Render,
    ) -> Result<Self, Trouble> {
        let issuers = issuers(config)?;
        let engine = Engine::start(Parts {
            store,
            transport: Arc::new(courier(config)?),
            clock: Arc::new(WallClock::new()),
            dice: Arc::new(SystemDice),
            config: engine_config(config)?,
        });
        let engine = engine.await.map_err(|error| database::trouble(&error))?;
        let state = ApiState {
            engine: engine.clone(),
            url_rules: config.egress.rules.clone(),
            limits: api_limits(config),
            issuers,
            metrics,
        };
        let Sockets { public, admin } = sockets;
        let (address, admin_address) = (public.address, admin.as_ref().map(|bound| bound.address));
        let stop = watch::Sender::new(false);
        let mut servers = JoinSet::new();
        let (at_public, at_admin) = surfaces(config);
        servers.spawn(public.serve(router(state.clone(), at_public), stop.subscribe()));
        if let Some(admin) = admin {
            servers.spawn(admin.serve(router(state, at_admin), stop.subscribe()));
        }
        Ok(Self { engine, address, admin_address, stop, servers })
    }

    /// Where the API answers.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where the internal API answers, if not at [`Node::address`].
    pub(crate) fn admin_address(&self) -> Option<SocketAddr> {
        self.admin_address
    }

    /// Ends when a part of the engine has panicked.
    pub(crate) async fn broken(&self) {
        self.engine.broken().await;
    }

    /// Stops accepting, waits for requests and attempts in flight ([`DRAIN`] at most), gives
    /// everything else back to the store.
    pub(crate) async fn shutdown(mut self) {
        let clock = WallClock::new();
        self.stop.send_replace(true);
        let answered = async { while self.servers.join_next().await.is_some() {} };
        let answered = tokio::time::timeout(API_DRAIN.as_duration(), answered).await.is_ok();
        if !answered {
            tracing::warn!("requests still under way are cut off");
        }
        let left = DRAIN.as_duration().saturating_sub(clock.monotonic());
        self.engine.shutdown(Span::from_duration(left)).await;
        self.servers.abort_all();
    }
}

/// The way out, as configured.
pub(crate) fn courier(config: &Config) -> Result<Courier, Trouble> {
    let egress = &config.egress;
    Courier::new(CourierConfig {
        timeout: config.delivery.timeout,
        addresses: egress.addresses().clone(),
        nameservers: egress.nameservers.clone(),
        ca_file: egress.ca_file.clone(),
    })
    .map_err(|error| Trouble::new(error.to_string()))
}

/// The token issuers, as configured. The rules of the configuration have seen to it that what
/// belongs together is there.
fn issuers(config: &Config) -> Result<Issuers, Trouble> {
    let auth = config.auth.clone();
    let url = auth.jwks_url.map(JwksSource::Url);
    let parts = (auth.introspection_url, auth.introspection_client_id, auth.introspection_client_secret);
    let introspection = match parts {
        (Some(url), Some(client_id), Some(client_secret)) => {
            Some(IntrospectionConfig { url, client_id, client_secret })
        }
        _ => None,
    };
    Issuers::new(IssuersConfig {
        keys: url.or(auth.jwks_file.map(JwksSource::File)),
        issuer: auth.issuer,
        audience: auth.audience,
        introspection,
        ca_file: config.egress.ca_file.clone(),
    })
    .map_err(|error| Trouble::new(error.to_string()))
}

fn api_limits(config: &Config) -> ApiLimits {
    let limits = &config.limits;
    ApiLimits {
        event_bytes: limits.event_bytes,
        requests_per_second: Some(limits.requests_per_second),
        events_per_second: limits.events_per_second,
    }
}

fn engine_config(config: &Config) -> Result<EngineConfig, Trouble> {
    let profiles = config.profile_set().map_err(|(key, what)| Trouble::new(format!("{key}: {what}")))?;
    Ok(EngineConfig {
        policy: Policy {
            backoff: config.retry,
            disable: DisableRule { after: config.disable.after, quiet: quiet(config, &profiles) },
            ..Policy::default()
        },
        concurrency: config.delivery.concurrency,
        per_webhook_concurrency: config.delivery.per_webhook_concurrency,
        timeout: config.delivery.timeout,
        hold: HoldLimits { max_age: config.hold.max_age, max_events: config.hold.max_events },
        keep: config.retention.keep,
        url_rules: config.egress.rules.clone(),
        webhooks_per_property: config.limits.webhooks_per_property,
        catalogue: catalogue(config, &profiles),
        profiles,
        event_bytes: config.limits.event_bytes,
        entitled_by_default: config.entitlements.default,
        roles: Roles {
            worker: config.server.roles.contains(&Role::Worker),
            maintenance: config.server.roles.contains(&Role::Maintenance),
        },
        // Whoever may choose which receivers fail could choose that nobody is to blame.
        outage: None,
    })
}

/// What is answered at `server.listen` and at `server.admin_listen`. A node without the role
/// `api` answers those who watch it, and nobody else.
fn surfaces(config: &Config) -> (Surface, Surface) {
    match (config.server.roles.contains(&Role::Api), config.server.admin_listen) {
        (true, None) => (Surface::All, Surface::Internal),
        (true, Some(_)) => (Surface::Public, Surface::Internal),
        (false, None) => (Surface::Service, Surface::Service),
        (false, Some(_)) => (Surface::Health, Surface::Service),
    }
}

/// Two caps, the longest that any profile has, and one attempt without a failure break a run of
/// failures.
fn quiet(config: &Config, profiles: &ProfileSet) -> Span {
    let caps = profiles.all().iter().map(|profile| profile.schedule().over(config.retry).cap);
    let cap = caps.max().unwrap_or(config.retry.cap);
    Span::millis(cap.times(2).as_millis().saturating_add(config.delivery.timeout.as_millis()))
}

/// The types of the built-in profiles, then those that the deployment's own add, then those that
/// are configured by themselves.
fn catalogue(config: &Config, profiles: &ProfileSet) -> Catalogue {
    let mut catalogue = Catalogue::built_in();
    let own = profiles.all().iter().filter(|profile| config.profiles.own.contains_key(profile.name()));
    for known in own.flat_map(|profile| profile.event_types()) {
        catalogue.insert(known.kind.clone());
    }
    for kind in &config.event_types {
        catalogue.insert(kind.clone());
    }
    catalogue
}

async fn bind(key: &str, address: SocketAddr) -> Result<Bound, Trouble> {
    http_server::bind(address).await.map_err(|error| {
        let advice = match error.kind() {
            ErrorKind::AddrInUse => "another program listens there: stop it, or choose another port",
            ErrorKind::AddrNotAvailable => "this machine has no such address",
            ErrorKind::PermissionDenied => "ports below 1024 need a privilege",
            _ => "choose another address",
        };
        Trouble::new(format!("{key}: cannot listen on {address}: {advice} ({error})"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_the_policy_of_the_reference() {
        assert_eq!(engine_config(&Config::default()).unwrap().policy, Policy::default());
    }
}
