use std::collections::BTreeMap;

use super::*;
use serde_json::json;

fn contract(operation: Json) -> Result<Contract, GuardError> {
    contract_of("post", operation)
}

fn contract_of(method: &str, operation: Json) -> Result<Contract, GuardError> {
    let format = crate::documents::SLICE_FORMAT;
    let slice = json!({
        "openapi": "3.1.0",
        "x-eczflow-slice": {"format": format, "method": method.to_uppercase(), "path": "/t/{id}"},
        "paths": {"/t/{id}": {method: operation}},
        "components": {"schemas": {"Refund": {
            "type": "object", "required": ["id", "amount"],
            "properties": {"id": {"type": "string"}, "amount": {"type": "number", "multipleOf": 0.01}}
        }}}
    });
    Contract::from_slice(&crate::base::canonical_json(&slice).unwrap())
}

fn refund() -> Json {
    let json_of = |schema: Json| json!({"application/json": {"schema": schema}});
    json!({
        "parameters": [
            {"name": "id", "in": "path", "required": true, "schema": {"type": "string"}},
            {"name": "tag", "in": "query", "schema": {"type": "array", "items": {"type": "string", "maxLength": 3}}},
            {"name": "filter", "in": "query", "style": "deepObject", "schema": {"type": "object"}},
            {"name": "idempotency-key", "in": "header", "required": true, "schema": {"type": "string"}},
            {"name": "X-Note", "in": "header", "schema": {"type": "string"}},
            {"name": "ECZ-Handoff", "in": "header", "required": true, "schema": {"type": "string"}}
        ],
        "requestBody": {"required": true, "content": json_of(json!({"$ref": "#/components/schemas/Refund"}))},
        "responses": {
            "201": {"description": "", "content": json_of(json!({"$ref": "#/components/schemas/Refund"}))},
            "204": {"description": ""},
            "404": {"description": "", "content": {"text/plain": {}}},
            "default": {"description": "", "content": {"application/problem+json": {"schema": {"type": "object"}}}}
        }
    })
}

#[test]
fn a_key_of_a_read_is_a_header_as_any_other() {
    let mut read = refund();
    read.as_object_mut().unwrap().remove("requestBody");
    let contract = contract_of("get", read).unwrap();
    let names: Vec<&str> = contract.parameters.iter().map(|parameter| parameter.name.as_str()).collect();
    assert_eq!(names, ["id", "tag", "filter", "idempotency-key", "X-Note"]);
    assert_eq!(contract.idempotency_header, None);
}

#[test]
fn an_operation_is_read() {
    let contract = contract(refund()).unwrap();
    let names: Vec<&str> = contract.parameters.iter().map(|parameter| parameter.name.as_str()).collect();
    assert_eq!(names, ["id", "tag", "filter", "X-Note"]);
    assert_eq!(contract.idempotency_header.as_deref(), Some("idempotency-key"));
    assert_eq!(contract.success_type().to_string(), "{ amount: decimal, id: string, … } | null");
    assert_eq!(contract.body.as_ref().unwrap().schema.undecided, ["amount: multipleOf"]);
    assert!(contract.unsupported.is_empty());
    assert!(contract.parameter(Location::Query, "filter").unwrap().unsupported.is_none());
    assert_eq!(contract.accept(), "application/json");
    fn shared<T: Send + Sync>(_: &T) {}
    shared(&contract);
}

#[test]
fn answers_are_decoded_only_as_documented() {
    let contract = contract(refund()).unwrap();
    let json = Some("application/json; charset=UTF-8");
    let value = contract.decode_response(201, json, br#"{"id":"R1","amount":19.99}"#).unwrap();
    assert_eq!(value.member("amount"), Some(&Value::Decimal("19.99".parse().unwrap())));
    assert_eq!(contract.decode_response(204, None, b""), Ok(Value::Null));
    assert_eq!(contract.decode_response(404, Some("text/plain"), b"gone"), Ok(Value::String("gone".into())));
    assert!(contract.decode_response(500, Some("application/problem+json"), b"{}").is_ok());
    let good = br#"{"id":"R1","amount":19.99}"#.as_slice();
    contract.decode_response(201, Some("application/json;charset=latin-1"), good).unwrap();
    for (status, content_type, body) in [
        (200, json, good),
        (201, None, good),
        (201, Some("text/html"), good),
        (201, Some("application/problem+json"), good),
        (201, Some("application/json;charset=latin-1"), "{\"id\":\"R1é\",\"amount\":1}".as_bytes()),
        (201, json, b"".as_slice()),
        (201, json, br#"{"id":"R1","amount":19.999}"#),
        (201, json, br#"{"id":"R1","id":"R2","amount":1}"#),
        (201, json, br#"{"id":"R1"}"#),
    ] {
        let misfit = contract.decode_response(status, content_type, body).unwrap_err();
        assert!(!misfit.to_string().contains("R1"), "{misfit}");
    }
    assert!(contract.check_body(&json!({"id": "R1", "amount": 0.005})).is_err());
    assert!(contract.check_body(&json!({"id": "R1", "amount": 5, "more": 1})).is_ok());
}

#[test]
fn parameters_are_written_and_can_not_break_out() {
    let contract = contract(refund()).unwrap();
    let text = |text: &str| Value::String(text.to_owned());
    let id = contract.parameter(Location::Path, "id").unwrap();
    assert_eq!(id.write(&text("a/b?c é~")), Ok(Some("a%2Fb%3Fc%20%C3%A9~".to_owned())));
    for bad in [text(""), text("."), text(".."), Value::Absent, Value::Null, Value::Int(1)] {
        assert!(id.write(&bad).is_err(), "{bad:?}");
    }
    let tag = contract.parameter(Location::Query, "tag").unwrap();
    let tags = Value::List(vec![text("a"), text("&b")]);
    assert_eq!(tag.write(&tags).unwrap().as_deref(), Some("tag=a&tag=%26b"));
    assert_eq!(tag.write(&Value::Absent), Ok(None));
    assert!(tag.write(&Value::List(vec![text("long")])).is_err());
    let note = contract.parameter(Location::Header, "x-note").unwrap();
    for bad in ["a\r\nb: c", "ž", " a", ""] {
        assert!(note.write(&text(bad)).is_err(), "{bad:?}");
    }
}

#[test]
fn what_is_not_built_yet_is_named() {
    let mut operation = refund();
    operation["requestBody"]["content"] = json!({"text/csv": {}});
    operation["responses"]["200"] = json!({"description": "", "content": {"application/pdf": {}}});
    operation["parameters"][2]["required"] = json!(true);
    operation["parameters"][2]["style"] = json!("matrix");
    let contract = contract(operation).unwrap();
    let named: Vec<&str> = contract.unsupported.iter().map(|one| one.what.as_str()).collect();
    assert_eq!(
        named,
        [
            "the style matrix for a query parameter",
            "a request body of type text/csv",
            "a response of type application/pdf"
        ]
    );
}

#[test]
fn headers_of_answers_are_typed() {
    let mut operation = refund();
    operation["responses"]["201"]["headers"] = json!({
        "X-Total": {"required": true, "schema": {"type": "integer"}},
        "Links": {"schema": {"type": "array", "items": {"type": "string"}}},
        "X-Pair": {"explode": true, "schema": {"type": "object", "properties": {"n": {"type": "integer"}}}},
        "Set-Cookie": {"schema": {"type": "string"}},
        "content-type": {"schema": {"type": "string"}}
    });
    let contract = contract(operation).unwrap();
    // The other success, 200, documents none.
    let known = contract.success_headers();
    assert!(known.values().all(|field| !field.required));
    let names: Vec<String> = known.keys().cloned().collect();
    assert_eq!(names, ["Links", "X-Pair", "X-Total"]);
    let types: Vec<String> = known.values().map(|field| field.ty.to_string()).collect();
    assert_eq!(types, ["[string]", "{ n: int?, … }", "int"]);
    let headers = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    };
    let read = contract.decode_headers(
        201,
        &names,
        &headers(&[("x-total", "7"), ("links", "a, b"), ("x-pair", "n=2")]),
    );
    assert_eq!(
        read.unwrap().to_json().unwrap(),
        json!({"Links": ["a", "b"], "X-Pair": {"n": 2}, "X-Total": 7})
    );
    let whether = |names: &[String], pairs: &[(&str, &str)]| {
        contract.decode_headers(201, names, &headers(pairs)).map(|value| value.to_json().unwrap())
    };
    assert!(whether(&names, &[("x-total", "seven")]).is_err());
    assert!(whether(&names, &[]).unwrap_err().why.contains("`X-Total` is missing"));
    // What the flow does not use is not looked at.
    assert_eq!(whether(&["Links".to_owned()], &[("x-total", "seven")]), Ok(json!({})));
    let long = "a,".repeat(super::super::HEADER_BYTES);
    assert!(whether(&["Links".to_owned()], &[("links", &long)]).is_err());
}

#[test]
fn plain_text_is_a_string_where_no_json_is_documented() {
    let mut operation = refund();
    operation["responses"] =
        json!({"200": {"description": "", "content": {"text/plain": {"schema": {"type": "string"}}}}});
    let contract = contract(operation).unwrap();
    assert_eq!((contract.accept().as_str(), contract.success_type()), ("text/plain", Type::string()));
    let read = contract.decode_response(200, Some("text/plain; charset=utf-8"), "héllo".as_bytes());
    assert_eq!(read, Ok(Value::String("héllo".to_owned())));
    assert!(contract.decode_response(200, Some("text/plain"), &[0xff]).is_err());
    assert!(contract.decode_response(200, Some("application/json"), b"1").is_err());
}

#[test]
fn schemas_of_openapi_3_0_are_translated() {
    let charge = json!({
        "type": "object", "required": ["id", "amount", "secret"], "additionalProperties": false,
        "properties": {
            "id": {"type": "string", "readOnly": true},
            "secret": {"type": "string", "writeOnly": true},
            "amount": {"type": "integer", "minimum": 0, "exclusiveMinimum": true},
            "note": {"type": "string", "nullable": true, "example": {"$ref": "#/nowhere"}},
            "kind": {"type": "string", "enum": ["a"], "nullable": true},
            "parent": {"nullable": true, "allOf": [{"$ref": "#/components/schemas/Charge"}]},
            "next": {"$ref": "#/components/schemas/Charge", "type": "integer"},
            "code": {"type": "string", "pattern": "^(?<=a)(?<!"}
        }
    });
    let content = json!({"application/json": {"schema": {"$ref": "#/components/schemas/Charge"}}});
    let slice = json!({
        "openapi": "3.0.3",
        "x-eczflow-slice": {"format": crate::documents::SLICE_FORMAT, "method": "POST", "path": "/c"},
        "paths": {"/c": {"post": {
            "requestBody": {"content": content},
            "responses": {"200": {"description": "", "content": content}}
        }}},
        "components": {"schemas": {"Charge": charge}}
    });
    let contract = Contract::from_slice(&crate::base::canonical_json(&slice).unwrap()).unwrap();
    assert_eq!(
        contract.success_type().to_string(),
        r#"{ amount: int(1..), code: string?, id: string, kind: (null | "a")?, next: unknown?, note: (string | null)?, parent: (null | unknown)?, secret: string? }"#
    );
    let body = contract.body.as_ref().unwrap();
    assert!(body.schema.undecided.iter().any(|one| one == "code: pattern (which is not checked)"));
    let good = json!({"amount": 1, "secret": "s", "note": null, "kind": null, "parent": null, "code": "b"});
    assert_eq!(contract.check_body(&good), Ok(()));
    // References in a circle are checked as deep as the value goes.
    let deep = |amount: i64| json!({"amount": 1, "secret": "s", "next": {"amount": amount, "secret": "s"}});
    assert!(contract.check_body(&deep(2)).is_ok() && contract.check_body(&deep(0)).is_err());
    let answer = Some("application/json");
    assert!(contract.decode_json(200, answer, &json!({"id": "c", "amount": 1})).is_ok());
    for bad in [json!({"amount": 1}), json!({"id": "c", "amount": 0}), json!({"id": null, "amount": 1})] {
        assert!(contract.decode_json(200, answer, &bad).is_err(), "{bad}");
    }
}

#[test]
fn a_default_alone_stands_for_success() {
    let mut operation = refund();
    operation["responses"] =
        json!({"default": {"description": "", "content": {"*/*": {"schema": {"type": "integer"}}}}});
    let contract = contract(operation).unwrap();
    assert_eq!(contract.success_type(), Type::int());
    assert_eq!(contract.decode_response(200, Some("application/json"), b"4"), Ok(Value::Int(4)));
}
