#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    eczflow_fuzz::subschema(data);
});
