//! Every example, as its README has it: checked without a word, run in the sandbox, its log exported and verified.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::process::Ended;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Runs the binary over the examples where they stand; whatever it writes goes to `desk`.
fn eczflow(desk: &Path, words: &[&str]) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_eczflow"));
    command.args(words).current_dir(ROOT).env("XDG_CONFIG_HOME", desk.join("config")).env("NO_COLOR", "1");
    Ended::from(command.output().unwrap())
}

/// Checks a flow, runs it with some inputs, verifies its bundle, and answers with the run's outputs.
#[track_caller]
fn whole(flow: &str, inputs: &[&str]) -> serde_json::Value {
    let desk = tempfile::tempdir().unwrap();
    let checked = eczflow(desk.path(), &["check", flow]).expect(0);
    assert_eq!((checked.stdout.as_str(), checked.stderr.as_str()), ("", ""), "{flow}");

    let store = desk.path().join("store").display().to_string();
    let mut words = vec!["run", flow, "--sandbox", "--json", "--store", &store];
    words.extend(inputs);
    let ran = eczflow(desk.path(), &words).expect(0).json();

    let bundle = desk.path().join("run.audit").display().to_string();
    eczflow(desk.path(), &["audit", "export", "latest", "--store", &store, "-o", &bundle]).expect(0);
    let verified = eczflow(desk.path(), &["audit", "verify", &bundle]).expect(0);
    for answer in ["whole: yes", "complete: yes", "legal: yes"] {
        assert!(verified.stdout.contains(answer), "{flow}: {}", verified.stdout);
    }
    ran["outputs"].clone()
}

fn folders() -> Vec<PathBuf> {
    let entries = Path::new(ROOT).join("examples").read_dir().unwrap();
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    folders
}

#[test]
fn every_example_has_a_readme_of_about_ten_lines() {
    for folder in folders() {
        let readme = std::fs::read_to_string(folder.join("README.md")).unwrap();
        let lines = readme.lines().count();
        assert!((6..=20).contains(&lines), "{}: {lines} lines", folder.display());
    }
}

#[test]
fn every_example_of_our_own_is_checked_run_and_verified() {
    for folder in folders().iter().filter(|folder| !folder.ends_with("real")) {
        let name = folder.file_name().unwrap().to_str().unwrap();
        let flow = format!("examples/{name}/{name}.eczflow");
        let inputs = format!("examples/{name}/inputs.json");
        let outputs = whole(&flow, &["--inputs", &inputs]);
        assert!(outputs.is_object(), "{flow}: {outputs}");
    }
}

/// All at once, as CI would: not a word, and 0. The flows over published documents too, where these were fetched.
#[test]
fn all_examples_are_checked_in_one_command_without_a_word() {
    let fetched = Path::new(ROOT).join("examples/real/documents/octokit-openapi/package.json").exists();
    let mut words = vec!["check".to_owned()];
    for folder in folders().iter().filter(|folder| fetched || !folder.ends_with("real")) {
        let files = folder.read_dir().unwrap().map(|entry| entry.unwrap().path());
        let flows = files.filter(|file| file.extension().is_some_and(|end| end == "eczflow"));
        words.extend(flows.map(|flow| flow.strip_prefix(ROOT).unwrap().display().to_string()));
    }
    assert!(words.len() > 3, "{words:?}");
    let desk = tempfile::tempdir().unwrap();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let checked = eczflow(desk.path(), &words).expect(0);
    assert_eq!((checked.stdout.as_str(), checked.stderr.as_str()), ("", ""));
}

/// Each README ends with a run that goes wrong: everything done is taken back.
#[test]
fn what_the_readmes_let_fail_leaves_nothing_standing() {
    for folder in folders().iter().filter(|folder| !folder.ends_with("real")) {
        let readme = std::fs::read_to_string(folder.join("README.md")).unwrap();
        let command = readme.split("`eczflow ").nth(1).unwrap().split('`').next().unwrap();
        let desk = tempfile::tempdir().unwrap();
        let store = desk.path().join("store").display().to_string();
        let mut words: Vec<&str> = command.split_whitespace().collect();
        words.extend(["--store", &store]);
        let ended = eczflow(desk.path(), &words).expect(3);
        assert!(ended.stderr.contains("run: failed; what has an undo is undone"), "{}", ended.stderr);
    }
}

/// The undo of a call takes back all that the called flow did, and `--failures` says what that is.
#[test]
fn what_a_called_flow_of_the_example_did_is_all_taken_back() {
    let flow = "examples/batch/batch.eczflow";
    let desk = tempfile::tempdir().unwrap();
    let told = eczflow(desk.path(), &["check", flow, "--failures"]).expect(0).stdout;
    let line =
        "`done` by payments.cancelRefund, which has to take back payments.createRefund, each iteration";
    assert!(told.contains(line), "{told}");
    let store = desk.path().join("store").display().to_string();
    let words = ["run", flow, "--sandbox", "--inputs", "examples/batch/inputs.json", "--input", "limit=500"];
    let ended = eczflow(desk.path(), &[&words[..], &["--store", &store]].concat()).expect(3);
    let sent = |operation: &str| ended.stderr.matches(&format!("{operation}, attempt")).count();
    let counts = ["payments.createRefund", "payments.cancelRefund"].map(sent);
    assert_eq!(counts, [1, 1], "{}", ended.stderr);
}

/// A poll whose first answers are others: the sandbox gives the examples that it is asked for, then its own.
#[test]
fn a_poll_of_the_example_goes_on_until_the_answer_is_another() {
    let flow = "examples/statement/statement.eczflow";
    let inputs = ["--inputs", "examples/statement/inputs.json"];
    let desk = tempfile::tempdir().unwrap();
    let store = desk.path().join("store").display().to_string();
    let polls = |fault: &[&str]| {
        let mut words = vec!["run", flow, "--sandbox", "--json", "--store", &store];
        words.extend(inputs.iter().chain(fault));
        let ran = eczflow(desk.path(), &words).expect(0).json();
        assert_eq!(ran["outputs"], serde_json::json!({"statement": "ST-1", "pages": 3}));
        let bundle = desk.path().join(format!("{}.audit", fault.len())).display().to_string();
        eczflow(desk.path(), &["audit", "export", "latest", "--store", &store, "-o", &bundle]).expect(0);
        std::fs::read_to_string(&bundle).unwrap().matches("poll_scheduled").count()
    };
    assert_eq!(polls(&[]), 0);
    assert_eq!(polls(&["--fault", "reports.getStatement=example:makingx2"]), 2);
}

/// A lost answer of a bank without keys is read back, never sent again; one of a bookkeeper who states keys is sent again.
#[test]
fn a_lost_answer_is_read_back_or_sent_again_as_the_example_says() {
    let flow = "examples/payout/payout.eczflow";
    let desk = tempfile::tempdir().unwrap();
    let store = desk.path().join("store").display().to_string();
    let told = |faults: &[&str]| {
        let mut words = vec!["run", flow, "--sandbox", "--json", "--store", &store];
        words.extend(faults);
        let ran = eczflow(desk.path(), &words).expect(0);
        assert_eq!(ran.json()["outputs"], serde_json::json!({"paid": 3, "total": 220.49}));
        let counted = |what: &str| ran.stderr.lines().filter(|line| line.contains(what)).count();
        ["bank.createTransfer, attempt", "read back: it had its effect", "ledger.bookEntry, attempt"]
            .map(counted)
    };
    assert_eq!(told(&[]), [3, 0, 3]);
    let lost = ["--fault", "bank.createTransfer=resetx1", "--fault", "ledger.bookEntry=resetx1"];
    assert_eq!(told(&lost), [3, 1, 4]);
}

/// The flows over published documents, with the README's inputs. Needs `examples/real/fetch` to have been run; `.ci/run` does.
#[test]
fn the_flows_over_published_documents_are_checked_run_and_verified() {
    let folder = Path::new(ROOT).join("examples/real");
    if !folder.join("documents/octokit-openapi/package.json").exists() {
        assert!(std::env::var_os("ECZFLOW_REAL_DOCUMENTS").is_none(), "the published documents are missing");
        // Past the test harness, which keeps what a passing test prints to itself.
        writeln!(
            std::io::stderr(),
            "left out: flows over published documents; `examples/real/fetch` brings them"
        )
        .unwrap();
        return;
    }
    let readme = std::fs::read_to_string(folder.join("README.md")).unwrap();
    let commands = readme.lines().filter_map(|line| line.trim().strip_prefix("eczflow run "));
    let mut done = 0;
    for command in commands {
        let words = words(command);
        let inputs: Vec<&str> = words.iter().skip(2).map(String::as_str).collect();
        assert_eq!(words.get(1).map(String::as_str), Some("--sandbox"), "{command}");
        whole(&words[0], &inputs);
        done += 1;
    }
    assert_eq!(done, 4);
}

/// Words of a command line, with double quotes.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for letter in line.chars() {
        match letter {
            '"' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            letter => words.last_mut().unwrap().push(letter),
        }
    }
    words.into_iter().filter(|word| !word.is_empty()).collect()
}
