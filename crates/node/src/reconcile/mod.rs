//! What to do next: [`step`] takes an event and the time, and says which actions follow. It does nothing itself.
//!
//! The apps of a tenant have one cell that serves, except for those that want to be alone: each of these has one of its
//! own. A change is tried in a second cell beside it, one change at a time, so that a cell that fails says which change
//! was at fault:
//!
//! ```text
//!           ready            routed            time on trial is over
//! Starting ───────▶ Entering ───────▶ OnTrial ─────────────────────▶ Serving
//!    │ fails           │ fails           │ fails                      │   ▲
//!    │                 │                 │          a successor enters│   │the successor fails
//!    ▼                 ▼                 ▼                            ▼   │
//!    └──────────────▶ Ending ◀───────────┘         Leaving ◀──────── Parked
//!                       │ exits                       │ no longer routed to
//!                       ▼                             ▼
//!                     (gone) ◀──────────────────── Draining
//!                               exits, or is killed when its time is up
//! ```
//!
//! - A revision is verified (its artifacts are there, whole, and compiled here) before a cell starts with it.
//! - The gateway knows one cell for each app; its table is replaced as a whole and acknowledged. A cell is asked to
//!   drain only once the gateway has confirmed that it sends nothing there any more.
//! - A revision that failed is remembered and not tried again until somebody deploys it anew; the last good one
//!   serves. A good one that fails is tried again, later each time.
//! - An app that changes between its tenant's cell and one of its own serves where it was until it serves where it is
//!   to be.
//! - Every answer that is waited for has a deadline, after which the question is asked again: a lost event delays
//!   things and stops nothing.
//!
//! Times are those of a clock that never goes back. Deadlines are looked at on [`Event::Tick`] alone, which comes when
//! nothing else is waiting: a machine that was held up takes in what happened before it says that time is up.

mod app;
mod backoff;
mod cell;
mod events;
mod home;
mod ids;
mod routes;
mod settle;
mod state;

pub use app::{App, Failure};
pub use cell::{Cell, Phase};
pub use events::{Action, Event, Exit, Record, Unfit};
pub use home::Home;
pub use ids::{AppId, CellId, HomeId, Revision, Time};
pub use state::{Policy, State};

/// Takes `event` in at the time `now`; returns what follows from it.
pub fn step(mut state: State, event: Event, now: Time) -> (State, Vec<Action>) {
    state.now = state.now.max(now);
    let mut actions = Vec::new();
    if event == Event::Tick {
        state.check_deadlines(&mut actions);
    }
    state.take_in(event, &mut actions);
    state.settle(&mut actions);
    (state, actions)
}
