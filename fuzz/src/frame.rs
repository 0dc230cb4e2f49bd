//! Bytes as a connection sees them.

use keyhaven::base::Limits;
use keyhaven::registry::Tag;
use keyhaven::ttlv::{Writer, check, frame};

pub fn body(bytes: &[u8]) {
    let limits = Limits { message_bytes_max: 64 * 1024, ..Limits::default() };
    if let Ok(Some(length)) = frame(bytes, Tag::RequestMessage, &limits) {
        assert!(length <= limits.message_bytes_max);
    }
    let Ok(item) = check(bytes, &limits) else { return };
    let mut same = Writer::default();
    same.item(&item);
    assert_eq!(&*same.finish(), bytes);
    // A value has one form; a Big Integer may come in a longer one, so the second writing is compared.
    let mut once = Writer::default();
    once.value(item.tag, &item.to_value());
    let once = once.finish();
    let again = check(&once, &limits).expect("what is written passes the check");
    assert_eq!(again.to_value(), item.to_value());
}
