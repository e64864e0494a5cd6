//! Proxies of the environment are ignored. A test must not change its own environment, so that it runs
//! itself again in another one.

use std::env;
use std::process::Command;

use stayhook_testkit::Receiver;

use crate::desk::Desk;

const TARGET: &str = "PROXY_TEST_TARGET";

#[tokio::test]
async fn proxies_of_the_environment_are_ignored() {
    let (receiver, proxy) = (Receiver::start().await.unwrap(), Receiver::start().await.unwrap());
    let mut child = Command::new(env::current_exe().unwrap());
    child.args(["--exact", "proxies::one_attempt_in_a_given_environment", "--ignored"]);
    for name in ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
        child.env(name, proxy.url(""));
    }
    child.env_remove("no_proxy").env_remove("NO_PROXY").env(TARGET, receiver.url("/hook"));
    let output = tokio::task::spawn_blocking(move || child.output()).await.unwrap().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!((receiver.count(), proxy.connections()), (1, 0));
}

#[tokio::test]
#[ignore = "the other half of proxies_of_the_environment_are_ignored, which runs it"]
async fn one_attempt_in_a_given_environment() {
    if let Some(target) = env::var_os(TARGET) {
        assert!(Desk::new().await.send(target.to_str().unwrap()).await.is_success());
    }
}
