//! Guests and where they live: invented, with numbers and addresses that nobody has.

/// Where somebody lives.
#[derive(Debug)]
pub(super) struct Home {
    pub(super) street: &'static str,
    pub(super) city: &'static str,
    pub(super) postal_code: &'static str,
    pub(super) country: &'static str,
    pub(super) language: &'static str,
    pub(super) dial: &'static str,
}

const LYON: Home = home("rue des Marronniers", "Lyon", "69002", "FR", "fr", "+33");
const UTRECHT: Home = home("Lindestraat", "Utrecht", "3511", "NL", "nl", "+31");
const LEIPZIG: Home = home("Birkenweg", "Leipzig", "04109", "DE", "de", "+49");
const PORTO: Home = home("Rua das Oliveiras", "Porto", "4050-448", "PT", "pt", "+351");
const LEEDS: Home = home("Orchard Lane", "Leeds", "LS1 4DY", "GB", "en", "+44");
const OSAKA: Home = home("桜通り", "大阪市", "530-0001", "JP", "ja", "+81");
const GDANSK: Home = home("ulica Lipowa", "Gdańsk", "80-001", "PL", "pl", "+48");
const SEVILLA: Home = home("calle Naranjo", "Sevilla", "41001", "ES", "es", "+34");

/// First name, last name, home.
pub(super) const GUESTS: &[(&str, &str, &Home)] = &[
    ("Maya", "Moreau", &LYON),
    ("Zoé", "Lefèvre", &LYON),
    ("Hugo", "Petit-Jean", &LYON),
    ("Sanne", "de Vries", &UTRECHT),
    ("Bram", "van 't Hof", &UTRECHT),
    ("Jörg", "Weiß", &LEIPZIG),
    ("Anneliese", "Krüger", &LEIPZIG),
    ("Inês", "Carvalho", &PORTO),
    ("Duarte", "Simões", &PORTO),
    ("Siobhán", "O'Neill", &LEEDS),
    ("Arthur \"Art\"", "Whitby", &LEEDS),
    ("さくら", "小林", &OSAKA),
    ("健", "田中", &OSAKA),
    ("Łukasz", "Wójcik", &GDANSK),
    ("Lucía", "Núñez", &SEVILLA),
    ("Rocío", "Peña", &SEVILLA),
];

const fn home(
    street: &'static str,
    city: &'static str,
    postal_code: &'static str,
    country: &'static str,
    language: &'static str,
    dial: &'static str,
) -> Home {
    Home { street, city, postal_code, country, language, dial }
}
