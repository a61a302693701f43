//! What can happen to a node, and what it can do: both lists are closed.

use std::collections::BTreeMap;

use tombolo_spec::{Isolation, Name};

use super::{AppId, CellId, Revision};

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Somebody wants this revision; it is on disk already.
    Deploy {
        /// Of which app.
        app: AppId,
        /// Which one; it may be an old one.
        revision: Revision,
        /// With whom it shares a cell.
        isolation: Isolation,
    },
    /// Somebody wants the app to be gone; the disk says so already.
    Remove {
        /// Which app.
        app: AppId,
    },
    /// The answer to [`Action::Verify`].
    Verified {
        /// Of which app.
        app: AppId,
        /// Which revision.
        revision: Revision,
        /// Whether a cell may run it.
        outcome: Result<(), Unfit>,
    },
    /// A cell has loaded all of its plan and accepts connections.
    Ready {
        /// Which one.
        cell: CellId,
    },
    /// An app of a cell on trial answers nobody.
    Unwell {
        /// The cell.
        cell: CellId,
        /// What was seen.
        reason: String,
    },
    /// A cell is gone, or could not be started.
    Exited {
        /// Which one.
        cell: CellId,
        /// How.
        exit: Exit,
    },
    /// A gateway has started; it knows no routes.
    GatewayStarted,
    /// The gateway uses this version of the table, and no older one.
    Routed {
        /// As in [`Action::Route`].
        version: u64,
    },
    /// [`Action::Record`] could not be done: the disk is full or broken.
    NotRecorded(Record),
    /// Nothing but time has passed.
    Tick,
}

/// Why a cell may not run a revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfit {
    /// What is wrong, for people.
    pub reason: String,
    /// True if trying again can't help.
    pub permanent: bool,
}

/// How a cell ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exit {
    /// The app that the cell named as the cause.
    pub culprit: Option<Name>,
    /// What happened, for people.
    pub reason: String,
}

/// Something to be done, in the order given. What comes of it comes back as an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Check the artifacts of a revision and compile what isn't compiled.
    Verify {
        /// Of which app.
        app: AppId,
        /// Which revision.
        revision: Revision,
    },
    /// Start a cell.
    Start {
        /// Its number.
        cell: CellId,
        /// Whose cell it is.
        tenant: Name,
        /// What it is to serve.
        plan: BTreeMap<Name, Revision>,
    },
    /// Have the gateway use this table instead of the one it has.
    Route {
        /// Grows with each change.
        version: u64,
        /// The one cell of each app that has one.
        table: BTreeMap<AppId, CellId>,
    },
    /// Ask a cell to answer what has begun and end.
    Drain {
        /// Which one.
        cell: CellId,
    },
    /// End a cell at once.
    Kill {
        /// Which one.
        cell: CellId,
    },
    /// Write down what must not be forgotten.
    Record(Record),
}

/// What is learned about a revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// It has served.
    Good {
        /// Of which app.
        app: AppId,
        /// Which revision.
        revision: Revision,
    },
    /// It is not to be tried again.
    Failed {
        /// Of which app.
        app: AppId,
        /// Which revision.
        revision: Revision,
        /// Why, for people.
        reason: String,
    },
}
