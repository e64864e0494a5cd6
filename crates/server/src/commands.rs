//! One file a command.

pub(crate) mod check_url;
pub(crate) mod copy;
pub(crate) mod demo;
pub(crate) mod listen;
pub(crate) mod migrate;
pub(crate) mod profile;
pub(crate) mod rekey;
pub(crate) mod send;
pub(crate) mod serve;
pub(crate) mod token;
pub(crate) mod verify;

use std::fs;
use std::io::{self, Read as _};
use std::path::Path;

use crate::outcome::Trouble;

/// The bytes of a file, or of stdin where the file is `-`.
fn read_input(file: &Path) -> Result<Vec<u8>, Trouble> {
    let mut bytes = Vec::new();
    let read = if file == Path::new("-") {
        io::stdin().lock().read_to_end(&mut bytes).map(|_| ())
    } else {
        fs::read(file).map(|read| bytes = read)
    };
    read.map(|()| bytes)
        .map_err(|error| Trouble::new(format!("FILE: {} cannot be read: {error}", file.display())))
}
