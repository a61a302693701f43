//! Grants that cannot both be honoured for one guest.

use super::{Grant, GrantId, GrantSet};

/// Two grants of one set that contradict each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The one that stands first.
    pub first: GrantId,
    /// The one that stands second.
    pub second: GrantId,
    /// Why not both.
    pub why: String,
}

impl GrantSet {
    /// The pairs of grants that contradict each other: a guest cannot have both.
    pub fn conflicts(&self) -> Vec<Conflict> {
        let mut found = Vec::new();
        for (i, (second, b)) in self.iter().enumerate() {
            for (first, a) in self.iter().take(i) {
                if let Some(why) = a.contradicts(b) {
                    found.push(Conflict { first: first.clone(), second: second.clone(), why });
                }
            }
        }
        found
    }
}

impl Grant {
    /// Why a guest cannot have both grants: two things at one guest path, two values of one variable, two sizes
    /// of one volume.
    pub(crate) fn contradicts(&self, other: &Self) -> Option<String> {
        if let (Some(own), Some(theirs)) = (self.guest_path(), other.guest_path())
            && own == theirs
        {
            return Some(format!("the guest path {own} is taken"));
        }
        match (self, other) {
            (Self::Env { name, .. }, Self::Env { name: theirs, .. }) if name == theirs => {
                Some(format!("the variable {name} has a value"))
            }
            (Self::Volume { name, size, .. }, Self::Volume { name: theirs, size: other, .. })
                if name == theirs && size != other =>
            {
                Some(format!("the volume {name} has a size of {size}"))
            }
            _ => None,
        }
    }

    /// Where the guest sees a folder or volume.
    pub const fn guest_path(&self) -> Option<&super::GuestPath> {
        match self {
            Self::Dir { guest, .. } | Self::Volume { guest, .. } => Some(guest),
            _ => None,
        }
    }
}
