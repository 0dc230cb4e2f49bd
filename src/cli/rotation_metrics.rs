//! What `/metrics` shows of the root, the namespace key and their rotation.

use std::fmt;
use std::sync::Weak;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use super::service::KeyService;

/// The versions in force, and how far a rotation is.
#[derive(Debug)]
pub struct RotationMetrics(pub Weak<KeyService>);

impl Collector for RotationMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Some(core) = self.0.upgrade().and_then(|service| service.core()) else { return Ok(()) };
        let progress = core.rotation().ok().flatten();
        let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let (done, total) = progress.map_or((0, 0), |progress| (signed(progress.done), signed(progress.total)));
        let gauges = [
            ("root_version", "The version of the root key that wraps", i64::from(core.root_version())),
            (
                "namespace_key_version",
                "The version of the namespace key that seals",
                i64::from(core.keep().seal().version()),
            ),
            ("rotation_running", "Whether the namespace key is being rotated", i64::from(progress.is_some())),
            ("rotation_steps_done", "Steps that the rotation has done", done),
            ("rotation_steps", "All steps of the rotation", total),
        ];
        let rewraps = core.rewraps();
        let waiting =
            ("rewraps_waiting", "Objects to be wrapped by the successor of their key", signed(rewraps.waiting()));
        for (name, help, value) in gauges.into_iter().chain([waiting]) {
            let gauge = ConstGauge::new(value);
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        let counters = [
            ("rewraps", "Objects that were wrapped by the successor of their key", rewraps.done()),
            ("rewraps_failed", "Tries of it that failed; the log has the causes", rewraps.failed()),
        ];
        for (name, help, value) in counters {
            let counter = ConstCounter::new(value);
            counter.encode(encoder.encode_descriptor(name, help, None, counter.metric_type())?)?;
        }
        Ok(())
    }
}
