//! The promises of the log.

use super::log::Note;
use super::*;
use itsm_contract::types::Ticket;
use proptest::prelude::*;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

fn log_of(lines: usize) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let log = AuditLog::open(&path).unwrap();
    for number in 1..=lines {
        log.append("test.entry", Some(&format!("key-{number}")), None, &[("n".into(), number.to_string())]).unwrap();
    }
    (folder, path)
}

fn edit(path: &Path, change: impl FnOnce(&mut Vec<String>)) {
    let mut lines: Vec<String> = fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect();
    change(&mut lines);
    fs::write(path, lines.iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
}

fn broken(path: &Path) -> (u64, String) {
    match verify(path) {
        Err(AuditError::Broken { line, why, .. }) => (line, why),
        other => panic!("{other:?}"),
    }
}

fn change(number: &str) -> Ticket {
    Ticket { kind: "change_request".into(), id: "1".into(), number: number.into(), url: String::new(), key: None }
}

#[test]
fn a_log_that_nobody_touched_is_whole() {
    let (_folder, path) = log_of(5);
    assert_eq!(verify(&path).unwrap().entries, 5);
    let entries: Vec<Entry> = entries(&path).unwrap().collect::<Result<_, _>>().unwrap();
    assert_eq!(entries.iter().map(|entry| entry.seq).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    assert!(entries.iter().all(|entry| entry.who == Who::Host));
}

#[test]
fn an_empty_log_is_whole() {
    let (_folder, path) = log_of(0);
    assert_eq!(verify(&path).unwrap().entries, 0);
}

#[test]
fn a_lock_that_another_process_keeps_is_an_error_that_names_its_file() {
    let (_folder, path) = log_of(2);
    let patience = Duration::from_millis(20);
    let log = AuditLog::open_with(&path, patience).unwrap();
    let checkpoint = fs::File::open(seal::Checkpoint::path(&path)).unwrap();
    checkpoint.lock().unwrap();
    let told = |error: AuditError| {
        let text = error.to_string();
        assert!(text.contains("audit.jsonl.checkpoint`: another process has kept its lock for 20ms"), "{text}");
    };
    told(AuditLog::open_with(&path, patience).unwrap_err());
    told(read::verify_with(&path, patience).unwrap_err());
    told(log.append("test.entry", None, None, &[]).unwrap_err());
    assert!(log.trouble().unwrap().contains("another process"), "{:?}", log.trouble());
    checkpoint.unlock().unwrap();
    log.append("test.entry", None, None, &[]).unwrap();
    assert_eq!((log.trouble(), verify(&path).unwrap().entries), (None, 3));
}

#[test]
fn a_log_that_somebody_emptied_with_its_checkpoint_is_not_called_whole() {
    let (_folder, path) = log_of(2);
    fs::write(&path, "").unwrap();
    fs::remove_file(seal::Checkpoint::path(&path)).unwrap();
    assert!(matches!(verify(&path), Err(AuditError::NoCheckpoint { .. })));
}

#[test]
fn an_altered_line_is_named_wherever_it_stands() {
    for line in 1..=5 {
        let (_folder, path) = log_of(5);
        edit(&path, |lines| lines[line - 1] = lines[line - 1].replace("test.entry", "test.forged"));
        assert_eq!(broken(&path), (line as u64, "was altered".into()));
    }
}

#[test]
fn a_removed_line_is_missed_wherever_it_stood() {
    for line in 1..=4 {
        let (_folder, path) = log_of(5);
        edit(&path, |lines| drop(lines.remove(line - 1)));
        let (named, why) = broken(&path);
        assert_eq!(named, line as u64);
        assert!(why.contains("1 before it were removed"), "{why}");
    }
}

#[test]
fn swapped_and_repeated_lines_do_not_belong_there() {
    let (_folder, path) = log_of(5);
    edit(&path, |lines| lines.swap(1, 2));
    assert_eq!(broken(&path).0, 2);
    let (_folder, path) = log_of(5);
    edit(&path, |lines| lines.insert(2, lines[1].clone()));
    assert_eq!(broken(&path), (3, "is entry 2: it does not belong there".into()));
}

#[test]
fn a_cut_tail_is_found_to_the_last_line() {
    for left in 0..5 {
        let (_folder, path) = log_of(5);
        edit(&path, |lines| lines.truncate(left));
        match verify(&path) {
            Err(AuditError::Cut { found, written, .. }) => assert_eq!((found, written), (left as u64, 5)),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_line_that_follows_the_chain_but_was_not_written_by_the_host_is_found() {
    let (_folder, path) = log_of(2);
    let text = fs::read_to_string(&path).unwrap();
    let last = text.lines().last().unwrap();
    let mut forged: Entry = serde_json::from_str(last).unwrap();
    forged.seq = 3;
    forged.previous = super::seal::hash(last.as_bytes());
    fs::write(&path, format!("{text}{}\n", serde_json::to_string(&forged).unwrap())).unwrap();
    assert_eq!(broken(&path), (3, "was added by something else than the host".into()));
    assert!(AuditLog::open(&path).is_err(), "nothing is added to a log that is not to be trusted");
}

/// Every crash leaves half of the announced line; these are none of them.
#[test]
fn what_stands_behind_the_last_line_without_an_end_is_found() {
    let (_folder, path) = log_of(3);
    let text = fs::read_to_string(&path).unwrap();
    let last = text.lines().last().unwrap();
    let mut forged: Entry = serde_json::from_str(last).unwrap();
    forged.seq = 4;
    forged.previous = super::seal::hash(last.as_bytes());
    let forged = serde_json::to_string(&forged).unwrap();
    let refused = |behind: &str| {
        fs::write(&path, format!("{text}{behind}")).unwrap();
        assert_eq!(broken(&path), (4, "has no end and was added by something else than the host".into()), "{behind}");
        assert!(AuditLog::open(&path).is_err(), "nothing is added to it");
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{text}{behind}"), "nor taken off");
    };
    for behind in [&forged, "x", "{\"seq\":4,\"time\":\"2026", "\0"] {
        refused(behind);
    }
    // While a line is announced, too.
    let checkpoint = super::seal::Checkpoint::path(&path);
    let mut file = fs::OpenOptions::new().read(true).write(true).open(&checkpoint).unwrap();
    let mut sealed = super::seal::Checkpoint::read(&mut file, &checkpoint).unwrap().unwrap();
    sealed.announced = Some(super::seal::Link { seq: 4, hash: super::seal::hash(b"another line") });
    sealed.write(&mut file, &checkpoint).unwrap();
    for behind in [&forged, "x", "{\"seq\":5,\"time\":\"2026", "\0"] {
        refused(behind);
    }
}

#[test]
fn a_log_that_is_written_to_meanwhile_is_whole() {
    let (_folder, path) = log_of(1);
    let log = AuditLog::open(&path).unwrap();
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| (0..300).for_each(|_| log.append("test.entry", None, None, &[]).unwrap()));
        while !writing.is_finished() {
            verify(&path).unwrap();
        }
    });
    assert_eq!(verify(&path).unwrap().entries, 301);
}

#[test]
fn a_log_without_its_checkpoint_is_not_trusted() {
    let (_folder, path) = log_of(2);
    fs::remove_file(super::seal::Checkpoint::path(&path)).unwrap();
    assert!(matches!(verify(&path), Err(AuditError::NoCheckpoint { .. })));
    assert!(matches!(AuditLog::open(&path), Err(AuditError::NoCheckpoint { .. })));
}

#[test]
fn a_process_killed_between_two_writes_leaves_a_log_that_is_whole() {
    let (_folder, path) = log_of(3);
    let checkpoint = super::seal::Checkpoint::path(&path);
    let after = fs::read(&path).unwrap();
    let log = AuditLog::open(&path).unwrap();
    log.append("test.entry", None, None, &[]).unwrap();
    let full = fs::read(&path).unwrap();
    let mut file = fs::OpenOptions::new().read(true).write(true).open(&checkpoint).unwrap();
    let sealed = super::seal::Checkpoint::read(&mut file, &checkpoint).unwrap().unwrap();
    let before = super::seal::Link { seq: 3, hash: super::seal::hash(after.split(|b| *b == b'\n').nth(2).unwrap()) };
    let announced = super::seal::Checkpoint { written: before, announced: Some(sealed.written) };
    announced.write(&mut file, &checkpoint).unwrap();
    // Killed before the line was written, within it, and after it.
    for length in after.len()..=full.len() {
        fs::write(&path, &full[..length]).unwrap();
        announced.write(&mut file, &checkpoint).unwrap();
        let whole = if length == full.len() { 4 } else { 3 };
        let verified = verify(&path).unwrap();
        let half = if whole == 4 { 0 } else { length - after.len() };
        assert_eq!((verified.entries, verified.half_a_line), (whole, half), "half a line is told");
        AuditLog::open(&path).unwrap().append("test.after", None, None, &[]).unwrap();
        assert_eq!(verify(&path).unwrap().entries, whole + 1);
    }
}

#[test]
fn appends_of_many_threads_and_handles_are_in_one_order() {
    let (_folder, path) = log_of(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            let log = Arc::new(AuditLog::open(&path).unwrap());
            for _ in 0..4 {
                let log = Arc::clone(&log);
                scope.spawn(move || (0..25).for_each(|_| log.append("test.entry", None, None, &[]).unwrap()));
            }
        }
    });
    assert_eq!(verify(&path).unwrap().entries, 200);
}

#[test]
fn an_entry_that_is_too_large_is_refused_and_the_log_stays_whole() {
    let (_folder, path) = log_of(1);
    let log = AuditLog::open(&path).unwrap();
    let error = log.append("test.entry", None, None, &[("text".into(), "x".repeat(LINE_BYTES))]).unwrap_err();
    assert!(matches!(error, AuditError::TooLarge { .. }));
    assert_eq!(verify(&path).unwrap().entries, 1);
}

#[test]
fn a_long_line_at_the_end_is_followed() {
    let (_folder, path) = log_of(0);
    let log = AuditLog::open(&path).unwrap();
    for length in [10, 5_000, 900_000, 5, 70_000] {
        log.append("test.entry", None, None, &[("text".into(), "x".repeat(length))]).unwrap();
    }
    assert_eq!(verify(&path).unwrap().entries, 5);
}

#[test]
fn the_story_of_a_change_has_what_is_about_it_and_the_events_that_led_to_it() {
    let (_folder, path) = log_of(0);
    let log = AuditLog::open(&path).unwrap();
    let plugin = |action: &str, key: &str, number: &str| Note {
        key: Some(key.into()),
        subject: Some(change(number)),
        ..Note::new(action)
    };
    log.append("call.began", Some("a"), None, &[]).unwrap();
    log.append("call.began", Some("b"), None, &[]).unwrap();
    log.note(Who::Plugin, plugin("change.created", "a", "CHG1")).unwrap();
    log.note(Who::Plugin, plugin("change.created", "b", "CHG2")).unwrap();
    log.append("gate.proceed", None, Some(&change("CHG1")), &[]).unwrap();
    let story: Vec<Entry> = of_change(&path, "CHG1").unwrap().map(Result::unwrap).collect();
    let actions: Vec<&str> = story.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(actions, ["call.began", "change.created", "gate.proceed"]);
    assert_eq!(story[1].who, Who::Plugin);

    // A line that is none may be about it, and ends nothing.
    let whole = fs::read_to_string(&path).unwrap();
    fs::write(&path, whole.replacen("\"who\":\"host\"", "\"who\":\"nobody\"", 1)).unwrap();
    let story: Vec<_> = of_change(&path, "CHG1").unwrap().collect();
    assert!(matches!(&story[0], Err(AuditError::Broken { line: 1, .. })), "{:?}", story[0]);
    assert_eq!(story.iter().flatten().count(), 2);
}

/// The log on a disk that is full: a device that takes nothing.
#[cfg(target_os = "linux")]
#[test]
fn what_keeps_the_log_from_being_written_is_told_until_it_is_written_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    std::os::unix::fs::symlink("/dev/full", &path).unwrap();
    let log = AuditLog::open(&path).unwrap();
    assert_eq!(log.trouble(), None);
    assert!(matches!(log.append("x", None, None, &[]), Err(AuditError::File { doing: "write", .. })));
    assert_eq!(log.trouble().as_deref(), Some("cannot write the audit log: No space left on device (os error 28)"));

    let (_folder, path) = log_of(1);
    let log = AuditLog::open(&path).unwrap();
    let whole = fs::read(&path).unwrap();
    fs::write(&path, [&whole[..], b"{}\n"].concat()).unwrap();
    log.append("x", None, None, &[]).unwrap_err();
    let altered = "the audit log is no longer what this host left: look at it with `audit verify`";
    assert_eq!(log.trouble().as_deref(), Some(altered));
    // A guest that says too much is not the log's trouble, and no sign that it can be written.
    log.append("x", None, None, &[("x".into(), "x".repeat(LINE_BYTES))]).unwrap_err();
    assert_eq!(log.trouble().as_deref(), Some(altered));
    fs::write(&path, &whole).unwrap();
    log.append("x", None, None, &[]).unwrap();
    assert_eq!(log.trouble(), None);
}

#[test]
fn services_do_not_share_a_log_and_a_command_may_add_to_it() {
    let (_folder, path) = log_of(0);
    let open = || AuditLog::open(&path).unwrap();
    let first = open().alone().unwrap();
    assert!(matches!(open().alone(), Err(AuditError::InUse { .. })));
    open().append("a.command", None, None, &[]).unwrap();
    first.append("the.service", None, None, &[]).unwrap();
    assert_eq!(verify(&path).unwrap().entries, 2);
    drop(first);
    open().alone().unwrap();
}

#[test]
fn text_of_a_guest_cannot_begin_a_line_of_its_own() {
    let (_folder, path) = log_of(0);
    let log = AuditLog::open(&path).unwrap();
    log.note(Who::Plugin, Note::new("x\n{\"who\":\"host\"}").with("\u{1b}[2J", "\r\n")).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 1);
    assert_eq!(verify(&path).unwrap().entries, 1);
}

proptest! {
    #[test]
    fn no_bytes_panic_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..400), seal in any::<bool>()) {
        let (_folder, path) = log_of(if seal { 2 } else { 0 });
        fs::write(&path, &bytes).unwrap();
        let _ = verify(&path);
        let _ = entries(&path).unwrap().count();
        let _ = of_change(&path, "CHG1").unwrap().count();
        let _ = AuditLog::open(&path);
    }

    #[test]
    fn one_changed_byte_is_always_found(at in any::<proptest::sample::Index>(), byte in any::<u8>()) {
        let (_folder, path) = log_of(4);
        let mut bytes = fs::read(&path).unwrap();
        let at = at.index(bytes.len());
        prop_assume!(bytes[at] != byte);
        bytes[at] = byte;
        fs::write(&path, &bytes).unwrap();
        prop_assert!(verify(&path).is_err());
    }
}
