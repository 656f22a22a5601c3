//! What a check is held against as a whole process: reading files and parsing their JSON, or hashing them, and nothing else.
//! `benches/peers/documents.py` runs it.

use std::error::Error;
use std::hint::black_box;

use eczflow::base::Digest;

/// As the program itself, so that an allocator is not what is compared.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let Some((mode, files)) = arguments.split_first() else { return Ok(()) };
    for file in files {
        let bytes = std::fs::read(file)?;
        match mode.as_str() {
            "parse" => {
                black_box(serde_json::from_slice::<serde_json::Value>(&bytes)?);
            }
            "hash" => {
                black_box(Digest::of(&bytes));
            }
            other => return Err(format!("`{other}` is neither `parse` nor `hash`").into()),
        }
    }
    Ok(())
}
