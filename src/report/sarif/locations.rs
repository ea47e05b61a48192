//! Places as locations (section 3.28): every one has an artifact, because GitHub refuses a report where one has none.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use serde_sarif::sarif::{self, ArtifactLocation, LogicalLocation, PhysicalLocation, PropertyBag, Region};

use super::{ROOT, message};
use crate::finding::{DatabasePlace, Location, Origin};
use crate::report::json::Trail;
use crate::report::place::Place;

/// One place, and for an object of the history also its logical location.
pub(super) fn location(place: &Place, at: &Location) -> sarif::Location {
    let mut artifact = ArtifactLocation::builder().uri(place.uri()).build();
    match place {
        Place::Inside(_) => artifact.uri_base_id = Some(ROOT.into()),
        Place::Outside(_) => {}
        Place::Object(what, id) => {
            artifact.description = Some(message(&format!("{what} {id}, which is no file of the work tree")));
        }
        Place::Stdin => artifact.description = Some(message("standard input")),
    }
    // A column is a code point, and the end is the one after the last (section 3.30.8), as in `Location`.
    let region = Region::builder()
        .start_line(integer(at.start.line))
        .start_column(integer(at.start.column))
        .end_line(integer(at.end.line))
        .end_column(integer(at.end.column))
        .build();
    let physical = PhysicalLocation::builder().artifact_location(artifact).region(region).build();
    let mut location = sarif::Location::builder().physical_location(physical).build();
    location.logical_locations = logical(place).map(|object| vec![object]);
    if let Some(place) = &at.database {
        location.message = Some(message(&format!("{place}: {}", place.what)));
        location.logical_locations = Some(vec![in_database(place)]);
    }
    location
}

/// The table or index as an object (section 3.33): a database has no lines.
fn in_database(place: &DatabasePlace) -> LogicalLocation {
    let name = if place.object.is_empty() { "the file" } else { &place.object };
    LogicalLocation::builder()
        .name(name)
        .fully_qualified_name(format!("{name}, {place}"))
        .kind("element")
        .build()
}

/// The object by its own name (section 3.33), for readers who care less for files than GitHub does.
fn logical(place: &Place) -> Option<LogicalLocation> {
    let Place::Object(what, id) = place else { return None };
    let name = format!("{what} {id}");
    Some(LogicalLocation::builder().name(id.clone()).fully_qualified_name(name).kind(*what).build())
}

/// Which version of a file it is: SARIF has no place for the commit of one location.
pub(super) fn history(at: &Location) -> Option<PropertyBag> {
    let (Origin::Blob { id, .. } | Origin::Text { id, .. }) = &at.origin else { return None };
    let trail = at.trail.as_ref().and_then(|trail| property("trail", &Trail::new(trail)));
    let object = ("object".to_owned(), Value::from(id.as_str()));
    Some(properties([object].into_iter().chain(trail)))
}

/// A property with the shape that the JSON report gives it.
pub(super) fn property(name: &str, value: &impl Serialize) -> Option<(String, Value)> {
    Some((name.to_owned(), serde_json::to_value(value).ok()?))
}

pub(super) fn properties(all: impl IntoIterator<Item = (String, Value)>) -> PropertyBag {
    PropertyBag::builder().additional_properties(all.into_iter().collect::<BTreeMap<_, _>>()).build()
}

fn integer(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
