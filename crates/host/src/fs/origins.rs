//! Which grant each descriptor of a guest comes from.

/// The place of the granted directory for each number in the guest's resource table. Numbers are dense and used
/// again, so this is as large as the most descriptors the guest ever had open, which the table bounds.
#[derive(Debug, Default)]
pub(crate) struct Origins(Vec<u32>);

/// Stands for numbers that are no descriptors.
const NONE: u32 = u32::MAX;

impl Origins {
    pub(crate) fn set(&mut self, number: u32, dir: usize) {
        let at = number as usize;
        if self.0.len() <= at {
            self.0.resize(at + 1, NONE);
        }
        self.0[at] = u32::try_from(dir).unwrap_or(NONE);
    }

    /// The place in the list of granted directories; one that is not there for what is no descriptor.
    pub(crate) fn of(&self, number: u32) -> usize {
        self.0.get(number as usize).copied().unwrap_or(NONE) as usize
    }
}
