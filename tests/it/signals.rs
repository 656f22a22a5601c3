//! What the machine does to a process: it asks it to end, and it has proxies in its environment.

use std::process::{Command, Stdio};

use crate::process::Desk;

/// A machine that shuts down asks with SIGTERM: the run stands still, and goes on where it stood.
#[test]
fn a_sigterm_pauses_a_run() {
    let desk = Desk::new();
    let served = desk.sandbox("--fault payments.createRefund=503x3");
    let words =
        format!("run refund/refund.eczflow --config {} --input ticket_id=T3 --store runs", served.config);
    let mut child = desk.command(&words).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    served.ledger("?requests=2");
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(4));
    let listed = desk.run("runs --store runs").expect(0).stdout;
    assert!(listed.contains("paused"), "{listed}");
    let run = listed.lines().last().unwrap().split_whitespace().next().unwrap().to_owned();
    desk.run(&format!("resume {run} --config {} --store runs", served.config)).expect(0);
    assert_eq!(served.ledger("").effects["payments"].len(), 1);
    desk.run(&format!("audit export {run} -o run.audit --store runs")).expect(0);
    desk.run("audit verify run.audit").expect(0);
}

/// Nothing of a run goes to a proxy that the environment names: it would see who calls whom.
#[test]
fn proxies_of_the_environment_are_not_used() {
    let desk = Desk::new();
    let mut command = desk.command("run refund/refund.eczflow --sandbox --input ticket_id=T3");
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"] {
        command.env(name, "http://127.0.0.1:1");
    }
    command.env_remove("NO_PROXY").env_remove("no_proxy");
    let ended = command.output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
}

/// A step that fails below HTTP says what happened, and where to read what to do.
#[test]
fn a_failure_below_http_names_its_page() {
    let desk = Desk::new();
    let served = desk.sandbox("");
    let config = std::fs::read_to_string(desk.path(&served.config)).unwrap();
    // Where nobody listens.
    let line = config.lines().find(|line| line.contains("https://support.example")).unwrap();
    let dead = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let config = config.replace(line, &format!("\"https://support.example\" = \"{dead}\""));
    let config = config.replacen("private = [", &format!("private = [\"{dead}\", "), 1);
    let path = desk.path(&served.config).with_file_name("dead.toml");
    std::fs::write(&path, config).unwrap();
    let words =
        format!("run refund/refund.eczflow --config {} --input ticket_id=T3 --store runs", path.display());
    let ended = desk.run(&words).expect(3);
    assert!(ended.stderr.contains("the connection was refused [ER3023]"), "{}", ended.stderr);
    assert!(ended.stderr.contains("`eczflow explain ER3023`"), "{}", ended.stderr);
    let explained = desk.run("explain ER3023").expect(0).stdout;
    assert!(explained.contains("What to do"), "{explained}");
}
