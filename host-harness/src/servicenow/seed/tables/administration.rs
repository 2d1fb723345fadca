//! The instance's own tables: schema, choices, properties, journals, attachments, rate limits.

use super::{NOBODY, system};
use crate::servicenow::engine::dictionary::{Access, Grant, Table, boolean, integer, reference, text};

pub(super) fn administration() -> Vec<Table> {
    vec![
        Table::new("sys_db_object", "Table")
            .display("label")
            .access(Access::READABLE)
            .columns([
                text("name", "Name", 80),
                text("label", "Label", 80),
                reference("super_class", "Extends table", "sys_db_object"),
            ])
            .columns(system()),
        Table::new("sys_dictionary", "Dictionary Entry")
            .access(Access::READABLE)
            .columns([
                text("name", "Table", 80),
                text("element", "Column name", 80),
                text("column_label", "Column label", 80),
                text("internal_type", "Type", 40),
                text("reference", "Reference", 80),
                integer("max_length", "Max length"),
                boolean("mandatory", "Mandatory"),
                boolean("read_only", "Read only"),
                boolean("display", "Display"),
                integer("choice", "Choice"),
                text("default_value", "Default value", 255),
                boolean("active", "Active").default("true"),
            ])
            .columns(system()),
        Table::new("sys_choice", "Choice")
            .display("label")
            .access(Access::READABLE)
            .columns([
                text("name", "Table", 80),
                text("element", "Element", 80),
                text("value", "Value", 60),
                text("label", "Label", 100),
                integer("sequence", "Sequence"),
                boolean("inactive", "Inactive"),
                text("language", "Language", 3).default("en"),
                text("dependent_value", "Dependent value", 60),
            ])
            .columns(system()),
        Table::new("sys_properties", "System Property")
            .display("name")
            .access(Access::ADMIN)
            .columns([
                text("name", "Name", 100),
                text("value", "Value", 4000),
                text("description", "Description", 4000),
                text("type", "Type", 40).default("string"),
            ])
            .columns(system()),
        Table::new("sys_journal_field", "Journal Entry")
            .access(Access { create: NOBODY, ..Access::ADMIN })
            .columns([
                text("name", "Name", 80),
                text("element", "Element", 80),
                text("element_id", "Element ID", 32),
                text("value", "Value", 4000),
            ])
            .columns(system()),
        Table::new("sys_attachment", "Attachment")
            .display("file_name")
            .access(Access {
                read: Grant::Everyone,
                create: Grant::Everyone,
                write: Grant::Everyone,
                delete: Grant::Everyone,
            })
            .columns([
                text("file_name", "File name", 100),
                text("table_name", "Table name", 80),
                text("table_sys_id", "Table sys ID", 32),
                text("content_type", "Content type", 127),
                integer("size_bytes", "Size bytes"),
                integer("size_compressed", "Size compressed"),
                boolean("compressed", "Compressed").default("true"),
                text("hash", "Hash", 100),
                text("image_height", "Image height", 40),
                text("image_width", "Image width", 40),
                text("average_image_color", "Average image color", 40),
            ])
            .columns(system()),
        Table::new("sys_rate_limit_rules", "Rate Limit Rule")
            .display("name")
            .access(Access::ADMIN)
            .columns([
                text("name", "Name", 80),
                text("resource", "REST resource", 100),
                text("method", "Method", 10),
                reference("user", "User", "sys_user"),
                text("role", "Role", 100),
                integer("request_limit", "Request limit per hour"),
                boolean("active", "Active").default("true"),
            ])
            .columns(system()),
    ]
}
