//! Plays a test case: sends each request as it stands, compares each answer, stops at the first that differs.

use std::time::{SystemTime, UNIX_EPOCH};

use keyhaven::base::Field;
use keyhaven::proto::text::version_of;
use keyhaven::registry::{Tag, Version};

use crate::Result;
use crate::compare::{Case, compare};
use crate::state::State;
use crate::template;
use crate::vector::{Vector, batch_items, operation};

/// Carries a request to the server and its answer back.
pub trait Transport {
    /// The answer to one request.
    fn exchange(&mut self, request: &Field, version: Version) -> Result<Field>;
}

/// Plays a case on a connection. `state` keeps what an earlier case on the same connection taught about objects. The
/// error is made for reading: which exchange, and each difference in it.
pub fn play(vector: &Vector, transport: &mut dyn Transport, state: &mut State) -> Result<()> {
    state.next_case(now());
    for (number, exchange) in vector.exchanges.iter().enumerate() {
        let template = template::read(&exchange.request)?;
        let place = |request: &Field| {
            let operations: Vec<String> =
                batch_items(request).filter_map(operation).map(|operation| format!("{operation:?}")).collect();
            format!(
                "{}, exchange {} of {} ({})",
                vector.stem,
                number + 1,
                vector.exchanges.len(),
                operations.join(", ")
            )
        };
        let request = template::fill(&exchange.request, |name| state.resolve(name))
            .map_err(|error| format!("{}: {error}", place(&template.to_field())))?;
        let version = version_of(&request.value).unwrap_or(vector.version);
        state.note_request(&request);
        let answer = transport.exchange(&request, version).map_err(|error| format!("{}: {error}", place(&request)))?;
        state.now = now();
        let expected = template::read(&exchange.response)?;
        let case = Case { stem: &vector.stem, version, request: &request, template: &template };
        let differences = compare(case, &expected, &answer, state);
        if !differences.is_empty() {
            let mut report = format!("{}: {} differences", place(&request), differences.len());
            for difference in differences {
                report.push_str(&format!("\n  {difference}"));
            }
            for message in batch_items(&answer).filter_map(|item| item.field(Tag::ResultMessage)) {
                report.push_str(&format!("\n  the server says: {}", message.as_text().unwrap_or_default()));
            }
            return Err(report);
        }
    }
    Ok(())
}

/// Seconds since 1970.
pub fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64)
}
