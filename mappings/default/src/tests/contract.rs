//! The shapes of events are the contract's.

use crate::event::{KINDS, Member, Shape, member};
use wit_parser::{Resolve, Type, TypeDefKind};

/// Which of the contract's records each kind of record is made from.
const EVENTS: [(&str, &[&str]); 5] = [
    ("build-change", &["build-request"]),
    ("deploy-change", &["deploy-event"]),
    ("incident", &["failure-event"]),
    ("image", &["deploy-event", "build-result"]),
    ("system", &["deploy-event"]),
];

/// What stands beside an event, for a template alone.
const BESIDE: [&str; 3] = ["kind", "defaults", "system"];

#[test]
fn every_part_of_an_event_has_the_contracts_shape() {
    let mut resolve = Resolve::default();
    resolve.push_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit")).unwrap();
    for ((kind, parts), (same, records)) in KINDS.iter().zip(EVENTS) {
        assert_eq!(*kind, same);
        let mut known: Vec<&str> = BESIDE.into();
        for record in records {
            let (_, found) = resolve.types.iter().find(|(_, def)| def.name.as_deref() == Some(record)).unwrap();
            let TypeDefKind::Record(record) = &found.kind else { panic!("{record} is no record") };
            for field in &record.fields {
                let name = snake(&field.name);
                let at = format!("{kind}: {name}");
                let shape = parts.iter().find_map(|members| find(members, &name));
                compare(&resolve, &at, &field.ty, shape.unwrap_or_else(|| panic!("{at} is missing")));
                known.push(shape.map(|_| name.leak()).unwrap());
            }
        }
        for (name, _) in parts.iter().flat_map(|members| members.iter()) {
            assert!(known.contains(name), "{kind}: {name} is not the contract's");
        }
    }
}

fn find(members: &'static [Member], name: &str) -> Option<&'static Shape> {
    members.iter().find(|(known, _)| *known == name).map(|(_, shape)| shape)
}

fn snake(name: &str) -> String {
    name.replace('-', "_")
}

fn compare(resolve: &Resolve, at: &str, ty: &Type, shape: &'static Shape) {
    let Type::Id(id) = ty else {
        let fits = match ty {
            Type::String => matches!(shape, Shape::Text),
            Type::Bool => matches!(shape, Shape::Flag),
            Type::U32 | Type::U64 => matches!(shape, Shape::Number),
            _ => false,
        };
        assert!(fits, "{at}: {ty:?} is no {shape:?}");
        return;
    };
    let def = &resolve.types[*id];
    // A time is a number in the contract and RFC 3339 in JSON.
    if def.name.as_deref() == Some("timestamp") {
        assert!(matches!(shape, Shape::Text), "{at}");
        return;
    }
    match (&def.kind, shape) {
        (TypeDefKind::Type(inner) | TypeDefKind::Option(inner), shape) => compare(resolve, at, inner, shape),
        (TypeDefKind::List(Type::U8), Shape::Text) => {}
        (TypeDefKind::List(inner), Shape::Open) => {
            let mut inner = *inner;
            while let Type::Id(id) = inner
                && let TypeDefKind::Type(aliased) = &resolve.types[id].kind
            {
                inner = *aliased;
            }
            let Type::Id(id) = inner else { panic!("{at}") };
            assert_eq!(resolve.types[id].name.as_deref(), Some("attribute"), "{at}");
        }
        (TypeDefKind::List(inner), Shape::List(shape)) => compare(resolve, at, inner, shape),
        (TypeDefKind::Enum(_), Shape::Text) => {}
        (TypeDefKind::Record(record), Shape::Record(members)) => {
            assert_eq!(record.fields.len(), members.len(), "{at}");
            for field in &record.fields {
                let name = snake(&field.name);
                let shape = find(members, &name).unwrap_or_else(|| panic!("{at}.{name} is missing"));
                compare(resolve, &format!("{at}.{name}"), &field.ty, shape);
            }
        }
        (TypeDefKind::Variant(variant), Shape::Case(cases)) => {
            let carrying: Vec<_> =
                variant.cases.iter().filter(|case| case.ty.is_some() && case.name != "other").collect();
            assert_eq!(carrying.len(), cases.len(), "{at}");
            for case in carrying {
                let name = snake(&case.name);
                let (_, shape) =
                    cases.iter().find(|(known, _)| *known == name).unwrap_or_else(|| panic!("{at}_{name}"));
                compare(resolve, &format!("{at}_{name}"), &case.ty.unwrap(), shape);
            }
        }
        (kind, shape) => panic!("{at}: {kind:?} is no {shape:?}"),
    }
}

#[test]
fn a_part_is_found_by_its_name_and_what_a_case_carries_beside_it() {
    let members: &'static [Member] =
        &[("phase", Shape::Case(&[("failed", Shape::Number)])), ("phase_of_moon", Shape::Flag)];
    assert!(matches!(member(members, "phase"), Some(Shape::Case(_))));
    assert!(matches!(member(members, "phase_failed"), Some(Shape::Number)));
    assert!(matches!(member(members, "phase_of_moon"), Some(Shape::Flag)));
    assert!(member(members, "phase_other").is_none());
}
