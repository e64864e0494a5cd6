//! What the booking platform reports: the same 240 events in every run.
//!
//! The data is what a platform has, guests' addresses and door codes included: to leave those
//! out is the engine's work, and the tally looks whether it was done.

mod guests;

use serde::Serialize;
use stayhook_core::{Span, UnixMs};

use super::cast::{CREATED, UPDATED};
use guests::{GUESTS, Home};

/// So many bookings, over four properties in turn.
const BOOKINGS: usize = 120;
/// A booking changes when so many others have been made.
const LATER: usize = 12;
const PROPERTIES: [i64; 4] = [101, 102, 103, 104];
const FIRST_BOOKING: i64 = 9_001;
/// 2027-05-01: the first arrival.
const SEASON: UnixMs = UnixMs(1_809_129_600_000);

/// One event as it is reported to `POST /internal/v1/events`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    pub(crate) property_id: i64,
    pub(crate) booking_id: i64,
    pub(crate) idempotency_key: String,
    data: Data,
}

#[derive(Clone, Debug, Serialize)]
struct Data {
    booking: Booking,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Booking {
    id: i64,
    property_id: i64,
    arrival: String,
    departure: String,
    arrival_time: &'static str,
    status: &'static str,
    channel: &'static str,
    reservation_number: String,
    guest: Guest,
    adults: u64,
    children: u64,
    amounts: Amounts,
    identity: Identity,
    smart_lock_code: String,
    custom_parameters: CustomParameters,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Guest {
    first_name: &'static str,
    last_name: &'static str,
    email: String,
    phone: String,
    address: String,
    city: &'static str,
    postal_code: &'static str,
    country: &'static str,
    language: &'static str,
}

#[derive(Clone, Debug, Serialize)]
struct Amounts {
    amount: String,
    currency: &'static str,
}

#[derive(Clone, Debug, Serialize)]
struct Identity {
    status: &'static str,
}

/// What the host asks guests; one of the answers is nobody else's business.
#[derive(Clone, Debug, Serialize)]
struct CustomParameters {
    #[serde(rename = "Parking space")]
    parking: &'static str,
    #[serde(rename = "Baby cot")]
    cot: bool,
    #[serde(rename = "Contact e-mail")]
    email: String,
}

impl Report {
    /// The values of fields that never leave, as they would stand in a body.
    pub(crate) fn withheld(&self) -> Vec<String> {
        let Booking { guest, smart_lock_code, custom_parameters, .. } = &self.data.booking;
        let values = [
            &guest.email,
            &guest.phone,
            &guest.address,
            guest.city,
            guest.postal_code,
            guest.country,
            guest.language,
            smart_lock_code,
            &custom_parameters.email,
        ];
        values.map(|value| serde_json::Value::from(value).to_string()).into()
    }
}

/// Everything that is reported, in order: each booking is created, and updated a while later.
pub(crate) fn history() -> Vec<Report> {
    let mut reports = Vec::with_capacity(2 * BOOKINGS);
    for turn in 0..BOOKINGS + LATER {
        if turn < BOOKINGS {
            reports.push(report(turn, CREATED));
        }
        if let Some(earlier) = turn.checked_sub(LATER) {
            reports.push(report(earlier, UPDATED));
        }
    }
    reports
}

fn report(number: usize, kind: &'static str) -> Report {
    let mut booking = booking(number);
    if kind == UPDATED {
        change(&mut booking, number);
    }
    Report {
        kind,
        property_id: booking.property_id,
        booking_id: booking.id,
        idempotency_key: format!("{kind}-{}", booking.id),
        data: Data { booking },
    }
}

fn booking(number: usize) -> Booking {
    let mut luck = Luck::of(number);
    let id = FIRST_BOOKING + number as i64;
    let property_id = PROPERTIES[number % PROPERTIES.len()];
    let (nights, lead) = (2 + luck.below(9), luck.below(150));
    let price = 78 + luck.below(90);
    let (channel, reservation_number) = channel(&mut luck);
    let guest = guest(&mut luck, id);
    Booking {
        id,
        property_id,
        arrival: date(lead),
        departure: date(lead + nights),
        arrival_time: luck.one_of(&["15:00", "16:30", "18:00", "21:15"]),
        status: luck.one_of(&["confirmed", "confirmed", "confirmed", "pending"]),
        channel,
        reservation_number,
        adults: 1 + luck.below(4),
        children: luck.below(3),
        amounts: Amounts {
            amount: format!("{}.{:02}", nights * price, 10 * luck.below(10)),
            currency: "EUR",
        },
        identity: Identity { status: luck.one_of(&["verified", "verified", "pending"]) },
        smart_lock_code: format!("#{:06}", 100_000 + luck.below(900_000)),
        custom_parameters: CustomParameters {
            parking: luck.one_of(&["A4", "B2", "none"]),
            cot: luck.below(4) == 0,
            email: format!("trip-{id}@mail.example"),
        },
        guest,
    }
}

/// What happens to bookings: guests come later, bring somebody, stay longer, or do not come.
fn change(booking: &mut Booking, number: usize) {
    match number % 5 {
        0 => booking.arrival_time = "22:45",
        1 => booking.adults += 1,
        2 => booking.status = "cancelled",
        3 => booking.identity.status = "verified",
        _ => booking.custom_parameters.parking = "C1",
    }
    if booking.status == "pending" {
        booking.status = "confirmed";
    }
}

fn channel(luck: &mut Luck) -> (&'static str, String) {
    match luck.below(4) {
        0 => ("airbnb", format!("HM{}", luck.letters(8))),
        1 => ("booking.com", format!("{}", 4_000_000_000 + luck.below(900_000_000))),
        2 => ("vrbo", format!("HA-{}", luck.letters(6))),
        _ => ("direct", format!("NW-{}", luck.letters(5))),
    }
}

fn guest(luck: &mut Luck, id: i64) -> Guest {
    let (first_name, last_name, home) = luck.one_of(GUESTS);
    let Home { street, city, postal_code, country, language, dial } = *home;
    Guest {
        first_name,
        last_name,
        email: format!("guest-{id}@post.example"),
        phone: format!("{dial} 555 {:03} {:03}", luck.below(1_000), luck.below(1_000)),
        address: format!("{} {street}", 1 + luck.below(180)),
        city,
        postal_code,
        country,
        language,
    }
}

/// The date so many days into the season.
fn date(day: u64) -> String {
    SEASON.after(Span::days(day)).rfc3339_seconds().chars().take(10).collect()
}

/// Numbers that look like chance and are the same in every run: SplitMix64 (Steele, Lea and
/// Flood, 2014).
struct Luck(u64);

impl Luck {
    fn of(number: usize) -> Self {
        Self(0x5374_6179_686f_6f6b ^ (number as u64) << 32)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn one_of<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.below(values.len() as u64) as usize]
    }

    /// Capital letters and digits that nobody mistakes for each other.
    fn letters(&mut self, count: usize) -> String {
        const LETTERS: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
        (0..count).map(|_| char::from(self.one_of(LETTERS))).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_booking_is_created_and_then_updated() {
        let reports = history();
        assert_eq!(reports.len(), 240);
        let mut created = HashSet::new();
        for report in &reports {
            match report.kind {
                CREATED => assert!(created.insert(report.booking_id)),
                _ => assert!(created.contains(&report.booking_id)),
            }
        }
        assert_eq!(created.len(), 120);
        let keys: HashSet<_> = reports.iter().map(|report| &report.idempotency_key).collect();
        assert_eq!(keys.len(), reports.len());
    }

    #[test]
    fn every_run_reports_the_same() {
        assert_eq!(serde_json::to_string(&history()).unwrap(), serde_json::to_string(&history()).unwrap());
    }

    #[test]
    fn reports_have_the_documented_shape() {
        let report = serde_json::to_value(&history()[0]).unwrap();
        let booking = &report["data"]["booking"];
        assert_eq!(report["type"], "booking.created");
        assert_eq!((&report["bookingId"], &report["propertyId"]), (&booking["id"], &booking["propertyId"]));
        assert!(booking["arrival"].as_str() < booking["departure"].as_str());
        for member in [
            "firstName",
            "lastName",
            "email",
            "phone",
            "address",
            "city",
            "postalCode",
            "country",
            "language",
        ] {
            assert!(booking["guest"][member].is_string(), "{member}");
        }
        assert!(booking["amounts"]["amount"].as_str().unwrap().contains('.'));
    }

    /// Else the tally would look for the wrong text.
    #[test]
    fn what_is_withheld_stands_in_the_report() {
        for report in history() {
            let text = serde_json::to_string(&report).unwrap();
            for value in report.withheld() {
                assert!(text.contains(&value), "{value} in {text}");
            }
        }
    }
}
