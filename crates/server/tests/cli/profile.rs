//! `profile`, and profiles in the configuration of a server.

use stayhook_testkit::Receiver;

use crate::support::{PATIENCE, Sandbox};

const ACME: &str = "[profiles.acme]\nextends = \"nowbookit\"\nmethod = \"PUT\"\n\n[profiles.acme.headers]\nX-Partner = \"acme\"\nX-Request-Id = false\n";

#[test]
fn check_names_file_key_and_reason() {
    let sandbox = Sandbox::new();
    sandbox.write("stayhook.toml", format!("[delivery]\ntimeout = \"3s\"\n\n{ACME}"));
    let checked = sandbox.run(&["profile", "check", "stayhook.toml"]).exits(0);
    assert_eq!(checked.stdout, "stayhook.toml: the profile acme is right\n");

    sandbox.write("mine.toml", "extends = \"nowistay\"\nmethod = \"GET\"\n");
    sandbox.run(&["profile", "check", "mine.toml"]).is_trouble(&["mine.toml: method: \"GET\" is not one of"]);
    sandbox.write("mine.toml", "extends = \"nowistay\"\n[headers]\nHost = \"x\"\n");
    sandbox.run(&["profile", "check", "mine.toml"]).is_trouble(&["mine.toml: headers.Host: "]);
    sandbox.write("mine.toml", "extends = \n");
    sandbox.run(&["profile", "check", "mine.toml"]).is_trouble(&["mine.toml: line 1: is no TOML"]);
    sandbox.run(&["profile", "check", "nope.toml"]).is_trouble(&["nope.toml", "cannot be read"]);
}

#[test]
fn show_prints_what_check_accepts() {
    let sandbox = Sandbox::new();
    sandbox.write("stayhook.toml", ACME);
    for name in ["acme", "nowistay", "ticketing"] {
        let shown = sandbox.run(&["profile", "show", name]).exits(0);
        sandbox.write("shown.toml", &shown.stdout);
        sandbox.run(&["profile", "check", "shown.toml"]).exits(0);
    }
    let shown = sandbox.run(&["profile", "show", "acme"]).exits(0).stdout;
    assert!(shown.contains("method = \"PUT\"") && shown.contains("X-Partner = \"acme\""), "{shown}");
    sandbox.run(&["profile", "show", "acne"]).is_trouble(&["NAME", "did you mean `acme`?"]);
}

/// The request verifies with the secret that is told beside it.
#[test]
fn preview_prints_a_request_that_verifies() {
    let sandbox = Sandbox::new();
    sandbox.write("data.json", r#"{"booking": {"id": 9001, "phone": "+33 6 12 34 56 78"}}"#);
    let args =
        ["profile", "preview", "nowistay", "--type", "booking.created", "--booking", "9001", "data.json"];
    let shown = sandbox.run(&args).exits(0);
    let (head, body) = shown.stdout.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /nowistay/webhooks HTTP/1.1\r\nHost: partner.example.com\r\n"), "{head}");
    assert!(body.ends_with(r#""propertyId":101,"bookingId":9001,"data":{"booking":{"id":9001}}}"#), "{body}");
    let header = |name: &str| {
        let line = head.split("\r\n").find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        line.unwrap_or_else(|| panic!("{name} in {head}"))
    };
    let secret = shown.stderr.trim_end().strip_prefix("signed with the throw-away secret ").unwrap();
    sandbox.write("body.json", body);
    let verify = [
        "verify",
        "--secret",
        secret,
        "--timestamp",
        header("Nowistay-Webhook-Timestamp"),
        "--event-id",
        header("Nowistay-Webhook-Event-Id"),
        "--signature",
        header("Nowistay-Webhook-Signature"),
        "body.json",
    ];
    sandbox.run(&verify).exits(0);
}

#[test]
fn preview_knows_the_configuration_and_the_rules() {
    let sandbox = Sandbox::new();
    sandbox.write("stayhook.toml", ACME);
    let preview = |more: &[&str], data: &str| {
        let args = [&["profile", "preview", "acme", "--type", "table.closed"], more, &["-"]].concat();
        sandbox.run_with_input(&args, data.as_bytes())
    };
    let shown = preview(&[], "{ \"total\": 90.00 }\n").exits(0).stdout;
    let expected = "PUT /Sales/partners/acme/events/table.closed HTTP/1.1\r\n";
    assert!(shown.starts_with(expected) && shown.contains("\r\nX-Partner: acme\r\n"), "{shown}");
    assert!(shown.ends_with("\r\n\r\n{ \"total\": 90.00 }"), "byte for byte: {shown}");
    preview(&["--url", "https://10.0.0.1/{eventType}"], "{}").is_trouble(&["--url", "may not be called"]);
    preview(&["--url", "https://a.example.com/{x}"], "{}").is_trouble(&["--url", "no URL placeholder"]);
    preview(&[], "[]").is_trouble(&["FILE", "no JSON object"]);
    preview(&["--property", "0"], "{}").is_trouble(&["--property"]);
}

#[test]
fn a_server_does_not_start_with_a_wrong_profile() {
    let sandbox = Sandbox::new();
    sandbox.write("stayhook.toml", "[profiles.acme]\nextends = \"nowstay\"\n");
    sandbox
        .run(&["serve"])
        .is_trouble(&["stayhook.toml: profiles.acme.extends: ", "did you mean `nowistay`?"]);
    sandbox.write("stayhook.toml", "[profiles]\ndefault = \"acme\"\n");
    sandbox.run(&["serve"]).is_trouble(&["stayhook.toml: profiles.default: there is no profile \"acme\""]);
    let own = "[profiles.acme]\nextends = \"bookingkit\"\nauth = { deployment = { type = \"bearer\", token_env = \"ACME_TOKEN\" } }\n";
    sandbox.write("stayhook.toml", own);
    let serve = ["serve", "--listen", "127.0.0.1:0"];
    sandbox.run(&serve).is_trouble(&["profiles.acme.auth.deployment.token_env", "ACME_TOKEN"]);
}

/// The default of the deployment, its own profile and its own credentials, in the running server.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_sends_by_the_deployments_own_profile() {
    let sandbox = Sandbox::new().env("ACME_TOKEN", "s3cr3t");
    sandbox.write(
        "stayhook.toml",
        "[egress]\nrequire_https = false\nallow = [\"127.0.0.0/8\"]\n\n[profiles]\ndefault = \"acme\"\n\n\
         [profiles.acme]\nextends = \"bookingkit\"\nurl = { placeholders = [\"eventType\"] }\n\
         auth = { deployment = { type = \"bearer\", token_env = \"ACME_TOKEN\" } }\n",
    );
    let receiver = Receiver::start().await.unwrap();
    let server = sandbox.serve(&[]);
    let token = sandbox.token("webhooks.write,bookings.read,events.write");
    server.register(&token, &receiver.url("/acme/{eventType}"));
    let event = r#"{"type":"booking.created","propertyId":101,"data":{ "n": 1.0 }}"#;
    assert_eq!(server.call("POST", "/internal/v1/events", &token, event).status, 202);
    let request = receiver.wait_for(1, PATIENCE).await[0].clone();
    assert_eq!((request.method.as_str(), request.path.as_str()), ("PATCH", "/acme/booking.created"));
    assert_eq!(request.header("Authorization"), Some("Bearer s3cr3t"));
    assert_eq!(request.body, "{ \"n\": 1.0 }");
    server.stop().exits(0);
}
