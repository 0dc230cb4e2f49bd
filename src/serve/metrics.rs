//! What is counted, and how `/metrics` reads it. A request adds to a few counters that only its connection's shard
//! uses, so threads do not fight for them; a scrape adds the shards up.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use super::handshake::FailureKind;

const SHARDS: usize = 16;
/// Upper bounds of the duration buckets, in microseconds.
const BOUNDS: [u64; 13] = [5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 10_000, 50_000, 250_000, 1_000_000];
/// Labels of `Answer`, in its order.
const ANSWERS: [&str; 5] = ["reply", "reply_after_blocking", "busy", "closed", "panic"];
/// Labels of `FailureKind`, in its order.
const FAILURES: [&str; 8] =
    ["no_certificate", "certificate", "incompatible", "alert", "not_tls", "timeout", "closed", "other"];

/// What became of a request, for the metric.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(super) enum Answer {
    /// Answered on the connection's own task.
    Reply,
    /// Answered from the blocking pool.
    Blocked,
    /// Refused because the pool stayed full.
    Busy,
    /// The service closed the connection.
    Closed,
    /// The service panicked.
    Panic,
}

/// All counters of the network.
#[derive(Default)]
pub(super) struct Metrics {
    shards: [Shard; SHARDS],
    opened: AtomicU64,
    closed: AtomicU64,
    refused: AtomicU64,
    failures: [AtomicU64; FAILURES.len()],
}

/// Counters of one shard, on cache lines of their own.
#[derive(Default)]
#[repr(align(128))]
pub(super) struct Shard {
    answers: [AtomicU64; ANSWERS.len()],
    buckets: [AtomicU64; BOUNDS.len() + 1],
    nanos: AtomicU64,
    received: AtomicU64,
    sent: AtomicU64,
}

impl Metrics {
    /// The shard of a connection.
    pub(super) fn shard(&self, connection: u64) -> &Shard {
        &self.shards[connection as usize % SHARDS]
    }

    /// A connection was accepted.
    pub(super) fn opened(&self) {
        self.opened.fetch_add(1, Relaxed);
    }

    /// A connection ended.
    pub(super) fn closed(&self) {
        self.closed.fetch_add(1, Relaxed);
    }

    /// The service refused a connection.
    pub(super) fn refused(&self) {
        self.refused.fetch_add(1, Relaxed);
    }

    /// A handshake failed.
    pub(super) fn failed(&self, kind: FailureKind) {
        self.failures[kind as usize].fetch_add(1, Relaxed);
    }

    fn sum(&self, of: impl Fn(&Shard) -> &AtomicU64) -> u64 {
        self.shards.iter().map(|shard| of(shard).load(Relaxed)).sum()
    }
}

impl Shard {
    /// A request was answered.
    pub(super) fn answered(&self, answer: Answer, took: Duration) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let bucket = BOUNDS.iter().position(|bound| nanos <= bound * 1000).unwrap_or(BOUNDS.len());
        self.answers[answer as usize].fetch_add(1, Relaxed);
        self.buckets[bucket].fetch_add(1, Relaxed);
        self.nanos.fetch_add(nanos, Relaxed);
    }

    /// Bytes came from the network.
    pub(super) fn received(&self, bytes: usize) {
        self.received.fetch_add(bytes as u64, Relaxed);
    }

    /// Bytes went to the network.
    pub(super) fn sent(&self, bytes: usize) {
        self.sent.fetch_add(bytes as u64, Relaxed);
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

impl Collector for Metrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let (opened, closed) = (self.opened.load(Relaxed), self.closed.load(Relaxed));
        let open = ConstGauge::new(i64::try_from(opened.saturating_sub(closed)).unwrap_or(i64::MAX));
        open.encode(encoder.encode_descriptor("connections_open", "Open connections", None, open.metric_type())?)?;
        let counts = [
            ("connections_accepted", "Connections accepted", opened),
            ("connections_refused", "Connections refused after the handshake", self.refused.load(Relaxed)),
            ("received_bytes", "Bytes received after the handshake, TLS included", self.sum(|shard| &shard.received)),
            ("sent_bytes", "Bytes sent after the handshake, TLS included", self.sum(|shard| &shard.sent)),
        ];
        for (name, help, value) in counts {
            let counter = ConstCounter::new(value);
            counter.encode(encoder.encode_descriptor(name, help, None, counter.metric_type())?)?;
        }
        let failures = self.failures.iter().map(|count| count.load(Relaxed));
        family(&mut encoder, "handshake_failures", "Handshakes that failed", "kind", FAILURES.iter().zip(failures))?;
        let answers = (0..ANSWERS.len()).map(|at| self.sum(|shard| &shard.answers[at]));
        family(&mut encoder, "requests", "Requests by outcome", "outcome", ANSWERS.iter().zip(answers))?;
        self.durations(&mut encoder)
    }
}

impl Metrics {
    fn durations(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let bounds = BOUNDS.iter().map(|micros| *micros as f64 / 1e6).chain([f64::INFINITY]);
        let buckets: Vec<(f64, u64)> =
            bounds.enumerate().map(|(at, bound)| (bound, self.sum(|shard| &shard.buckets[at]))).collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        let seconds = self.sum(|shard| &shard.nanos) as f64 / 1e9;
        let help = "Time in the service, without the wait for durability, in seconds";
        let mut histogram = encoder.encode_descriptor("request_duration_seconds", help, None, MetricType::Histogram)?;
        histogram.encode_histogram::<NoLabelSet>(seconds, count, &buckets, None)
    }
}

fn family<'a>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    label: &'static str,
    rows: impl Iterator<Item = (&'a &'static str, u64)>,
) -> fmt::Result {
    let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    for (value, count) in rows {
        let counter = ConstCounter::new(count);
        counter.encode(metric.encode_family(&[(label, *value)])?)?;
    }
    Ok(())
}
