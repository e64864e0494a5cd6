//! The event types that are known: those of the built-in profiles and the configured ones.

use std::collections::BTreeMap;

use crate::{EventPattern, EventType, Json};

/// A known event type, for people who choose what to subscribe to.
#[derive(Clone, Debug, PartialEq)]
pub struct EventKind {
    /// What events of it bear.
    pub name: EventType,
    /// A short name in words.
    pub label: String,
    /// When it happens.
    pub description: String,
    /// A JSON Schema of `data`, where one is known.
    pub schema: Option<Json>,
}

/// All known event types.
#[derive(Clone, Debug)]
pub struct Catalogue(BTreeMap<EventType, EventKind>);

impl Catalogue {
    /// The types of the built-in profiles.
    #[expect(clippy::expect_used, reason = "the table is constant, and a test builds it")]
    pub fn built_in() -> Self {
        let kinds = BUILT_IN.iter().map(|(name, label, description)| {
            let name = EventType::parse(name).expect("names in the table are well formed");
            let kind = EventKind {
                name: name.clone(),
                label: (*label).to_owned(),
                description: (*description).to_owned(),
                schema: None,
            };
            (name, kind)
        });
        Self(kinds.collect())
    }

    /// Adds a type, in place of one of the same name.
    pub fn insert(&mut self, kind: EventKind) {
        self.0.insert(kind.name.clone(), kind);
    }

    /// The type of this name.
    pub fn get(&self, name: &EventType) -> Option<&EventKind> {
        self.0.get(name)
    }

    /// Whether events may have this type.
    pub fn knows(&self, name: &EventType) -> bool {
        self.0.contains_key(name)
    }

    /// Whether a webhook may subscribe to this: it must match a type that is known now, so
    /// that a misspelt resource is refused instead of staying silent for ever.
    pub fn knows_pattern(&self, pattern: &EventPattern) -> bool {
        self.0.keys().any(|name| pattern.matches(name))
    }

    /// All types, by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &EventKind> {
        self.0.values()
    }
}

type Row = (&'static str, &'static str, &'static str);

/// Name, label, description. `booking.created` and `booking.updated` belong to both the
/// `nowistay` and the `bookingscheduler` profile, the order types to two others.
const BUILT_IN: &[Row] = &[
    ("booking.created", "Booking created", "A new booking exists"),
    ("booking.updated", "Booking updated", "Details of a booking changed"),
    ("booking.confirmed", "Booking confirmed", "A pending booking was confirmed"),
    ("booking.cancelled", "Booking cancelled", "A booking was cancelled"),
    ("payment.succeeded", "Payment succeeded", "A payment went through"),
    ("payment.failed", "Payment failed", "A payment was refused"),
    ("customer.created", "Customer created", "A new customer exists"),
    ("webhooks.test_notification", "Test notification", "Sent on request, to try a webhook out"),
    ("order.created", "Order created", "A new order exists"),
    ("order.updated", "Order updated", "Details of an order changed"),
    ("order.closed", "Order closed", "An order was closed"),
    ("table.closed", "Table closed", "The bill of a table was closed"),
    (
        "bookings.creation",
        "Bookings: Creation",
        "A booking was made online, by a channel, by phone or at the desk",
    ),
    ("bookings.amendment", "Bookings: Amendment", "A booking was changed"),
    (
        "bookings.cancellation",
        "Bookings: Cancellation",
        "A booking was cancelled by staff, call center or channel",
    ),
    ("customers.creation", "Customers: Creation", "A customer was created"),
    ("customers.amendment", "Customers: Amendment", "A customer was changed"),
    ("customers.removal", "Customers: Removal", "A customer was removed"),
    ("check_in.on_check_in", "Check-In: On Check-in", "A customer was checked in, or a ticket scanned"),
    ("accounts.creation", "Accounts: Creation", "An account was created"),
    ("accounts.amendment", "Accounts: Amendment", "An account was changed"),
    ("accounts.removal", "Accounts: Removal", "An account was removed"),
    ("contacts.creation", "Contacts: Creation", "A contact was created"),
    ("contacts.amendment", "Contacts: Amendment", "A contact was changed"),
    ("contacts.removal", "Contacts: Removal", "A contact was removed"),
    ("employees.creation", "Employees: Creation", "An employee was created"),
    ("employees.amendment", "Employees: Amendment", "An employee was changed"),
    ("employees.removal", "Employees: Removal", "An employee was removed"),
    ("package.create", "Package: Create", "A package was created"),
    ("package.amendment", "Package: Amendment", "A package was changed"),
    ("package.removal", "Package: Removal", "A package was removed"),
    ("activity.create", "Activity: Create", "An activity was created"),
    ("activity.amendment", "Activity: Amendment", "An activity was changed"),
    ("activity.removal", "Activity: Removal", "An activity was removed"),
    ("product.create", "Product: Create", "A product was created"),
    ("product.amendment", "Product: Amendment", "A product was changed"),
    ("product.removal", "Product: Removal", "A product was removed"),
    ("inventory.on_change", "Inventory: On Change", "An employee changed the inventory of a service"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn knows(catalogue: &Catalogue, pattern: &str) -> bool {
        catalogue.knows_pattern(&EventPattern::parse(pattern).unwrap())
    }

    #[test]
    fn the_table_names_every_type_once_and_in_words() {
        let catalogue = Catalogue::built_in();
        assert_eq!(catalogue.iter().len(), BUILT_IN.len());
        assert_eq!(BUILT_IN.iter().filter(|(_, label, _)| label.contains(": ")).count(), 26);
        assert!(catalogue.iter().is_sorted_by_key(|kind| &kind.name));
        assert!(catalogue.iter().all(|kind| !kind.label.is_empty() && !kind.description.is_empty()));
    }

    #[test]
    fn a_resource_is_known_by_its_types() {
        let mut catalogue = Catalogue::built_in();
        assert!(knows(&catalogue, "booking.*") && knows(&catalogue, "booking.created"));
        assert!(!knows(&catalogue, "room.*") && !knows(&catalogue, "booking.vanished"));
        let name = EventType::parse("room.cleaned").unwrap();
        catalogue.insert(EventKind {
            name: name.clone(),
            label: "Room cleaned".into(),
            description: "A room is ready".into(),
            schema: None,
        });
        assert!(knows(&catalogue, "room.*") && catalogue.knows(&name));
        assert!(!catalogue.knows(&EventType::parse("room.flooded").unwrap()));
        assert_eq!(catalogue.get(&name).map(|kind| kind.label.as_str()), Some("Room cleaned"));
    }
}
