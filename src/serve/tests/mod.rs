//! The whole room over real sockets: certificates made for the test, a service made of a few rules, clients of
//! tokio-rustls.

mod http;
mod messages;
mod support;
mod transport;
mod turned;
