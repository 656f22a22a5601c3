//! A moment as flows and documents know it.

use std::fmt;
use std::str::FromStr;

use jiff::SignedDuration;
use jiff::civil::DateTime;
use jiff::fmt::temporal::DateTimeParser;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::clock::Timestamp;

/// A moment in UTC, to the nanosecond, in the years 0 to 9999: whatever RFC 3339 can write in UTC. jiff's own timestamp
/// ends a day before the year 9999 does, and documents write its last second where they mean "never".
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(DateTime);

/// Why a text is no moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoMoment {
    /// It is no date-time with an offset, or has more than nine digits of a second.
    #[error("the string is not an RFC 3339 date-time")]
    Malformed,
    /// In UTC its year has more than four digits, or is below zero.
    #[error("the date-time lies outside the years 0 to 9999 of UTC")]
    Outside,
}

const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

impl Moment {
    fn new(at: DateTime) -> Option<Moment> {
        (0..=9999).contains(&at.year()).then_some(Moment(at))
    }

    /// This moment and some milliseconds more, or fewer.
    pub fn plus(self, milliseconds: i64) -> Option<Moment> {
        self.0.checked_add(SignedDuration::from_millis(milliseconds)).ok().and_then(Moment::new)
    }

    /// Whole milliseconds from `earlier` to this; nothing where that is later.
    pub fn since(self, earlier: Moment) -> Option<u64> {
        (self >= earlier)
            .then(|| self.0.duration_since(earlier.0).as_millis())
            .and_then(|ms| ms.try_into().ok())
    }

    /// The last whole millisecond that is not after this moment.
    pub fn whole(self) -> Timestamp {
        let since = self.0.duration_since(EPOCH);
        let down = i64::from(since.subsec_nanos() < 0 && since.subsec_nanos() % 1_000_000 != 0);
        Timestamp(since.as_secs() * 1000 + i64::from(since.subsec_millis()) - down)
    }

    /// The first whole millisecond that is not before this moment; the last there is, where none comes after.
    pub fn reached(self) -> Timestamp {
        let whole = self.whole();
        let next = Timestamp(whole.0 + i64::from(self.0.subsec_nanosecond() % 1_000_000 != 0));
        next.moment().map_or(whole, |_| next)
    }
}

impl Timestamp {
    /// This moment, where its year can be written.
    pub fn moment(self) -> Option<Moment> {
        Moment(EPOCH).plus(self.0)
    }
}

/// RFC 3339 with milliseconds, and with six or nine digits where it has them.
impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.subsec_nanosecond() {
            nanos if nanos % 1_000_000 == 0 => write!(f, "{:.3}Z", self.0),
            nanos if nanos % 1_000 == 0 => write!(f, "{:.6}Z", self.0),
            _ => write!(f, "{:.9}Z", self.0),
        }
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Moment, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl fmt::Debug for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Moment {
    type Err = NoMoment;

    fn from_str(text: &str) -> Result<Moment, NoMoment> {
        let pieces = DateTimeParser::new().parse_pieces(text).map_err(|_| NoMoment::Malformed)?;
        let (Some(time), Some(offset)) = (pieces.time(), pieces.to_numeric_offset()) else {
            return Err(NoMoment::Malformed);
        };
        let east = SignedDuration::from_secs(offset.seconds().into());
        let at = pieces.date().to_datetime(time).checked_sub(east).map_err(|_| NoMoment::Outside)?;
        Moment::new(at).ok_or(NoMoment::Outside)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, NoMoment> {
        text.parse::<Moment>().map(|moment| moment.to_string())
    }

    #[test]
    fn every_moment_of_the_years_that_are_written_is_read_and_kept() {
        for (text, written) in [
            ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59.000Z"),
            ("9999-12-31T23:59:59.9999999Z", "9999-12-31T23:59:59.999999900Z"),
            ("0000-01-01T00:00:00Z", "0000-01-01T00:00:00.000Z"),
            ("0000-01-01T01:00:00+01:00", "0000-01-01T00:00:00.000Z"),
            ("2026-01-01T00:00:00.12-02:30", "2026-01-01T02:30:00.120Z"),
            ("2026-01-01T00:00:00.123456Z", "2026-01-01T00:00:00.123456Z"),
            ("1969-12-31T23:59:59.000000001Z", "1969-12-31T23:59:59.000000001Z"),
            // A leap second is the second before it, as clocks count.
            ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59.000Z"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(written), "{text}");
            assert_eq!(read(written).as_deref(), Ok(written), "{text}");
        }
        for text in ["9999-12-31T23:59:59-00:01", "0000-01-01T00:59:59+01:00"] {
            assert_eq!(read(text), Err(NoMoment::Outside), "{text}");
        }
        for text in [
            "",
            "2026-01-01",
            "2026-01-01T00:00:00",
            "2026-02-30T00:00:00Z",
            "2026-01-01T00:00:00.0123456789Z",
            "-000001-01-01T00:00:00Z",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn milliseconds_are_counted_from_below_and_reached_from_above() {
        for (text, whole, reached) in [
            ("1970-01-01T00:00:00.001Z", 1, 1),
            ("1970-01-01T00:00:00.001000001Z", 1, 2),
            ("1969-12-31T23:59:59.999Z", -1, -1),
            ("1969-12-31T23:59:59.999000001Z", -1, 0),
            ("1969-12-31T23:59:58.9989Z", -1002, -1001),
            ("9999-12-31T23:59:59.9999999Z", 253_402_300_799_999, 253_402_300_799_999),
            ("9999-12-31T23:59:59.999Z", 253_402_300_799_999, 253_402_300_799_999),
        ] {
            let moment: Moment = text.parse().unwrap();
            assert_eq!((moment.whole().0, moment.reached().0), (whole, reached), "{text}");
        }
        let (early, late): (Moment, Moment) =
            ("2026-01-01T00:00:00.0009Z".parse().unwrap(), "2026-01-01T00:00:00.0018Z".parse().unwrap());
        assert_eq!((late.since(early), early.since(late)), (Some(0), None));
        assert_eq!(late.plus(i64::MAX), None);
    }

    #[test]
    fn a_timestamp_is_read_and_written_to_the_end_of_the_years() {
        for text in ["9999-12-31T23:59:59.999Z", "0000-01-01T00:00:00.000Z", "1969-12-31T23:59:59.999Z"] {
            assert_eq!(text.parse::<Timestamp>().unwrap().to_string(), text);
        }
    }
}
