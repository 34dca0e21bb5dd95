//! An authority and a certificate of it, made anew for each test.

#![allow(dead_code, clippy::unwrap_used)]

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

/// All in PEM.
pub(crate) struct Certificates {
    pub(crate) authority: String,
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Certificates {
    /// For a server of this name.
    pub(crate) fn new(name: &str) -> Self {
        Self::changed(name, |_| {})
    }

    /// The same; its time is over.
    pub(crate) fn expired(name: &str) -> Self {
        Self::changed(name, |server| {
            server.not_before = rcgen::date_time_ymd(2019, 1, 1);
            server.not_after = rcgen::date_time_ymd(2020, 1, 1);
        })
    }

    fn changed(name: &str, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let authority_key = KeyPair::generate().unwrap();
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority_pem = authority.self_signed(&authority_key).unwrap().pem();
        let issuer = Issuer::new(authority, authority_key);
        let key = KeyPair::generate().unwrap();
        let mut server = CertificateParams::new(vec![name.to_owned()]).unwrap();
        // With its issuer's name it would count as signed by itself.
        server.distinguished_name.push(rcgen::DnType::CommonName, name);
        change(&mut server);
        let certificate = server.signed_by(&key, &issuer).unwrap().pem();
        Self { authority: authority_pem, certificate, key: key.serialize_pem() }
    }

    /// Files for a server.
    pub(crate) fn files(&self) -> [(&str, &str); 2] {
        [("server.pem", &self.certificate), ("server.key", &self.key)]
    }
}
