//! Which client certificates are accepted: those of a configured authority, and those enrolled one by one with
//! their fingerprint, whoever issued them.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use x509_parser::prelude::{FromDer, X509Certificate};

/// The SHA-256 of a certificate's DER.
pub type Fingerprint = [u8; 32];

/// The fingerprint of a certificate.
pub fn fingerprint(certificate: &[u8]) -> Fingerprint {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, certificate);
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest.as_ref());
    bytes
}

/// A fingerprint as 64 hexadecimal digits, with or without colons, as tools print it.
pub fn parse_fingerprint(text: &str) -> Option<Fingerprint> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !matches!(byte, b':' | b' ')).collect();
    let mut bytes = [0; 32];
    if digits.len() != 64 {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |at: usize| char::from(pair[at]).to_digit(16);
        *byte = u8::try_from(digit(0)? * 16 + digit(1)?).ok()?;
    }
    Some(bytes)
}

/// Asks the authorities first, then the list of enrolled certificates.
pub(super) struct Verifier {
    /// None when no authority is configured: then only enrolled certificates are accepted.
    authorities: Option<Arc<dyn ClientCertVerifier>>,
    enrolled: HashSet<Fingerprint>,
    provider: Arc<CryptoProvider>,
}

impl Verifier {
    pub(super) fn new(
        authorities: Option<Arc<dyn ClientCertVerifier>>,
        enrolled: HashSet<Fingerprint>,
        provider: Arc<CryptoProvider>,
    ) -> Self {
        Self { authorities, enrolled, provider }
    }

    /// An enrolled certificate stands for itself: neither its issuer nor its extensions matter, but a date that
    /// has passed does.
    fn is_enrolled(&self, certificate: &CertificateDer<'_>, now: UnixTime) -> Result<bool, Error> {
        if !self.enrolled.contains(&fingerprint(certificate)) {
            return Ok(false);
        }
        dates(certificate, now).map(|()| true).map_err(Error::InvalidCertificate)
    }

    fn decide(&self, certificate: &CertificateDer<'_>, chain: &[CertificateDer<'_>], now: UnixTime) -> Verdict {
        let refused = match &self.authorities {
            Some(authorities) => match authorities.verify_client_cert(certificate, chain, now) {
                Err(error) => error,
                accepted => return accepted,
            },
            None => Error::InvalidCertificate(CertificateError::UnknownIssuer),
        };
        if is_about_the_certificate_itself(&refused) || !self.is_enrolled(certificate, now)? {
            return Err(refused);
        }
        Ok(ClientCertVerified::assertion())
    }
}

/// Whether a certificate is within its dates. A resumed session skips the verifier, so its certificate may have
/// expired since.
pub(super) fn dates(certificate: &[u8], now: UnixTime) -> Result<(), CertificateError> {
    let Ok((_, parsed)) = X509Certificate::from_der(certificate) else {
        return Err(CertificateError::BadEncoding);
    };
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    if now < parsed.validity().not_before.timestamp() {
        return Err(CertificateError::NotValidYet);
    }
    if now > parsed.validity().not_after.timestamp() {
        return Err(CertificateError::Expired);
    }
    Ok(())
}

type Verdict = Result<ClientCertVerified, Error>;

/// Faults that enrolment does not forgive: dates and revocation.
fn is_about_the_certificate_itself(error: &Error) -> bool {
    use CertificateError as E;
    matches!(
        error,
        Error::InvalidCertificate(
            E::Expired | E::ExpiredContext { .. } | E::NotValidYet | E::NotValidYetContext { .. } | E::Revoked
        )
    )
}

impl ClientCertVerifier for Verifier {
    /// Names of authorities make some clients choose their certificate, and others send none that does not match;
    /// with enrolled certificates no names are sent, which means any.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        match &self.authorities {
            Some(authorities) if self.enrolled.is_empty() => authorities.root_hint_subjects(),
            _ => &[],
        }
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verdict = self.decide(certificate, chain, now);
        if verdict.is_err() {
            REFUSED.set(Some(Refused::new(certificate)));
        }
        verdict
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Verifier({} enrolled)", self.enrolled.len())
    }
}

thread_local! {
    /// The certificate that was refused last on this thread. rustls forgets it, and a verifier is shared by all
    /// connections; the poll that got the error takes it, on the same thread, before anything else runs.
    static REFUSED: RefCell<Option<Refused>> = const { RefCell::new(None) };
}

/// A refused certificate, for the log.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) subject: String,
    pub(super) issuer: String,
    pub(super) fingerprint: String,
}

impl Refused {
    /// The certificate that was refused in the poll that just returned.
    pub(super) fn take() -> Option<Self> {
        REFUSED.take()
    }

    fn new(certificate: &CertificateDer<'_>) -> Self {
        let (subject, issuer) = match X509Certificate::from_der(certificate) {
            Ok((_, parsed)) => (parsed.subject().to_string(), parsed.issuer().to_string()),
            Err(_) => ("unreadable".into(), "unreadable".into()),
        };
        let fingerprint = fingerprint(certificate).iter().map(|byte| format!("{byte:02X}")).collect();
        Self { subject, issuer, fingerprint }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_has_dates() {
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2021, 1, 1);
        let certificate = params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap();
        let at = |year: i32| {
            let seconds = rcgen::date_time_ymd(year, 6, 1).unix_timestamp();
            dates(certificate.der(), UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds as u64)))
        };
        assert_eq!(at(2019), Err(CertificateError::NotValidYet));
        assert_eq!(at(2020), Ok(()));
        assert_eq!(at(2021), Err(CertificateError::Expired));
        assert_eq!(dates(b"rubbish", UnixTime::now()), Err(CertificateError::BadEncoding));
    }

    #[test]
    fn fingerprints_are_read_in_the_forms_of_tools() {
        let plain = "00".repeat(31) + "fF";
        let colons = vec!["00"; 31].join(":") + ":FF";
        assert_eq!(parse_fingerprint(&plain).unwrap()[31], 255);
        assert_eq!(parse_fingerprint(&plain), parse_fingerprint(&colons));
        assert_eq!(parse_fingerprint(&plain[1..]), None);
        assert_eq!(parse_fingerprint(&plain.replace('f', "é")), None);
    }
}
