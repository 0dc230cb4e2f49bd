//! Room 2: the domain, without bytes and without versions. What objects are, which attributes they have, what may
//! be done with them and when. Everything is a value or a pure function: the caller brings the time.

pub mod attributes;
pub mod lifecycle;
pub mod link;
pub mod object;
pub mod refusal;
pub mod right;
pub mod rules;
pub mod set;
pub mod shape;
pub mod usage;
pub mod values;

pub use attributes::{Key, Rule, attr, rule};
pub use lifecycle::{Event, Lifecycle};
pub use object::ManagedObject;
pub use refusal::Refusal;
pub use set::{Attribute, Attributes, Family};
