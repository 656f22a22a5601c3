//! The style values table of OpenAPI 3.0.4 and 3.1.1, and round trips.

use super::super::style_reading::{raw_pairs, read_pairs};
use super::super::{Field, Form, Members, RecordType, Type};
use super::*;
use crate::documents::EncodingView;
use proptest::prelude::*;
use serde_json::json;

fn style(place: Place, style: &str, explode: bool) -> Style {
    Style::new("color", place, style, explode, false).unwrap()
}

fn strings() -> Type {
    Type::list(Type::string())
}

fn colours() -> Type {
    Type::closed_record(["R", "G", "B"].map(|name| (name, Type::int().optional())))
}

/// The one way to read back what stands at a place.
fn read(style: &Style, text: &str, ty: &Type) -> Json {
    match style.place {
        Place::At(Location::Path | Location::Header) => style.read_text(text, ty).unwrap(),
        place => {
            let between = if place == Place::At(Location::Cookie) { ";" } else { "&" };
            let (mut values, unknown) = read_pairs(&[(style, ty)], &raw_pairs(text, between));
            assert!(unknown.is_empty(), "{unknown:?}");
            values.remove(0).unwrap().unwrap()
        }
    }
}

#[test]
fn the_table_of_the_specification() {
    use Location::{Cookie, Header, Path, Query};
    let (array, object) = (json!(["blue", "black", "brown"]), json!({"R": 100, "G": 200, "B": 150}));
    // Style, explode, place; then an empty string, a string, the array, the object. `-`: the table says n/a.
    // Objects are written in the order of their members' names.
    let rows = [
        (
            Path,
            "matrix",
            false,
            [";color", ";color=blue", ";color=blue,black,brown", ";color=B,150,G,200,R,100"],
        ),
        (
            Path,
            "matrix",
            true,
            [";color", ";color=blue", ";color=blue;color=black;color=brown", ";B=150;G=200;R=100"],
        ),
        (Path, "label", false, [".", ".blue", ".blue,black,brown", ".B,150,G,200,R,100"]),
        (Path, "label", true, [".", ".blue", ".blue.black.brown", ".B=150.G=200.R=100"]),
        (Path, "simple", false, ["", "blue", "blue,black,brown", "B,150,G,200,R,100"]),
        (Path, "simple", true, ["", "blue", "blue,black,brown", "B=150,G=200,R=100"]),
        (Header, "simple", false, ["-", "blue", "blue,black,brown", "B,150,G,200,R,100"]),
        (Header, "simple", true, ["-", "blue", "blue,black,brown", "B=150,G=200,R=100"]),
        (Query, "form", false, ["color=", "color=blue", "color=blue,black,brown", "color=B,150,G,200,R,100"]),
        (
            Query,
            "form",
            true,
            ["color=", "color=blue", "color=blue&color=black&color=brown", "B=150&G=200&R=100"],
        ),
        (
            Query,
            "spaceDelimited",
            false,
            ["-", "-", "color=blue%20black%20brown", "color=B%20150%20G%20200%20R%20100"],
        ),
        (
            Query,
            "pipeDelimited",
            false,
            ["-", "-", "color=blue%7Cblack%7Cbrown", "color=B%7C150%7CG%7C200%7CR%7C100"],
        ),
        (
            Cookie,
            "form",
            false,
            ["color=", "color=blue", "color=blue,black,brown", "color=B,150,G,200,R,100"],
        ),
        // The table's `&` is no delimiter of cookies.
        (
            Cookie,
            "form",
            true,
            ["color=", "color=blue", "color=blue; color=black; color=brown", "B=150; G=200; R=100"],
        ),
        (
            Query,
            "deepObject",
            true,
            [
                "color=",
                "color=blue",
                "color%5B0%5D=blue&color%5B1%5D=black&color%5B2%5D=brown",
                "color%5BB%5D=150&color%5BG%5D=200&color%5BR%5D=100",
            ],
        ),
    ];
    for (location, name, explode, expected) in rows {
        let style = style(Place::At(location), name, explode);
        let values = [json!(""), json!("blue"), array.clone(), object.clone()];
        let types = [Type::string(), Type::string(), strings(), colours()];
        for ((value, ty), expected) in values.iter().zip(&types).zip(expected) {
            if expected == "-" {
                assert!(style.write(value).is_err(), "{name} {explode} {value}");
                continue;
            }
            assert_eq!(style.write(value).unwrap().as_deref(), Some(expected), "{name} {explode}");
            assert_eq!(read(&style, expected, ty), *value, "{name} {explode} {expected}");
        }
    }
}

#[test]
fn what_is_not_defined_is_refused() {
    use Location::{Cookie, Header, Path, Query};
    for (location, name, explode) in [
        (Path, "form", true),
        (Query, "simple", false),
        (Query, "matrix", false),
        (Header, "form", true),
        (Cookie, "simple", false),
        (Query, "spaceDelimited", true),
        (Query, "fancy", false),
    ] {
        assert!(Style::new("color", Place::At(location), name, explode, false).is_err(), "{name}");
    }
    let form = style(Place::At(Query), "form", true);
    for nested in [json!([["a"]]), json!({"a": {"b": 1}}), json!([null]), Json::Null] {
        assert!(form.write(&nested).is_err(), "{nested}");
    }
    assert_eq!(form.write(&json!([])), Ok(None));
    let pipe = style(Place::At(Query), "pipeDelimited", false);
    assert!(pipe.write(&json!(["a|b"])).is_err());
    let header = style(Place::At(Header), "simple", false);
    for bad in [json!(["a,b"]), json!("a\r\nb"), json!(["a", ""]), json!("é")] {
        assert!(header.write(&bad).is_err(), "{bad}");
    }
    let cookie = style(Place::At(Cookie), "form", true);
    assert!(cookie.write(&json!("a\nb")).is_err());
    assert_eq!(cookie.write(&json!("a;b c")).unwrap().unwrap(), "color=a%3Bb%20c");
    let deep = style(Place::At(Query), "deepObject", true);
    for bad in [json!({"a": []}), json!({"a]": 1}), json!({"0": 1}), json!({"a": null})] {
        assert!(deep.write(&bad).is_err(), "{bad}");
    }
}

#[test]
fn reserved_characters_stay_where_they_may() {
    let reserved = Style::new("at", Place::At(Location::Query), "form", false, true).unwrap();
    assert_eq!(
        reserved.write(&json!("/a:b?c=d&e#f[1],g")).unwrap().unwrap(),
        "at=/a:b?c%3Dd%26e%23f%5B1%5D,g"
    );
    assert_eq!(reserved.write(&json!(["a,b", "c/d"])).unwrap().unwrap(), "at=a%2Cb,c/d");
    let triples = reserved.write(&json!("a%20b%2fc%2 %zz%%41ü%")).unwrap().unwrap();
    assert_eq!(triples, "at=a%20b%2fc%252%20%25zz%25%41%C3%BC%25");
}

#[test]
fn stripe_nests_in_brackets() {
    let body = json!({
        "amount": 1999,
        "currency": "eur",
        "line_items": [{"price": "p1", "quantity": 2}, {"price": "p2", "tags": ["x", "y z"]}],
        "metadata": {"order id": "6735"},
        "expand": ["customer"]
    });
    let deep = EncodingView {
        content_type: None,
        style: Some("deepObject".into()),
        explode: Some(true),
        allow_reserved: false,
    };
    let names = ["line_items", "metadata", "expand"];
    let form = Form::new(&names.map(|name| (name.to_owned(), deep.clone())).into()).unwrap();
    let text = form.write(&body).unwrap();
    assert_eq!(
        text,
        "amount=1999&currency=eur&expand%5B0%5D=customer\
         &line_items%5B0%5D%5Bprice%5D=p1&line_items%5B0%5D%5Bquantity%5D=2\
         &line_items%5B1%5D%5Bprice%5D=p2&line_items%5B1%5D%5Btags%5D%5B0%5D=x&line_items%5B1%5D%5Btags%5D%5B1%5D=y+z\
         &metadata%5Border+id%5D=6735"
    );
    // An independent reader sees the same names and values.
    let pairs: Vec<(String, String)> = url::form_urlencoded::parse(text.as_bytes()).into_owned().collect();
    assert!(pairs.contains(&("line_items[1][tags][1]".into(), "y z".into())));
    let item = Type::closed_record([
        ("price", Type::string()),
        ("quantity", Type::int().optional()),
        ("tags", strings().optional()),
    ]);
    let ty = Type::closed_record([
        ("amount", Type::int()),
        ("currency", Type::string()),
        ("line_items", Type::list(item)),
        ("metadata", Type::Map { of: Box::new(Type::string()) }),
        ("expand", strings()),
    ]);
    assert_eq!(form.read(&text, &ty), Ok(body));
    assert_eq!(form.read("expand%5B%5D=a&expand[]=b", &ty), Ok(json!({"expand": ["a", "b"]})));
    assert!(form.write(&json!({"amount": null})).is_err());
    assert!(form.read("amount=1&amount=2", &ty).is_err());
}

#[test]
fn a_form_without_styles_follows_the_specification() {
    // Section 4.8.14.4 of OpenAPI 3.0.4, its members in the order of their names.
    let form = Form::new(&Default::default()).unwrap();
    let body = json!({
        "id": "f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
        "address": {"streetAddress": "123 Example Dr.", "city": "Somewhere"},
        "tags": ["a", "b"]
    });
    let text = form.write(&body).unwrap();
    assert_eq!(
        text,
        "address=%7B%22city%22%3A%22Somewhere%22%2C%22streetAddress%22%3A%22123+Example+Dr.%22%7D\
         &id=f81d4fae-7dec-11d0-a765-00a0c91e6bf6&tags=a&tags=b"
    );
    let address = Type::closed_record([("streetAddress", Type::string()), ("city", Type::string())]);
    let ty = Type::closed_record([("id", Type::string()), ("address", address), ("tags", strings())]);
    assert_eq!(form.read(&text, &ty), Ok(body));
    let bytes = EncodingView {
        content_type: Some("image/png".into()),
        style: None,
        explode: None,
        allow_reserved: false,
    };
    assert!(Form::new(&[("a".to_owned(), bytes)].into()).is_err());
}

fn scalars() -> impl Strategy<Value = Json> {
    prop_oneof![
        any::<i32>().prop_map(Json::from),
        any::<bool>().prop_map(Json::from),
        "[ -~é]{1,6}".prop_map(Json::from)
    ]
}

/// A value and its type: what a scalar is must be told by the type.
fn typed(scalar: impl Strategy<Value = Json>) -> impl Strategy<Value = (Json, Type)> {
    let of = |value: &Json| match value {
        Json::Number(_) => Type::int(),
        Json::Bool(_) => Type::Bool,
        _ => Type::string(),
    };
    let record = prop::collection::btree_map("[a-z ,.=]{0,3}[a-z]", scalar, 1..4).prop_map(move |members| {
        let fields =
            members.iter().map(|(name, value)| (name.clone(), Field { ty: of(value), required: true }));
        let ty = Type::Record(RecordType { fields: fields.collect(), others: Members::Closed });
        (json!(members), ty)
    });
    let list = prop::collection::vec("[ -~é]{0,6}", 1..4).prop_map(|items| (json!(items), strings()));
    prop_oneof![
        list,
        record,
        scalars().prop_map(move |value| {
            let ty = of(&value);
            (value, ty)
        })
    ]
}

proptest! {
    #[test]
    fn what_is_written_reads_back((value, ty) in typed(scalars())) {
        use Location::{Cookie, Header, Path, Query};
        for (location, name, explode) in [
            (Path, "simple", false), (Path, "simple", true), (Path, "label", false), (Path, "label", true),
            (Path, "matrix", false), (Path, "matrix", true), (Header, "simple", false), (Header, "simple", true),
            (Query, "form", false), (Query, "form", true), (Query, "spaceDelimited", false),
            (Query, "pipeDelimited", false), (Query, "deepObject", true), (Cookie, "form", false), (Cookie, "form", true),
        ] {
            // With `allowReserved` a triple such as `%2F` goes as it is, and reads back as what it stands for.
            let bytes = value.to_string().into_bytes();
            let triple = bytes.windows(3).any(|at| at[0] == b'%' && at[1..].iter().all(u8::is_ascii_hexdigit));
            for reserved in [false, true].into_iter().filter(|reserved| !(*reserved && triple)) {
                let style = Style::new("color", Place::At(location), name, explode, reserved).unwrap();
                if let Ok(Some(text)) = style.write(&value) {
                    prop_assert_eq!(read(&style, &text, &ty), value.clone(), "{} {} {}", name, explode, text);
                }
            }
        }
    }

    #[test]
    fn forms_read_back(members in prop::collection::btree_map("[a-z]{2}", typed(scalars()), 0..4)) {
        let fields = members.iter().map(|(name, (_, ty))| (name.clone(), Field { ty: ty.clone(), required: true }));
        let ty = Type::Record(RecordType { fields: fields.collect(), others: Members::Closed });
        let body: Json = Json::Object(members.iter().map(|(name, (value, _))| (name.clone(), value.clone())).collect());
        let deep = EncodingView { content_type: None, style: Some("deepObject".into()), explode: None, allow_reserved: false };
        let all = members.keys().map(|name| (name.clone(), deep.clone())).collect();
        for encoding in [Default::default(), all] {
            let form = Form::new(&encoding).unwrap();
            if let Ok(text) = form.write(&body) {
                prop_assert_eq!(form.read(&text, &ty), Ok(body.clone()), "{}", text);
            }
        }
    }
}
