//! Asynchronous requests: pending, polled, cancelled, processed, over restarts.

use super::{AES, Bench, of, value, values};

const LATER: &str = r#"<AsynchronousIndicator type="Enumeration" value="Mandatory"/>"#;

fn by(correlation: &str) -> String {
    format!(r#"<AsynchronousCorrelationValue type="ByteString" value="{correlation}"/>"#)
}

fn submit(bench: &Bench, items: &[(&str, &str)]) -> Vec<String> {
    let answer = bench.send("alice", LATER, items);
    assert_eq!(values(&answer, "ResultStatus"), vec!["OperationPending"; items.len()], "{answer}");
    values(&answer, "AsynchronousCorrelationValue")
}

fn outstanding(bench: &Bench) -> usize {
    values(&bench.done("alice", "", "QueryAsynchronousRequests", ""), "SubmissionDate").len()
}

fn objects(bench: &Bench) -> usize {
    values(&bench.done("alice", "", "Locate", ""), "UniqueIdentifier").len()
}

#[test]
fn a_request_is_pending_then_done_once() {
    let bench = Bench::new();
    let correlation = submit(&bench, &[("Create", AES)]).remove(0);
    assert_eq!(objects(&bench), 0);
    let pending = bench.send("alice", "", &[("Poll", &by(&correlation))]);
    assert_eq!(value(&pending, "ResultStatus"), "OperationPending");
    assert_eq!(value(&pending, "AsynchronousCorrelationValue"), correlation);
    assert!(!pending.contains("ResponsePayload"), "{pending}");
    assert_eq!(outstanding(&bench), 1);
    // The server stops before it came to it, and again afterwards.
    let bench = bench.restart();
    assert!(bench.core.run_next_job());
    assert!(!bench.core.run_next_job());
    let bench = bench.restart();
    assert!(!bench.core.run_next_job());
    assert_eq!((objects(&bench), outstanding(&bench)), (1, 1));
    let answer = bench.done("alice", "", "Poll", &by(&correlation));
    assert_eq!(value(&answer, "Operation"), "Create");
    let id = value(&answer, "UniqueIdentifier");
    assert_eq!(outstanding(&bench), 0);
    assert_eq!(value(&bench.done("alice", "", "Poll", &by(&correlation)), "UniqueIdentifier"), id, "a lost reply");
    bench.done("alice", "", "Get", &of(&id));
    // Nobody else's, and not for ever.
    let strange = bench.send("bob", "", &[("Poll", &by(&correlation))]);
    assert_eq!(value(&strange, "ResultReason"), "InvalidAsynchronousCorrelationValue");
    bench.later(24 * 3600);
    let late = bench.send("alice", "", &[("Poll", &by(&correlation))]);
    assert_eq!(value(&late, "ResultReason"), "InvalidAsynchronousCorrelationValue");
}

#[test]
fn the_items_of_a_request_are_one_batch() {
    let bench = Bench::new();
    let values_of = submit(&bench, &[("Create", AES), ("Activate", ""), ("Destroy", ""), ("Get", "")]);
    assert!(bench.core.run_next_job());
    let poll = |at: usize| bench.send("alice", "", &[("Poll", &by(&values_of[at]))]);
    assert_eq!(value(&poll(0), "ResultStatus"), "Success");
    assert_eq!(value(&poll(1), "ResultStatus"), "Success");
    // An active object is not destroyed, and the batch stops there.
    assert_eq!(value(&poll(2), "ResultReason"), "WrongKeyLifecycleState");
    assert_eq!(value(&poll(3), "ResultReason"), "GeneralFailure");
    assert_eq!(objects(&bench), 1);
}

#[test]
fn a_request_is_cancelled_before_it_runs() {
    let bench = Bench::new();
    let correlation = submit(&bench, &[("Create", AES)]).remove(0);
    let cancel = |correlation: &str| value(&bench.done("alice", "", "Cancel", &by(correlation)), "CancellationResult");
    assert_eq!(cancel(&correlation), "Canceled");
    bench.core.run_next_job();
    assert_eq!(objects(&bench), 0);
    let answer = bench.send("alice", "", &[("Poll", &by(&correlation))]);
    assert_eq!(value(&answer, "ResultReason"), "OperationCanceledByRequester");
    assert_eq!(cancel(&correlation), "Canceled");
    assert_eq!(cancel("00"), "Unavailable");
    let done = submit(&bench, &[("Create", AES)]).remove(0);
    let failed = submit(&bench, &[("Get", &of("nothing"))]).remove(0);
    while bench.core.run_next_job() {}
    assert_eq!((cancel(&done), cancel(&failed)), ("Completed".into(), "Failed".into()));
    assert_eq!(objects(&bench), 1);
}

#[test]
fn process_runs_it_at_once() {
    let bench = Bench::new();
    let correlation = submit(&bench, &[("Create", AES)]).remove(0);
    bench.done("alice", "", "Process", &by(&correlation));
    assert_eq!(objects(&bench), 1);
    bench.done("alice", "", "Poll", &by(&correlation));
    let again = bench.send("alice", "", &[("Process", &by(&correlation))]);
    assert_eq!(value(&again, "ResultReason"), "DuplicateProcessRequest");
    // The queue still has it; it is not run twice.
    assert!(bench.core.run_next_job());
    assert_eq!(objects(&bench), 1);
}

#[test]
fn a_caller_has_so_many_and_optional_is_answered_at_once() {
    let bench = Bench::new();
    let items: Vec<_> = (0..64).map(|_| ("Ping", "")).collect();
    let all = submit(&bench, &items);
    let answer = bench.send("alice", LATER, &[("Ping", "")]);
    assert_eq!(value(&answer, "ResultReason"), "ServerLimitExceeded");
    assert!(bench.core.run_next_job());
    bench.done("alice", "", "Poll", &by(&all[0]));
    submit(&bench, &[("Ping", "")]);
    let optional = r#"<AsynchronousIndicator type="Enumeration" value="Optional"/>"#;
    bench.done("alice", optional, "Create", AES);
}
