use super::*;

const RAW: &str = r#"{ "order": {"total": 90.00, "2": "b", "1": "a"}, "note": null }"#;

fn read(text: &str) -> Result<Body, String> {
    let table: toml::Table = format!("body = {text}").parse().unwrap();
    Body::read(&Section::root(&table).get("body").unwrap()).map_err(|error| error.to_string())
}

fn composed(text: &str, booking: Option<&BookingId>) -> String {
    let kind = EventType::parse("order.line.updated").unwrap();
    let facts = EventFacts {
        id: EventId::parse("evt_AZ5qRS3gcACAAAAAAAAAKg").unwrap(),
        kind: &kind,
        created_at: UnixMs(1_779_900_000_987),
        property: PropertyId::new(101).unwrap(),
        booking,
    };
    let data = Json::parse(RAW.as_bytes(), 64).unwrap();
    let body = read(text).unwrap();
    let composed =
        body.compose(&Redaction::None, &EventTypes::default(), &facts, (&data, RAW.as_bytes()), true);
    assert!(!composed.has_custom_parameters);
    String::from_utf8(composed.body.to_vec()).unwrap()
}

#[test]
fn verbatim_bodies_are_the_producers_bytes() {
    assert_eq!(composed("'verbatim'", None), RAW);
    assert_eq!(composed("{ envelope = '{data}', stable = false }", None), RAW);
    assert_eq!(
        composed("{ envelope = { data = '{data}' }, stable = false }", None),
        format!(r#"{{"data":{RAW}}}"#)
    );
}

#[test]
fn every_placeholder_has_its_value() {
    let template = "{ envelope = { id = '{id}', t = '{type}', r = '{resource}', g = '{trigger}', at = '{createdAt}', \
                    u = '{createdAt:unix}', p = '{propertyId}', b = '{bookingId}' } }";
    assert_eq!(
        composed(template, Some(&BookingId::Text("b\"1".into()))),
        concat!(
            r#"{"id":"evt_AZ5qRS3gcACAAAAAAAAAKg","t":"order.line.updated","r":"order","g":"line.updated","#,
            r#""at":"2026-05-27T16:40:00Z","u":1779900000,"p":101,"b":"b\"1"}"#
        )
    );
}

#[test]
fn members_without_a_value_are_left_out_and_the_order_is_kept() {
    let template = "{ envelope = { z = '{bookingId}', n = { b = '{bookingId}', none = '{none}' }, \
                    a = ['{bookingId}', 1, true, 2.50, 'x\"'], o = '{data.order}', m = '{data.order.missing}', \
                    x = '{data.note.x}', note = '{data.note}' } }";
    assert_eq!(
        composed(template, None),
        r#"{"n":{},"a":[1,true,2.5,"x\""],"o":{"1":"a","2":"b","total":90},"note":null}"#
    );
    assert_eq!(composed("{ envelope = '{data.order.total}' }", None), "90");
    assert_eq!(composed("{ envelope = '{data.missing}' }", None), "{}");
}

#[test]
fn what_is_no_template_is_refused() {
    for (text, reason) in [
        ("'verbatm'", "body: \"verbatm\" is not one of \"verbatim\": did you mean `verbatim`?"),
        ("7", "body: expected \"verbatim\" or a table"),
        ("{}", "body.envelope: is missing"),
        ("{ envelope = { a = '{boking}' } }", "body.envelope.a: {boking} is no placeholder of a body"),
        ("{ envelope = { a = 'x{id}' } }", "body.envelope.a: mixes a placeholder"),
        ("{ envelope = { a = '{id' } }", "mixes a placeholder"),
        ("{ envelope = { a = ['{data..x}'] } }", "body.envelope.a.0: {data..x} is no path"),
        ("{ envelope = { '1' = 'x' } }", "body.envelope.1: is a number as a name"),
        ("{ envelope = { a = nan } }", "is no number of JSON"),
        ("{ envelope = { a = 9007199254740993 } }", "write it in quotes"),
        ("{ envelope = { a = 2026-01-01 } }", "is a TOML date"),
        ("{ envelope = '{data.x}', stable = false }", "reaches into the data"),
        ("{ envelope = '{data}', stabel = false }", "body.stabel: unknown key: did you mean `stable`?"),
    ] {
        let error = read(text).unwrap_err();
        assert!(error.contains(reason) && !error.contains('\n'), "{text}: {error}");
    }
    let deep = format!("{{ envelope = {}1{} }}", "[".repeat(20), "]".repeat(20));
    assert!(read(&deep).unwrap_err().contains("more than 16 deep"));
}
