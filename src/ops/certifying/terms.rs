//! What a certificate is to say. "If the information in the Certificate Request conflicts with the attributes …, then the
//! information in the Certificate Request takes precedence" (1.4 §4.7); then come the attributes of the request, then,
//! when a certificate is renewed, what it said before.

use super::usage::{AUTHORITY, of_mask, suited, to_mask};
use super::{Said, Signer};
use crate::base::{Date, Error, Result};
use crate::crypto::keys::PublicKey;
use crate::crypto::x509::{
    AlternativeName, Certificate, CertificateSpec, KeyUsage, Name, NamePart, Request as CertificateRequest,
};
use crate::model::{Attributes, attr};
use crate::registry::CryptographicUsageMask as Mask;

/// Validity of a certificate for which nothing is said, in days: a year.
const DAYS: i64 = 365;
/// The same of a certification authority: ten years.
const AUTHORITY_DAYS: i64 = 3650;
const DAY: i64 = 86_400;

/// What is wanted, by where it was said.
pub struct Wanted<'a> {
    /// SubjectPublicKeyInfo, DER.
    pub key_info: &'a [u8],
    /// The key, if this server has its algorithm.
    pub key: Option<&'a PublicKey>,
    /// The certificate request.
    pub request: Option<&'a CertificateRequest>,
    /// Names among the attributes of the request.
    pub said: Said,
    /// Cryptographic Usage Mask among the attributes of the request.
    pub mask: Option<Mask>,
    /// The certificate that is renewed.
    pub existing: Option<&'a Certificate>,
    /// Cryptographic Usage Mask of the Public Key object.
    pub key_mask: Option<Mask>,
    /// The common name of a certificate for which no subject is said.
    pub common_name: String,
}

/// What the certificate says.
pub struct Terms {
    subject: Name,
    alternative: Vec<AlternativeName>,
    key_info: Box<[u8]>,
    usage: Option<u16>,
    usage_is_requested: bool,
    extended: Option<Box<[u8]>>,
    is_authority: bool,
    path_length: Option<u32>,
    not_before: Date,
    not_after: Date,
}

impl Terms {
    /// The terms for a new object with these attributes: its Activation Date and Deactivation Date are the ends of the
    /// validity, else it begins now and lasts as long as the certificate before, or a year; ten for an authority; never
    /// longer than the issuer's.
    ///
    /// # Errors
    /// Invalid Field for a validity that is over, or longer than the issuer's; for an authority below an issuer that may
    /// have none.
    pub fn new(wanted: Wanted<'_>, attributes: &Attributes, signer: &Signer, now: Date) -> Result<Self> {
        let issuer = signer.authority.as_ref().map(|(_, certificate)| certificate);
        let is_authority = match (wanted.mask, wanted.existing) {
            (Some(mask), _) => of_mask(mask) & KeyUsage::KEY_CERT_SIGN != 0,
            (None, existing) => existing.is_some_and(|existing| existing.is_authority),
        };
        let path_length = path_length(is_authority, wanted.existing, issuer)?;
        let lifetime = wanted.existing.map(|existing| existing.not_after.0.saturating_sub(existing.not_before.0));
        let lifetime = lifetime.unwrap_or(DAY * if is_authority { AUTHORITY_DAYS } else { DAYS });
        let (not_before, not_after) = validity(attributes, issuer, lifetime, now)?;
        let (usage, usage_is_requested) = wanted.usage(is_authority);
        let extended = match (wanted.request, wanted.existing) {
            (Some(request), _) => request.extended_key_usage.clone(),
            (None, existing) => existing.and_then(|existing| existing.extended_key_usage.clone()),
        };
        let (key_info, (subject, alternative)) = (wanted.key_info.into(), wanted.names()?);
        Ok(Self {
            subject,
            alternative,
            key_info,
            usage,
            usage_is_requested,
            extended,
            is_authority,
            path_length,
            not_before,
            not_after,
        })
    }

    /// The same for the signer.
    pub fn spec(&self) -> CertificateSpec<'_> {
        CertificateSpec {
            subject: &self.subject,
            public_key_info: &self.key_info,
            serial: None,
            not_before: self.not_before,
            not_after: self.not_after,
            is_authority: self.is_authority,
            path_length: self.path_length,
            key_usage: self.usage,
            subject_alternative: &self.alternative,
            extended_key_usage: self.extended.as_deref(),
        }
    }

    /// The Cryptographic Usage Mask of the object: what its attributes say unless the certificate request says otherwise.
    pub fn mask(&self, attributes: &Attributes) -> Mask {
        match (attributes.get(attr::CRYPTOGRAPHIC_USAGE_MASK), self.usage) {
            (Some(mask), _) if !self.usage_is_requested => mask,
            (_, Some(usage)) => to_mask(usage),
            (mask, None) => mask.unwrap_or(Mask(Mask::Verify.0 | Mask::Encrypt.0)),
        }
    }
}

impl Wanted<'_> {
    /// Key Usage, and whether the certificate request gave it. That a certificate may sign others is not the request's
    /// to say: it is whose is the issuer, by the Cryptographic Usage Mask.
    fn usage(&self, is_authority: bool) -> (Option<u16>, bool) {
        let before = self.existing.and_then(|existing| existing.key_usage);
        let of_authority = self.mask.map(of_mask).or(before).unwrap_or(0) & AUTHORITY;
        let requested = self.request.and_then(|request| request.key_usage);
        let of_key = self.key_mask.map(|mask| of_mask(mask) & !AUTHORITY);
        let usage = match requested {
            Some(usage) => Some(usage & !AUTHORITY | of_authority),
            None => self.mask.map(of_mask).or(before).or(of_key),
        };
        let allowed = if is_authority { u16::MAX } else { !KeyUsage::KEY_CERT_SIGN };
        (usage.map(|usage| suited(usage, self.key) & allowed).filter(|usage| *usage != 0), requested.is_some())
    }

    /// Subject and alternative names, each from the first place that says some.
    fn names(self) -> Result<(Name, Vec<AlternativeName>)> {
        let existing = self.existing.map(|existing| &existing.subject);
        let requested = self.request.map(|request| &request.subject).filter(|name| !name.is_empty());
        let subject = match requested.cloned().or(self.said.subject).or(existing.cloned()) {
            Some(subject) => subject,
            None => Name::from_parts(&[(NamePart::CommonName, self.common_name.as_str())])?,
        };
        let places = [
            self.request.map(|request| request.subject_alternative.clone()),
            Some(self.said.alternative),
            self.existing.map(|existing| existing.subject_alternative.clone()),
        ];
        let alternative = places.into_iter().flatten().find(|names| !names.is_empty());
        Ok((subject, alternative.unwrap_or_default()))
    }
}

/// Whether the certificate is valid at this time, by its dates.
pub fn is_valid_at(certificate: &Certificate, at: Date) -> bool {
    certificate.not_before <= at && at <= certificate.not_after
}

fn validity(attributes: &Attributes, issuer: Option<&Certificate>, lifetime: i64, now: Date) -> Result<(Date, Date)> {
    let not_before = attributes.get(attr::ACTIVATION_DATE).unwrap_or(now);
    let last = issuer.map_or(Date(i64::MAX), |issuer| issuer.not_after);
    let not_after = attributes.get(attr::DEACTIVATION_DATE).unwrap_or(not_before.plus(lifetime).min(last));
    if not_after > last {
        return Err(Error::invalid_field(
            "the Deactivation Date is later than the end of the issuer's certificate; ask for an earlier one",
        ));
    }
    if not_after < now || not_after < not_before {
        return Err(Error::invalid_field(
            "the certificate would not be valid any more; ask for another Activation Date or Deactivation Date",
        ));
    }
    Ok((not_before, not_after))
}

/// How many authorities may stand below: one less than below the issuer; for a renewed one no more than before.
fn path_length(
    is_authority: bool,
    existing: Option<&Certificate>,
    issuer: Option<&Certificate>,
) -> Result<Option<u32>> {
    if !is_authority {
        return Ok(None);
    }
    let below = match issuer.and_then(|issuer| issuer.path_length) {
        None => None,
        Some(0) => return Err(Error::invalid_field("the issuer may have no certification authority below it")),
        Some(length) => Some(length - 1),
    };
    let before = existing.and_then(|existing| existing.path_length);
    Ok(match (below, before) {
        (Some(below), Some(before)) => Some(below.min(before)),
        (below, before) => below.or(before),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn validity_is_that_of_the_dates_and_within_the_issuers() {
        const NOW: Date = Date(1_000);
        let dates = |activation: Option<i64>, deactivation: Option<i64>| {
            let mut attributes = Attributes::new();
            if let Some(date) = activation {
                attributes.set(attr::ACTIVATION_DATE, Date(date));
            }
            if let Some(date) = deactivation {
                attributes.set(attr::DEACTIVATION_DATE, Date(date));
            }
            attributes
        };
        let table = [
            (None, None, Some((1_000, 1_500))),
            (Some(900), None, Some((900, 1_400))),
            (Some(2_000), Some(9_000), Some((2_000, 9_000))),
            (None, Some(1_000), Some((1_000, 1_000))),
            (None, Some(999), None),
            (Some(2_000), Some(1_999), None),
            (Some(400), None, None),
            (Some(i64::MAX), None, Some((i64::MAX, i64::MAX))),
        ];
        for (activation, deactivation, expected) in table {
            let found = validity(&dates(activation, deactivation), None, 500, NOW);
            let expected = expected.map(|(from, until)| (Date(from), Date(until)));
            assert_eq!(found.ok(), expected, "{activation:?} {deactivation:?}");
        }
    }
}
