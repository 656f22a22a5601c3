//! The sandbox's own certificate authority. Its private key is never written: it lives as long as the sandbox.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use zeroize::Zeroizing;

use super::SandboxError;
use crate::base::Digest;

/// A certificate authority that nobody but the sandbox's own configuration trusts.
pub(crate) struct Authority {
    pem: String,
    der: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

fn tls(error: impl std::fmt::Display) -> SandboxError {
    SandboxError::Tls { reason: error.to_string() }
}

impl Authority {
    /// A new authority with a new key.
    pub(crate) fn generate() -> Result<Authority, SandboxError> {
        let mut params = CertificateParams::new(Vec::new()).map_err(tls)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.distinguished_name.push(DnType::CommonName, "eczflow sandbox test authority");
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().map_err(tls)?;
        let certificate = params.self_signed(&key).map_err(tls)?;
        Ok(Authority {
            pem: certificate.pem(),
            der: certificate.der().clone(),
            issuer: Issuer::new(params, key),
        })
    }

    /// The authority's certificate, PEM.
    pub(crate) fn pem(&self) -> &str {
        &self.pem
    }

    /// A client certificate with its chain and key, PEM, and the certificate's digest.
    pub(crate) fn client(&self, name: &str) -> Result<(Zeroizing<String>, Digest), SandboxError> {
        let mut params = CertificateParams::new(Vec::new()).map_err(tls)?;
        params.distinguished_name.push(DnType::CommonName, format!("eczflow sandbox client {name}"));
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().map_err(tls)?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(tls)?;
        let pem = Zeroizing::new(format!("{}{}{}", certificate.pem(), self.pem, key.serialize_pem()));
        Ok((pem, Digest::of(certificate.der().as_ref())))
    }

    /// What a TLS server for these host names needs. With `clients`, it asks for a certificate of this authority; who has
    /// none is let in too, and told over HTTP where one is due.
    pub(crate) fn server(&self, hosts: &[String], clients: bool) -> Result<Arc<ServerConfig>, SandboxError> {
        let mut params = CertificateParams::new(hosts.to_vec()).map_err(tls)?;
        params.distinguished_name.push(DnType::CommonName, "eczflow sandbox");
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate().map_err(tls)?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(tls)?;
        let chain = vec![certificate.der().clone(), self.der.clone()];
        let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = if clients {
            let mut roots = RootCertStore::empty();
            roots.add(self.der.clone()).map_err(tls)?;
            let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
            builder.allow_unauthenticated().build().map_err(tls)?
        } else {
            WebPkiClientVerifier::no_client_auth()
        };
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(tls)?
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain, private)
            .map_err(tls)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}
