//! Progress bars on the terminal; nothing where the errors of a command go to a file.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A bar for about so many steps.
pub fn bar(what: &'static str, steps: u64) -> ProgressBar {
    let bar = ProgressBar::new(steps).with_message(what);
    let style = ProgressStyle::with_template("{msg} {bar:30} {percent}% {pos}/{len} {elapsed} ETA {eta}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
