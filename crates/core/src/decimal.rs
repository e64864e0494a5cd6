//! Whole numbers as decimal text, without an allocation.

/// The decimal text of one number.
pub(crate) struct Decimal {
    digits: [u8; 20],
    start: usize,
}

impl Decimal {
    /// Writes `number` out.
    pub(crate) fn new(number: i64) -> Self {
        let mut text = Self { digits: [0; 20], start: 20 };
        let mut rest = number.unsigned_abs();
        loop {
            // A remainder of ten fits a byte.
            text.put(b'0' + (rest % 10) as u8);
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        if number < 0 {
            text.put(b'-');
        }
        text
    }

    /// The text, in ASCII.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.digits[self.start..]
    }

    /// Twenty bytes hold the sign and the 19 digits of the longest number.
    fn put(&mut self, byte: u8) {
        self.start -= 1;
        self.digits[self.start] = byte;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_ends_fit() {
        for number in [0, 1, -1, 10, i64::MIN, i64::MAX] {
            assert_eq!(Decimal::new(number).as_bytes(), number.to_string().as_bytes());
        }
    }

    proptest! {
        #[test]
        fn numbers_are_written_as_the_standard_library_writes_them(number: i64) {
            let text = Decimal::new(number).as_bytes().to_vec();
            prop_assert_eq!(text, number.to_string().into_bytes());
        }
    }
}
