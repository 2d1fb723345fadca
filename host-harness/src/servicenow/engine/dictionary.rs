//! What tables there are and what their columns hold: ServiceNow's `sys_db_object` and `sys_dictionary`.
//!
//! Tables extend one another (`change_request` extends `task`), and a record answers with the columns of the table it
//! was asked through: an incident read as a `task` shows a task's columns only.

use std::borrow::Cow;
use std::collections::BTreeMap;

/// What a column holds. The names in `sys_dictionary.internal_type` are given by [`Kind::internal_type`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    String,
    /// A whole number, kept as text as the Table API gives it.
    Integer,
    /// `true` or `false`.
    Boolean,
    /// `YYYY-MM-DD HH:MM:SS` in UTC.
    DateTime,
    /// `YYYY-MM-DD`.
    Date,
    /// A span of time, kept as the moment that lies so long after 1970 (`1970-01-01 08:00:00`).
    Duration,
    /// The `sys_id` of a record of the named table.
    Reference(Cow<'static, str>),
    /// Entries that can only be added to (`work_notes`); kept in `sys_journal_field`.
    Journal,
    /// A record's own `sys_id`.
    Guid,
    /// Comma-separated `sys_id`s of records of the named table.
    List(Cow<'static, str>),
    /// A domain: it reads as a reference to the group `global`.
    Domain,
    /// The name of a table: it displays as the table's label.
    ClassName,
    /// A secret: it reads back as ciphertext.
    Password,
    /// The `sys_id` of a record whose table another column names.
    DocumentId,
}

impl Kind {
    /// The value of `sys_dictionary.internal_type`.
    pub fn internal_type(&self) -> &'static str {
        match self {
            Kind::String => "string",
            Kind::Integer => "integer",
            Kind::Boolean => "boolean",
            Kind::DateTime => "glide_date_time",
            Kind::Date => "glide_date",
            Kind::Duration => "glide_duration",
            Kind::Reference(_) => "reference",
            Kind::Journal => "journal_input",
            Kind::Guid => "GUID",
            Kind::List(_) => "glide_list",
            Kind::Domain => "domain_id",
            Kind::ClassName => "sys_class_name",
            Kind::Password => "password2",
            Kind::DocumentId => "document_id",
        }
    }

    /// The table that a reference points to.
    pub fn reference(&self) -> Option<&str> {
        match self {
            Kind::Reference(table) | Kind::List(table) => Some(table),
            _ => None,
        }
    }
}

/// A column of a table.
#[derive(Debug, Clone)]
pub struct Column {
    /// The column's name.
    pub element: String,
    /// What forms and messages call it.
    pub label: String,
    /// What it holds.
    pub kind: Kind,
    /// `sys_dictionary.max_length`, in characters.
    pub max_length: usize,
    /// What a new record has when nothing is given.
    pub default: String,
    /// Values outside `sys_choice` are not kept.
    pub choice: bool,
    /// The choices, in order, as (value, label).
    pub choices: Vec<(String, String)>,
    /// Only the instance itself writes it.
    pub read_only: bool,
    /// Only these roles, and `admin`, may read it; none named means everybody who may read the record.
    pub readers: &'static [&'static str],
    /// Only these roles, and `admin`, may write it; none named means everybody who may write the record.
    pub writers: &'static [&'static str],
}

impl Column {
    /// A column of this kind.
    pub fn new(element: &str, label: &str, kind: Kind) -> Self {
        let max_length = match kind {
            Kind::Reference(_) | Kind::Guid | Kind::DocumentId | Kind::Domain => 32,
            Kind::Journal | Kind::List(_) => 4000,
            Kind::ClassName => 80,
            _ => 40,
        };
        Column {
            element: element.to_owned(),
            label: label.to_owned(),
            kind,
            max_length,
            default: String::new(),
            choice: false,
            choices: Vec::new(),
            read_only: false,
            readers: &[],
            writers: &[],
        }
    }

    /// The value of a new record.
    pub fn default(mut self, value: &str) -> Self {
        self.default = value.to_owned();
        self
    }

    /// The values there are, as (value, label).
    pub fn choices(mut self, choices: &[(&str, &str)]) -> Self {
        self.choice = true;
        self.choices = choices.iter().map(|(value, label)| ((*value).to_owned(), (*label).to_owned())).collect();
        self
    }

    /// Only the instance itself writes it.
    pub fn read_only(mut self) -> Self {
        self.read_only = true;
        self
    }

    /// Only these roles may read it.
    pub fn readers(mut self, roles: &'static [&'static str]) -> Self {
        self.readers = roles;
        self
    }

    /// Only these roles may write it.
    pub fn writers(mut self, roles: &'static [&'static str]) -> Self {
        self.writers = roles;
        self
    }
}

/// Text of at most so many characters.
pub fn text(element: &str, label: &str, max_length: usize) -> Column {
    Column { max_length, ..Column::new(element, label, Kind::String) }
}

/// A whole number.
pub fn integer(element: &str, label: &str) -> Column {
    Column::new(element, label, Kind::Integer)
}

/// `true` or `false`, `false` unless another default is given.
pub fn boolean(element: &str, label: &str) -> Column {
    Column::new(element, label, Kind::Boolean).default("false")
}

/// A moment in UTC.
pub fn datetime(element: &str, label: &str) -> Column {
    Column::new(element, label, Kind::DateTime)
}

/// A record of another table.
pub fn reference(element: &str, label: &str, table: &'static str) -> Column {
    Column::new(element, label, Kind::Reference(table.into()))
}

/// Entries that can only be added to.
pub fn journal(element: &str, label: &str) -> Column {
    Column::new(element, label, Kind::Journal)
}

/// Who may do something to a table's records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grant {
    /// Everybody who is logged in.
    Everyone,
    /// Who has one of these roles, or `admin`.
    Roles(&'static [&'static str]),
}

/// Who may read, create, write and delete a table's records.
#[derive(Debug, Clone, Copy)]
pub struct Access {
    /// Reading.
    pub read: Grant,
    /// Inserting.
    pub create: Grant,
    /// Updating.
    pub write: Grant,
    /// Deleting.
    pub delete: Grant,
}

impl Access {
    /// Everybody reads; `admin` alone changes anything.
    pub const READABLE: Access = Access {
        read: Grant::Everyone,
        create: Grant::Roles(&[]),
        write: Grant::Roles(&[]),
        delete: Grant::Roles(&[]),
    };
    /// For `admin` alone.
    pub const ADMIN: Access = Access { read: Grant::Roles(&[]), ..Access::READABLE };
}

/// A table.
#[derive(Debug, Clone)]
pub struct Table {
    /// Its name, such as `change_request`.
    pub name: String,
    /// Its label, such as `Change Request`.
    pub label: String,
    /// The table that it extends.
    pub parent: Option<String>,
    /// The columns that it adds to its parent's, or overrides.
    pub columns: Vec<Column>,
    /// The column that stands for the record where another refers to it.
    pub display: Option<String>,
    /// What numbers begin with, such as `CHG`.
    pub prefix: Option<&'static str>,
    /// Who may do what; none means as the parent.
    pub access: Option<Access>,
}

impl Table {
    /// A table by name and label.
    pub fn new(name: &str, label: &str) -> Self {
        Table {
            name: name.to_owned(),
            label: label.to_owned(),
            parent: None,
            columns: Vec::new(),
            display: None,
            prefix: None,
            access: None,
        }
    }

    /// The table that it extends.
    pub fn extends(mut self, parent: &str) -> Self {
        self.parent = Some(parent.to_owned());
        self
    }

    /// The columns that it adds.
    pub fn columns(mut self, columns: impl IntoIterator<Item = Column>) -> Self {
        self.columns.extend(columns);
        self
    }

    /// The column that stands for the record.
    pub fn display(mut self, column: &str) -> Self {
        self.display = Some(column.to_owned());
        self
    }

    /// What numbers begin with.
    pub fn prefix(mut self, prefix: &'static str) -> Self {
        self.prefix = Some(prefix);
        self
    }

    /// Who may do what.
    pub fn access(mut self, access: Access) -> Self {
        self.access = Some(access);
        self
    }
}

/// Every table there is.
#[derive(Debug, Clone, Default)]
pub struct Dictionary {
    tables: BTreeMap<String, Table>,
    /// The columns of each table, its ancestors' included, in order.
    flat: BTreeMap<String, Vec<Column>>,
}

impl Dictionary {
    /// Adds a table, or replaces one of the same name. Parents come before their children.
    pub fn add(&mut self, table: Table) {
        self.tables.insert(table.name.clone(), table);
        self.flatten();
    }

    /// Adds tables; parents come before their children.
    pub fn extend(&mut self, tables: impl IntoIterator<Item = Table>) {
        for table in tables {
            self.tables.insert(table.name.clone(), table);
        }
        self.flatten();
    }

    /// Adds a column to a table, or replaces it. Does nothing where there is no such table.
    pub fn add_column(&mut self, table: &str, column: Column) {
        if let Some(table) = self.tables.get_mut(table) {
            table.columns.retain(|known| known.element != column.element);
            table.columns.push(column);
            self.flatten();
        }
    }

    fn flatten(&mut self) {
        self.flat = self.tables.keys().map(|name| (name.clone(), self.flat_columns(name))).collect();
    }

    fn flat_columns(&self, name: &str) -> Vec<Column> {
        let mut columns: Vec<Column> = Vec::new();
        for table in self.ancestry(name).into_iter().rev() {
            for column in &table.columns {
                match columns.iter_mut().find(|known| known.element == column.element) {
                    Some(known) => *known = column.clone(),
                    None => columns.push(column.clone()),
                }
            }
        }
        columns
    }

    /// The table and those it extends, itself first.
    pub fn ancestry(&self, name: &str) -> Vec<&Table> {
        let mut chain = Vec::new();
        let mut next = self.tables.get(name);
        while let Some(table) = next {
            chain.push(table);
            next = table.parent.as_ref().and_then(|parent| self.tables.get(parent));
        }
        chain
    }

    /// The table of this name.
    pub fn table(&self, name: &str) -> Option<&Table> {
        self.tables.get(name)
    }

    /// All tables, by name.
    pub fn tables(&self) -> impl Iterator<Item = &Table> {
        self.tables.values()
    }

    /// The columns of a table, its ancestors' included; none for a table that there is not.
    pub fn columns(&self, table: &str) -> &[Column] {
        self.flat.get(table).map(Vec::as_slice).unwrap_or_default()
    }

    /// One column of a table.
    pub fn column(&self, table: &str, element: &str) -> Option<&Column> {
        self.columns(table).iter().find(|column| column.element == element)
    }

    /// The base of a table's hierarchy (`task` for `incident`).
    pub fn root<'a>(&'a self, name: &'a str) -> &'a str {
        self.ancestry(name).last().map_or(name, |table| table.name.as_str())
    }

    /// Whether `table` is `ancestor` or extends it.
    pub fn is_a(&self, table: &str, ancestor: &str) -> bool {
        self.ancestry(table).iter().any(|known| known.name == ancestor)
    }

    /// The table and all that extend it.
    pub fn descendants(&self, name: &str) -> Vec<&str> {
        self.tables.keys().map(String::as_str).filter(|table| self.is_a(table, name)).collect()
    }

    /// The column that stands for a record of this table.
    pub fn display_column(&self, table: &str) -> Option<&str> {
        self.ancestry(table).into_iter().find_map(|table| table.display.as_deref())
    }

    /// What the numbers of this table begin with.
    pub fn prefix(&self, table: &str) -> Option<&'static str> {
        self.ancestry(table).into_iter().find_map(|table| table.prefix)
    }

    /// Who may do what to the records of this table.
    pub fn access(&self, table: &str) -> Access {
        self.ancestry(table).into_iter().find_map(|table| table.access).unwrap_or(Access::ADMIN)
    }
}
