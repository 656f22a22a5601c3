//! The program `eczflow`.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(eczflow::cli::main())
}
