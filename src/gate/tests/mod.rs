//! The whole core over a store in memory: requests go in as bytes, answers come out as bytes.

mod audit;
mod batches;
mod callers;
mod faults;
mod guess;
mod properties;
mod rotation;
mod simulation;
mod support;
