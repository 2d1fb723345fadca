//! The rules: the settings' `mapping` section, read and checked.

use crate::data::Data;
use crate::event::{KINDS, Member};
use crate::nearest::did_you_mean;
use crate::template::{Condition, Lookups, Mistake, Scope, Template, position};
use crate::types::Complaint;
use itsm_contract::is_reserved;

/// Every rule, and the tables that they share.
pub struct Rules {
    /// The tables.
    pub lookups: Lookups,
    /// What is said of each kind of record.
    pub sections: Vec<Section>,
}

/// What is said of one kind of record, or of changes of both kinds.
pub struct Section {
    /// `change` or a kind.
    pub name: &'static str,
    /// Always.
    pub always: Layer,
    /// For an environment of this tier.
    pub tiers: Vec<(String, Layer)>,
    /// For an environment of this name or pattern.
    pub environments: Vec<(String, Layer)>,
    /// For events of which this holds, in this order.
    pub when: Vec<(Condition, Layer)>,
}

/// Rules that hold together.
#[derive(Default)]
pub struct Layer {
    /// A configuration item's class.
    pub class: Option<Template>,
    /// By ServiceNow's name of the field.
    pub fields: Vec<(String, Rule)>,
}

/// What becomes of a field.
pub enum Rule {
    /// It is not sent.
    LeaveOut,
    /// It is this text.
    Text(Template),
    /// It refers to the record of this name.
    Named(Template),
}

/// The sections, each with the kinds that it speaks of.
pub const SECTIONS: &[(&str, &[&str])] = &[
    ("change", &["build-change", "deploy-change"]),
    ("build-change", &["build-change"]),
    ("deploy-change", &["deploy-change"]),
    ("incident", &["incident"]),
    ("image", &["image"]),
    ("system", &["system"]),
];

impl Section {
    /// Whether it speaks of this kind.
    pub fn covers(&self, kind: &str) -> bool {
        self.kinds().contains(&kind)
    }

    /// The kinds that it speaks of.
    pub fn kinds(&self) -> &'static [&'static str] {
        SECTIONS.iter().find(|(name, _)| *name == self.name).map_or(&[], |(_, kinds)| kinds)
    }

    /// Every layer, whatever it depends on.
    pub fn layers(&self) -> impl Iterator<Item = &Layer> {
        let tiers = self.tiers.iter().map(|(_, layer)| layer);
        let environments = self.environments.iter().map(|(_, layer)| layer);
        let when = self.when.iter().map(|(_, layer)| layer);
        std::iter::once(&self.always).chain(tiers).chain(environments).chain(when)
    }
}

impl Rules {
    /// Reads the rules; an empty text is none.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn parse(json: &str) -> Result<Self, Vec<Complaint>> {
        let json = if json.trim().is_empty() { "{}" } else { json };
        let data = Data::parse(json).map_err(|error| {
            let place = |number: usize| u32::try_from(number).ok();
            let (line, column) = (place(error.line()), place(error.column()));
            vec![Complaint { path: String::new(), line, column, message: format!("these rules are no JSON: {error}") }]
        })?;
        let mut reader = Reader { complaints: Vec::new() };
        let lookups = reader.lookups(data.get("lookups"));
        let tables: Vec<_> = lookups.tables.iter().map(|(name, _)| name.as_str()).collect();
        let known = SECTIONS.iter().map(|(name, _)| *name).chain(["lookups", "on-error"]);
        for (key, _) in reader.entries("", &data) {
            if known.clone().all(|known| known != key) {
                reader.complain(key, format!("there is no section `{key}`{}", did_you_mean(key, known.clone())));
            }
        }
        // In this order: `change` before the kind that says more.
        let mut sections = Vec::new();
        for (name, kinds) in SECTIONS {
            if *data.get(name) != Data::Nothing {
                sections.push(reader.section(name, kinds, &tables, data.get(name)));
            }
        }
        if reader.complaints.is_empty() { Ok(Self { lookups, sections }) } else { Err(reader.complaints) }
    }
}

/// What a layer's text is read against.
#[derive(Clone, Copy)]
struct Context<'a> {
    scope: Scope<'a>,
    is_item: bool,
}

struct Reader {
    complaints: Vec<Complaint>,
}

impl Reader {
    fn complain(&mut self, path: &str, message: String) {
        self.complaints.push(Complaint { path: path.to_owned(), line: None, column: None, message });
    }

    fn mistakes(&mut self, path: &str, source: &str, mistakes: Vec<Mistake>) {
        for Mistake { at, message } in mistakes {
            let (line, column) = position(source, at);
            self.complaints.push(Complaint { path: path.to_owned(), line: Some(line), column: Some(column), message });
        }
    }

    fn entries<'d>(&mut self, path: &str, data: &'d Data) -> &'d [(String, Data)] {
        match data {
            Data::Map(entries) => entries,
            Data::Nothing => &[],
            _ => {
                self.complain(path, "this is a section with names in it, not a value".into());
                &[]
            }
        }
    }

    fn lookups(&mut self, data: &Data) -> Lookups {
        let mut tables = Vec::new();
        for (name, table) in self.entries("lookups", data) {
            let at = join("lookups", name);
            let mut entries = Vec::new();
            for (key, value) in self.entries(&at, table) {
                match value {
                    Data::Text(_) | Data::Number(_) | Data::Flag(_) => {
                        entries.push((key.clone(), value.text().into_owned()));
                    }
                    _ => self.complain(&join(&at, key), "a table has texts in it".into()),
                }
            }
            tables.push((name.clone(), entries));
        }
        Lookups { tables }
    }

    fn section(&mut self, name: &'static str, kinds: &[&str], tables: &[&str], data: &Data) -> Section {
        let mut parts: Vec<&'static [Member]> = Vec::new();
        for (_, members) in KINDS.iter().filter(|(kind, _)| kinds.contains(kind)) {
            parts.extend(members.iter());
        }
        let context = Context { scope: Scope { parts: &parts, tables }, is_item: ["image", "system"].contains(&name) };
        let mut section =
            Section { name, always: Layer::default(), tiers: Vec::new(), environments: Vec::new(), when: Vec::new() };
        for (key, value) in self.entries(name, data) {
            let at = join(name, key);
            match key.as_str() {
                "tiers" => section.tiers = self.layers(&at, context, value),
                "environments" => section.environments = self.layers(&at, context, value),
                "when" => section.when = self.when(&at, context, value),
                _ => self.layer_key(name, key, context, value, &mut section.always, &["tiers", "environments", "when"]),
            }
        }
        section
    }

    fn layers(&mut self, path: &str, context: Context<'_>, data: &Data) -> Vec<(String, Layer)> {
        let mut layers = Vec::new();
        for (name, value) in self.entries(path, data) {
            let at = join(path, name);
            let mut layer = Layer::default();
            for (key, value) in self.entries(&at, value) {
                self.layer_key(&at, key, context, value, &mut layer, &[]);
            }
            layers.push((name.clone(), layer));
        }
        layers
    }

    fn when(&mut self, path: &str, context: Context<'_>, data: &Data) -> Vec<(Condition, Layer)> {
        let Data::List(items) = data else {
            self.complain(path, "conditions are a list: write `[[mapping.….when]]`".into());
            return Vec::new();
        };
        let mut when = Vec::new();
        for (number, item) in items.iter().enumerate() {
            let at = format!("{path}[{number}]");
            let mut layer = Layer::default();
            let mut condition = None;
            for (key, value) in self.entries(&at, item) {
                match (key.as_str(), value) {
                    ("if", Data::Text(source)) => condition = Some(self.condition(&join(&at, "if"), context, source)),
                    ("if", _) => {
                        self.complain(&join(&at, "if"), "a condition is a text".into());
                        condition = Some(None);
                    }
                    _ => self.layer_key(&at, key, context, value, &mut layer, &["if"]),
                }
            }
            match condition {
                Some(Some(condition)) => when.push((condition, layer)),
                Some(None) => {}
                None => self.complain(&at, "these rules have no condition: add `if`".into()),
            }
        }
        when
    }

    /// One key of a layer; `besides` are those that its owner has read already.
    fn layer_key(
        &mut self,
        path: &str,
        key: &str,
        context: Context<'_>,
        value: &Data,
        layer: &mut Layer,
        besides: &[&str],
    ) {
        let at = join(path, key);
        match (key, value) {
            ("fields", _) => {
                for (name, value) in self.entries(&at, value) {
                    let at = join(&at, name);
                    if let Some(rule) = self.field(&at, name, context, value) {
                        layer.fields.push((name.clone(), rule));
                    }
                }
            }
            ("class", _) if !context.is_item => {
                self.complain(&at, "only an image or a system has a class".into());
            }
            ("class", Data::Text(source)) => layer.class = self.template(&at, context, source),
            ("class", _) => self.complain(&at, "a class is a text, such as `cmdb_ci_linux_server`".into()),
            _ => {
                let known = besides.iter().copied().chain(["fields"]).chain(context.is_item.then_some("class"));
                let hint = match did_you_mean(key, known) {
                    // What looks like a rule was meant as one.
                    hint if hint.is_empty() && !matches!(value, Data::List(_)) => {
                        format!("; a field is written `fields.{key}`")
                    }
                    hint => hint,
                };
                self.complain(&at, format!("there is no `{key}` here{hint}"));
            }
        }
    }

    fn field(&mut self, path: &str, name: &str, context: Context<'_>, value: &Data) -> Option<Rule> {
        if is_reserved(name) {
            self.complain(
                path,
                format!(
                    "`{name}` is the plugin's own, as are all fields of identity, state and approval: leave it out"
                ),
            );
            return None;
        }
        let is_column =
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if !is_column {
            let message = format!("`{name}` is no column: write its name, such as `short_description`, not its label");
            self.complain(path, message);
            return None;
        }
        match value {
            Data::Flag(false) => Some(Rule::LeaveOut),
            Data::Text(source) => self.template(path, context, source).map(Rule::Text),
            Data::Number(_) | Data::Flag(true) => self.template(path, context, &value.text()).map(Rule::Text),
            Data::Map(entries) => match entries.as_slice() {
                [(key, Data::Text(source))] if key == "named" => {
                    self.template(&join(path, "named"), context, source).map(Rule::Named)
                }
                _ => {
                    self.complain(
                        path,
                        "a reference is written `{ named = \"…\" }`, and nothing else is written in braces".into(),
                    );
                    None
                }
            },
            Data::List(_) | Data::Nothing => {
                self.complain(
                    path,
                    "a field is a text, a number, `{ named = \"…\" }`, or `false` to leave it out".into(),
                );
                None
            }
        }
    }

    fn template(&mut self, path: &str, context: Context<'_>, source: &str) -> Option<Template> {
        if source.trim().is_empty() {
            self.complain(path, "an empty text says nothing: write `false` to leave the field out".into());
            return None;
        }
        match Template::parse(source) {
            Ok(template) => {
                self.mistakes(path, source, template.check(context.scope));
                Some(template)
            }
            Err(mistake) => {
                self.mistakes(path, source, vec![mistake]);
                None
            }
        }
    }

    fn condition(&mut self, path: &str, context: Context<'_>, source: &str) -> Option<Condition> {
        match Condition::parse(source) {
            Ok(condition) => {
                self.mistakes(path, source, condition.check(context.scope));
                Some(condition)
            }
            Err(mistake) => {
                self.mistakes(path, source, vec![mistake]);
                None
            }
        }
    }
}

/// A path with one more name, in quotes where TOML needs them.
pub fn join(path: &str, name: &str) -> String {
    let bare = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    match (path, bare) {
        ("", true) => name.to_owned(),
        ("", false) => format!("\"{name}\""),
        (path, true) => format!("{path}.{name}"),
        (path, false) => format!("{path}.\"{name}\""),
    }
}
