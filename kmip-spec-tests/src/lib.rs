//! The test cases of the OASIS KMIP profiles as data, and what it takes to play them: a case is a list of requests
//! and answers in the XML encoding with placeholders; a real server is started; each request is sent as it stands;
//! each answer is compared strictly, but for the variations that the standard permits (`rules`).
//!
//! The cases themselves are not part of this repository. They are looked for in `KEYHAVEN_OASIS`, then in
//! `shared/oasis` beside the workspace. Without them the cases of our own in `cases/` still run.

pub mod client;
pub mod compare;
pub mod plan;
pub mod play;
pub mod report;
pub mod rules;
pub mod state;
pub mod subject;
pub mod template;
pub mod vector;

/// A failure in words.
pub type Result<T, E = String> = std::result::Result<T, E>;
