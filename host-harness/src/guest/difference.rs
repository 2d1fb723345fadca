//! Where two versions of one interface differ, in words.
//!
//! Types are compared by structure, as linking does, and the first difference is named down to the field: "no plug
//! happened" helps nobody.

use super::interface::Interface;
use wit_parser::{Function, InterfaceId, Type, TypeDefKind};

/// An interface, and where it is read from.
pub(super) type Side<'a> = (&'a Interface, InterfaceId);

/// The first difference between the interface that is wanted and the one that is there; none where they agree.
///
/// More functions than are wanted do no harm.
pub(super) fn difference(wanted: Side<'_>, found: Side<'_>) -> Option<String> {
    let sides = Sides { wanted: wanted.0, found: found.0 };
    functions(wanted).find_map(|wanted| match functions(found).find(|found| found.name == wanted.name) {
        None => Some(format!("the function `{}` is missing", wanted.name)),
        Some(found) => sides.function(wanted, found),
    })
}

/// The same for an interface that a host offers and a component asks for: here the component may leave functions out,
/// and add none.
pub(super) fn overreach(offered: Side<'_>, asked: Side<'_>) -> Option<String> {
    let sides = Sides { wanted: offered.0, found: asked.0 };
    functions(asked).find_map(|asked| match functions(offered).find(|offered| offered.name == asked.name) {
        None => Some(format!("the function `{}` is not the contract's", asked.name)),
        Some(offered) => sides.function(offered, asked),
    })
}

fn functions<'a>((interface, id): Side<'a>) -> impl Iterator<Item = &'a Function> {
    interface.resolve.interfaces.get(id).into_iter().flat_map(|interface| interface.functions.values())
}

struct Sides<'a> {
    wanted: &'a Interface,
    found: &'a Interface,
}

impl Sides<'_> {
    fn function(&self, wanted: &Function, found: &Function) -> Option<String> {
        self.signature(wanted, found).map(|what| format!("function `{}`: {what}", wanted.name))
    }

    fn signature(&self, wanted: &Function, found: &Function) -> Option<String> {
        if wanted.kind.is_async() != found.kind.is_async() {
            return Some("one is `async` and the other is not".into());
        }
        let names = |function: &Function| {
            function.params.iter().map(|param| format!("`{}`", param.name)).collect::<Vec<_>>().join(", ")
        };
        let (wanted_names, found_names) = (names(wanted), names(found));
        if wanted_names != found_names {
            return Some(format!("takes ({found_names}) instead of ({wanted_names})"));
        }
        for (wanted, found) in wanted.params.iter().zip(&found.params) {
            if let Some(what) = self.types(&wanted.ty, &found.ty) {
                return Some(format!("parameter `{}`: {what}", wanted.name));
            }
        }
        self.optional(wanted.result.as_ref(), found.result.as_ref()).map(|what| format!("result: {what}"))
    }

    fn optional(&self, wanted: Option<&Type>, found: Option<&Type>) -> Option<String> {
        match (wanted, found) {
            (None, None) => None,
            (Some(wanted), Some(found)) => self.types(wanted, found),
            (Some(wanted), None) => Some(format!("nothing instead of {}", self.wanted.word(wanted))),
            (None, Some(found)) => Some(format!("{} instead of nothing", self.found.word(found))),
        }
    }

    fn types(&self, wanted: &Type, found: &Type) -> Option<String> {
        let (wanted, found) = (self.wanted.root(wanted), self.found.root(found));
        let otherwise = || Some(format!("{} instead of {}", self.found.word(&found), self.wanted.word(&wanted)));
        let (Type::Id(wanted_id), Type::Id(found_id)) = (wanted, found) else {
            return if wanted == found { None } else { otherwise() };
        };
        let (Some(a), Some(b)) = (self.wanted.resolve.types.get(wanted_id), self.found.resolve.types.get(found_id))
        else {
            return otherwise();
        };
        let within = |what: String| match &a.name {
            Some(name) => format!("in `{name}`, {what}"),
            None => what,
        };
        match (&a.kind, &b.kind) {
            (TypeDefKind::Record(a), TypeDefKind::Record(b)) => {
                let fields = |fields: &[wit_parser::Field]| {
                    fields.iter().map(|field| (field.name.clone(), Some(field.ty))).collect::<Vec<_>>()
                };
                self.members("field", &fields(&a.fields), &fields(&b.fields)).map(within)
            }
            (TypeDefKind::Variant(a), TypeDefKind::Variant(b)) => {
                let cases = |cases: &[wit_parser::Case]| {
                    cases.iter().map(|case| (case.name.clone(), case.ty)).collect::<Vec<_>>()
                };
                self.members("case", &cases(&a.cases), &cases(&b.cases)).map(within)
            }
            (TypeDefKind::Enum(a), TypeDefKind::Enum(b)) => {
                let cases = |cases: &[wit_parser::EnumCase]| {
                    cases.iter().map(|case| (case.name.clone(), None)).collect::<Vec<_>>()
                };
                self.members("case", &cases(&a.cases), &cases(&b.cases)).map(within)
            }
            (TypeDefKind::Flags(a), TypeDefKind::Flags(b)) => {
                let flags =
                    |flags: &[wit_parser::Flag]| flags.iter().map(|flag| (flag.name.clone(), None)).collect::<Vec<_>>();
                self.members("flag", &flags(&a.flags), &flags(&b.flags)).map(within)
            }
            (TypeDefKind::List(a), TypeDefKind::List(b)) | (TypeDefKind::Option(a), TypeDefKind::Option(b)) => {
                self.types(a, b)
            }
            (TypeDefKind::Tuple(a), TypeDefKind::Tuple(b)) if a.types.len() == b.types.len() => {
                a.types.iter().zip(&b.types).find_map(|(a, b)| self.types(a, b))
            }
            (TypeDefKind::Result(a), TypeDefKind::Result(b)) => self
                .optional(a.ok.as_ref(), b.ok.as_ref())
                .or_else(|| self.optional(a.err.as_ref(), b.err.as_ref()).map(|what| format!("error: {what}"))),
            _ => otherwise(),
        }
    }

    /// Fields or cases, which count in their order.
    fn members(
        &self,
        noun: &str,
        wanted: &[(String, Option<Type>)],
        found: &[(String, Option<Type>)],
    ) -> Option<String> {
        if let Some((name, _)) = found.iter().find(|(name, _)| wanted.iter().all(|(known, _)| known != name)) {
            return Some(format!("the {noun} `{name}` is not the contract's"));
        }
        if let Some((name, _)) = wanted.iter().find(|(name, _)| found.iter().all(|(known, _)| known != name)) {
            return Some(format!("the {noun} `{name}` is missing"));
        }
        wanted.iter().zip(found).find_map(|((wanted_name, wanted), (found_name, found))| {
            if wanted_name == found_name {
                self.optional(wanted.as_ref(), found.as_ref()).map(|what| format!("{noun} `{wanted_name}`: {what}"))
            } else {
                Some(format!("the {noun} `{found_name}` stands where `{wanted_name}` belongs"))
            }
        })
    }
}

impl Interface {
    /// A type with its aliases taken off.
    fn root(&self, ty: &Type) -> Type {
        let mut ty = *ty;
        while let Type::Id(id) = ty
            && let Some(TypeDefKind::Type(inner)) = self.resolve.types.get(id).map(|def| &def.kind)
        {
            ty = *inner;
        }
        ty
    }

    /// A type in words.
    fn word(&self, ty: &Type) -> String {
        let Type::Id(id) = self.root(ty) else { return format!("a {}", format!("{ty:?}").to_lowercase()) };
        let Some(def) = self.resolve.types.get(id) else { return "an unknown type".into() };
        match &def.name {
            Some(name) => format!("`{name}`"),
            None => {
                let kind = def.kind.as_str();
                format!("{} {kind}", if kind.starts_with(['a', 'e', 'o']) { "an" } else { "a" })
            }
        }
    }
}
