//! A network namespace in which every address is local.

use std::env;
use std::ffi::OsStr;
use std::process::{Command, Output};

/// Set where the test is inside already.
const INSIDE: &str = "STAYHOOK_TEST_IN_NAMESPACE";

/// Makes every IPv4 and IPv6 address one of this machine's own, then becomes the test.
const SET_UP: &str = r#"
ip link set lo up
ip route add local 0.0.0.0/0 dev lo
ip -6 route add local ::/0 dev lo
exec "$@"
"#;

const ADVICE: &str = "install iproute2 and util-linux, and run as root or allow unprivileged user \
    namespaces (sysctl kernel.apparmor_restrict_unprivileged_userns=0); a container needs \
    --privileged or --cap-add=SYS_ADMIN,NET_ADMIN";

/// Runs `work` in a namespace, by running this executable again with the test `name` only.
#[track_caller]
pub(crate) fn within(name: &str, work: impl AsyncFnOnce()) {
    if env::var_os(INSIDE).is_some() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        return runtime.unwrap().block_on(work());
    }
    let executable = env::current_exe().unwrap();
    let again = [executable.as_os_str(), "--exact".as_ref(), name.as_ref(), "--nocapture".as_ref()];
    let output = run(&again);
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    println!("{}", String::from_utf8_lossy(&text));
    assert!(output.status.success(), "inside of the namespace: {}", output.status);
}

fn run(command: &[&OsStr]) -> Output {
    for rights in [&["--net"][..], &["--net", "--user", "--map-root-user"]] {
        let made = namespace(rights, &["true".as_ref()]);
        if made.is_ok_and(|output| output.status.success()) {
            return namespace(rights, command).unwrap();
        }
    }
    panic!("no network namespace can be made: {ADVICE}");
}

fn namespace(rights: &[&str], command: &[&OsStr]) -> std::io::Result<Output> {
    let mut unshare = Command::new("unshare");
    unshare.args(rights).args(["sh", "-ec", SET_UP, "sh"]).args(command).env(INSIDE, "yes");
    // `ip` lives where only administrators look.
    let path = env::var_os("PATH").unwrap_or_default().into_string().unwrap();
    unshare.env("PATH", format!("{path}:/usr/sbin:/sbin")).output()
}
