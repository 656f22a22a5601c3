//! Media types, as documents and answers name them.

/// Type and subtype in lower case, without parameters.
pub(super) fn essence(media_type: &str) -> String {
    media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Whether a media type, or a range of them, is JSON.
pub(super) fn is_json(essence: &str) -> bool {
    let structured = essence
        .split_once('/')
        .is_some_and(|(kind, sub)| !kind.is_empty() && sub.len() > 5 && sub.ends_with("+json"));
    structured || matches!(essence, "application/json" | "application/*" | "*/*")
}

/// Whether a range holds a media type.
pub(super) fn covers(range: &str, actual: &str) -> bool {
    match range {
        "*/*" => true,
        "application/*" => actual.starts_with("application/"),
        "application/*+json" => actual.starts_with("application/") && actual.ends_with("+json"),
        _ => false,
    }
}

/// Whether the text of an answer is UTF-8, as far as its content type says.
pub(super) fn is_utf8(content_type: &str) -> bool {
    let parameters = content_type.split(';').skip(1).filter_map(|parameter| parameter.split_once('='));
    parameters.into_iter().all(|(name, value)| {
        let value = value.trim().trim_matches('"');
        !name.trim().eq_ignore_ascii_case("charset")
            || ["utf-8", "utf8", "us-ascii"].iter().any(|known| value.eq_ignore_ascii_case(known))
    })
}
