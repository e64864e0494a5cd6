//! Which member names tell of a guest what the reference document never sends.
//!
//! The document names e-mail, phone, address, city, postal code, country, language and
//! smart-lock code; what pays and who travels (card, IBAN, passport) is kept back with them.
//! Producers spell them in their own ways (`guest_email`, `e-mail`, `ZIP`, `smartLock.code`), so
//! that a name is compared by its letters and digits alone. In doubt a name is sensitive: a
//! member too few is asked for, a member too many cannot be taken back.

/// Whether a member of this name, or an entry with this label, must not leave.
pub(crate) fn is_sensitive(name: &str) -> bool {
    let letters = letters_of(name);
    contains_any(&letters, telling_parts)
        || WHOLE.contains(&without_owner(&letters))
        || (contains_any(&letters, short_words) && has_short_word(name, &letters))
}

/// Whether two spellings name the same thing: case and everything but letters and digits
/// are left out of account. `letters` is spelt in lower-case letters alone.
pub(crate) fn is_spelling_of(name: &str, letters: &str) -> bool {
    let mut given = name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase);
    letters.chars().all(|letter| given.next() == Some(letter)) && given.next().is_none()
}

/// Parts of names that betray them wherever they stand, by their first letter.
fn telling_parts(first: u8) -> &'static [&'static str] {
    match first {
        b'a' => &["address", "accesscode"],
        b'c' => &["country", "cardcode", "cardexp", "cardholder", "cardnumber", "cardsecurity", "creditcard"],
        b'd' => &["debitcard", "doorcode"],
        b'e' => &["email", "entrycode"],
        b'k' => &["keybox", "keycode"],
        b'l' => &["language", "lockbox", "lockcode"],
        b'p' => &["passport", "paymentcard", "phone", "postal", "postcode"],
        b's' => &["smartlock"],
        b'z' => &["zipcode"],
        _ => &[],
    }
}

/// Words that betray a name only as words of their own: a `city` does, `capacity` does not.
fn short_words(first: u8) -> &'static [&'static str] {
    match first {
        b'c' => &["city", "cities", "cvc", "cvv"],
        b'g' => &["gsm"],
        b'i' => &["iban"],
        b'l' => &["lang", "locale", "lock"],
        b'm' => &["mail", "mobile"],
        b's' => &["street"],
        b't' => &["tel", "town"],
        b'z' => &["zip"],
        _ => &[],
    }
}

/// Words that betray a name only where they are all of it: a `card` holds one, a `giftCard` is none.
const WHOLE: &[&str] = &["card", "cards"];

/// What a city levies tells nothing of the guest and is part of the amounts.
const LEVIES: &[&str] = &["tax", "taxes", "fee", "fees", "levy", "charge", "surcharge"];
/// What stands before a word where a name is spelt without any border between its words.
const OWNERS: &[&str] = &["guest", "customer", "client", "contact", "booker", "home", "billing"];
/// What stands behind it.
const KINDS: &[&str] = &["name", "code", "s"];

fn has_short_word(name: &str, letters: &str) -> bool {
    let is_short = |word: &str| word.bytes().next().is_some_and(|first| short_words(first).contains(&word));
    let words = words_of(name);
    let spelt_out = words.iter().enumerate().any(|(at, word)| {
        let levied = words.get(at + 1).is_some_and(|next| LEVIES.contains(&next.as_str()));
        is_short(word) && !levied
    });
    let letters = letters.trim_end_matches(|c: char| c.is_ascii_digit());
    let unowned = without_owner(letters);
    let bare = KINDS.iter().find_map(|kind| unowned.strip_suffix(kind)).unwrap_or(unowned);
    spelt_out || is_short(unowned) || is_short(bare)
}

fn without_owner(letters: &str) -> &str {
    OWNERS.iter().find_map(|owner| letters.strip_prefix(owner)).unwrap_or(letters)
}

fn contains_any(letters: &str, parts: fn(u8) -> &'static [&'static str]) -> bool {
    let bytes = letters.as_bytes();
    bytes
        .iter()
        .enumerate()
        .any(|(at, first)| parts(*first).iter().any(|part| bytes[at..].starts_with(part.as_bytes())))
}

/// The letters and digits of a name in lower case.
fn letters_of(name: &str) -> String {
    let mut letters = String::with_capacity(name.len());
    for c in name.chars() {
        if c.is_ascii_alphanumeric() {
            letters.push(c.to_ascii_lowercase());
        } else if !c.is_ascii() {
            letters.extend(c.to_lowercase().filter(|c| c.is_alphanumeric()));
        }
    }
    letters
}

/// The words of a name in lower case: parted by anything but letters, and before a capital
/// that follows a small letter.
fn words_of(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut after_small = false;
    for c in name.chars() {
        if !c.is_alphabetic() || (c.is_uppercase() && after_small) {
            words.push(String::new());
        }
        if c.is_alphabetic()
            && let Some(word) = words.last_mut()
        {
            word.extend(c.to_lowercase());
        }
        after_small = c.is_lowercase();
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NEVER: &[&str] = &[
        "email",
        "e_mail",
        "E-Mail",
        "guestEmail",
        "GUEST_EMAIL",
        "emailAddress",
        "eMail2",
        "cITy_2",
        "Guest e-mail",
        "phone",
        "phoneNumber",
        "guest-phone",
        "mobile",
        "Mobile phone",
        "telephone",
        "tel",
        "phones",
        "address",
        "address1",
        "billingAddress",
        "addressLine2",
        "street",
        "streetName",
        "city",
        "City",
        "CITY",
        "guestCity",
        "guest_city",
        "GUESTCITY",
        "cityName",
        "cityname",
        "City of residence",
        "postalCode",
        "postal_code",
        "POSTAL-CODE",
        "postcode",
        "zip",
        "ZIP",
        "zipCode",
        "guestZip",
        "zip2",
        "country",
        "countryCode",
        "guestCountry",
        "language",
        "lang",
        "guestLanguage",
        "preferred_language",
        "locale",
        "smartLockCode",
        "smart-lock code",
        "smart_lock",
        "lock-code",
        "lockCode",
        "SMARTLOCKCODE",
        "doorCode",
        "lock",
        "e\u{200b}mail",
        "ＣＩＴＹ x city",
        "\u{212a}eyCode",
        "accessCode",
        "entry code",
        "key_box",
        "keycode",
        "lockbox",
        "smartlockid",
        "zipcodes",
        "gsm",
        "GSM number",
        "mails",
        "homeTown",
        "towns",
        "cities",
        "locales",
        "Pho\u{200d}ne",
        "card",
        "guest_card",
        "cardNumber",
        "CARD-NUMBER",
        "card_holder_name",
        "cardExpiry",
        "creditCard",
        "credit-card-last4",
        "CVV",
        "cvc2",
        "cardCvv",
        "guestIban",
        "passportNumber",
    ];
    const FINE: &[&str] = &[
        "id",
        "arrival",
        "departure",
        "status",
        "channel",
        "amount",
        "currency",
        "firstName",
        "lastName",
        "adults",
        "capacity",
        "electricity",
        "cityTax",
        "city_tax",
        "CITY-TAX",
        "citytax",
        "cityTaxPerNight",
        "blockedUntil",
        "unlockedAt",
        "zipline",
        "intelligence",
        "hotel",
        "slang",
        "total",
        "Parking space",
        "Late check-out",
        "",
        "mailboxes",
        "identity",
        "reservationNumber",
        "clock",
        "giftCard",
        "gift_card",
        "discard",
        "scorecard",
        "cardinality",
    ];

    #[test]
    fn spellings_are_recognised() {
        for name in NEVER {
            assert!(is_sensitive(name), "{name}");
        }
        for name in FINE {
            assert!(!is_sensitive(name), "{name}");
        }
    }

    #[test]
    fn spellings_of_one_name_are_one() {
        for name in ["customParameters", "custom_parameters", "CUSTOM-PARAMETERS", "Custom parameters"] {
            assert!(is_spelling_of(name, "customparameters"), "{name}");
        }
        assert!(!is_spelling_of("customParameter", "customparameters"));
        assert!(!is_spelling_of("customParameters2", "customparameters"));
    }

    proptest! {
        /// Case, `_` and `-` change nothing, wherever they stand.
        #[test]
        fn case_and_separators_are_ignored(which in 0..12_usize, mask: u32, seps in "[_\\- ]{1,3}", at in 0..5_usize) {
            let name = ["email", "phone", "address", "postalcode", "country", "language", "smartlockcode", "zipcode", "cardnumber", "cardholder", "creditcard", "passport"][which];
            let mut spelt: String = name
                .chars()
                .enumerate()
                .map(|(i, c)| if mask >> i & 1 == 1 { c.to_ascii_uppercase() } else { c })
                .collect();
            spelt.insert_str(at, &seps);
            prop_assert!(is_sensitive(&spelt), "{}", spelt);
            prop_assert!(is_sensitive(&format!("guest_{spelt}")), "{}", spelt);
        }

        #[test]
        fn any_name_is_judged(name: String) {
            is_sensitive(&name);
        }
    }
}
