//! The words of the `mapping` interface.

/// What a field holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Sent as it is.
    Text(String),
    /// A name or number that the plugin resolves to the record it refers to.
    Named(String),
}

impl Value {
    /// The text or the name.
    pub fn text(&self) -> &str {
        match self {
            Self::Text(text) | Self::Named(text) => text,
        }
    }
}

/// A field of a record, by ServiceNow's own name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Such as `short_description`.
    pub name: String,
    /// What it holds.
    pub value: Value,
}

/// What a record says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mapped {
    /// For a configuration item: its class, where it is not the default one.
    pub class_name: Option<String>,
    /// In place of the defaults.
    pub fields: Vec<Field>,
}

/// What is wrong with the rules, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// Where in the rules, such as `incident.fields.short_description`.
    pub path: String,
    /// Line in that rule's text, counted from 1.
    pub line: Option<u32>,
    /// Column in that line, counted from 1, in characters.
    pub column: Option<u32>,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// What the rules can produce for one kind of record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Produced {
    /// As in `apply`.
    pub kind: String,
    /// By ServiceNow's own names.
    pub fields: Vec<String>,
    /// More than `fields` may come.
    pub open: bool,
}

/// What one rule can say of one kind of record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Possible {
    /// As in `apply`.
    pub kind: String,
    /// The rule, such as `incident.tiers.production.fields.urgency`.
    pub path: String,
    /// By ServiceNow's own name; none where the rule names the class.
    pub field: Option<String>,
    /// The field is not sent.
    pub is_left_out: bool,
    /// The values are names of records.
    pub is_named: bool,
    /// The values that stand in the rules.
    pub values: Vec<String>,
    /// Other values may come, by the event.
    pub is_open: bool,
}
