//! Rotation of the keys that everything rests on, while requests are served: the root, which wraps the namespace key, and
//! the namespace key, which seals all values (`keep::rotation`).

use std::sync::{MutexGuard, PoisonError};

use super::Core;
use super::audit::Kind;
use super::open::{HandOver, OpenError, Rotated, new_namespace, rotate_root};
use crate::base::Result;
use crate::keep::rotation::{Progress, Step};
use crate::registry::Operation;
use crate::store::StoreError;
use crate::vault::root::{Old, Renewal};

/// The journal entry of a key that the server rotates says which.
const NO_OPERATION: Operation = Operation(0);

impl Core {
    /// Rotates the root: see `open::rotate_root`.
    pub fn rotate_root(
        &self,
        renewal: &Renewal,
        old: Old,
        hand_over: &mut HandOver<'_>,
    ) -> std::result::Result<Rotated, OpenError> {
        let _alone = self.alone();
        let entry = |version| self.own_entry(Kind::Server, NO_OPERATION, "", &format!("root version {version}"));
        let rotated = rotate_root(&**self.store(), &*self.root, renewal, old, &entry, hand_over)?;
        tracing::info!(version = rotated.version, "the root is rotated");
        Ok(rotated)
    }

    /// Begins a rotation of the namespace key, unless one runs. `rotation_step` goes on with it.
    pub fn rotate_namespace(&self) -> std::result::Result<(), OpenError> {
        let _alone = self.alone();
        if self.keep().rotation()?.is_some() {
            return Ok(());
        }
        let version = self.keep().seal().version() + 1;
        let (key, wrapped) = new_namespace(&*self.root, version, &*self.services.entropy)?;
        let words = format!("namespace key version {version} begun");
        let entry = self.own_entry(Kind::Server, NO_OPERATION, "", &words);
        self.keep().begin_rotation(version, &key, wrapped, entry)?;
        if self.keep().rotation()?.is_none() {
            return Err(
                StoreError::plain("the store is too busy to begin a rotation; nothing was changed, try again").into()
            );
        }
        tracing::info!(version, "the namespace key is being rotated");
        Ok(())
    }

    /// Does the next step of a rotation of the namespace key, of at most `batch` keys.
    pub fn rotation_step(&self, batch: usize) -> Result<Step> {
        let _alone = self.alone();
        let ended = |version| {
            tracing::info!(version, "the namespace key is rotated; the version before it is wiped");
            let words = format!("namespace key version {version} alone");
            self.own_entry(Kind::Server, NO_OPERATION, "", &words)
        };
        Ok(self.keep().rotate(batch, &ended)?)
    }

    /// How far a rotation of the namespace key is; None if none runs.
    pub fn rotation(&self) -> Result<Option<Progress>> {
        Ok(self.keep().rotation()?)
    }

    /// The version of the root that wraps.
    pub fn root_version(&self) -> u32 {
        self.root.version()
    }

    pub(super) fn alone(&self) -> MutexGuard<'_, ()> {
        self.rotating.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
