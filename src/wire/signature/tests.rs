use super::base::{Component, signature_base};
use super::*;
use crate::base::{Ed25519Key, SeededRandom, Signer as _, Timestamp, decode_base64};

const NOW: Timestamp = Timestamp(1_800_000_000_000);
const NONCE: &str = "AAAAAAAAAAAAAAAAAAAAAA";

/// RFC 9421 appendix B.1.4.
const RFC_KEY: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF\n-----END PRIVATE KEY-----\n";

/// RFC 9421 appendix B.2.6 with the key of B.1.4.
#[test]
fn the_base_and_signature_are_those_of_rfc_9421() {
    let key = Ed25519Key::from_pem(RFC_KEY).unwrap();
    let component = |name: &str, value: &str| Component::new(name, value);
    let base = signature_base(
        &[
            component("date", "Tue, 20 Apr 2021 02:07:55 GMT"),
            component("@method", "POST"),
            component("@path", "/foo"),
            component("@authority", "example.com"),
            component("content-type", "application/json"),
            component("content-length", "18"),
        ],
        r#"("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519""#,
    )
    .unwrap();
    let expected = decode_base64(
        "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==",
    );
    assert_eq!(Some(key.sign(base.as_bytes()).unwrap().to_vec()), expected);
}

fn key() -> Ed25519Key {
    Ed25519Key::generate(&SeededRandom::new("signer"))
}

struct Case {
    target: Target,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    now: Timestamp,
}

/// A whole signed request: POST with a body, a query, an idempotency header of a name of its own, a trust context.
fn case() -> Case {
    let url = url::Url::parse("https://Payments.Example:443/v1/refunds?a=1&b=%20").unwrap();
    let body = br#"{"amount":1}"#.to_vec();
    let target = Target::of("POST", &url);
    let message = Message {
        target: target.clone(),
        content_type: Some("application/json"),
        idempotency: Some(("X-Request-Id", "k-1")),
        handoff: Some("run=\"r\""),
        body: &body,
    };
    let signed = sign(&message, &key(), NOW, NONCE).unwrap();
    let mut headers: Vec<(String, String)> = [
        ("Content-Type", "application/json"),
        ("X-Request-ID", "k-1"),
        ("ECZ-Handoff", "run=\"r\""),
        ("Authorization", "Bearer not-covered"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    headers.extend(signed.headers());
    Case { target, headers, body, now: NOW }
}

fn check(case: &Case) -> Result<Verified, SignatureError> {
    let public = key().public_key();
    let received = Received {
        target: case.target.clone(),
        headers: &case.headers,
        body: &case.body,
        idempotency_header: Some("X-Request-Id"),
    };
    verify(&received, &|keyid| (keyid == public.thumbprint()).then_some(public), case.now)
}

fn field<'a>(case: &'a mut Case, name: &str) -> &'a mut String {
    &mut case.headers.iter_mut().find(|(other, _)| other == name).unwrap().1
}

#[test]
fn a_signed_request_verifies_and_says_what_it_covers() {
    let verified = check(&case()).unwrap();
    assert_eq!(
        (verified.nonce.as_str(), verified.idempotency.as_deref(), verified.handoff.as_deref()),
        (NONCE, Some("k-1"), Some("run=\"r\""))
    );
    let lines: Vec<&str> = verified.base.lines().collect();
    assert_eq!(
        lines[..4],
        [
            "\"@method\": POST",
            "\"@authority\": payments.example",
            "\"@path\": /v1/refunds",
            "\"@query\": ?a=1&b=%20",
        ]
    );
    assert_eq!(lines.len(), 9);
    assert!(!verified.base.contains("Bearer"));
    let server = Target::received("POST", "PAYMENTS.example:443", "/v1/refunds?a=1&b=%20");
    assert_eq!(server, case().target);
}

#[test]
fn a_request_without_body_and_query_needs_neither() {
    let target = Target::of("GET", &url::Url::parse("https://support.example").unwrap());
    let message =
        Message { target: target.clone(), content_type: None, idempotency: None, handoff: None, body: b"" };
    let headers: Vec<_> = sign(&message, &key(), NOW, NONCE).unwrap().headers().collect();
    assert_eq!(headers.len(), 2);
    assert!(headers[0].1.starts_with(r#"ecz=("@method" "@authority" "@path");created=1800000000;expires="#));
    check(&Case { target, headers, body: vec![], now: NOW }).unwrap();
}

/// A secret in the query is neither signed nor shown; what stands beside it is.
#[test]
fn a_secret_in_the_query_stays_out_of_the_signature() {
    let signed = Target::of("GET", &url::Url::parse("https://support.example/x?a=1&b=%20").unwrap());
    let signed = signed.hiding(["key"]);
    let message = Message { target: signed, content_type: None, idempotency: None, handoff: None, body: b"" };
    let sent = sign(&message, &key(), NOW, NONCE).unwrap();
    assert!(sent.signature_input.contains(r#""@path" "@query-param";name="a" "@query-param";name="b");"#));
    let headers: Vec<_> = sent.headers().collect();
    let received = |target: &str| {
        let target = Target::received("GET", "support.example", target).hiding(["key"]);
        check(&Case { target, headers: headers.clone(), body: vec![], now: NOW })
    };
    let verified = received("/x?a=1&b=%20&key=s3cret").unwrap();
    assert!(!verified.base.contains("s3cret") && verified.base.contains(r#""@query-param";name="b": %20"#));
    for (target, code) in [
        ("/x?a=2&b=%20&key=s3cret", "ER6014"),
        ("/x?a=1&key=s3cret", "ER6011"),
        ("/x?a=1&b=%20&c=1&key=s3cret", "ER6011"),
    ] {
        let error = received(target).unwrap_err();
        assert_eq!(crate::base::Explained::code(&error), code, "{target}");
    }
}

type Change = fn(&mut Case);

#[test]
fn every_change_is_refused_with_its_code() {
    let changes: [(&str, &str, Change); 24] = [
        ("method", "ER6014", |c| c.target.method = "PUT".into()),
        ("authority", "ER6014", |c| c.target.authority = "other.example".into()),
        ("path", "ER6014", |c| c.target.path = "/v1/refund".into()),
        ("query", "ER6014", |c| c.target.query = Some("a=2".into())),
        ("query dropped", "ER6011", |c| c.target.query = None),
        ("body", "ER6014", |c| c.body = br#"{"amount":9}"#.to_vec()),
        ("content type", "ER6014", |c| *field(c, "Content-Type") = "text/plain".into()),
        ("key", "ER6014", |c| *field(c, "X-Request-ID") = "k-2".into()),
        ("handoff", "ER6014", |c| *field(c, "ECZ-Handoff") = "run=\"s\"".into()),
        ("digest dropped", "ER6011", |c| c.headers.retain(|(name, _)| name != "content-digest")),
        ("handoff dropped", "ER6011", |c| c.headers.retain(|(name, _)| name != "ECZ-Handoff")),
        ("another idempotency header", "ER6011", |c| c.headers.push(("Idempotency-Key".into(), "x".into()))),
        ("key twice", "ER6010", |c| c.headers.push(("x-request-id".into(), "k-1".into()))),
        ("handoff twice", "ER6010", |c| c.headers.push(("ecz-handoff".into(), "run=\"r\"".into()))),
        ("input twice", "ER6010", |c| {
            let again = field(c, "signature-input").clone();
            c.headers.push(("Signature-Input".into(), again));
        }),
        ("label twice", "ER6010", |c| {
            let input = field(c, "signature-input");
            *input = format!("{input}, {input}");
        }),
        ("two labels of the profile", "ER6010", |c| {
            let input = field(c, "signature-input");
            *input = format!("{input}, x{input}");
        }),
        ("another algorithm", "ER6010", |c| {
            let input = field(c, "signature-input");
            *input = input.replace("alg=\"ed25519\"", "alg=\"hmac-sha256\"");
        }),
        ("longer life", "ER6010", |c| {
            let input = field(c, "signature-input");
            *input = input.replace("expires=1800000120", "expires=1800000301");
        }),
        ("no tag", "ER6010", |c| {
            let input = field(c, "signature-input");
            *input = input.replace(";tag=\"eczflow-handoff-1\"", "");
        }),
        ("component parameters", "ER6010", |c| {
            let input = field(c, "signature-input");
            *input = input.replace("\"@path\"", "\"@path\";req");
        }),
        ("another key", "ER6013", |c| {
            let input = field(c, "signature-input");
            *input = input.replace("keyid=\"", "keyid=\"x");
        }),
        ("late", "ER6012", |c| c.now = c.now.plus(120_000)),
        ("early", "ER6012", |c| c.now = Timestamp(c.now.0 - 31_000)),
    ];
    for (name, code, change) in changes {
        let mut case = case();
        change(&mut case);
        let error = check(&case).expect_err(name);
        assert_eq!(crate::base::Explained::code(&error), code, "{name}: {error}");
    }
    let mut fits = case();
    fits.now = fits.now.plus(119_000);
    // Another party's signature beside ours is left alone.
    field(&mut fits, "signature-input").push_str(", proxy=(\"@method\");tag=\"other\"");
    check(&fits).unwrap();
}

#[test]
fn every_flipped_character_of_the_fields_is_refused() {
    for name in ["signature-input", "signature", "content-digest"] {
        for at in 0..field(&mut case(), name).len() {
            let mut case = case();
            let value = field(&mut case, name);
            let mut bytes = value.clone().into_bytes();
            bytes[at] ^= 1;
            *value = String::from_utf8(bytes).unwrap();
            assert!(check(&case).is_err(), "{name} at {at}");
        }
    }
}

proptest::proptest! {
    #[test]
    fn any_fields_are_refused(input: String, signature: String, digest: String) {
        let mut case = case();
        for (name, value) in [("signature-input", input), ("signature", signature), ("content-digest", digest)] {
            *field(&mut case, name) = value;
        }
        proptest::prop_assert!(check(&case).is_err());
    }
}

#[test]
fn values_that_could_forge_a_line_are_not_signed() {
    let target = Target::of("GET", &url::Url::parse("https://support.example").unwrap());
    let idempotency = Some(("idempotency-key", "a\n\"@method\": POST"));
    let message = Message { target, content_type: None, idempotency, handoff: None, body: b"" };
    assert!(matches!(sign(&message, &key(), NOW, NONCE), Err(SignatureError::Value(_))));
}

/// The worked example of the specification: every line of it must stand there as made here.
#[test]
fn the_example_of_the_specification_holds() {
    use crate::base::Digest;
    use crate::wire::handoff::{Audience, RunSecret, TrustContext};
    let page = include_str!("../../../docs/formats/handoff.md");
    let key = Ed25519Key::from_pem(RFC_KEY).unwrap();
    let audience = Audience::parse("ECZ-GB-PAY001::API-000001").unwrap();
    let secret = RunSecret::new([7; 32]);
    let context = TrustContext {
        operator: "ECZ-GB-A1B2C3".parse().unwrap(),
        agent: "ECZ-GB-A1B2C3::AGENT-7QK2M9".parse().unwrap(),
        run: secret.run_id(&audience),
        handoff: secret.handoff_id(&audience, "refund"),
        attempt: 2,
        leaf: Digest::of("leaf"),
        trace: secret.trace_id(Some(&audience)),
        parent: None,
        audience,
    };
    let handoff = context.to_field().unwrap();
    let url = url::Url::parse("https://payments.example/v1/refunds?dry=0").unwrap();
    let message = Message {
        target: Target::of("POST", &url),
        content_type: Some("application/json"),
        idempotency: Some(("Idempotency-Key", "q3Zs")),
        handoff: Some(&handoff),
        body: br#"{"charge":"C1"}"#,
    };
    let signed = sign(&message, &key, NOW, NONCE).unwrap();
    for due in [
        format!("ecz-handoff: {handoff}"),
        format!("traceparent: {}", context.traceparent()),
        format!("content-digest: {}", signed.content_digest.unwrap()),
        format!("signature-input: {}", signed.signature_input),
        format!("signature: {}", signed.signature),
        signed.base,
    ] {
        assert!(page.contains(&due), "docs/formats/handoff.md lacks:\n{due}");
    }
}
