//! What an operator says about a token: where it is, how hard it may be used, and what its maker refuses.

use std::path::PathBuf;
use std::time::Duration;

use cryptoki::object::Attribute;

/// A token and how to use it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// The PKCS#11 module, a shared library.
    pub module: PathBuf,
    /// The token.
    pub token: TokenChoice,
    /// Threads that call the module, each with a session of its own.
    pub workers: usize,
    /// Calls that may wait for a thread; more are refused.
    pub queue_max: usize,
    /// How long a caller waits for an answer.
    pub deadline: Duration,
    /// How long a caller waits for a new key; RSA keys take seconds.
    pub deadline_generate: Duration,
    /// Attributes that the token does not take in templates.
    pub omit: Vec<Omit>,
}

/// How a token is told from others.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TokenChoice {
    /// By its label.
    Label(String),
    /// By the number of its slot.
    Slot(u64),
}

/// An attribute to leave out of templates.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the names are those of PKCS#11")]
pub enum Omit {
    Label,
    Private,
    Sensitive,
    Extractable,
    Modifiable,
    Copyable,
    Destroyable,
    WrapWithTrusted,
    Wrap,
    Unwrap,
    Derive,
    Sign,
    Verify,
}

/// The maker of a token, for what it is known to refuse. Each row was taken from the maker's documents or from reports
/// of its users; none but SoftHSM is part of this project's tests.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Profile {
    #[default]
    Generic,
    Softhsm,
    Cloudhsm,
    Luna,
    Nshield,
    Yubihsm,
}

impl Profile {
    /// The attributes that it refuses.
    pub fn omit(self) -> &'static [Omit] {
        match self {
            Self::Generic | Self::Softhsm => &[],
            Self::Cloudhsm => &[Omit::Copyable, Omit::Modifiable],
            Self::Luna => &[Omit::Copyable, Omit::Destroyable],
            Self::Nshield => &[Omit::Copyable, Omit::Destroyable, Omit::WrapWithTrusted],
            Self::Yubihsm => {
                &[Omit::Copyable, Omit::Modifiable, Omit::Destroyable, Omit::WrapWithTrusted, Omit::Derive]
            }
        }
    }
}

impl Settings {
    /// A template without what the token refuses.
    pub(super) fn template(&self, attributes: Vec<Attribute>) -> Vec<Attribute> {
        let refused = |attribute: &Attribute| kind(attribute).is_some_and(|kind| self.omit.contains(&kind));
        attributes.into_iter().filter(|attribute| !refused(attribute)).collect()
    }
}

fn kind(attribute: &Attribute) -> Option<Omit> {
    Some(match attribute {
        Attribute::Label(_) => Omit::Label,
        Attribute::Private(_) => Omit::Private,
        Attribute::Sensitive(_) => Omit::Sensitive,
        Attribute::Extractable(_) => Omit::Extractable,
        Attribute::Modifiable(_) => Omit::Modifiable,
        Attribute::Copyable(_) => Omit::Copyable,
        Attribute::Destroyable(_) => Omit::Destroyable,
        Attribute::WrapWithTrusted(_) => Omit::WrapWithTrusted,
        Attribute::Wrap(_) => Omit::Wrap,
        Attribute::Unwrap(_) => Omit::Unwrap,
        Attribute::Derive(_) => Omit::Derive,
        Attribute::Sign(_) => Omit::Sign,
        Attribute::Verify(_) => Omit::Verify,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_leaves_out_what_the_maker_refuses() {
        let settings = Settings {
            module: "m.so".into(),
            token: TokenChoice::Slot(0),
            workers: 1,
            queue_max: 1,
            deadline: Duration::from_secs(1),
            deadline_generate: Duration::from_secs(1),
            omit: Profile::Cloudhsm.omit().to_vec(),
        };
        let template = vec![Attribute::Token(true), Attribute::Copyable(false), Attribute::Sensitive(true)];
        assert_eq!(settings.template(template), [Attribute::Token(true), Attribute::Sensitive(true)]);
    }
}
