//! The walls that the kernel keeps around guest code: namespaces, Landlock, seccomp, resource limits, and the
//! passing of file descriptors between the processes of a node.
//!
//! The engine is the first wall; this crate is the second, for the day on which the engine has a hole. Native code
//! that runs inside a cell after [`Entered::lock_down`] holds only the files of the policy's rules, the descriptors
//! it was given, and nothing else of the machine.
//!
//! This crate does not know about WebAssembly, grants or HTTP. It is the only one with `unsafe` of its own.

#![allow(unsafe_code, reason = "system calls that no crate wraps; every block says why it is sound")]
#![warn(missing_docs, clippy::undocumented_unsafe_blocks)]
#![cfg(target_os = "linux")]

mod cell;
mod cgroup;
mod child;
mod error;
#[cfg(feature = "escape")]
mod escape;
mod fds;
mod layers;
mod lockdown;
mod memory;
mod open_files;
mod probe;
mod replace;
mod requirement;
mod threads;
mod turns;
mod walls;

pub use cell::{CellPlan, Ending, Entered, Verdict, die_of_signal, run_in_cell};
pub use cgroup::{Cgroup, CgroupError, CgroupLimits, CgroupTree};
pub use child::{Rlimits, spawn_in_cgroup, spawn_limited};
pub use error::SandboxError;
#[cfg(feature = "escape")]
#[doc(hidden)]
pub use escape::system_call;
pub use fds::{FDS_MAX, close_fds_except, recv_fds, send_fds};
pub use layers::{Layer, Layers, Status};
pub use lockdown::{Access, FileRule, Network, Policy, lock_down};
pub use memory::{forget_startup_code, give_back_memory};
pub use open_files::raise_open_files;
pub use probe::{probe, probe_fully};
pub use replace::{release_signals, replace_program, take_over_fds};
pub use requirement::{Requirement, RequirementError};
pub use turns::take_short_turns;
#[doc(hidden)]
pub use walls::Walls;
