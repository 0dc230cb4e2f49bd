//! What turns the rows of `tags.rs`, `enums.rs`, `masks.rs` and `operations.rs` into types: a newtype over the
//! number on the wire with a constant for each row, the names of the row, and the versions that know it.

use super::Version;

/// Item types of TTLV (specification 1.4 §9.1.1.2; 3.0 adds the last three).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum ItemType {
    /// A list of items.
    Structure = 0x01,
    /// 32 bits, signed.
    Integer = 0x02,
    /// 64 bits, signed.
    LongInteger = 0x03,
    /// Two's complement, any multiple of eight bytes.
    BigInteger = 0x04,
    /// 32 bits, a value of an enumeration.
    Enumeration = 0x05,
    /// 64 bits, zero or one.
    Boolean = 0x06,
    /// UTF-8.
    TextString = 0x07,
    /// Bytes.
    ByteString = 0x08,
    /// Seconds since 1970, 64 bits, signed.
    DateTime = 0x09,
    /// Seconds, 32 bits, unsigned.
    Interval = 0x0A,
    /// Microseconds since 1970, 64 bits, signed (since 2.0).
    DateTimeExtended = 0x0B,
    /// The unique identifier of an object (since 3.0).
    Identifier = 0x0C,
    /// A link by unique identifier (since 3.0).
    Reference = 0x0D,
    /// A link by name (since 3.0).
    NameReference = 0x0E,
}

impl ItemType {
    /// Every type with its first version, in order of its code.
    pub const ALL: [(Self, Version); 14] = [
        (Self::Structure, Version::V1_0),
        (Self::Integer, Version::V1_0),
        (Self::LongInteger, Version::V1_0),
        (Self::BigInteger, Version::V1_0),
        (Self::Enumeration, Version::V1_0),
        (Self::Boolean, Version::V1_0),
        (Self::TextString, Version::V1_0),
        (Self::ByteString, Version::V1_0),
        (Self::DateTime, Version::V1_0),
        (Self::Interval, Version::V1_0),
        (Self::DateTimeExtended, Version::V2_0),
        (Self::Identifier, Version::V3_0),
        (Self::Reference, Version::V3_0),
        (Self::NameReference, Version::V3_0),
    ];

    /// The type with this code.
    pub const fn from_code(code: u8) -> Option<Self> {
        if code >= 1 && (code as usize) <= Self::ALL.len() { Some(Self::ALL[code as usize - 1].0) } else { None }
    }

    /// The first version that has the type.
    pub const fn since(self) -> Version {
        Self::ALL[self as usize - 1].1
    }
}

/// One row of a table.
#[derive(Debug)]
pub struct Row {
    /// The number on the wire.
    pub value: u32,
    /// The name in the XML and JSON encodings.
    pub ident: &'static str,
    /// The name in the text of the standard; 1.x attribute names are these.
    pub name: &'static str,
    /// The first version with this row.
    pub since: Version,
    /// The last version with this row.
    pub until: Version,
    /// The item types of a tag; empty for values, and for tags that hold anything.
    pub types: &'static [ItemType],
}

impl Row {
    /// Whether `version` defines the row.
    pub fn known_in(&self, version: Version) -> bool {
        self.since <= version && version <= self.until
    }
}

/// What every newtype of the registry has: its number, and how it travels.
pub trait WireNumber: Copy {
    /// Whether the number is a set of bits, which travels as an Integer, or a value, which travels as an Enumeration.
    const IS_MASK: bool;
    /// From the number on the wire, known or not.
    fn from_number(number: u32) -> Self;
    /// The number on the wire.
    fn number(self) -> u32;
    /// Whether `version` defines the value; of a mask, whether it defines every bit.
    fn is_known_in(self, version: Version) -> bool;
}

/// An enumeration or a mask as data.
#[derive(Debug)]
pub struct EnumTable {
    /// The tag in XML spelling.
    pub ident: &'static str,
    /// The name in the text of the standard.
    pub name: &'static str,
    /// The values in rising order.
    pub rows: &'static [Row],
    /// Other spellings found in the standard or in the test cases of OASIS.
    pub also: &'static [(u32, &'static str)],
}

impl EnumTable {
    /// The row of a value.
    pub fn row(&self, value: u32) -> Option<&'static Row> {
        self.rows.binary_search_by_key(&value, |row| row.value).ok().map(|at| &self.rows[at])
    }

    /// Those of the bits that `version` defines.
    pub fn bits_known_in(&self, bits: u32, version: Version) -> u32 {
        self.rows.iter().filter(|row| row.known_in(version)).fold(0, |known, row| known | row.value) & bits
    }

    /// The value of a name in either spelling.
    pub fn value(&self, name: &str) -> Option<u32> {
        self.rows
            .iter()
            .find(|row| row.ident == name || row.name == name)
            .map(|row| row.value)
            .or_else(|| self.also.iter().find(|(_, ident)| *ident == name).map(|(value, _)| *value))
    }
}

/// Whether rows rise strictly; a table that does not is refused by the compiler.
pub const fn rising(rows: &[Row]) -> bool {
    let mut at = 1;
    while at < rows.len() {
        if rows[at - 1].value >= rows[at].value {
            return false;
        }
        at += 1;
    }
    true
}

/// Whether every row begins before it ends.
pub const fn ordered(rows: &[Row]) -> bool {
    let mut at = 0;
    while at < rows.len() {
        if rows[at].since as u8 > rows[at].until as u8 {
            return false;
        }
        at += 1;
    }
    true
}

macro_rules! last {
    () => {
        $crate::registry::Version::NEWEST
    };
    ($until:ident) => {
        $crate::registry::Version::$until
    };
}

/// A newtype over the number on the wire, with its rows.
macro_rules! wire_type {
    ($(#[$meta:meta])* $Type:ident) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[allow(non_camel_case_types, reason = "types carry the names of the standard")]
        pub struct $Type(pub u32);

        impl $Type {
            /// The row of this value, if any version defines it.
            pub fn row(self) -> Option<&'static $crate::registry::Row> {
                Self::look_up(self.0)
            }

            /// Whether `version` defines this value.
            pub fn known_in(self, version: $crate::registry::Version) -> bool {
                self.row().is_some_and(|row| row.known_in(version))
            }

            /// The name in the text of the standard, or the number.
            pub fn name(self) -> std::borrow::Cow<'static, str> {
                match self.row() {
                    Some(row) => row.name.into(),
                    None => format!("0x{:08X}", self.0).into(),
                }
            }
        }

        impl $crate::registry::WireNumber for $Type {
            const IS_MASK: bool = Self::MASK;

            fn from_number(number: u32) -> Self {
                Self(number)
            }

            fn number(self) -> u32 {
                self.0
            }

            fn is_known_in(self, version: $crate::registry::Version) -> bool {
                if Self::MASK {
                    Self::TABLE.bits_known_in(self.0, version) == self.0
                } else {
                    $crate::registry::is_extension_value(self.0) || self.known_in(version)
                }
            }
        }

        impl std::fmt::Debug for $Type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match self.row() {
                    Some(row) => f.write_str(row.ident),
                    None => write!(f, "0x{:08X}", self.0),
                }
            }
        }

        impl std::fmt::Display for $Type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.name())
            }
        }
    };
}

macro_rules! rows {
    ($($value:literal $ident:ident $name:literal : [$($ty:ident),*] in $since:ident $(, until $until:ident)?;)*) => {
        &[$($crate::registry::Row {
            value: $value, ident: stringify!($ident), name: $name,
            since: $crate::registry::Version::$since, until: $crate::registry::table::last!($($until)?),
            types: &[$($crate::registry::ItemType::$ty),*],
        }),*]
    };
}

macro_rules! tags {
    ($($value:literal $ident:ident $name:literal : [$($ty:ident),*] in $since:ident $(, until $until:ident)?;)*) => {
        $crate::registry::table::wire_type! {
            /// A tag: what an item is. Any three-byte number is representable.
            Tag
        }
        #[allow(non_upper_case_globals, missing_docs, reason = "constants carry the names of the standard")]
        impl Tag {
            $(pub const $ident: Self = Self($value);)*
            /// Every tag of the standard in rising order.
            pub const ROWS: &'static [$crate::registry::Row] =
                $crate::registry::table::rows! { $($value $ident $name : [$($ty),*] in $since $(, until $until)?;)* };
            const MASK: bool = false;
            /// The tags as data: an Attribute Reference is an enumeration of them.
            pub const TABLE: $crate::registry::EnumTable =
                $crate::registry::EnumTable { ident: "Tag", name: "Tag", rows: Self::ROWS, also: &[] };
        }
        const _: () = assert!($crate::registry::table::rising(Tag::ROWS) && $crate::registry::table::ordered(Tag::ROWS));
    };
}

macro_rules! operations {
    ($($value:literal $ident:ident $name:literal in $since:ident $(, until $until:ident)?;)*) => {
        $crate::registry::table::wire_type! {
            /// An operation (tag Operation).
            Operation
        }
        #[allow(non_upper_case_globals, missing_docs, reason = "constants carry the names of the standard")]
        impl Operation {
            $(pub const $ident: Self = Self($value);)*
            const MASK: bool = false;
            /// Every operation in rising order.
            pub const ROWS: &'static [$crate::registry::Row] =
                $crate::registry::table::rows! { $($value $ident $name : [] in $since $(, until $until)?;)* };
            /// The enumeration as data.
            pub const TABLE: $crate::registry::EnumTable =
                $crate::registry::EnumTable { ident: "Operation", name: "Operation", rows: Self::ROWS, also: &[] };
            fn look_up(value: u32) -> Option<&'static $crate::registry::Row> {
                Self::TABLE.row(value)
            }
        }
        const _: () = assert!($crate::registry::table::rising(Operation::ROWS) && $crate::registry::table::ordered(Operation::ROWS));
    };
}

macro_rules! value_types {
    (mask $mask:literal $($(#[$meta:meta])* $Type:ident $spec:literal {
        $($value:literal $ident:ident $name:literal in $since:ident $(, until $until:ident)?; $(also $also_value:literal $also:ident;)*)*
    })*) => {
        $(
            $crate::registry::table::wire_type! { $(#[$meta])* $Type }
            #[allow(non_upper_case_globals, missing_docs, reason = "constants carry the names of the standard")]
            impl $Type {
                $(pub const $ident: Self = Self($value);)*
                const MASK: bool = $mask;
                /// Every value in rising order.
                pub const ROWS: &'static [$crate::registry::Row] =
                    $crate::registry::table::rows! { $($value $ident $name : [] in $since $(, until $until)?;)* };
                /// The enumeration as data.
                pub const TABLE: $crate::registry::EnumTable = $crate::registry::EnumTable {
                    ident: stringify!($Type), name: $spec, rows: Self::ROWS,
                    also: &[$($(($also_value, stringify!($also)),)*)*],
                };
            fn look_up(value: u32) -> Option<&'static $crate::registry::Row> {
                Self::TABLE.row(value)
            }
            }
            const _: () = assert!($crate::registry::table::rising($Type::ROWS) && $crate::registry::table::ordered($Type::ROWS));
        )*
        /// Every table of this file.
        pub(super) static TABLES: &[&$crate::registry::EnumTable] = &[$(&$Type::TABLE),*];
    };
}

macro_rules! enums {
    ($($rows:tt)*) => { $crate::registry::table::value_types! { mask false $($rows)* } };
}

macro_rules! masks {
    ($($rows:tt)*) => { $crate::registry::table::value_types! { mask true $($rows)* } };
}

pub(super) use {enums, last, masks, operations, rows, tags, value_types, wire_type};
