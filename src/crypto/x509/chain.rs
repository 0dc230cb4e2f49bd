//! Whether certificates form a chain to a trusted one (RFC 5280 §6.1, without policies and name constraints: a critical
//! extension for these makes a chain invalid).

use super::certificate::Certificate;
use super::issue::KeyUsage;
use crate::base::Date;

/// Most certificates that are looked at, anchors not counted.
pub const CHAIN_MAX: usize = 32;

/// What is said about a chain; the words are for the log and the Result Message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Validity Indicator Valid.
    Valid,
    /// Validity Indicator Invalid.
    Invalid(&'static str),
    /// Validity Indicator Unknown: no path to an anchor, or an algorithm that is not known here.
    Unknown(&'static str),
}

/// Judges certificates in any order (Validate, 1.4 §4.24, 2.1 §6.1.57). The chain starts at the one that issued no
/// other and must use them all; it ends at an anchor, which is trusted as it is: only its dates, its revocation and its
/// being an authority are looked at. `is_revoked` is asked for each certificate.
pub fn validate(
    certificates: &[Certificate],
    anchors: &[Certificate],
    at: Date,
    is_revoked: &dyn Fn(&Certificate) -> bool,
) -> Verdict {
    if certificates.is_empty() {
        return Verdict::Invalid("no certificate");
    }
    if certificates.len() > CHAIN_MAX {
        return Verdict::Invalid("too many certificates");
    }
    let path = match path(certificates, anchors) {
        Ok(path) => path,
        Err(verdict) => return verdict,
    };
    let mut authorities = 0u32;
    for (at_index, certificate) in path.iter().enumerate() {
        if at < certificate.not_before || at > certificate.not_after {
            return Verdict::Invalid("a certificate is outside its validity");
        }
        if is_revoked(certificate) {
            return Verdict::Invalid("a certificate is revoked");
        }
        if certificate.unknown_critical {
            return Verdict::Invalid("a certificate has a critical extension that is not understood");
        }
        if at_index == 0 {
            continue;
        }
        if let Some(fault) = authority_fault(certificate, authorities, at_index + 1 == path.len()) {
            return Verdict::Invalid(fault);
        }
        // A certificate issued to oneself does not count (§6.1.4 l).
        if certificate.subject != certificate.issuer {
            authorities += 1;
        }
    }
    Verdict::Valid
}

/// What keeps a certificate from being an issuer with `below` authorities under it.
fn authority_fault(certificate: &Certificate, below: u32, is_anchor: bool) -> Option<&'static str> {
    // Old roots are of version 1 and cannot say that they are authorities.
    let old_root = is_anchor && certificate.version < 3;
    if !certificate.is_authority && !old_root {
        return Some("an issuer is not a certification authority");
    }
    if certificate.key_usage.is_some_and(|usage| usage & KeyUsage::KEY_CERT_SIGN == 0) {
        return Some("an issuer may not sign certificates");
    }
    if certificate.path_length.is_some_and(|length| below > length) {
        return Some("the chain is longer than an issuer allows");
    }
    None
}

/// From the leaf to an anchor.
fn path<'a>(certificates: &'a [Certificate], anchors: &'a [Certificate]) -> Result<Vec<&'a Certificate>, Verdict> {
    let issued_another =
        |one: &Certificate| certificates.iter().any(|other| other.der() != one.der() && other.issuer == one.subject);
    let mut leaves = certificates.iter().filter(|certificate| !issued_another(certificate));
    let (Some(leaf), None) = (leaves.next(), leaves.next()) else {
        return Err(Verdict::Invalid("the certificates are not one chain"));
    };
    let all_used =
        |path: &[&Certificate]| certificates.iter().all(|one| path.iter().any(|used| used.der() == one.der()));
    let mut path = vec![leaf];
    // Each round adds another certificate, so there are at most as many as there are certificates.
    for _ in 0..=certificates.len() {
        let last = path[path.len() - 1];
        // An authority in the middle may be trusted itself; it ends the path unless there is more to use.
        if anchors.iter().any(|anchor| anchor.der() == last.der()) && all_used(&path) {
            return Ok(path);
        }
        // What the client sent comes first: of two certificates of one authority it says which.
        let unused = certificates.iter().chain(anchors).filter(|one| !path.iter().any(|used| used.der() == one.der()));
        match issuer(last, unused)? {
            Some(issuer) => path.push(issuer),
            None => return Err(Verdict::Unknown("no path to a trusted certificate")),
        }
    }
    Err(Verdict::Invalid("the certificates are not one chain"))
}

/// The candidate that signed the certificate; an error if one has the right name but not the right key.
fn issuer<'a>(
    certificate: &Certificate,
    candidates: impl Iterator<Item = &'a Certificate>,
) -> Result<Option<&'a Certificate>, Verdict> {
    let mut verdict = Ok(None);
    for candidate in candidates.filter(|candidate| candidate.subject == certificate.issuer) {
        let Some(key) = &candidate.public_key else {
            verdict = Err(Verdict::Unknown("an issuer's key is of an algorithm that is not known"));
            continue;
        };
        match certificate.is_signed_by(key) {
            Ok(true) => return Ok(Some(candidate)),
            Ok(false) if verdict.is_ok() => verdict = Err(Verdict::Invalid("a signature is wrong")),
            Ok(false) => {}
            Err(_) => verdict = Err(Verdict::Unknown("a signature is of an algorithm that is not known")),
        }
    }
    verdict
}
