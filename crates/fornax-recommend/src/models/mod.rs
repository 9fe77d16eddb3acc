//! Models, one a file.

mod ease;
mod factors;
mod ials;
mod popularity;
mod pure_svd;

pub use ease::{Ease, EaseModel};
pub use factors::Factors;
pub use ials::{Ials, IalsModel};
pub use popularity::{Popularity, PopularityModel};
pub use pure_svd::{PureSvd, PureSvdModel};
