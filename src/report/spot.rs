//! The spots of a finding: its places as a person wants them, what can be opened first and each path once.

use std::collections::HashMap;

use super::Run;
use super::place::{short, shown};
use super::story;
use crate::finding::{Location, Origin, TextKind};

/// A place that is listed.
pub(super) struct Spot<'a> {
    pub(super) place: &'a Location,
    /// Other versions of the same file that hold the secret and had the same fate.
    pub(super) versions: u64,
    /// Places in those versions.
    elsewhere: u64,
}

/// The spots of sorted locations. A file of which a hundred versions hold the secret would hide all others, so of
/// versions with the same fate one is listed.
pub(super) fn of(locations: &[Location]) -> Vec<Spot<'_>> {
    let mut spots: Vec<Spot<'_>> = Vec::new();
    let mut index = HashMap::new();
    for place in locations {
        if let Origin::Blob { path: Some(path), id } = &place.origin {
            let (listed, last, at) = index.entry((path, &place.trail)).or_insert((id, id, spots.len()));
            if *listed != id {
                spots[*at].elsewhere += 1;
                spots[*at].versions += u64::from(*last != id);
                *last = id;
                continue;
            }
        }
        spots.push(place.into());
    }
    spots.sort_by_key(|spot| Standing::of(spot.place));
    spots
}

impl<'a> From<&'a Location> for Spot<'a> {
    fn from(place: &'a Location) -> Self {
        Self { place, versions: 0, elsewhere: 0 }
    }
}

impl Spot<'_> {
    /// How many places it stands for.
    pub(super) fn places(&self) -> u64 {
        1 + self.elsewhere
    }

    /// Input, line and column: on most terminals a click opens it. Where the input is nothing but a name, that.
    pub(super) fn name(&self, run: &Run) -> String {
        let name = shown(&self.place.origin, run);
        if let Some(place) = &self.place.database {
            let place = place.to_string();
            return if place.is_empty() { name } else { format!("{name}: {place}") };
        }
        match self.place.origin {
            Origin::Text { kind: TextKind::FileName | TextKind::RefName, .. } => name,
            _ => format!("{name}:{}:{}", self.place.start.line, self.place.start.column),
        }
    }

    /// Which commits brought it there and took it away, unless HEAD has it; of an object, which part it may be.
    pub(super) fn fate(&self) -> String {
        let Location { origin, trail, database, .. } = self.place;
        if let Some(place) = database {
            let log = if place.in_log { ", in the log" } else { "" };
            return format!("{}{log}", place.what);
        }
        let told = trail.as_ref().map(story::fate).unwrap_or_default();
        match origin {
            // The commit that holds it is the one that introduced it.
            Origin::Text { kind: TextKind::Commit, .. } => "message, author or committer".to_owned(),
            Origin::Text { kind: TextKind::Tag, .. } => "message, name or tagger".to_owned(),
            Origin::Blob { path: Some(_), id }
                if told.is_empty() && Standing::of(self.place) == Standing::Past =>
            {
                format!("in blob {}", short(id))
            }
            _ => told,
        }
    }
}

/// How well a place can be shown, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Standing {
    /// It can be opened: an input of today, or a file that HEAD still has.
    Present,
    /// A file of the past.
    Past,
    /// No file.
    Object,
}

impl Standing {
    pub(super) fn of(place: &Location) -> Self {
        match &place.origin {
            Origin::File { .. } | Origin::Staged { .. } | Origin::Stdin => Self::Present,
            Origin::Blob { path: Some(_), .. } => {
                if place.trail.as_ref().is_some_and(|trail| trail.at_head) {
                    Self::Present
                } else {
                    Self::Past
                }
            }
            Origin::Blob { path: None, .. } | Origin::Text { .. } => Self::Object,
        }
    }
}
