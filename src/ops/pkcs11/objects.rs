//! Objects of the token: found, looked at, made, destroyed. The attributes of an object are those of its KMIP object,
//! by the table below.

use super::codec::{Input, Output};
use super::rv::{
    ATTRIBUTE_SENSITIVE, ATTRIBUTE_TYPE_INVALID, ATTRIBUTE_VALUE_INVALID, FUNCTION_FAILED, Failed, KEY_HANDLE_INVALID,
    OPERATION_ACTIVE, OPERATION_NOT_INITIALIZED, TEMPLATE_INCOMPLETE,
};
use super::state::Application;
use super::{field, operate};
use crate::base::{Error, Value};
use crate::model::right::Right;
use crate::model::{ManagedObject, attr};
use crate::ops::Cx;
use crate::proto::id::Id;
use crate::proto::wire::Write;
use crate::registry::{
    CryptographicAlgorithm, CryptographicUsageMask, KeyFormatType, NameType, ObjectType, Operation, ResultReason, Tag,
};
use crate::ttlv::Writer;

type Outcome = Result<(), Failed>;

/// CKA_VALUE: the one attribute that leaves with the rights of Get.
const VALUE: u64 = 0x11;
/// CKA_CLASS, CKA_LABEL, CKA_KEY_TYPE, CKA_ID, CKA_VALUE_LEN.
const CLASS: u64 = 0x00;
const LABEL: u64 = 0x03;
const KEY_TYPE: u64 = 0x100;
const ID: u64 = 0x102;
const VALUE_LEN: u64 = 0x161;
/// Vendor and name of the attribute that keeps a CKA_ID of the application's own.
const VENDOR: &str = "PKCS11";
const VENDOR_ID: &str = "CKA_ID";

/// Object types and CK_OBJECT_CLASS.
const CLASSES: &[(ObjectType, u64)] = &[
    (ObjectType::OpaqueObject, 0),
    (ObjectType::Certificate, 1),
    (ObjectType::PublicKey, 2),
    (ObjectType::PrivateKey, 3),
    (ObjectType::SymmetricKey, 4),
    (ObjectType::SecretData, 4),
];

/// Algorithms and CK_KEY_TYPE.
const KEY_TYPES: &[(CryptographicAlgorithm, u64)] = &[
    (CryptographicAlgorithm::RSA, 0x00),
    (CryptographicAlgorithm::DSA, 0x01),
    (CryptographicAlgorithm::DH, 0x02),
    (CryptographicAlgorithm::ECDSA, 0x03),
    (CryptographicAlgorithm::EC, 0x03),
    (CryptographicAlgorithm::DES3, 0x15),
    (CryptographicAlgorithm::AES, 0x1F),
    (CryptographicAlgorithm::HMAC_SHA256, 0x2B),
    (CryptographicAlgorithm::HMAC_SHA384, 0x2C),
    (CryptographicAlgorithm::HMAC_SHA512, 0x2D),
];

/// CKA_ENCRYPT and the like, and the bit of the mask.
const USES: &[(u64, CryptographicUsageMask)] = &[
    (0x104, CryptographicUsageMask::Encrypt),
    (0x105, CryptographicUsageMask::Decrypt),
    (0x106, CryptographicUsageMask::WrapKey),
    (0x107, CryptographicUsageMask::UnwrapKey),
    (0x108, CryptographicUsageMask::Sign),
    (0x10A, CryptographicUsageMask::Verify),
    (0x10C, CryptographicUsageMask::DeriveKey),
];

/// An attribute of an object but its value; None if it has none of this type.
fn attribute(object: &ManagedObject, kind: u64) -> Option<Vec<u8>> {
    let ulong = |value: u64| Some(value.to_be_bytes().to_vec());
    let flag = |value: bool| Some(vec![u8::from(value)]);
    let attributes = &object.attributes;
    match kind {
        CLASS => CLASSES.iter().find(|(known, _)| *known == object.object_type).and_then(|(_, class)| ulong(*class)),
        // CKA_TOKEN, CKA_PRIVATE
        0x01 | 0x02 => flag(true),
        LABEL => Some(attributes.all(attr::NAME).next().map(|name| name.value.into_bytes()).unwrap_or_default()),
        // CKA_UNIQUE_ID
        0x04 => Some(object.id.as_bytes().to_vec()),
        KEY_TYPE => match attributes.get(attr::CRYPTOGRAPHIC_ALGORITHM) {
            Some(algorithm) => {
                KEY_TYPES.iter().find(|(known, _)| *known == algorithm).and_then(|(_, kind)| ulong(*kind))
            }
            None => (object.object_type == ObjectType::SecretData).then_some(0x10).and_then(ulong),
        },
        ID => Some(own_id(object).unwrap_or_else(|| object.id.as_bytes().to_vec())),
        0x103 => flag(attributes.is_true(attr::SENSITIVE)),
        VALUE_LEN => {
            attributes.get(attr::CRYPTOGRAPHIC_LENGTH).and_then(|bits| ulong(u64::from(bits.unsigned_abs()) / 8))
        }
        0x162 => flag(attributes.get(attr::EXTRACTABLE) != Some(false)),
        0x164 => flag(attributes.is_true(attr::NEVER_EXTRACTABLE)),
        0x165 => flag(attributes.is_true(attr::ALWAYS_SENSITIVE)),
        _ => {
            let (_, bit) = USES.iter().find(|(known, _)| *known == kind)?;
            let mask = attributes.get(attr::CRYPTOGRAPHIC_USAGE_MASK).map_or(0, |mask| mask.0);
            flag(mask & bit.0 != 0)
        }
    }
}

fn own_id(object: &ManagedObject) -> Option<Vec<u8>> {
    let kept = object.attributes.vendor(VENDOR, VENDOR_ID).next()?;
    match kept.value.field(Tag::AttributeValue)? {
        Value::ByteString(bytes) => Some(bytes.to_vec()),
        _ => None,
    }
}

/// C_FindObjectsInit: the search is done here, its result given bit by bit.
pub fn find_init(cx: &mut Cx<'_>, application: &mut Application, input: &mut Input<'_>) -> Outcome {
    let handle = input.ulong()?;
    if application.session(handle)?.found.is_some() {
        return Err(OPERATION_ACTIVE.into());
    }
    let template = input.template()?;
    let limit = cx.services.limits.locate_items_max;
    let mut ids: Vec<Box<str>> = Vec::new();
    cx.find(&[], &mut |object| {
        let living = CLASSES.iter().any(|(known, _)| *known == object.object_type)
            && object.material.reference.is_some()
            && !object.is_archived();
        if living && template.iter().all(|(kind, value)| attribute(object, *kind).as_deref() == Some(*value)) {
            ids.push(object.id.clone());
        }
        ids.len() < limit
    })?;
    let mut found: Vec<u64> = ids.iter().filter_map(|id| application.handle_of(id)).collect();
    found.reverse();
    application.session(handle)?.found = Some(found);
    Ok(())
}

/// C_FindObjects: at most so many.
pub fn find(application: &mut Application, input: &mut Input<'_>, out: &mut Output) -> Outcome {
    let session = application.session(input.ulong()?)?;
    let most = input.count()?;
    let found = session.found.as_mut().ok_or(OPERATION_NOT_INITIALIZED)?;
    let rest = found.len().saturating_sub(most);
    let page = found.split_off(rest);
    out.count(page.len());
    page.iter().rev().for_each(|handle| {
        out.ulong(*handle);
    });
    Ok(())
}

/// C_FindObjectsFinal.
pub fn find_final(application: &mut Application, input: &mut Input<'_>) -> Outcome {
    let session = application.session(input.ulong()?)?;
    session.found.take().map(drop).ok_or(OPERATION_NOT_INITIALIZED.into())
}

/// C_GetAttributeValue: each type with its value. One that the object has not, or does not show, fails the function.
pub fn attributes(cx: &mut Cx<'_>, application: &mut Application, input: &mut Input<'_>, out: &mut Output) -> Outcome {
    application.session(input.ulong()?)?;
    let id = application.object(input.ulong()?)?;
    let template = input.template()?;
    let object = cx.object_by_id(&id, Right::ReadAttributes)?;
    out.count(template.len());
    for (kind, _) in template {
        out.ulong(kind);
        if kind == VALUE {
            let value = value_of(cx, &id)?;
            out.bytes(value.expose());
        } else {
            out.bytes(&attribute(&object, kind).ok_or(ATTRIBUTE_TYPE_INVALID)?);
        }
    }
    Ok(())
}

/// CKA_VALUE, by Get.
fn value_of(cx: &mut Cx<'_>, id: &str) -> Result<crate::base::KeyBytes, Failed> {
    let version = cx.version;
    let got = operate(cx, Operation::Get, |out| Id::from(id).write(Tag::UniqueIdentifier, out, version));
    let got = got.map_err(|error| match error.reason() {
        ResultReason::PermissionDenied => Failed::Rv(ATTRIBUTE_SENSITIVE),
        _ => Failed::Kmip(error),
    })?;
    for holder in [Tag::SymmetricKey, Tag::SecretData, Tag::PrivateKey, Tag::PublicKey] {
        let path = [holder, Tag::KeyBlock, Tag::KeyValue, Tag::KeyMaterial];
        if let Some(bytes) = field(&got, &path, cx)?.and_then(|item| item.byte_string()) {
            return Ok(crate::base::KeyBytes::copy_from(bytes));
        }
    }
    for (holder, inner) in [(Tag::Certificate, Tag::CertificateValue), (Tag::OpaqueObject, Tag::OpaqueDataValue)] {
        if let Some(bytes) = field(&got, &[holder, inner], cx)?.and_then(|item| item.byte_string()) {
            return Ok(crate::base::KeyBytes::copy_from(bytes));
        }
    }
    Err(ATTRIBUTE_TYPE_INVALID.into())
}

/// C_CreateObject, for secret keys with a value: Register.
pub fn create(cx: &mut Cx<'_>, application: &mut Application, input: &mut Input<'_>, out: &mut Output) -> Outcome {
    application.session(input.ulong()?)?;
    let template = input.template()?;
    let value = of_type(&template, VALUE).ok_or(TEMPLATE_INCOMPLETE)?;
    let is = |kind, number: u64| of_type(&template, kind) == Some(&number.to_be_bytes()[..]);
    if !is(CLASS, 4) {
        return Err(ATTRIBUTE_VALUE_INVALID.into());
    }
    let number = of_type(&template, KEY_TYPE).ok_or(TEMPLATE_INCOMPLETE)?;
    let row = KEY_TYPES.iter().find(|(_, kind)| kind.to_be_bytes() == *number);
    let (algorithm, _) = *row.ok_or(ATTRIBUTE_VALUE_INVALID)?;
    let version = cx.version;
    let made = operate(cx, Operation::Register, |out| {
        ObjectType::SymmetricKey.write(Tag::ObjectType, out, version);
        write_template(&template, None, version, out);
        out.structure(Tag::SymmetricKey, |out| {
            out.structure(Tag::KeyBlock, |out| {
                KeyFormatType::Raw.write(Tag::KeyFormatType, out, version);
                out.structure(Tag::KeyValue, |out| out.byte_string(Tag::KeyMaterial, value));
                algorithm.write(Tag::CryptographicAlgorithm, out, version);
                out.integer(Tag::CryptographicLength, (value.len() * 8) as i32);
            });
        });
    })?;
    handle(cx, application, &made, out)
}

/// The first value of a type in a template.
pub fn of_type<'a>(template: &[(u64, &'a [u8])], kind: u64) -> Option<&'a [u8]> {
    template.iter().find(|(known, _)| *known == kind).map(|(_, value)| *value)
}

/// Attributes of a template that a new object gets; a name and a mask among them. Such an object is used at once, as
/// PKCS#11 knows no state before that.
pub fn write_template(
    template: &[(u64, &[u8])],
    extra: Option<(CryptographicAlgorithm, i32)>,
    version: crate::registry::Version,
    out: &mut Writer,
) {
    let is_true = |kind| of_type(template, kind).is_some_and(|value| value.iter().any(|byte| *byte != 0));
    out.structure(Tag::Attributes, |out| {
        if let Some((algorithm, bits)) = extra {
            algorithm.write(Tag::CryptographicAlgorithm, out, version);
            out.integer(Tag::CryptographicLength, bits);
        }
        let mut mask = 0;
        for (kind, bit) in USES {
            if is_true(*kind) {
                mask |= bit.0;
            }
            if is_true(*kind) && *kind == 0x108 {
                mask |= CryptographicUsageMask::MACGenerate.0;
            }
            if is_true(*kind) && *kind == 0x10A {
                mask |= CryptographicUsageMask::MACVerify.0;
            }
        }
        out.integer(Tag::CryptographicUsageMask, mask.cast_signed());
        out.date_time(Tag::ActivationDate, crate::base::Date(0));
        if let Some(label) = of_type(template, LABEL).and_then(|label| std::str::from_utf8(label).ok()) {
            out.structure(Tag::Name, |out| {
                out.text(Tag::NameValue, label);
                NameType::UninterpretedTextString.write(Tag::NameType, out, version);
            });
        }
        if of_type(template, 0x103).is_some() {
            out.boolean(Tag::Sensitive, is_true(0x103));
        }
        if of_type(template, 0x162).is_some() {
            out.boolean(Tag::Extractable, is_true(0x162));
        }
        if let Some(id) = of_type(template, ID) {
            out.structure(Tag::Attribute, |out| {
                out.text(Tag::VendorIdentification, VENDOR);
                out.text(Tag::AttributeName, VENDOR_ID);
                out.byte_string(Tag::AttributeValue, id);
            });
        }
    });
}

/// The handle of the object that an operation made.
pub fn handle(cx: &Cx<'_>, application: &mut Application, made: &[u8], out: &mut Output) -> Outcome {
    let id = field(made, &[Tag::UniqueIdentifier], cx)?.and_then(|item| item.text());
    let id = id.ok_or_else(|| Error::internal("making an object", "no identifier was answered"))?;
    out.ulong(application.handle_of(id).ok_or(FUNCTION_FAILED)?);
    Ok(())
}

/// C_DestroyObject: an object in use is revoked first, as PKCS#11 knows no such step.
pub fn destroy(cx: &mut Cx<'_>, application: &mut Application, input: &mut Input<'_>) -> Outcome {
    application.session(input.ulong()?)?;
    let id = application.object(input.ulong()?).map_err(|_| Failed::Rv(KEY_HANDLE_INVALID))?;
    let version = cx.version;
    let object = cx.object_by_id(&id, Right::Destroy)?;
    if object.state(cx.now) == crate::registry::State::Active {
        operate(cx, Operation::Revoke, |out| {
            Id::from(&*id).write(Tag::UniqueIdentifier, out, version);
            out.structure(Tag::RevocationReason, |out| {
                crate::registry::RevocationReasonCode::CessationOfOperation.write(
                    Tag::RevocationReasonCode,
                    out,
                    version,
                );
            });
        })?;
    }
    operate(cx, Operation::Destroy, |out| Id::from(&*id).write(Tag::UniqueIdentifier, out, version))?;
    Ok(())
}
