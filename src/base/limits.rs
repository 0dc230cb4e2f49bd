//! Every limit on what a client may send or hold: name, unit, default and the reason for it. The configuration
//! can change each; a loop over client data is bounded by one of them.

/// Limits in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest request message, in bytes. A batch of certificates fits; a memory attack does not.
    pub message_bytes_max: usize,
    /// Deepest nesting of structures. The deepest message of the standard has about 12 levels.
    pub depth_max: usize,
    /// Most items in one message. Bounds the work of one request together with its bytes.
    pub items_max: usize,
    /// Most batch items in one request.
    pub batch_items_max: usize,
    /// Most identifiers that one Locate answers when the client gives no Maximum Items.
    pub locate_items_max: usize,
    /// Most attribute instances on one object.
    pub attributes_max: usize,
    /// Longest key material, certificate or opaque value of one object, in bytes.
    pub object_bytes_max: usize,
    /// How often a request is run again when its objects changed under it.
    pub conflict_retries_max: usize,
    /// Most operations in parts that one caller may have open.
    pub streams_max: usize,
    /// Most bytes that all operations in parts together hold back until their last part.
    pub stream_bytes_max: usize,
    /// Longest time between two parts of an operation, in seconds.
    pub stream_seconds_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes_max: 2 * 1024 * 1024,
            depth_max: 32,
            items_max: 65_536,
            batch_items_max: 1_000,
            locate_items_max: 1_000,
            attributes_max: 512,
            object_bytes_max: 1024 * 1024,
            conflict_retries_max: 64,
            streams_max: 64,
            stream_bytes_max: 64 * 1024 * 1024,
            stream_seconds_max: 600,
        }
    }
}
