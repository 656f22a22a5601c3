#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    eczflow_fuzz::bundle(data);
});
