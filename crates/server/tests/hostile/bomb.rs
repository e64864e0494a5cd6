//! A gzip bomb: zeros, compressed a thousandfold.

use bytes::Bytes;

/// Of 64 KiB that unpack to some ten mebibytes: a match of 258 bytes takes 13 bits (RFC 1951, section 3.2.6).
pub(crate) fn gzip(bytes: usize) -> Bytes {
    // RFC 1952: magic number, deflate, no flags, no time, no system.
    let mut packed = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let mut bits = Bits::default();
    // The last block, with fixed codes; then a zero to copy.
    bits.push(0b1, 1);
    bits.push(0b10, 2);
    bits.push(0b0000_1100, 8);
    while packed.len() + bits.bytes.len() < bytes {
        // Length 258 is 11000101, most significant bit first; distance 1 is 00000.
        bits.push(0b1010_0011, 8);
        bits.push(0, 5);
    }
    packed.append(&mut bits.bytes);
    packed.into()
}

/// Bits as deflate packs them: the first one lowest.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    free: u32,
}

impl Bits {
    fn push(&mut self, value: u32, count: u32) {
        for n in 0..count {
            if self.free == 0 {
                self.bytes.push(0);
                self.free = 8;
            }
            let bit = u8::from(value >> n & 1 == 1) << (8 - self.free);
            *self.bytes.last_mut().unwrap() |= bit;
            self.free -= 1;
        }
    }
}
