//! The protocol versions Keyhaven speaks.

use std::fmt;

/// A KMIP protocol version, in order of age. Comparing versions is for `proto` and for the tables alone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(non_camel_case_types, reason = "the standard writes versions as 1.0")]
#[repr(u8)]
pub enum Version {
    /// KMIP 1.0, October 2010.
    V1_0,
    /// KMIP 1.1, January 2013.
    V1_1,
    /// KMIP 1.2, May 2015.
    V1_2,
    /// KMIP 1.3, December 2016.
    V1_3,
    /// KMIP 1.4, November 2017.
    V1_4,
    /// KMIP 2.0, October 2019.
    V2_0,
    /// KMIP 2.1, December 2020.
    V2_1,
    /// KMIP 3.0, Committee Specification Draft 02.
    V3_0,
}

impl Version {
    /// Every version, oldest first.
    pub const ALL: [Self; 8] =
        [Self::V1_0, Self::V1_1, Self::V1_2, Self::V1_3, Self::V1_4, Self::V2_0, Self::V2_1, Self::V3_0];
    /// The newest version.
    pub const NEWEST: Self = Self::V3_0;

    /// The version with these numbers, if it is one of ours.
    pub fn from_numbers(major: i32, minor: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|version| version.numbers() == (major, minor))
    }

    /// Protocol Version Major and Protocol Version Minor.
    pub const fn numbers(self) -> (i32, i32) {
        match self {
            Self::V1_0 => (1, 0),
            Self::V1_1 => (1, 1),
            Self::V1_2 => (1, 2),
            Self::V1_3 => (1, 3),
            Self::V1_4 => (1, 4),
            Self::V2_0 => (2, 0),
            Self::V2_1 => (2, 1),
            Self::V3_0 => (3, 0),
        }
    }

    /// Whether this is one of the 1.x versions, which spell attributes by name.
    pub const fn is_1x(self) -> bool {
        (self as u8) <= (Self::V1_4 as u8)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (major, minor) = self.numbers();
        write!(f, "{major}.{minor}")
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
