use super::*;
use crate::Meaning;
use stayhook_core::Span;

fn configured(text: &str) -> Result<Profiles, String> {
    Profiles::read_file("stayhook.toml", "stayhook", text)
        .map(|(profiles, _)| profiles)
        .map_err(|error| error.to_string())
}

fn refused(text: &str) -> String {
    let error = configured(text).map(|_| ()).expect_err(text);
    assert!(error.starts_with("stayhook.toml: ") && !error.contains('\n'), "{error}");
    error["stayhook.toml: ".len()..].to_owned()
}

#[test]
fn the_built_in_profiles_are_there() {
    let profiles = Profiles::new(BTreeMap::new()).unwrap();
    let expected =
        ["bookingkit", "bookingscheduler", "nowbookit", "nowistay", "standard-webhooks", "ticketing"];
    assert_eq!(profiles.names().collect::<Vec<_>>(), expected);
    assert_eq!(profiles.iter().len(), 6);
    assert!(profiles.get(Profiles::DEFAULT).is_some());
    let missing = profiles.find("nowistey").unwrap_err();
    assert!(missing.contains("did you mean `nowistay`?") && missing.contains("ticketing"), "{missing}");
}

#[test]
fn a_profile_builds_on_another() {
    let text = "[profiles]\ndefault = 'mine'\n[profiles.mine]\nextends = 'nowbookit'\n\
                status_policy.'409' = { retry_in = '90s' }\n[profiles.theirs]\nextends = 'mine'\nmethod = 'PUT'";
    let profiles = configured(text).unwrap();
    let theirs = profiles.get("theirs").unwrap();
    assert_eq!(theirs.method(), "PUT");
    assert_eq!(theirs.meaning(409), Meaning::RetryIn(Span::seconds(90)));
    assert_eq!(theirs.meaning(400), Meaning::ConfigFault);
    assert_eq!(profiles.get("nowbookit").unwrap().meaning(409), Meaning::RetryIn(Span::seconds(60)));
}

#[test]
fn a_built_in_profile_can_be_adjusted_under_its_name() {
    for extends in ["", "extends = 'bookingkit'\n"] {
        let text = format!(
            "[profiles.bookingkit]\n{extends}method = 'POST'\n[profiles.other]\nextends = 'bookingkit'"
        );
        let profiles = configured(&text).unwrap();
        assert_eq!(profiles.get("bookingkit").unwrap().method(), "POST");
        assert_eq!(profiles.get("other").unwrap().method(), "POST");
        assert_eq!(profiles.names().len(), 7);
    }
}

#[test]
fn errors_name_file_key_and_reason() {
    for (text, error) in [
        ("[profiles.mine]\nbody = 'verbatim'", "profiles.mine.signature: is missing: write a table"),
        ("[profiles.mine]\nsignature = 'none'", "profiles.mine.body: is missing"),
        (
            "[profiles.mine]\nextends = 'nowistai'",
            "profiles.mine.extends: there is no profile \"nowistai\": did you mean `nowistay`?",
        ),
        ("[profiles.mine]\nextends = 5", "profiles.mine.extends: expected the name of a profile"),
        (
            "[profiles.a]\nextends = 'b'\n[profiles.b]\nextends = 'a'",
            "profiles.a.extends: leads back to \"a\"",
        ),
        ("[profiles.a]\nextends = 'a'", "profiles.a.extends: leads back to \"a\""),
        (
            "[profiles.mine]\nextends = 'nowistay'\nheader.X = 'y'",
            "profiles.mine.header: unknown key: did you mean `headers`?",
        ),
        (
            "[profiles.mine]\nextends = 'nowistay'\nheaders.Host = 'y'",
            "profiles.mine.headers.Host: cannot be set by a profile",
        ),
        (
            "[profiles.mine]\nextends = 'nowistay'\nheaders.Nowistay-Webhook-Signature = 'y'",
            "profiles.mine.signature: nowistay-webhook-signature stands among the headers",
        ),
        (
            "[profiles.mine]\nextends = 'nowistay'\nbody = 'verbatim'",
            "profiles.mine.redaction: takes members out",
        ),
        (
            "[profiles.mine]\nextends = 'nowistay'\nredaction = { allow = ['guest.email'] }",
            "profiles.mine.redaction.allow: `guest.email` names what is never sent",
        ),
        (
            "[profiles.mine]\nextends = 'nowistay'\nmethod = 'GET'",
            "profiles.mine.method: \"GET\" is not one of",
        ),
        (
            "[profiles.mine]\nextends = 'nowistay'\nstatus_policy.'4x' = 'retry'",
            "profiles.mine.status_policy.4x: is no status",
        ),
        (
            "[profiles.mine]\nextends = 'nowistay'\ntest_type = 'a b'",
            "profiles.mine.test_type: an event type is made of",
        ),
        (
            "[profiles.mine]\nextends = 'nowistay'\nurl.placeholders = ['hook']",
            "profiles.mine.url.placeholders.0: \"hook\" is not one of",
        ),
        (
            "[profiles.mine]\nextends = 'nowistay'\nurl.example = 'https://{eventType}/'",
            "profiles.mine.url.example: the profile mine has no URL placeholders",
        ),
        ("[profiles.'my profile']\nextends = 'nowistay'", "profiles.\"my profile\": is no name of a profile"),
        ("[profiles]\nmine = 5", "profiles.mine: expected a table"),
        ("profiles = 5", "profiles: expected tables"),
        (
            "[profiles.default]\nextends = 'nowistay'",
            "profiles.default: expected the name of a profile, in quotes",
        ),
        (
            "[profiles]\ndefault = 'nowistai'",
            "profiles.default: there is no profile \"nowistai\": did you mean `nowistay`?",
        ),
        (
            "[profiles.mine]\nextends = 'nowistay'\nurl.example = 'partner.example.com/hooks'",
            "profiles.mine.url.example: is refused: ",
        ),
        (
            "[profiles.mine]\nextends = 'nowbookit'\nurl.example = 'https://u:p@a.example.com/{eventType}'",
            "profiles.mine.url.example: is refused: ",
        ),
        ("[profiles.mine]\nmethod = ", "line 2: is no TOML: "),
        (
            "[profiles.nowbookit]\nmethd = 'PUT'",
            "profiles.nowbookit.methd: unknown key: did you mean `method`?",
        ),
    ] {
        let found = refused(text);
        assert!(found.starts_with(error), "{text}: {found}");
    }
    let many: Vec<String> = (0..1_001).map(|n| format!("'a{n}'")).collect();
    let many =
        format!("[profiles.mine]\nextends = 'nowistay'\nredaction = {{ allow = [{}] }}", many.join(","));
    assert!(refused(&many).starts_with("profiles.mine.redaction.allow: names 1001 paths, at most 1000"));
    let long: String = (0..9).map(|n| format!("[profiles.p{n}]\nextends = 'p{}'\n", n + 1)).collect();
    assert!(refused(&long).contains("more than 8 profiles"));
}

#[test]
fn a_file_may_be_one_profile() {
    let file = |text| Profiles::read_file("dir/mine.toml", "mine", text);
    let (profiles, names) = file("extends = 'nowistay'\nmethod = 'PUT'").unwrap();
    assert_eq!(names, ["mine"]);
    assert_eq!(profiles.get("mine").unwrap().method(), "PUT");
    let error = file("extends = 'nowistay'\nmethod = 'HEAD'").unwrap_err().to_string();
    assert!(error.starts_with("dir/mine.toml: method: \"HEAD\" is not one of"), "{error}");
}
