//! Hears all that this process logs, by `tracing` and by `log`, however finely.

use std::fmt::{Debug, Write as _};
use std::sync::{Mutex, Once};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

static HEARD: Mutex<String> = Mutex::new(String::new());

struct Ears;

/// A compiler's own steps are many, and have nothing to do with requests.
fn matters(target: &str) -> bool {
    !["cranelift", "regalloc2", "wasmtime"].iter().any(|crates| target.starts_with(crates))
}

struct Fields(String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = write!(self.0, "{field}={value:?} ");
    }
}

fn hear(line: &str) {
    let mut heard = HEARD.lock().unwrap();
    heard.push_str(line);
    heard.push('\n');
}

impl Subscriber for Ears {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        matters(metadata.target())
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut fields = Fields(String::new());
        span.record(&mut fields);
        hear(&fields.0);
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        let mut fields = Fields(String::new());
        values.record(&mut fields);
        hear(&fields.0);
    }

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields(format!("{} ", event.metadata().target()));
        event.record(&mut fields);
        hear(&fields.0);
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

impl log::Log for Ears {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        matters(metadata.target())
    }

    fn log(&self, record: &log::Record<'_>) {
        if matters(record.target()) {
            hear(&format!("{} {}", record.target(), record.args()));
        }
    }

    fn flush(&self) {}
}

/// From now on.
pub fn listen() {
    static BEGUN: Once = Once::new();
    BEGUN.call_once(|| {
        tracing::subscriber::set_global_default(Ears).unwrap();
        log::set_logger(&Ears).unwrap();
        log::set_max_level(log::LevelFilter::Trace);
    });
}

/// All that was said since, by whatever ran in this process.
pub fn heard() -> String {
    let heard = HEARD.lock().unwrap().clone();
    assert!(heard.contains("reqwest"), "nobody spoke: {heard}");
    heard
}
