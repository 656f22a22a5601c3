//! `eczflow pin --fetch`: a document, once, over the one connector.

use camino::Utf8Path;
use url::Url;

use crate::base::limits;
use crate::cli::error::{CliError, Failure};
use crate::cli::{Exit, Outcome, files, flow, output, runtime};
use crate::config::Config;
use crate::diagnostics::Sink;
use crate::documents::Document;
use crate::source::SourceMap;
use crate::wire::{Connector, Request};

/// Redirects that are followed, each within the origin.
const HOPS: usize = 4;
/// Bound on each exchange, milliseconds.
const WITHIN_MS: u64 = 60_000;

pub(super) fn run(url: &str, path: &Utf8Path, force: bool, config: Option<&Utf8Path>) -> Outcome {
    if !force && path.exists() {
        return Err(CliError::Fetch {
            reason: format!("`{path}` exists already"),
            help: "name another file, or replace it with `--force`".into(),
        }
        .into());
    }
    let config = flow::configuration(config, Utf8Path::new("."))?;
    let bytes = runtime::start()?.block_on(download(&config, url))?;
    let (mut sources, mut sink) = (SourceMap::default(), Sink::default());
    let document = Document::read(bytes.as_slice(), path.as_str(), &mut sources, &mut sink);
    flow::tell(&sources, &sink.into_sorted());
    let Some(document) = document else {
        output::tell(
            "nothing was written; of a document that you saved yourself `eczflow vendor` may make a strict copy",
        );
        return Ok(Exit::Findings);
    };
    files::replace(path, &bytes)?;
    output::data(&format!("raw        {}\ncanonical  {}\n", document.raw_hash(), document.canonical_hash()))?;
    output::tell(&format!(
        "written to `{path}`: name it in a flow, `api NAME = openapi(\"{path}\")`, then run `eczflow pin FLOW`"
    ));
    Ok(Exit::Clean)
}

async fn download(config: &Config, written: &str) -> Result<Vec<u8>, Failure> {
    let refuse = |reason: String, help: &str| CliError::Fetch { reason, help: help.to_owned() };
    let mut url = Url::parse(written).map_err(|error| {
        refuse(format!("the URL is not well formed: {error}"), "write it whole, `https://…`")
    })?;
    if url.scheme() != "https" {
        return Err(refuse(
            format!("`{}:` is not encrypted", url.scheme()),
            "use https; what cannot be had over https, save yourself and look at it",
        )
        .into());
    }
    let origin = url.origin();
    let connector = Connector::new(config)?;
    for _ in 0..HOPS {
        let mut request = Request::new("GET", url.clone());
        request.headers = vec![(
            "accept".to_owned(),
            "application/vnd.oai.openapi+json, application/json, application/yaml, text/yaml;q=0.9, */*;q=0.5".to_owned(),
        )];
        request.compressed = true;
        request.attempt_ms = WITHIN_MS;
        request.response_bytes = limits::DOCUMENT_BYTES;
        let answer = connector.send(request).await?;
        match answer.status {
            200 => return Ok(answer.body),
            301 | 302 | 303 | 307 | 308 => {
                let target = answer.header("location").and_then(|location| url.join(location).ok());
                let Some(target) = target else {
                    return Err(refuse(
                        "the answer redirects to nowhere".into(),
                        "ask its publisher for the address",
                    )
                    .into());
                };
                if target.origin() != origin {
                    return Err(refuse(
                        format!(
                            "the answer redirects to another origin, `{}`",
                            target.origin().ascii_serialization()
                        ),
                        "if that is who publishes the document, fetch it from there",
                    )
                    .into());
                }
                url = target;
            }
            status => {
                return Err(refuse(
                    format!("the answer is {status}"),
                    "open the URL to see what stands there",
                )
                .into());
            }
        }
    }
    Err(refuse(format!("more than {} redirects", HOPS - 1), "fetch it from where they lead").into())
}
