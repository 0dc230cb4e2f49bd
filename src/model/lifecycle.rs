//! The states of an object and what moves it from one to another (2.1 §4.57, 1.4 §3.22). Pure: an event and the time
//! give the next lifecycle or a refusal. Dates act by themselves: an object whose Activation Date is reached is Active
//! whether or not anything looked at it.

use super::attributes::{Key, attr};
use super::refusal::Refusal;
use super::set::Attributes;
use crate::base::Date;
use crate::registry::{ObjectType, ResultReason, RevocationReasonCode, State};

/// The state of an object and the dates that belong to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lifecycle {
    /// The state as it was last set; `at` gives the one in effect.
    pub state: State,
    /// When the object was made.
    pub initial: Option<Date>,
    /// From when on it may be used.
    pub activation: Option<Date>,
    /// From when on it may process protected data.
    pub process_start: Option<Date>,
    /// Until when it may protect data.
    pub protect_stop: Option<Date>,
    /// Until when it is Active.
    pub deactivation: Option<Date>,
    /// When its compromise was reported.
    pub compromise: Option<Date>,
    /// When its compromise happened.
    pub compromise_occurrence: Option<Date>,
    /// When it was destroyed.
    pub destroy: Option<Date>,
}

/// What happens to an object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// Activate.
    Activate,
    /// Revoke, with the Compromise Occurrence Date if the client knows it.
    Revoke(RevocationReasonCode, Option<Date>),
    /// Deactivate (3.0), at a date or now.
    Deactivate(Option<Date>),
    /// Destroy.
    Destroy,
    /// New dates by an attribute operation; what is `None` stays.
    ModifyDates(Dates),
    /// Time went by.
    DateReached,
}

/// The dates a client may change.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Dates {
    /// Activation Date.
    pub activation: Option<Date>,
    /// Process Start Date.
    pub process_start: Option<Date>,
    /// Protect Stop Date.
    pub protect_stop: Option<Date>,
    /// Deactivation Date.
    pub deactivation: Option<Date>,
}

/// The lifecycle after the event, or why the event cannot happen.
pub fn next(current: &Lifecycle, event: Event, now: Date) -> Result<Lifecycle, Refusal> {
    let current = current.at(now);
    let after = match event {
        Event::Activate => activate(current, now)?,
        Event::Revoke(code, occurrence) if is_compromise(code) => compromise(current, occurrence, now)?,
        Event::Revoke(_, Some(_)) => {
            let words = "a Compromise Occurrence Date goes with a compromise only";
            return Err(Refusal::same(ResultReason::InvalidField, words));
        }
        Event::Revoke(_, None) => deactivate(current, now)?,
        Event::Deactivate(date) => deactivate(current, date.unwrap_or(now))?,
        Event::Destroy => destroy(current, now)?,
        Event::ModifyDates(dates) => modify(current, dates, now)?,
        Event::DateReached => current,
    };
    Ok(after.at(now))
}

/// The state in effect at `now`. An object without a State (a template) counts as Pre-Active.
pub fn effective_state(attributes: &Attributes, now: Date) -> State {
    Lifecycle::of(attributes).at(now).state
}

/// Whether objects of this type have states at all: templates have none (1.4 §3.22, §11.20).
pub fn has_states(object_type: ObjectType) -> bool {
    object_type != ObjectType::Template
}

/// Whether a revocation for this reason is a compromise. AA Compromise (3.0) says something of an attribute
/// authority, not of the key.
pub fn is_compromise(code: RevocationReasonCode) -> bool {
    matches!(code, RevocationReasonCode::KeyCompromise | RevocationReasonCode::CACompromise)
}

/// Whether the object is gone, compromised or not.
pub fn is_destroyed(state: State) -> bool {
    matches!(state, State::Destroyed | State::DestroyedCompromised)
}

impl Lifecycle {
    /// A new object, made at `now` with these dates. Dates that are reached act at once; dates out of order are
    /// refused.
    pub fn created(dates: Dates, now: Date) -> Result<Self, Refusal> {
        let new = Self {
            state: State::PreActive,
            initial: Some(now),
            activation: dates.activation,
            process_start: dates.process_start,
            protect_stop: dates.protect_stop,
            deactivation: dates.deactivation,
            compromise: None,
            compromise_occurrence: None,
            destroy: None,
        };
        new.in_order()?;
        Ok(new.at(now))
    }

    /// The lifecycle that the attributes tell.
    pub fn of(attributes: &Attributes) -> Self {
        Self {
            state: attributes.get(attr::STATE).unwrap_or(State::PreActive),
            initial: attributes.get(attr::INITIAL_DATE),
            activation: attributes.get(attr::ACTIVATION_DATE),
            process_start: attributes.get(attr::PROCESS_START_DATE),
            protect_stop: attributes.get(attr::PROTECT_STOP_DATE),
            deactivation: attributes.get(attr::DEACTIVATION_DATE),
            compromise: attributes.get(attr::COMPROMISE_DATE),
            compromise_occurrence: attributes.get(attr::COMPROMISE_OCCURRENCE_DATE),
            destroy: attributes.get(attr::DESTROY_DATE),
        }
    }

    /// Writes state and dates into the attributes.
    pub fn store(&self, attributes: &mut Attributes) {
        let mut put = |key: Key<Date>, date: Option<Date>| match date {
            Some(date) => attributes.set(key, date),
            None => {
                attributes.remove_all(key.tag());
            }
        };
        put(attr::INITIAL_DATE, self.initial);
        put(attr::ACTIVATION_DATE, self.activation);
        put(attr::PROCESS_START_DATE, self.process_start);
        put(attr::PROTECT_STOP_DATE, self.protect_stop);
        put(attr::DEACTIVATION_DATE, self.deactivation);
        put(attr::COMPROMISE_DATE, self.compromise);
        put(attr::COMPROMISE_OCCURRENCE_DATE, self.compromise_occurrence);
        put(attr::DESTROY_DATE, self.destroy);
        attributes.set(attr::STATE, self.state);
    }

    /// The lifecycle at `now`: transitions 4 and 6 of the diagram, as far as dates cause them.
    #[must_use]
    pub fn at(self, now: Date) -> Self {
        let mut after = self;
        if after.state == State::PreActive && reached(after.activation, now) {
            after.state = State::Active;
        }
        if after.state == State::Active && reached(after.deactivation, now) {
            after.state = State::Deactivated;
        }
        after
    }

    /// The next date that changes the state by itself, if there is one.
    pub fn next_date(&self) -> Option<Date> {
        match self.state {
            State::PreActive => self.activation,
            State::Active => self.deactivation,
            _ => None,
        }
    }

    /// Whether the dates are in the order that 1.4 §3.24 to §3.27 ask for. Process start and protect stop are
    /// independent of each other.
    ///
    /// # Errors
    /// Invalid Attribute Value, in 1.x Invalid Field.
    pub fn in_order(&self) -> Result<(), Refusal> {
        self.pairs().into_iter().find(Pair::is_broken).map_or(Ok(()), |pair| Err(Refusal::invalid_value(pair.words)))
    }

    /// Whether a change of dates keeps their order. What was out of order before may stay so: an Activate sets the
    /// Activation Date wherever the others are.
    ///
    /// # Errors
    /// Invalid Attribute Value, in 1.x Invalid Field.
    pub fn keeps_order(&self, before: &Self) -> Result<(), Refusal> {
        let broken = self.pairs().into_iter().zip(before.pairs()).find(|(new, old)| new.is_broken() && new != old);
        broken.map_or(Ok(()), |(pair, _)| Err(Refusal::invalid_value(pair.words)))
    }

    fn pairs(&self) -> [Pair; 3] {
        let pair = |first, second, words| Pair { first, second, words };
        [
            pair(self.activation, self.deactivation, "the Deactivation Date precedes the Activation Date"),
            pair(self.activation, self.process_start, "the Process Start Date precedes the Activation Date"),
            pair(self.protect_stop, self.deactivation, "the Protect Stop Date is later than the Deactivation Date"),
        ]
    }
}

/// Two dates of which the first may not be later than the second.
#[derive(PartialEq)]
struct Pair {
    first: Option<Date>,
    second: Option<Date>,
    words: &'static str,
}

impl Pair {
    fn is_broken(&self) -> bool {
        self.first.zip(self.second).is_some_and(|(first, second)| first > second)
    }
}

fn activate(current: Lifecycle, now: Date) -> Result<Lifecycle, Refusal> {
    if current.state != State::PreActive {
        return Err(Refusal::wrong_state("only a Pre-Active object can be activated"));
    }
    Ok(Lifecycle { state: State::Active, activation: Some(now), ..current })
}

fn deactivate(current: Lifecycle, date: Date) -> Result<Lifecycle, Refusal> {
    if current.state != State::Active {
        return Err(Refusal::wrong_state("only an Active object can be deactivated"));
    }
    // In a time to come, `at` makes the transition; an earlier Deactivation Date cannot be there, it would have acted.
    Ok(Lifecycle { deactivation: Some(date), ..current })
}

fn compromise(current: Lifecycle, occurrence: Option<Date>, now: Date) -> Result<Lifecycle, Refusal> {
    let state = match current.state {
        State::PreActive | State::Active | State::Deactivated => State::Compromised,
        State::Destroyed => State::DestroyedCompromised,
        _ => return Err(Refusal::wrong_state("the object is compromised already")),
    };
    if occurrence.is_some_and(|date| date > now) {
        let words = "the Compromise Occurrence Date is in the future";
        return Err(Refusal::same(ResultReason::InvalidField, words));
    }
    // Not known: the day it was made (1.4 §3.29).
    let compromise_occurrence = occurrence.or(current.initial).or(Some(now));
    Ok(Lifecycle { state, compromise: Some(now), compromise_occurrence, ..current })
}

fn destroy(current: Lifecycle, now: Date) -> Result<Lifecycle, Refusal> {
    let state = match current.state {
        State::PreActive | State::Deactivated => State::Destroyed,
        State::Compromised => State::DestroyedCompromised,
        state if is_destroyed(state) => {
            let words = "the object is destroyed already";
            return Err(Refusal::new(ResultReason::ObjectDestroyed, ResultReason::PermissionDenied, words));
        }
        _ => return Err(Refusal::wrong_state("an Active object has to be revoked before it is destroyed")),
    };
    Ok(Lifecycle { state, destroy: Some(now), ..current })
}

fn modify(current: Lifecycle, dates: Dates, now: Date) -> Result<Lifecycle, Refusal> {
    let pre_active = current.state == State::PreActive;
    let alive = pre_active || current.state == State::Active;
    let open = |old: Option<Date>| alive && !reached(old, now);
    let table = [
        (dates.activation, pre_active, "the Activation Date can be changed while the object is Pre-Active"),
        (dates.deactivation, alive, "the Deactivation Date can be changed while the object is Pre-Active or Active"),
        (dates.process_start, open(current.process_start), "the Process Start Date can be changed until it is reached"),
        (dates.protect_stop, open(current.protect_stop), "the Protect Stop Date can be changed until it is reached"),
    ];
    if let Some((_, _, words)) = table.into_iter().find(|(date, allowed, _)| date.is_some() && !allowed) {
        return Err(Refusal::wrong_state(words));
    }
    let after = Lifecycle {
        activation: dates.activation.or(current.activation),
        process_start: dates.process_start.or(current.process_start),
        protect_stop: dates.protect_stop.or(current.protect_stop),
        deactivation: dates.deactivation.or(current.deactivation),
        ..current
    };
    after.keeps_order(&current)?;
    Ok(after)
}

/// Whether the date is set and not in the future.
pub fn reached(date: Option<Date>, now: Date) -> bool {
    date.is_some_and(|date| date <= now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::Version;

    const NOW: Date = Date(1_000);
    const STATES: [State; 6] = [
        State::PreActive,
        State::Active,
        State::Deactivated,
        State::Compromised,
        State::Destroyed,
        State::DestroyedCompromised,
    ];

    fn in_state(state: State) -> Lifecycle {
        Lifecycle { state, ..Lifecycle::created(Dates::default(), Date(10)).unwrap() }
    }

    /// The diagram of 2.1 §4.57: a row an event, a column a state; `None` is a refusal.
    #[test]
    fn every_event_in_every_state() {
        let [pre, active, off, bad, gone, gone_bad] = STATES.map(Some);
        let superseded = Event::Revoke(RevocationReasonCode::Superseded, None);
        let key_compromise = Event::Revoke(RevocationReasonCode::KeyCompromise, None);
        let ca_compromise = Event::Revoke(RevocationReasonCode::CACompromise, Some(Date(500)));
        let past = Some(Date(900));
        let activation = Event::ModifyDates(Dates { activation: past, ..Dates::default() });
        let deactivation = Event::ModifyDates(Dates { deactivation: past, ..Dates::default() });
        let window = Event::ModifyDates(Dates { process_start: past, protect_stop: past, ..Dates::default() });
        #[rustfmt::skip]
        let table = [
            //                                     Pre-Active  Active        Deactivated  Compromised     Destroyed       D. Compromised
            (Event::Activate,                      [active,    None,         None,        None,           None,           None]),
            (superseded,                           [None,      off,          None,        None,           None,           None]),
            (key_compromise,                       [bad,       bad,          bad,         None,           gone_bad,       None]),
            (ca_compromise,                        [bad,       bad,          bad,         None,           gone_bad,       None]),
            (Event::Deactivate(None),              [None,      off,          None,        None,           None,           None]),
            (Event::Deactivate(Some(Date(2_000))), [None,      active,       None,        None,           None,           None]),
            (Event::Destroy,                       [gone,      None,         gone,        gone_bad,       None,           None]),
            (activation,                           [active,    None,         None,        None,           None,           None]),
            (deactivation,                         [pre,       off,          None,        None,           None,           None]),
            (window,                               [pre,       active,       None,        None,           None,           None]),
            (Event::DateReached,                   [pre,       active,       off,         bad,            gone,           gone_bad]),
        ];
        for (event, row) in table {
            for (state, expected) in STATES.into_iter().zip(row) {
                let after = next(&in_state(state), event, NOW);
                assert_eq!(after.as_ref().ok().map(|after| after.state), expected, "{event:?} in {state}");
                if let Err(refusal) = after {
                    assert_eq!(refusal.reason(Version::V1_4), ResultReason::PermissionDenied, "{event:?} in {state}");
                    let destroyed = event == Event::Destroy && is_destroyed(state);
                    let reason =
                        if destroyed { ResultReason::ObjectDestroyed } else { ResultReason::WrongKeyLifecycleState };
                    assert_eq!(refusal.reason(Version::V2_1), reason, "{event:?} in {state}");
                }
            }
        }
    }

    #[test]
    fn dates_act_by_themselves() {
        let created = |activation: Option<i64>, deactivation: Option<i64>| {
            let dates =
                Dates { activation: activation.map(Date), deactivation: deactivation.map(Date), ..Dates::default() };
            Lifecycle::created(dates, NOW).map(|new| new.state)
        };
        assert_eq!(created(None, None), Ok(State::PreActive));
        assert_eq!(created(Some(1_001), None), Ok(State::PreActive));
        assert_eq!(created(Some(1_000), None), Ok(State::Active));
        assert_eq!(created(Some(10), Some(20)), Ok(State::Deactivated));
        // No transition leads from Pre-Active to Deactivated.
        assert_eq!(created(None, Some(20)), Ok(State::PreActive));
        assert!(created(Some(20), Some(10)).is_err());

        let later = Lifecycle { activation: Some(Date(2_000)), ..in_state(State::PreActive) };
        assert_eq!(later.next_date(), Some(Date(2_000)));
        assert_eq!(next(&later, Event::Destroy, Date(1_999)).map(|after| after.state), Ok(State::Destroyed));
        assert!(next(&later, Event::Destroy, Date(2_000)).is_err());
    }

    #[test]
    fn events_leave_their_dates() {
        let active = next(&in_state(State::PreActive), Event::Activate, NOW).unwrap();
        assert_eq!(active.activation, Some(NOW));
        let off = next(&active, Event::Revoke(RevocationReasonCode::Unspecified, None), Date(1_010)).unwrap();
        assert_eq!(off.deactivation, Some(Date(1_010)));
        let gone = next(&off, Event::Destroy, Date(1_020)).unwrap();
        assert_eq!(gone.destroy, Some(Date(1_020)));
        let bad = next(&gone, Event::Revoke(RevocationReasonCode::KeyCompromise, None), Date(1_030)).unwrap();
        assert_eq!((bad.compromise, bad.compromise_occurrence), (Some(Date(1_030)), Some(Date(10))));
    }

    #[test]
    fn a_compromise_date_must_make_sense() {
        let active = in_state(State::Active);
        let table = [(RevocationReasonCode::KeyCompromise, NOW.plus(1)), (RevocationReasonCode::Superseded, Date(1))];
        for (code, date) in table {
            let refusal = next(&active, Event::Revoke(code, Some(date)), NOW).unwrap_err();
            assert_eq!(refusal.reason(Version::V2_1), ResultReason::InvalidField);
        }
    }

    #[test]
    fn dates_keep_their_order() {
        let date = |seconds| Some(Date(seconds));
        let table = [
            (Dates { activation: date(5), process_start: date(5), ..Dates::default() }, true),
            (Dates { activation: date(5), process_start: date(4), ..Dates::default() }, false),
            (Dates { protect_stop: date(7), deactivation: date(7), ..Dates::default() }, true),
            (Dates { protect_stop: date(8), deactivation: date(7), ..Dates::default() }, false),
            // The test cases have a Process Start Date after the Protect Stop Date.
            (Dates { process_start: date(9), protect_stop: date(1), ..Dates::default() }, true),
        ];
        for (dates, expected) in table {
            assert_eq!(Lifecycle::created(dates, NOW).is_ok(), expected, "{dates:?}");
        }
    }

    #[test]
    fn a_reached_window_is_closed() {
        let open = Lifecycle { process_start: Some(Date(1_001)), ..in_state(State::Active) };
        let change = Event::ModifyDates(Dates { process_start: Some(Date(5_000)), ..Dates::default() });
        assert!(next(&open, change, NOW).is_ok());
        assert!(next(&open, change, Date(1_001)).is_err());
    }

    #[test]
    fn an_old_disorder_does_not_block_a_new_date() {
        let planned = Lifecycle { process_start: Some(Date(900)), ..in_state(State::PreActive) };
        let active = next(&planned, Event::Activate, NOW).unwrap();
        assert!(active.in_order().is_err());
        let end = |seconds| Event::ModifyDates(Dates { deactivation: Some(Date(seconds)), ..Dates::default() });
        assert!(next(&active, end(2_000), NOW).is_ok());
        assert!(next(&active, end(999), NOW).is_err());
    }

    #[test]
    fn attributes_carry_the_lifecycle() {
        let mut attributes = Attributes::new();
        let lifecycle = Lifecycle { protect_stop: Some(Date(3)), ..in_state(State::Active) };
        lifecycle.store(&mut attributes);
        assert_eq!(Lifecycle::of(&attributes), lifecycle);
        assert_eq!(effective_state(&attributes, NOW), State::Active);
    }
}
