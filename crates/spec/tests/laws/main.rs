//! The laws of grants, checked against every concrete access of a small world.
//!
//! Grants are built from a small vocabulary whose words overlap in every way that matters, and the world holds
//! enough accesses to tell any two of them apart. So "covers" can be compared with its meaning in both
//! directions: never yes where an access slips through, never no where none does.

mod grants;
mod parts;
mod sets;
mod world;
