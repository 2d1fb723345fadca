//! What one record says, by the rules.

use crate::data::Data;
use crate::event::{KINDS, seen};
use crate::nearest::did_you_mean;
use crate::rules::{Layer, Rule, Rules};
use crate::template::most_specific;
use crate::types::{Complaint, Field, Mapped, Produced, Value};

impl Rules {
    /// The fields that the rules can set, for each kind of record.
    pub fn produced(&self) -> Vec<Produced> {
        let produced = KINDS.iter().map(|(kind, _)| {
            let sections = self.sections.iter().filter(|section| section.covers(kind));
            let mut fields = Vec::new();
            for (name, rule) in sections.flat_map(|section| section.layers()).flat_map(|layer| &layer.fields) {
                if !matches!(rule, Rule::LeaveOut) && !fields.contains(name) {
                    fields.push(name.clone());
                }
            }
            Produced { kind: (*kind).to_owned(), fields, open: false }
        });
        produced.collect()
    }

    /// What one record says.
    ///
    /// # Errors
    /// Where there is no such kind, or the event is no JSON.
    pub fn apply(&self, kind: &str, event: &str, defaults: Vec<Field>) -> Result<Mapped, Complaint> {
        let complaint = |message| Complaint { path: String::new(), line: None, column: None, message };
        let Some((_, parts)) = KINDS.iter().find(|(known, _)| *known == kind) else {
            let hint = did_you_mean(kind, KINDS.iter().map(|(kind, _)| *kind));
            return Err(complaint(format!("there is no kind of record `{kind}`{hint}")));
        };
        let event = Data::parse(event).map_err(|error| complaint(format!("the event is no JSON: {error}")))?;
        let texts = defaults.iter().map(|field| (field.name.clone(), Data::Text(field.value.text().to_owned())));
        let event = seen(parts, kind, &event, texts.collect());
        let mut mapped = Mapped { class_name: None, fields: defaults };
        let environment = event.get("environment");
        let (tier, name) = (environment.get("tier").text(), environment.get("name").text());
        for section in self.sections.iter().filter(|section| section.covers(kind)) {
            self.lay(&section.always, &event, &mut mapped);
            if let Some((_, layer)) = section.tiers.iter().find(|(known, _)| *known == tier) {
                self.lay(layer, &event, &mut mapped);
            }
            if *environment != Data::Nothing {
                for (_, layer) in most_specific(&section.environments, &name) {
                    self.lay(layer, &event, &mut mapped);
                }
            }
            for (condition, layer) in &section.when {
                if condition.holds(&event, &self.lookups) {
                    self.lay(layer, &event, &mut mapped);
                }
            }
        }
        Ok(mapped)
    }

    /// Lays a layer over what is there. A rule that prints nothing says nothing: what is below it stays.
    fn lay(&self, layer: &Layer, event: &Data, mapped: &mut Mapped) {
        let print = |template: &crate::template::Template| {
            let text = template.print(event, &self.lookups);
            let text = text.trim();
            (!text.is_empty()).then(|| text.to_owned())
        };
        if let Some(class) = layer.class.as_ref().and_then(print) {
            mapped.class_name = Some(class);
        }
        for (name, rule) in &layer.fields {
            let value = match rule {
                Rule::LeaveOut => {
                    mapped.fields.retain(|field| field.name != *name);
                    continue;
                }
                Rule::Text(template) => print(template).map(Value::Text),
                Rule::Named(template) => print(template).map(Value::Named),
            };
            let Some(value) = value else { continue };
            match mapped.fields.iter_mut().find(|field| field.name == *name) {
                Some(field) => field.value = value,
                None => mapped.fields.push(Field { name: name.clone(), value }),
            }
        }
    }
}
