//! What a volume holds, and how that stands in the file beside it.

/// What a volume holds.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// The lengths of its files.
    pub bytes: u64,
    /// Names of files, folders and links.
    pub names: u64,
    /// Files that were removed while somebody had them open. Their bytes count, their names do not.
    pub removed: u64,
}

/// The file with the count: 40 bytes, numbers in little-endian order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VolumeCount {
    /// What the volume holds.
    pub held: Held,
    /// False while somebody changes it.
    pub is_finished: bool,
}

/// The first bytes of the file, and the version of what follows.
const MAGIC: u64 = u64::from_le_bytes(*b"tmbvol\0\x01");

impl VolumeCount {
    /// How long the file is.
    pub const LEN: usize = 40;

    /// As the file has it.
    pub fn to_bytes(self) -> [u8; Self::LEN] {
        let Held { bytes, names, removed } = self.held;
        let mut file = [0; Self::LEN];
        for (place, number) in
            file.chunks_exact_mut(8).zip([MAGIC, u64::from(self.is_finished), bytes, names, removed])
        {
            place.copy_from_slice(&number.to_le_bytes());
        }
        file
    }

    /// Out of a file; nothing if it holds something else.
    pub fn from_bytes(file: &[u8]) -> Option<VolumeCount> {
        let file: &[u8; Self::LEN] = file.try_into().ok()?;
        let (numbers, _) = file.as_chunks::<8>();
        let number = |place: usize| u64::from_le_bytes(numbers[place]);
        let held = Held { bytes: number(2), names: number(3), removed: number(4) };
        (number(0) == MAGIC).then_some(VolumeCount { held, is_finished: number(1) == 1 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_read_as_it_was_written_and_nothing_else_is_one() {
        let held = Held { bytes: 1 << 40, names: 7, removed: 1 };
        for is_finished in [true, false] {
            let count = VolumeCount { held, is_finished };
            assert_eq!(VolumeCount::from_bytes(&count.to_bytes()), Some(count));
        }
        let mut other = VolumeCount { held, is_finished: true }.to_bytes();
        other[7] = 2;
        assert_eq!(VolumeCount::from_bytes(&other), None);
        assert_eq!(VolumeCount::from_bytes(b""), None);
        assert_eq!(VolumeCount::from_bytes(&[0; VolumeCount::LEN + 1]), None);
    }
}
