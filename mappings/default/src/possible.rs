//! What the rules can say, without an event: the texts that stand in them, wherever an event may lead.

use crate::rules::{Layer, Rule, Rules, join};
use crate::template::Template;
use crate::types::Possible;

impl Rules {
    /// Everything that the rules can say, in their order, once for each kind of record.
    pub fn possible(&self) -> Vec<Possible> {
        let mut found = Vec::new();
        for section in &self.sections {
            let layers = |name: &str, layers: &'_ [(String, Layer)]| -> Vec<String> {
                layers.iter().map(|(key, _)| join(&join(section.name, name), key)).collect()
            };
            let paths = std::iter::once(section.name.to_owned())
                .chain(layers("tiers", &section.tiers))
                .chain(layers("environments", &section.environments))
                .chain((0..section.when.len()).map(|number| format!("{}.when[{number}]", section.name)));
            for (path, layer) in paths.zip(section.layers()) {
                for kind in section.kinds() {
                    self.layer(kind, &path, layer, &mut found);
                }
            }
        }
        found
    }

    fn layer(&self, kind: &str, path: &str, layer: &Layer, found: &mut Vec<Possible>) {
        let mut add = |field: Option<&str>, path: String, template: Option<&Template>, is_named| {
            let known = template.map(|template| template.known(&self.lookups)).unwrap_or_default();
            let mut values: Vec<String> = Vec::new();
            for text in known.texts.iter().map(|text| text.trim()).filter(|text| !text.is_empty()) {
                if values.iter().all(|value| value != text) {
                    values.push(text.to_owned());
                }
            }
            found.push(Possible {
                kind: kind.to_owned(),
                path,
                field: field.map(str::to_owned),
                is_left_out: template.is_none(),
                is_named,
                values,
                is_open: known.is_open,
            });
        };
        if let Some(class) = &layer.class {
            add(None, join(path, "class"), Some(class), false);
        }
        for (name, rule) in &layer.fields {
            let at = join(&join(path, "fields"), name);
            match rule {
                Rule::LeaveOut => add(Some(name), at, None, false),
                Rule::Text(template) => add(Some(name), at, Some(template), false),
                Rule::Named(template) => add(Some(name), at, Some(template), true),
            }
        }
    }
}
