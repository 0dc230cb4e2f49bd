//! Room 2: the domain, without bytes. What objects are, which attributes they have, what may be done with them and
//! when. Everything is a value or a pure function: the caller brings the time. Values have one form for all versions;
//! a version is only asked which rows it has and which Result Reason it uses.

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

pub use attributes::{Key, RULES, Rule, attr, rule};
pub use lifecycle::{Event, Lifecycle};
pub use object::{ManagedObject, Material, MaterialRef};
pub use refusal::Refusal;
pub use right::{Caller, ExportPermit, ObjectFacts, Policy, Right, Verdict};
pub use set::{Attribute, Attributes, Family};
pub use values::{AttributeValue, Target};
