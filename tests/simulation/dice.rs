//! Dice that show what the seed says. A throw depends on what it is thrown for, not on how many
//! were thrown before, so that a history does not depend on the order in which a database
//! happens to answer.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use stayhook_core::Roll;
use stayhook_engine::Dice;

use crate::rng::mix;

/// What the next throws are for.
#[derive(Default)]
pub(crate) struct Luck(Mutex<(u64, u64)>);

impl Luck {
    /// The next throws are for this.
    pub(crate) fn turn_to(&self, occasion: u64) {
        *self.lock() = (occasion, 0);
    }

    fn throw(&self) -> (u64, u64) {
        let mut luck = self.lock();
        luck.1 += 1;
        *luck
    }

    fn lock(&self) -> MutexGuard<'_, (u64, u64)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) struct SeededDice {
    pub(crate) seed: u64,
    pub(crate) luck: Arc<Luck>,
}

impl SeededDice {
    fn throw(&self, kind: u64) -> u64 {
        let (occasion, count) = self.luck.throw();
        mix(&[self.seed, kind, occasion, count])
    }
}

impl Dice for SeededDice {
    fn roll(&self) -> Roll {
        // The upper half.
        Roll((self.throw(1) >> 32) as u32)
    }

    fn entropy(&self) -> u128 {
        u128::from(self.throw(2))
    }

    fn secret(&self) -> [u8; 32] {
        let mut secret = [0; 32];
        for part in secret.chunks_mut(8) {
            part.copy_from_slice(&self.throw(3).to_be_bytes());
        }
        secret
    }
}
