//! TLS towards services.

use std::fmt;
use std::sync::{Arc, OnceLock};

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use dendro_core::Secret;

use crate::ConnectError;

/// How a service proves who it is, and we to it. The certificate is always checked, its name as well.
///
/// ```
/// use dendro_net::Tls;
/// let tls = Tls::new().server_name("db.internal");
/// # let _ = tls;
/// ```
#[derive(Clone, Default)]
#[must_use]
pub struct Tls {
    authorities: Option<Vec<u8>>,
    identity: Option<(Vec<u8>, Secret)>,
    server_name: Option<String>,
    ready: Arc<OnceLock<Arc<ClientConfig>>>,
}

impl Tls {
    /// Trusts the authorities that the system trusts.
    pub fn new() -> Self {
        Self::default()
    }

    /// Trusts these authorities alone: certificates in PEM.
    pub fn authorities_pem(mut self, certificates: impl Into<Vec<u8>>) -> Self {
        self.authorities = Some(certificates.into());
        self.forget()
    }

    /// Shows this certificate, with those between it and its authority, and its key, all in PEM.
    pub fn identity_pem(mut self, certificates: impl Into<Vec<u8>>, key: impl Into<Secret>) -> Self {
        self.identity = Some((certificates.into(), key.into()));
        self.forget()
    }

    /// Expects this name in the certificate, and not that of the address.
    pub fn server_name(mut self, name: impl Into<String>) -> Self {
        self.server_name = Some(name.into());
        self
    }

    fn forget(mut self) -> Self {
        self.ready = Arc::default();
        self
    }

    /// Shakes hands over an open connection.
    ///
    /// # Errors
    /// The server is not who it has to be, or does not want us.
    ///
    /// # Cancel safety
    /// The connection is gone with the call.
    pub async fn connect(&self, host: &str, tcp: TcpStream) -> Result<TlsStream<TcpStream>, ConnectError> {
        let name = self.server_name.as_deref().unwrap_or(host);
        let server = server_name(name)?;
        let config = match self.ready.get() {
            Some(config) => config.clone(),
            None => self.prepare().await?,
        };
        TlsConnector::from(config)
            .connect(server, tcp)
            .await
            .map_err(|error| ConnectError::new(format!("no TLS with {name}")).with_source(error))
    }

    /// Once: the system's authorities are files.
    async fn prepare(&self) -> Result<Arc<ClientConfig>, ConnectError> {
        let tls = self.clone();
        let config = tokio::task::spawn_blocking(move || tls.build())
            .await
            .map_err(|error| ConnectError::new("TLS could not be set up").with_source(error))??;
        Ok(self.ready.get_or_init(|| Arc::new(config)).clone())
    }

    /// Whether what was given is valid: certificates and the key. Reads no file.
    ///
    /// # Errors
    /// What is not.
    pub fn check(&self) -> Result<(), ConnectError> {
        if let Some(name) = &self.server_name {
            server_name(name)?;
        }
        // The system's authorities are looked at when they are needed.
        match (&self.authorities, &self.identity) {
            (None, None) => Ok(()),
            (None, Some((chain, key))) => {
                certificates(chain)?;
                private_key(key).map(drop)
            }
            (Some(_), _) => self.build().map(drop),
        }
    }

    fn build(&self) -> Result<ClientConfig, ConnectError> {
        let wrong = |what: &'static str| {
            move |error: Box<dyn std::error::Error + Send + Sync>| ConnectError::new(what).with_source(error)
        };
        let mut roots = RootCertStore::empty();
        match &self.authorities {
            Some(pem) => {
                for certificate in certificates(pem)? {
                    roots
                        .add(certificate)
                        .map_err(|e| wrong("an authority's certificate is not valid")(e.into()))?;
                }
            }
            None => {
                let found = rustls_native_certs::load_native_certs();
                roots.add_parsable_certificates(found.certs);
            }
        }
        if roots.is_empty() {
            return Err(ConnectError::new(
                "no certificate authorities: the system has none installed (package `ca-certificates`), and none were given",
            ));
        }
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|e| wrong("TLS could not be set up")(e.into()))?
            .with_root_certificates(roots);
        match &self.identity {
            None => Ok(config.with_no_client_auth()),
            Some((chain, key)) => config
                .with_client_auth_cert(certificates(chain)?, private_key(key)?)
                .map_err(|e| wrong("our certificate and key are not valid")(e.into())),
        }
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("own_authorities", &self.authorities.is_some())
            .field("identity", &self.identity.is_some())
            .field("server_name", &self.server_name)
            .finish_non_exhaustive()
    }
}

fn server_name(name: &str) -> Result<ServerName<'static>, ConnectError> {
    ServerName::try_from(name.to_owned())
        .map_err(|error| ConnectError::new(format!("`{name}` is no name of a server")).with_source(error))
}

fn private_key(pem: &Secret) -> Result<PrivateKeyDer<'static>, ConnectError> {
    PrivateKeyDer::from_pem_slice(pem.expose().as_bytes())
        // What is wrong with it may quote it.
        .map_err(|_| ConnectError::new("our key is not valid: expected PEM"))
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, ConnectError> {
    CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().map_err(|error| {
        ConnectError::new("a certificate is not valid: expected PEM").with_source(error.to_string())
    })
}
