//! The whole core over a store in memory: requests go in as bytes, answers come out as bytes.

mod audit;
mod batches;
mod callers;
mod credentials;
mod derive;
mod faults;
mod guess;
mod kem;
mod laws;
mod long_life;
mod properties;
mod reasons;
mod reprovision;
mod rotation;
mod simulation;
mod split;
mod support;
mod upkeep;
