//! Private key files: PKCS #8 PEM, mode 0600.

use std::io::Write as _;

use camino::Utf8Path;

use super::ConfigError;
use super::secret::read_private;
use crate::base::{Ed25519Key, Random, Signer as _, limits};

/// What `key new` tells about the key it made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewKey {
    /// The public key as a JWK, one line of JSON, for the agent's key set.
    pub jwk: String,
    /// Its RFC 7638 thumbprint: the `keyid` of its signatures.
    pub thumbprint: String,
}

/// Makes a new Ed25519 key and writes it to a file that did not exist, with mode 0600.
pub fn new_key(path: &Utf8Path, random: &dyn Random) -> Result<NewKey, ConfigError> {
    let key = Ed25519Key::generate(random);
    let failed = |reason: String| ConfigError::KeyNotWritten { path: path.to_owned(), reason };
    let pem = key.to_pem().map_err(|error| failed(error.to_string()))?;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let mut file = options.open(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => failed("it exists already".into()),
        _ => failed(error.to_string()),
    })?;
    file.write_all(pem.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(|error| failed(error.to_string()))?;
    let public = key.public_key();
    let thumbprint = public.thumbprint();
    let jwk = serde_json::json!({
        "alg": "EdDSA", "crv": "Ed25519", "kid": thumbprint, "kty": "OKP", "use": "sig", "x": public.jwk_x(),
    });
    Ok(NewKey { jwk: jwk.to_string(), thumbprint })
}

/// Reads a private key file that only its owner may read.
pub fn read_key(path: &Utf8Path) -> Result<Ed25519Key, ConfigError> {
    let bytes = read_private(path, limits::CONFIG_BYTES)?;
    let pem = std::str::from_utf8(&bytes).ok();
    pem.and_then(|pem| Ed25519Key::from_pem(pem).ok())
        .ok_or_else(|| ConfigError::KeyUnreadable { path: path.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Explained as _, SeededRandom};
    use camino::Utf8PathBuf;

    #[test]
    fn a_new_key_is_private_readable_and_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(folder.path().join("agent.pem")).unwrap();
        let made = new_key(&path, &SeededRandom::new("key file")).unwrap();
        let key = read_key(&path).unwrap();
        assert_eq!(key.public_key().thumbprint(), made.thumbprint);
        let jwk: serde_json::Value = serde_json::from_str(&made.jwk).unwrap();
        assert_eq!(jwk["x"], key.public_key().jwk_x());
        assert!(jwk.get("d").is_none());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        let error = new_key(&path, &SeededRandom::new("other")).unwrap_err();
        assert_eq!(error.code(), "ER1019");
        assert_eq!(read_key(&path).unwrap().public_key(), key.public_key());
        std::fs::write(&path, "no key").unwrap();
        assert_eq!(read_key(&path).unwrap_err().code(), "ER1018");
    }
}
