//! Kinds of time: seconds, intervals, days.

use std::marker::PhantomData;
use std::time::Duration;

use serde_json::Value as Json;

use super::scalar::number;
use super::{Faults, Kind};
use crate::config::node::{Node, Value};

/// Longest time that makes sense: a hundred years. More would overflow when added to a clock.
const MOST_SECONDS: f64 = 100.0 * 366.0 * 86_400.0;

/// A time in units of `U`; zero is fine.
#[derive(Debug)]
pub struct Time<U>(PhantomData<U>);

/// A unit of time.
pub trait Unit {
    /// Its length in seconds.
    const SECONDS: f64;
    /// Ends the sentence "expected …".
    const EXPECTS: &'static str;
    /// Whether zero makes sense.
    const ZERO: bool;
}

macro_rules! units {
    ($($(#[$doc:meta])* $alias:ident = $unit:ident $seconds:literal $zero:literal $expects:literal;)*) => {
        $(
            /// A unit of time.
            #[derive(Debug)]
            pub struct $unit;
            impl Unit for $unit {
                const SECONDS: f64 = $seconds;
                const EXPECTS: &'static str = $expects;
                const ZERO: bool = $zero;
            }
            $(#[$doc])*
            pub type $alias = Time<$unit>;
        )*
    };
}

units! {
    /// Seconds; zero is fine.
    Seconds = Second 1.0 true "a number of seconds";
    /// Seconds between two events; zero would never come to rest.
    Interval = Tick 1.0 false "a number of seconds greater than 0";
    /// Days.
    Days = Day 86400.0 false "a number of days greater than 0";
}

impl<U: Unit> Kind for Time<U> {
    type Target = Duration;
    const EXPECTS: &'static str = U::EXPECTS;

    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<Duration> {
        let time = time::<Self>(node, U::SECONDS, faults)?;
        if U::ZERO || !time.is_zero() {
            Some(time)
        } else {
            faults.expected::<Self, _>(node)
        }
    }

    fn show(value: &Duration) -> Option<Json> {
        Some(number(value.as_secs_f64() / U::SECONDS))
    }
}

/// Reads a number of units, each `unit` seconds long, as a setting of the kind `K`.
fn time<K: Kind>(node: &Node, unit: f64, faults: &mut Faults<'_>) -> Option<Duration> {
    let number = match node.value {
        #[expect(
            clippy::cast_precision_loss,
            reason = "numbers that lose precision are beyond the limit below"
        )]
        Value::Int(number) => number as f64,
        Value::Float(number) => number,
        _ => return faults.expected::<K, _>(node),
    };
    let seconds = number * unit;
    if seconds > MOST_SECONDS {
        faults.at(&node.place, "is more than a hundred years");
        return None;
    }
    match Duration::try_from_secs_f64(seconds) {
        Ok(time) => Some(time),
        Err(_) => faults.expected::<K, _>(node),
    }
}

/// Seconds, where 0 means that there are none.
#[derive(Debug)]
pub struct OrNone<M>(PhantomData<M>);

/// What 0 means.
pub trait Zero {
    /// Ends the sentence "expected …".
    const EXPECTS: &'static str;
}

/// A limit that is not there.
#[derive(Debug)]
pub struct NoLimit;

impl Zero for NoLimit {
    const EXPECTS: &'static str = "a number of seconds, or 0 for no limit";
}

/// What is not repeated.
#[derive(Debug)]
pub struct Never;

impl Zero for Never {
    const EXPECTS: &'static str = "a number of seconds, or 0 for never";
}

/// Seconds, where 0 means "no limit".
pub type SecondsOrNone = OrNone<NoLimit>;
/// Seconds between two events, where 0 means "never". (JupyterHub means so where it asks whether there is an interval.)
pub type IntervalOrNever = OrNone<Never>;

impl<M: Zero> Kind for OrNone<M> {
    type Target = Option<Duration>;
    const EXPECTS: &'static str = M::EXPECTS;

    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<Option<Duration>> {
        let time = time::<Self>(node, 1.0, faults)?;
        Some(Some(time).filter(|time| !time.is_zero()))
    }

    fn show(value: &Option<Duration>) -> Option<Json> {
        Some(value.map_or(0.into(), |time| number(time.as_secs_f64())))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::kind::testing::read;

    #[test]
    fn times() {
        assert_eq!(read::<Seconds>(json!(60)), Ok(Duration::from_mins(1)));
        assert_eq!(read::<Seconds>(json!(0.5)), Ok(Duration::from_millis(500)));
        assert_eq!(read::<Seconds>(json!(0)), Ok(Duration::ZERO));
        assert_eq!(read::<Days>(json!(0.5)), Ok(Duration::from_hours(12)));
        assert_eq!(read::<SecondsOrNone>(json!(0)), Ok(None));
        for bad in [json!(-1), json!("5"), json!(true), json!(1e300), json!([])] {
            assert!(read::<Seconds>(bad.clone()).is_err(), "{bad}");
        }
        assert_eq!(
            read::<Interval>(json!(0)),
            Err("x must be a number of seconds greater than 0, not a whole number".into())
        );
        assert_eq!(
            read::<IntervalOrNever>(json!(0.5)),
            Ok(Some(Duration::from_millis(500)))
        );
        assert_eq!(read::<IntervalOrNever>(json!(0)), Ok(None));
        assert_eq!(
            read::<IntervalOrNever>(json!(-1)),
            Err("x must be a number of seconds, or 0 for never, not a negative number".into())
        );
        assert_eq!(IntervalOrNever::show(&None), Some(json!(0)));
        assert_eq!(Days::show(&Duration::from_hours(36)), Some(json!(1.5)));
        assert_eq!(Days::show(&Duration::from_hours(336)), Some(json!(14)));
    }
}
