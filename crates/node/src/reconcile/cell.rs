//! A cell as the reconciler knows it.

use std::collections::BTreeMap;

use tombolo_spec::Name;

use super::{Revision, Time};

/// A process that serves apps of one tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// Which revision of which app it serves.
    pub plan: BTreeMap<Name, Revision>,
    /// Where it is in its life; the drawing is above [`step`](super::step).
    pub phase: Phase,
}

/// Where a cell is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// It loads its plan; it has until then.
    Starting {
        /// When it has failed.
        until: Time,
    },
    /// It is ready, and the gateway is told.
    Entering {
        /// The version of the table that has it.
        version: u64,
    },
    /// It serves something that has never served; a failure until then takes that back.
    OnTrial {
        /// When it is trusted.
        until: Time,
    },
    /// It serves.
    Serving {
        /// Since when.
        since: Time,
    },
    /// Its successor is on trial; it waits to take over again.
    Parked {
        /// Since when it had served.
        since: Time,
    },
    /// The gateway is told to send nothing more.
    Leaving {
        /// The version of the table that lacks it.
        version: u64,
    },
    /// It answers what has begun.
    Draining {
        /// When it is killed.
        until: Time,
    },
    /// It was killed.
    Ending {
        /// When it is killed again.
        until: Time,
    },
}

impl Phase {
    /// When something has to be done about it, if nothing happens.
    pub(super) fn deadline(self) -> Option<Time> {
        match self {
            Phase::Starting { until }
            | Phase::OnTrial { until }
            | Phase::Draining { until }
            | Phase::Ending { until } => Some(until),
            Phase::Entering { .. } | Phase::Serving { .. } | Phase::Parked { .. } | Phase::Leaving { .. } => {
                None
            }
        }
    }

    /// One word for people and programs.
    pub fn word(self) -> &'static str {
        match self {
            Phase::Starting { .. } => "starting",
            Phase::Entering { .. } => "entering",
            Phase::OnTrial { .. } => "on-trial",
            Phase::Serving { .. } => "serving",
            Phase::Parked { .. } => "parked",
            Phase::Leaving { .. } => "leaving",
            Phase::Draining { .. } => "draining",
            Phase::Ending { .. } => "ending",
        }
    }
}
