//! Room 1: small things that every room shares.

mod error;
pub mod limits;
mod rng;
mod secret;
mod time;
mod value;

pub use error::{Cause, Error, Result};
pub use limits::Limits;
pub use rng::RngParameters;
pub use secret::{Buffer, KeyBytes, Pin};
pub use time::{Clock, Date, Entropy, EntropyFailed};
pub use value::{BigInt, Field, Value};
