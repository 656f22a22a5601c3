//! Compiling generated flows: time per step as a ratio to that of 100 steps. See `docs/performance.md`.

#![expect(clippy::disallowed_methods, reason = "a benchmark measures this process's own time")]

mod timing;

use std::error::Error;
use std::fmt::Write as _;
use std::io::Write as _;

use camino::Utf8Path;
use eczflow::compile::Session;
use eczflow::source::MemoryFiles;
use timing::{busy, fastest};

const SIZES: [usize; 4] = [10, 100, 1_000, 10_000];
const REPETITIONS: usize = 5;

/// Writes the step of a number.
type Step = fn(usize) -> String;

/// A flow of so many steps, of which number `at` is written by `step`.
fn flow(steps: usize, step: Step) -> String {
    let mut text = String::from(
        "eczflow 1\nuse std.retry.{ careful }\nuse std.handoff.{ strict }\n\
         operator acme { passport ECZ-GB-A1B2C3  agent ECZ-GB-A1B2C3::AGENT-7QK2M9 }\n\
         api warehouse = openapi(\"apis/warehouse.openapi.yaml\")\n\
         flow generated(sku: string) -> { sku: string } {\n  as acme.agent\n  handoff strict\n\
         step s0 = warehouse.getStock(sku: sku)\n",
    );
    for at in 1..steps {
        text.push_str(&step(at));
    }
    let _ = write!(text, "return {{ sku: s{}.sku }}\n}}\n", steps - 1);
    text
}

fn chain(at: usize) -> String {
    format!("step s{at} = warehouse.getStock(sku: s{}.sku)\n  retry careful\n", at - 1)
}

fn wide(at: usize) -> String {
    format!(
        "step s{at} = warehouse.getStock(sku: \"{{sku}}-{at}\")\n  retry careful\n\
         ensure s{at}.in_stock > {at} else \"fewer than {at}\"\n"
    )
}

fn effects(at: usize) -> String {
    format!(
        "step s{at} = warehouse.returnItem(sku: s{}.sku, {{ quantity: {at} }})\n  retry careful\n  \
         undo warehouse.takeBackItem(returnId: s{at}.id)\n",
        at - 1
    )
}

fn main() -> Result<(), Box<dyn Error>> {
    let root = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/refund/apis");
    let document = std::fs::read(root.join("warehouse.openapi.yaml"))?;
    let path = Utf8Path::new("generated.eczflow");
    let shapes: [(&str, Step); 3] = [("chain", chain), ("wide", wide), ("effects", effects)];
    let mut out = std::io::stdout().lock();
    writeln!(out, "time per step, over that of 100 steps")?;
    write!(out, "{:8}", "steps")?;
    SIZES.iter().try_for_each(|size| write!(out, "{size:>8}"))?;
    writeln!(out)?;
    for (name, step) in shapes {
        let mut prepared = Vec::new();
        for size in SIZES {
            let mut files = MemoryFiles::default();
            files.insert("apis/warehouse.openapi.yaml", document.clone());
            files.insert(path, flow(size, step));
            let pinned = Session::new(&files).pin(path)?;
            files.insert(path, pinned.text);
            files.insert(pinned.lock_path, pinned.lock);
            prepared.push((size, files, Vec::new()));
        }
        for _ in 0..REPETITIONS {
            for (size, files, times) in &mut prepared {
                // Small flows are compiled several times, so that a clock's tick is small beside what is measured.
                let times_each = (200 / *size).max(1);
                let begin = busy();
                for _ in 0..times_each {
                    let compilation = Session::new(files).compile(path, None)?;
                    if compilation.plan.is_none() {
                        let why = compilation.diagnostics.first().map(|finding| finding.message.clone());
                        return Err(format!("{name} of {size} steps makes no plan: {why:?}").into());
                    }
                }
                times.push((busy() - begin) / (times_each * *size) as f64);
            }
        }
        let best: Vec<f64> = prepared.iter().map(|(_, _, times)| fastest(times)).collect();
        let unit = best.get(1).copied().unwrap_or(1.0);
        write!(out, "{name:8}")?;
        best.iter().try_for_each(|time| write!(out, "{:>8.2}", time / unit))?;
        writeln!(out)?;
    }
    Ok(())
}
