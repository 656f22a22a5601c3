//! What the benches measure with.

#![allow(dead_code, reason = "each bench takes what it needs")]

use std::sync::OnceLock;
use std::time::Instant;

/// Whatever else the machine does makes a repetition slower, never faster.
pub(crate) fn fastest(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::INFINITY, f64::min)
}

/// Seconds that this thread has been at work: what else the machine does is left out where the system tells (Linux),
/// else the time that has passed.
pub(crate) fn busy() -> f64 {
    static START: OnceLock<Instant> = OnceLock::new();
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let told = told.and_then(|text| text.split(' ').next()?.parse::<f64>().ok());
    told.map_or_else(
        || START.get_or_init(Instant::now).elapsed().as_secs_f64(),
        |nanoseconds| nanoseconds / 1e9,
    )
}
