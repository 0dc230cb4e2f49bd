//! Choices read from the bytes of an input; where they end, every choice is the first.

/// The bytes that are left.
pub struct Dice<'a>(pub &'a [u8]);

impl<'a> Dice<'a> {
    /// A byte.
    pub fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// One of the values.
    pub fn pick<'t, T>(&mut self, of: &'t [T]) -> &'t T {
        let [high, low] = if of.len() > 256 { [self.byte(), self.byte()] } else { [0, self.byte()] };
        &of[usize::from(u16::from_be_bytes([high, low])) % of.len()]
    }

    /// Yes once in `n`.
    pub fn one_in(&mut self, n: u8) -> bool {
        self.byte() % n == 1
    }

    /// The next bytes, at most `length`.
    pub fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// A number.
    pub fn number(&mut self) -> i64 {
        let mut bytes = [0; 8];
        let taken = self.byte() as usize % 9;
        for (to, from) in bytes.iter_mut().zip(self.take(taken)) {
            *to = *from;
        }
        i64::from_le_bytes(bytes)
    }
}

/// Inputs without a plan, each of another length; the same ones in every run.
pub fn noise(count: u64, longest: usize) -> Vec<Vec<u8>> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    (0..count).map(|_| (0..next() as usize % longest).map(|_| (next() >> 24) as u8).collect()).collect()
}

/// Each input, and the same with one byte changed and with its end cut off.
pub fn with_damage(inputs: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let damaged = inputs.iter().enumerate().filter(|(_, input)| !input.is_empty()).flat_map(|(at, input)| {
        let mut changed = input.clone();
        changed[(at * 7) % input.len()] ^= 1 << (at % 8);
        [changed, input[..input.len() / 2].to_vec()]
    });
    let damaged: Vec<_> = damaged.collect();
    inputs.into_iter().chain(damaged).collect()
}
