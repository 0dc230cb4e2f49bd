//! Room 4: objects at rest.

pub mod seal;
