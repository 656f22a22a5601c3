//! The survey of a folder of documents, over a small one.

#[path = "../../benches/survey.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program, of which the test uses two functions"
)]
mod program;

#[test]
fn every_document_and_every_operation_is_accounted_for() {
    let folder = tempfile::tempdir().unwrap();
    let nested = folder.path().join("a/b");
    std::fs::create_dir_all(&nested).unwrap();
    let write = |name: &str, text: &str| std::fs::write(nested.join(name), text).unwrap();
    write(
        "one.json",
        r#"{"openapi": "3.0.3", "paths": {"/t": {"get": {"responses": {"204": {"description": ""}}},
        "put": {"requestBody": {"required": true, "content": {"text/csv": {}}}, "responses": {}},
        "post": {"responses": {"200": {"$ref": "other.json"}}}}}}"#,
    );
    write("two.yaml", "openapi: 3.1.0\npaths: {}\n");
    write("three.json", r#"{"openapi": "3.0.3", "a": 1, "a": 2}"#);
    write("four.yml", "swagger: '2.0'\n");
    write("other.txt", "no document");
    let table = program::table(&program::survey(folder.path(), 60, false), 60);
    for line in [
        "| documents | 4 |",
        "| read and hashed | 2 |",
        "| refused | 2 |",
        "| operations listed | 3 |",
        "| of these callable | 1 |",
        "| EF8003 duplicate-key: the key … stands here twice | 1 | `a/b/three.json` |",
        "| EF8010 openapi-version: this is a Swagger 2 document | 1 | `a/b/four.yml` |",
        "| EF2008 not supported: a request body of a media type that is not built | 1 | 1 |",
        "| EF8011 external-reference: … refers to another file | 1 | 1 |",
    ] {
        assert!(table.contains(line), "{line}\n{table}");
    }
}
