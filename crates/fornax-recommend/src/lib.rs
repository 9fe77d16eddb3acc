//! Recommenders: from a log of who did what with which item to a model of each user's interest and a ranked list.
//!
//! [`Interactions`] come from events in memory or from files ([`Delimited`], [`movielens`], [`lightgcn`], [`sequences`]); a
//! [`Split`] holds some of them out. Users and items have numbers of types of their own ([`UserIndex`], [`ItemIndex`]).
#![forbid(unsafe_code)]

mod ids;
mod interactions;
mod readers;
mod sparse;
mod splits;

pub use ids::{Id, Ids, Index, ItemIndex, UserIndex};
pub use interactions::{Duplicates, Event, Interactions};
pub use readers::{Delimited, Field, MovieLens, lightgcn, movielens, sequences};
pub use sparse::{SparseMatrix, UserItems};
pub use splits::{HeldOut, Split};
