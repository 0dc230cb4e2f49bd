//! Room 3: KMIP messages. Joins the items of `ttlv` to the domain of `model`: typed structures, headers and batch
//! items, and the edge where versions differ. Only this room and the tables compare versions.

pub mod attributes;
pub mod id;
pub mod message;
pub mod objects;
pub mod text;
pub mod wire;
