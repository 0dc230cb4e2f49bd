//! What requests make of an empty core in memory, with the settings of the server. It tells beforehand what would be
//! refused, and what an object that is here already is compared with.

use std::sync::Arc;

use super::{Came, Request, ask};
use crate::base::{Entropy, KeyBytes, Pin};
use crate::cli::config::Config;
use crate::cli::failure::Failure;
use crate::cli::seams::entropy;
use crate::cli::service::settings;
use crate::crypto::random::SystemEntropy;
use crate::gate::identity::{Identity, Passwords};
use crate::gate::policy::Ownership;
use crate::gate::{Core, Parts};
use crate::keep::index::held_names;
use crate::keep::{Keep, KeepError};
use crate::model::ManagedObject;
use crate::registry::{Operation, Tag};
use crate::serve::SystemClock;
use crate::store::{Memory, Sequence};
use crate::ttlv::{Item, check};
use crate::vault::NoVault;
use crate::vault::root::SoftRoot;

/// The core in memory.
pub struct Mirror(Core);

struct Nobody;

impl Passwords for Nobody {
    fn verify(&self, _: &str, _: &Pin) -> bool {
        false
    }
}

impl Mirror {
    /// An empty one.
    ///
    /// # Errors
    /// There is no randomness.
    pub fn new(config: &Config) -> Result<Self, Failure> {
        let failed = |error: &dyn std::fmt::Display| Failure::failed(error.to_string());
        let key = KeyBytes::fill(32, |bytes| SystemEntropy.fill(bytes)).map_err(|error| failed(&error))?;
        let root = SoftRoot::from_key("memory", &key, Box::new(SystemEntropy)).map_err(|error| failed(&error))?;
        let core = Core::open(Parts {
            store: Arc::new(Memory::new()),
            root: Arc::new(root),
            vault: Arc::new(NoVault),
            policy: Arc::new(Ownership::default()),
            identity: Identity::new(Vec::new(), Vec::new(), Arc::new(Nobody)),
            clock: Arc::new(SystemClock),
            entropy: entropy().into(),
            limits: config.limits(),
            settings: settings(config),
            durable_reads: false,
            witness: None,
        });
        core.map(Self).map_err(|error| failed(&error))
    }

    /// The core, for tests.
    #[cfg(test)]
    pub fn core(&self) -> &Core {
        &self.0
    }

    /// What would come of a request that is sent after those before. `keep` is what the store has; without it only the
    /// requests themselves are looked at.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn expect(&self, request: &Request, keep: Option<&Keep>) -> Result<Came, KeepError> {
        let came = ask(&self.0, request);
        let Some(keep) = keep.filter(|_| matches!(came, Came::In)) else { return Ok(came) };
        let mut there = false;
        for id in imported(&request.message, &self.0) {
            let seen = &mut Sequence::default();
            let Some(new) = self.0.keep().load(&id, seen)? else { continue };
            if let Some(old) = keep.load(&id, seen)? {
                there = true;
                if let Some(refused) = self.differences(&new.object, keep, &old.object, request)? {
                    return Ok(refused);
                }
                continue;
            }
            for name in held_names(&new.object) {
                if let Some(holder) = keep.name_holder(&new.object.owner, name, seen)? {
                    return Ok(Came::Refused(format!(
                        "its name {name:?} is that of object {holder} of the same owner"
                    )));
                }
            }
        }
        Ok(if there { Came::There } else { Came::In })
    }

    /// Whether an object that is here already is the one of the request.
    fn differences(
        &self,
        new: &ManagedObject,
        keep: &Keep,
        old: &ManagedObject,
        request: &Request,
    ) -> Result<Option<Came>, KeepError> {
        let mut differ: Vec<String> = Vec::new();
        let mut note = |same: bool, what: &dyn ToString| {
            if !same {
                differ.push(what.to_string());
            }
        };
        note(new.owner == old.owner, &"owner");
        note(new.object_type == old.object_type, &Tag::ObjectType);
        for tag in supplied(&request.message, &self.0) {
            note(new.attributes.instances(tag) == old.attributes.instances(tag), &tag);
        }
        let described = |object: &ManagedObject| {
            let material = &object.material;
            (material.format, material.compression, material.wrapping.clone(), material.fields.clone())
        };
        note(described(new) == described(old), &"description of the key material");
        let seen = &mut Sequence::default();
        let same = match (self.0.keep().body(new, seen)?, keep.body(old, seen)) {
            (Some(new), Ok(Some(old))) => new.kind == old.kind && new.bytes.expose() == old.bytes.expose(),
            (None, Ok(None)) => true,
            // A key in the HSM cannot be looked at.
            (_, Ok(_) | Err(KeepError::Resident(_))) => false,
            (_, Err(error)) => return Err(error),
        };
        note(same, &"key material");
        let words = || format!("another object has this identifier: they differ in {}", differ.join(", "));
        Ok((!differ.is_empty()).then(|| Came::Refused(words())))
    }
}

/// The payloads of Import in a request.
fn imports<'a>(message: &'a [u8], core: &Core) -> impl Iterator<Item = Item<'a>> {
    let message = check(message, core.limits()).ok();
    let items = message.into_iter().flat_map(|message| message.children()).filter(|item| item.tag == Tag::BatchItem);
    let is_import = |item: &Item<'_>| {
        item.child(Tag::Operation).and_then(|operation| operation.enumeration()) == Some(Operation::Import.0)
    };
    items.filter(is_import).filter_map(|item| item.child(Tag::RequestPayload))
}

/// Identifiers of objects that a request brings.
fn imported(message: &[u8], core: &Core) -> Vec<String> {
    let ids = imports(message, core).filter_map(|payload| payload.child(Tag::UniqueIdentifier));
    ids.filter_map(|id| id.to_value().as_text().map(str::to_owned)).collect()
}

/// Attributes that a request brings.
fn supplied(message: &[u8], core: &Core) -> Vec<Tag> {
    let mut tags = Vec::new();
    for field in imports(message, core).flat_map(|payload| payload.children()) {
        match field.tag {
            Tag::Attributes => tags.extend(field.children().map(|attribute| attribute.tag)),
            // What has a name of its own choosing is a vendor attribute.
            Tag::Attribute => {
                let name = field.child(Tag::AttributeName);
                let name = name.as_ref().and_then(|name| name.text());
                tags.extend(name.map(|name| Tag::from_name(name).unwrap_or(Tag::Attribute)));
            }
            _ => {}
        }
    }
    tags.sort_unstable();
    tags.dedup();
    tags
}
