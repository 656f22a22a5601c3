//! The program `eczflow`.

use std::process::ExitCode;

/// Checking and running are many small allocations.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    ExitCode::from(eczflow::cli::main())
}
