//! Content codings of answers: gzip and deflate, with a cap on what comes out.

use std::io::Read as _;

use flate2::bufread::MultiGzDecoder;
use flate2::{Decompress, FlushDecompress, Status};

/// What is asked for: exactly what is read below.
pub(super) const ACCEPT_ENCODING: &str = "gzip, deflate";

/// A coding of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    Identity,
    Gzip,
    /// RFC 9110 says zlib; some servers send the bare stream.
    Deflate,
}

/// Why a body could not be decoded.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum CodingError {
    /// More comes out than the limit.
    TooLarge,
    /// It is not what its coding says.
    Broken,
}

impl Coding {
    /// The coding that `Content-Encoding` fields name; `Err` with their text where it is none of ours.
    pub(super) fn of<'a>(fields: impl Iterator<Item = &'a str>) -> Result<Coding, String> {
        let text = fields.collect::<Vec<_>>().join(", ");
        let names: Vec<String> = text
            .split(',')
            .map(|name| name.trim().to_ascii_lowercase())
            .filter(|name| !name.is_empty())
            .collect();
        let names: Vec<&str> = names.iter().map(String::as_str).filter(|name| *name != "identity").collect();
        match names.as_slice() {
            [] => Ok(Coding::Identity),
            ["gzip" | "x-gzip"] => Ok(Coding::Gzip),
            ["deflate"] => Ok(Coding::Deflate),
            _ => Err(text.chars().filter(|c| !c.is_control()).take(40).collect()),
        }
    }

    /// The word for messages.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Coding::Identity => "identity",
            Coding::Gzip => "gzip",
            Coding::Deflate => "deflate",
        }
    }

    /// What a whole body stands for. Stops at the limit, however much would still come.
    pub(super) fn decode(self, body: Vec<u8>, limit: usize) -> Result<Vec<u8>, CodingError> {
        match self {
            // A body that is not there has no coding: 204, 304, or an empty 200.
            _ if body.is_empty() => Ok(body),
            Coding::Identity => Ok(body),
            Coding::Gzip => {
                let mut out = Vec::new();
                let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
                let read = MultiGzDecoder::new(body.as_slice()).take(most).read_to_end(&mut out);
                if out.len() > limit {
                    return Err(CodingError::TooLarge);
                }
                read.map(|_| out).map_err(|_| CodingError::Broken)
            }
            Coding::Deflate => inflate(&body, limit),
        }
    }
}

fn inflate(body: &[u8], limit: usize) -> Result<Vec<u8>, CodingError> {
    // RFC 1950 section 2.2: the first two bytes of zlib are such; a bare stream's are so once in a thousand at most.
    let zlib = match body {
        [first, second, ..] => first & 0x0F == 8 && u16::from_be_bytes([*first, *second]) % 31 == 0,
        _ => false,
    };
    let (mut stream, mut out) = (Decompress::new(zlib), Vec::new());
    loop {
        let read = usize::try_from(stream.total_in()).unwrap_or(usize::MAX);
        let rest = body.get(read..).unwrap_or_default();
        out.reserve(32 << 10);
        let before = (stream.total_in(), out.len());
        let status = stream.decompress_vec(rest, &mut out, FlushDecompress::None);
        if out.len() > limit {
            return Err(CodingError::TooLarge);
        }
        match status {
            Ok(Status::StreamEnd) => return Ok(out),
            // Neither read nor written: the stream ends before its end.
            Ok(_) if (stream.total_in(), out.len()) == before => return Err(CodingError::Broken),
            Ok(_) => {}
            Err(_) => return Err(CodingError::Broken),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use std::io::Write as _;

    fn coded(text: &[u8]) -> [(Coding, Vec<u8>); 3] {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::best());
        let mut bare = DeflateEncoder::new(Vec::new(), Compression::best());
        gzip.write_all(text).unwrap();
        zlib.write_all(text).unwrap();
        bare.write_all(text).unwrap();
        [
            (Coding::Gzip, gzip.finish().unwrap()),
            (Coding::Deflate, zlib.finish().unwrap()),
            (Coding::Deflate, bare.finish().unwrap()),
        ]
    }

    #[test]
    fn what_was_coded_comes_back_within_the_limit() {
        let text = "{\"a\":1}".repeat(10_000);
        for (coding, body) in coded(text.as_bytes()) {
            assert_eq!(coding.decode(body.clone(), text.len()).unwrap(), text.as_bytes());
            assert_eq!(coding.decode(body.clone(), text.len() - 1), Err(CodingError::TooLarge));
            for end in 1..body.len() {
                assert_eq!(
                    coding.decode(body[..end].to_vec(), text.len()),
                    Err(CodingError::Broken),
                    "{end}"
                );
            }
            assert_eq!(coding.decode(b"no such thing".to_vec(), 100), Err(CodingError::Broken));
            assert_eq!(coding.decode(vec![], 0).unwrap(), b"");
        }
    }

    #[test]
    fn a_bomb_stops_at_the_cap() {
        for (coding, body) in coded(&vec![0; 20 << 20]) {
            assert!(body.len() < 30_000);
            assert_eq!(coding.decode(body, 1 << 20), Err(CodingError::TooLarge));
        }
    }

    #[test]
    fn codings_are_read_from_their_fields() {
        let of = |fields: &[&str]| Coding::of(fields.iter().copied());
        assert_eq!(of(&[]), Ok(Coding::Identity));
        assert_eq!(of(&["identity"]), Ok(Coding::Identity));
        assert_eq!(of(&["X-GZip"]), Ok(Coding::Gzip));
        assert_eq!(of(&["deflate, identity"]), Ok(Coding::Deflate));
        assert_eq!(of(&["br"]), Err("br".into()));
        assert_eq!(of(&["gzip", "deflate"]), Err("gzip, deflate".into()));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_decoded_or_refused(body: Vec<u8>) {
            for coding in [Coding::Gzip, Coding::Deflate] {
                if let Ok(out) = coding.decode(body.clone(), 1000) {
                    proptest::prop_assert!(out.len() <= 1000);
                }
            }
        }
    }
}
