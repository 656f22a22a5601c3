//! Lists the pages of `docs/rules` and `docs/errors` for `eczflow explain`: every page of the folders is in the
//! program, so none can be forgotten.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs, io};

#[expect(clippy::disallowed_methods, reason = "cargo tells a build script its folders in the environment")]
fn main() -> io::Result<()> {
    let root = env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?;
    let out = env::var("OUT_DIR").map_err(io::Error::other)?;
    let mut list = String::from("&[\n");
    for folder in ["docs/errors", "docs/rules"] {
        println!("cargo:rerun-if-changed={folder}");
        let folder = Path::new(&root).join(folder);
        let mut pages = Vec::new();
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "md") {
                pages.push(path);
            }
        }
        pages.sort();
        for page in pages {
            let Some(stem) = page.file_stem().and_then(|stem| stem.to_str()) else { continue };
            if stem != "README" {
                let _ = writeln!(list, "({stem:?}, include_str!({:?})),", page.display().to_string());
            }
        }
    }
    list.push(']');
    fs::write(Path::new(&out).join("pages.rs"), list)
}
