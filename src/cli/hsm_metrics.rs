//! What `/metrics` shows of the HSM.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use crate::vault::pkcs11::{Call, Hsm};

/// The counters of a token.
#[derive(Debug)]
pub struct HsmMetrics(pub Arc<Hsm>);

impl Collector for HsmMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let (hsm, calls) = (&self.0, self.0.calls());
        let gauges = [
            ("hsm_up", "Whether the HSM is used: 0 while it is looked for", i64::from(hsm.ready().is_ok())),
            ("hsm_waiting", "Calls that wait for the HSM", i64::try_from(hsm.waiting()).unwrap_or(i64::MAX)),
        ];
        for (name, help, value) in gauges {
            let gauge = ConstGauge::new(value);
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        let counters = [
            ("hsm_starts", "Starts of the PKCS#11 module", hsm.generation()),
            ("hsm_failed", "Requests to the HSM that failed", calls.failed()),
            ("hsm_late", "Requests to the HSM that were given up at their deadline", calls.late()),
            ("hsm_refused", "Requests that did not reach the HSM: queue full, or HSM away", calls.refused()),
        ];
        for (name, help, value) in counters {
            let counter = ConstCounter::new(value);
            counter.encode(encoder.encode_descriptor(name, help, None, counter.metric_type())?)?;
        }
        let mut family = encoder.encode_descriptor("hsm_calls", "PKCS#11 calls by kind", None, MetricType::Counter)?;
        for call in Call::ALL {
            let counter = ConstCounter::new(calls.of(call));
            counter.encode(family.encode_family(&[("call", call.name())])?)?;
        }
        Ok(())
    }
}
