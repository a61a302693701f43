//! Which walls are put up: all of them, except in tests that look at one wall alone.

use crate::Layer;

/// The walls to put up; all of them by default, and nothing else outside test builds.
///
/// The feature `test-walls` adds a way to leave walls out, so that a test can see that each one holds without the
/// others. No dependency of a released binary enables it, so there the only value of this type is the default.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Walls(u32);

impl Default for Walls {
    fn default() -> Self {
        Walls(u32::MAX)
    }
}

impl Walls {
    /// Only these walls, to see that each holds alone.
    #[cfg(feature = "test-walls")]
    pub fn only(layers: &[Layer]) -> Self {
        Walls(layers.iter().fold(0, |set, &layer| set | 1 << layer as u32))
    }

    /// True if the wall is to be put up.
    pub(crate) fn has(self, layer: Layer) -> bool {
        self.0 & 1 << layer as u32 != 0
    }
}
