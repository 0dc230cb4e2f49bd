//! How typed values travel: `Read` takes one from an item, `Write` puts one into a message, and `structure!`
//! declares a structure by its fields, from which both follow. A field is declared once: its tag, whether it must be
//! there, and its type. The versions that know a field are those of its tag, unless the row says otherwise.

use crate::base::{BigInt, Buffer, Date, Error, KeyBytes, Result, Value};
use crate::registry::{ItemType, ResultReason, Tag, Version, WireNumber};
use crate::ttlv::{Item, Writer};

/// Taken from one item of a request in this version.
pub trait Read<'a>: Sized {
    /// The value of the item, or the error that tells the client what is wrong with it.
    fn read(item: &Item<'a>, version: Version) -> Result<Self>;
}

/// Put into an answer for this version.
pub trait Write {
    /// Appends one item.
    fn write(&self, tag: Tag, out: &mut Writer, version: Version);
}

/// The item has another type than the field.
pub fn wrong_type(item: &Item<'_>, expected: impl std::fmt::Display) -> Error {
    Error::invalid_message(format!(
        "{} has the type {:?} where {expected} belongs (byte {})",
        item.tag, item.item_type, item.offset
    ))
}

/// The item does not belong where it stands. In 1.x an unknown field is an invalid one (1.4 §11.1); 2.x tells a tag
/// that nobody knows from one in the wrong place (2.1 §11.46).
pub fn unexpected(item: &Item<'_>, inside: Tag, version: Version) -> Error {
    let (fault, reason) = match item.tag.row() {
        None => ("no version of KMIP has this tag", ResultReason::UnknownTag),
        Some(row) if !row.known_in(version) => {
            ("the protocol version of the request does not have it", ResultReason::UnknownTag)
        }
        Some(_) => ("it does not belong there", ResultReason::InvalidMessage),
    };
    let reason = if version.is_1x() { ResultReason::InvalidField } else { reason };
    Error::new(reason, format!("{} in {inside} (byte {}): {fault}", item.tag, item.offset))
}

/// An item that is left when all fields are read: one of ours is out of order or stands twice, another is unexpected.
pub fn stray(item: &Item<'_>, inside: Tag, ours: &[Tag], version: Version) -> Error {
    if ours.contains(&item.tag) && item.tag.known_in(version) {
        return Error::invalid_message(format!(
            "{} in {inside} (byte {}) is out of order or stands there twice",
            item.tag, item.offset
        ));
    }
    unexpected(item, inside, version)
}

/// The item stands there twice.
pub fn repeated(item: &Item<'_>) -> Error {
    Error::invalid_message(format!("{} must not be repeated (byte {})", item.tag, item.offset))
}

/// The field is not there.
pub fn missing(tag: Tag, inside: Tag) -> Error {
    Error::invalid_message(format!("{tag} is missing in {inside}"))
}

macro_rules! scalars {
    ($($Type:ty, $read:ident, $name:literal;)*) => {
        $(impl<'a> Read<'a> for $Type {
            fn read(item: &Item<'a>, _: Version) -> Result<Self> {
                item.$read().ok_or_else(|| wrong_type(item, $name))
            }
        })*
    };
}

scalars! {
    i32, integer, "an Integer";
    i64, long_integer, "a Long Integer";
    bool, boolean, "a Boolean";
    Date, date_time, "a Date-Time";
    u32, interval, "an Interval";
    BigInt, big_integer, "a Big Integer";
    &'a [u8], byte_string, "a Byte String";
}

impl<'a> Read<'a> for &'a str {
    fn read(item: &Item<'a>, _: Version) -> Result<Self> {
        match item.item_type {
            ItemType::TextString => item.text().ok_or_else(|| wrong_type(item, "a Text String")),
            _ => Err(wrong_type(item, "a Text String")),
        }
    }
}

impl<'a> Read<'a> for Item<'a> {
    fn read(item: &Self, _: Version) -> Result<Self> {
        Ok(*item)
    }
}

/// Secret bytes: copied once, from the receive buffer, which wipes itself.
impl<'a> Read<'a> for KeyBytes {
    fn read(item: &Item<'a>, _: Version) -> Result<Self> {
        item.byte_string().map(Self::copy_from).ok_or_else(|| wrong_type(item, "a Byte String"))
    }
}

/// Registry newtypes. A value that no version has is kept: the operation decides what it makes of it. A value of a
/// later version than the request's is refused.
impl<'a, T: WireNumber + std::fmt::Display> Read<'a> for T {
    fn read(item: &Item<'a>, version: Version) -> Result<Self> {
        if T::IS_MASK {
            return item.integer().map(|bits| T::from_number(bits as u32)).ok_or_else(|| wrong_type(item, "a mask"));
        }
        let value = item.enumeration().map(T::from_number).ok_or_else(|| wrong_type(item, "an Enumeration"))?;
        if !value.is_known_in(version) {
            return Err(Error::new(
                ResultReason::InvalidField,
                format!("{} has the value {value}, which KMIP {version} does not define", item.tag),
            ));
        }
        Ok(value)
    }
}

macro_rules! write_scalars {
    ($($Type:ty => |$value:ident, $tag:ident, $out:ident| $write:expr;)*) => {
        $(impl Write for $Type {
            fn write(&self, $tag: Tag, $out: &mut Writer, _: Version) {
                let $value = self;
                $write
            }
        })*
    };
}

write_scalars! {
    i32 => |value, tag, out| out.integer(tag, *value);
    i64 => |value, tag, out| out.long_integer(tag, *value);
    bool => |value, tag, out| out.boolean(tag, *value);
    Date => |value, tag, out| out.date_time(tag, *value);
    u32 => |value, tag, out| out.interval(tag, *value);
    BigInt => |value, tag, out| out.big_integer(tag, value);
    [u8] => |value, tag, out| out.byte_string(tag, value);
    Vec<u8> => |value, tag, out| out.byte_string(tag, value);
    &[u8] => |value, tag, out| out.byte_string(tag, value);
    str => |value, tag, out| out.text(tag, value);
    &str => |value, tag, out| out.text(tag, value);
    String => |value, tag, out| out.text(tag, value);
    Box<str> => |value, tag, out| out.text(tag, value);
    Value => |value, tag, out| out.value(tag, value);
    KeyBytes => |value, tag, out| out.byte_string(tag, value.expose());
    Buffer => |value, tag, out| out.byte_string(tag, value);
}

impl<T: WireNumber> Write for T {
    fn write(&self, tag: Tag, out: &mut Writer, _: Version) {
        if T::IS_MASK {
            out.integer(tag, self.number() as i32);
        } else {
            out.enumeration(tag, self.number());
        }
    }
}

/// Declares a structure of the standard by its fields, one row each:
///
/// ```text
/// structure! {
///     /// What the client sends.
///     pub struct Request<'a> reads {
///         opt UniqueIdentifier => id: IdRef<'a>;
///         req RevocationReason => reason: Reason<'a>;
///         many Attribute => attributes: WireAttribute<'a>;
///     }
/// }
/// ```
///
/// `req`, `opt` and `many` are the cardinality. A row may name several tags where versions spell a field
/// differently (`TemplateAttribute | Attributes`); any that the version knows is read, the first of them is written. Unknown,
/// repeated and missing fields are errors that name the tag. `reads` makes `Read`, `writes` makes `Write`.
macro_rules! structure {
    (@type req $Type:ty) => { $Type };
    (@type opt $Type:ty) => { Option<$Type> };
    (@type many $Type:ty) => { Vec<$Type> };

    (@slot many $Type:ty) => { Vec<$Type> };
    (@slot $kind:ident $Type:ty) => { Option<$Type> };

    (@fill many $slot:ident $child:ident $version:ident) => {
        $slot.push($crate::proto::wire::Read::read(&$child, $version)?)
    };
    (@fill $kind:ident $slot:ident $child:ident $version:ident) => {{
        if $slot.is_some() {
            return Err($crate::proto::wire::repeated(&$child));
        }
        $slot = Some($crate::proto::wire::Read::read(&$child, $version)?);
    }};

    (@take req $slot:ident $item:ident $Tag:ident) => {
        $slot.ok_or_else(|| $crate::proto::wire::missing($crate::registry::Tag::$Tag, $item.tag))?
    };
    (@take $kind:ident $slot:ident $item:ident $Tag:ident) => { $slot };

    (@write req $field:expr, $tag:expr, $out:ident, $version:ident) => {
        $crate::proto::wire::Write::write(&$field, $tag, $out, $version)
    };
    (@write opt $field:expr, $tag:expr, $out:ident, $version:ident) => {
        if let Some(value) = &$field {
            $crate::proto::wire::Write::write(value, $tag, $out, $version);
        }
    };
    (@write many $field:expr, $tag:expr, $out:ident, $version:ident) => {
        for value in &$field {
            $crate::proto::wire::Write::write(value, $tag, $out, $version);
        }
    };

    ($(#[$meta:meta])* $vis:vis struct $Name:ident $(<$life:lifetime>)? reads {
        $($(#[$field_meta:meta])* $kind:ident $Tag:ident $(| $Other:ident)* => $field:ident : $Type:ty;)*
    }) => {
        $(#[$meta])*
        #[derive(Debug)]
        $vis struct $Name $(<$life>)? {
            $(
                #[doc = concat!("Field ", stringify!($Tag), ".")]
                $(#[$field_meta])*
                pub $field: $crate::proto::wire::structure!(@type $kind $Type),
            )*
        }

        $crate::proto::wire::structure! { @impl_read $Name [$($life)?] $($kind $Tag $(| $Other)* => $field : $Type;)* }
    };

    (@impl_read $Name:ident [] $($kind:ident $Tag:ident $(| $Other:ident)* => $field:ident : $Type:ty;)*) => {
        impl<'a> $crate::proto::wire::Read<'a> for $Name {
            $crate::proto::wire::structure! { @read_fn 'a $($kind $Tag $(| $Other)* => $field : $Type;)* }
        }
    };
    (@impl_read $Name:ident [$life:lifetime] $($kind:ident $Tag:ident $(| $Other:ident)* => $field:ident : $Type:ty;)*) => {
        impl<$life> $crate::proto::wire::Read<$life> for $Name<$life> {
            $crate::proto::wire::structure! { @read_fn $life $($kind $Tag $(| $Other)* => $field : $Type;)* }
        }
    };
    (@read_fn $life:lifetime $($kind:ident $Tag:ident $(| $Other:ident)* => $field:ident : $Type:ty;)*) => {
        #[allow(unused_mut, unused_variables, reason = "structures without fields")]
        fn read(
            item: &$crate::ttlv::Item<$life>,
            version: $crate::registry::Version,
        ) -> $crate::base::Result<Self> {
            if item.item_type != $crate::registry::ItemType::Structure {
                return Err($crate::proto::wire::wrong_type(item, "a structure"));
            }
            $(let mut $field: $crate::proto::wire::structure!(@slot $kind $Type) = Default::default();)*
            let mut children = item.children().peekable();
            // "All structures SHALL have all of their fields encoded in the order in which they appear" (1.4 §9.1.1.2).
            $(while let Some(child) = children.next_if(|child| {
                matches!(child.tag, $crate::registry::Tag::$Tag $(| $crate::registry::Tag::$Other)*)
                    && child.tag.known_in(version)
            }) {
                $crate::proto::wire::structure!(@fill $kind $field child version);
            })*
            if let Some(stray) = children.next() {
                let ours = [$($crate::registry::Tag::$Tag, $($crate::registry::Tag::$Other,)*)*];
                return Err($crate::proto::wire::stray(&stray, item.tag, &ours, version));
            }
            Ok(Self { $($field: $crate::proto::wire::structure!(@take $kind $field item $Tag),)* })
        }
    };

    ($(#[$meta:meta])* $vis:vis struct $Name:ident $(<$life:lifetime>)? writes {
        $($(#[$field_meta:meta])* $kind:ident $Tag:ident $(| $Other:ident)* => $field:ident : $Type:ty;)*
    }) => {
        $(#[$meta])*
        #[derive(Debug, Default)]
        $vis struct $Name $(<$life>)? {
            $(
                #[doc = concat!("Field ", stringify!($Tag), ".")]
                $(#[$field_meta])*
                pub $field: $crate::proto::wire::structure!(@type $kind $Type),
            )*
        }

        impl $(<$life>)? $crate::proto::wire::Write for $Name $(<$life>)? {
            #[allow(unused_variables, reason = "structures without fields")]
            fn write(
                &self,
                tag: $crate::registry::Tag,
                out: &mut $crate::ttlv::Writer,
                version: $crate::registry::Version,
            ) {
                let mark = out.begin(tag);
                $({
                    let known = [$crate::registry::Tag::$Tag $(, $crate::registry::Tag::$Other)*]
                        .into_iter()
                        .find(|tag| tag.known_in(version));
                    if let Some(tag) = known {
                        $crate::proto::wire::structure!(@write $kind self.$field, tag, out, version);
                    }
                })*
                out.end(mark);
            }
        }
    };
}

pub(crate) use structure;
