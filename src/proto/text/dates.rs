//! Dates as ISO 8601 text, in the form of xsd:dateTime (Additional Message Encodings §4.1.6.11, §6.1.6.11). A date
//! outside the years 0 to 9999 has no such text and is written as a number.

use time::{Date, Month, OffsetDateTime, Time, UtcOffset};

use super::names;

const MICROS: i64 = 1_000_000;

/// The text of a Date-Time.
pub(super) fn of_seconds(seconds: i64) -> String {
    civil(seconds).map_or_else(|| format!("0x{seconds:016x}"), |civil| format!("{civil}+00:00"))
}

/// The text of a Date-Time Extended, which shows its microseconds.
pub(super) fn of_micros(micros: i64) -> String {
    let fraction = micros.rem_euclid(MICROS);
    civil(micros.div_euclid(MICROS))
        .map_or_else(|| format!("0x{micros:016x}"), |civil| format!("{civil}.{fraction:06}+00:00"))
}

/// Seconds since 1970. A fraction is cut off, as the encoding demands.
pub(super) fn seconds(text: &str) -> Option<i64> {
    match names::prefixed_hex(text, 16) {
        Some(number) => Some(number as i64),
        None => parse(text).map(|(seconds, _)| seconds),
    }
}

/// Microseconds since 1970.
pub(super) fn micros(text: &str) -> Option<i64> {
    if let Some(number) = names::prefixed_hex(text, 16) {
        return Some(number as i64);
    }
    let (seconds, micros) = parse(text)?;
    seconds.checked_mul(MICROS)?.checked_add(micros)
}

/// Year to second in UTC.
fn civil(seconds: i64) -> Option<String> {
    let date = OffsetDateTime::from_unix_timestamp(seconds).ok().filter(|date| (0..=9999).contains(&date.year()))?;
    let (year, month, day) = (date.year(), u8::from(date.month()), date.day());
    Some(format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}", date.hour(), date.minute(), date.second()))
}

/// `yyyy-mm-ddThh:mm:ss(.s+)?((+|-)hh:mm|Z)?`; without a zone it is UTC.
fn parse(text: &str) -> Option<(i64, i64)> {
    let (civil, rest) = text.split_at_checked(19)?;
    let [year, month, day, hour, minute, second] = civil_parts(civil)?;
    let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
    let date = Date::from_calendar_date(i32::from(year), month, u8::try_from(day).ok()?).ok()?;
    let time = Time::from_hms(hour.try_into().ok()?, minute.try_into().ok()?, second.try_into().ok()?).ok()?;
    let (fraction, zone) = match rest.strip_prefix('.') {
        Some(rest) => {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            rest.split_at_checked(digits).filter(|(fraction, _)| !fraction.is_empty())?
        }
        None => ("", rest),
    };
    let seconds = date.with_time(time).assume_offset(offset(zone)?).unix_timestamp();
    let mut micros = 0;
    for digit in fraction.bytes().chain([b'0'; 6]).take(6) {
        micros = micros * 10 + i64::from(digit - b'0');
    }
    Some((seconds, micros))
}

/// The six numbers of `yyyy-mm-ddThh:mm:ss`.
fn civil_parts(text: &str) -> Option<[u16; 6]> {
    const SHAPE: [(usize, usize, u8); 6] =
        [(0, 4, b'-'), (5, 2, b'-'), (8, 2, b'T'), (11, 2, b':'), (14, 2, b':'), (17, 2, 0)];
    let mut parts = [0; 6];
    for (part, (at, length, after)) in parts.iter_mut().zip(SHAPE) {
        *part = number(text.get(at..at + length)?)?;
        if after != 0 && text.as_bytes().get(at + length) != Some(&after) {
            return None;
        }
    }
    Some(parts)
}

fn offset(zone: &str) -> Option<UtcOffset> {
    let (sign, rest) = match zone {
        "" | "Z" => return Some(UtcOffset::UTC),
        _ => (if zone.starts_with('-') { -1 } else { 1 }, zone.strip_prefix(['+', '-'])?),
    };
    let (hours, minutes) = rest.split_once(':').filter(|(hours, minutes)| hours.len() == 2 && minutes.len() == 2)?;
    let (hours, minutes) = (i8::try_from(number(hours)?).ok()?, i8::try_from(number(minutes)?).ok()?);
    if hours > 14 || minutes > 59 {
        return None;
    }
    UtcOffset::from_hms(sign * hours, sign * minutes, 0).ok()
}

fn number(digits: &str) -> Option<u16> {
    if digits.bytes().all(|digit| digit.is_ascii_digit()) { digits.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_the_encoding_document() {
        // The document gives 0x3a505520 for this date; the two differ by ten hours.
        assert_eq!(seconds("2001-01-01T10:00:00+10:00"), Some(978_307_200));
        assert_eq!(seconds("0x000000003a505520"), Some(0x3A50_5520));
        assert_eq!(seconds("2013-06-26T09:09:17+00:00"), Some(0x51CA_AFBD));
        assert_eq!(of_seconds(0x51CA_AFBD), "2013-06-26T09:09:17+00:00");
    }

    #[test]
    fn zones_fractions_and_edges() {
        assert_eq!(seconds("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(seconds("1970-01-01T00:00:00"), Some(0));
        assert_eq!(seconds("1970-01-01T00:00:00.999-01:30"), Some(5400));
        assert_eq!(micros("1970-01-01T00:00:01.5Z"), Some(1_500_000));
        assert_eq!(micros("1970-01-01T00:00:01.1234567Z"), Some(1_123_456));
        assert_eq!(of_micros(-1), "1969-12-31T23:59:59.999999+00:00");
        assert_eq!(of_seconds(i64::MAX), "0x7fffffffffffffff");
        for wrong in [
            "",
            "2013-06-26",
            "2013-06-26T09:09:17.",
            "2013-06-26T09:09:17z",
            "2013-02-30T00:00:00",
            "2013-06-26T09:09:60",
            "2013-06-26T09:09:17+0100",
            "2013-06-26T09:09:17+15:00",
            "+013-06-26T09:09:17",
            "2013/06/26T09:09:17",
            "2013-06-26T09:09:1é",
        ] {
            assert_eq!(seconds(wrong), None, "{wrong}");
        }
    }
}
