//! Files attached to a change request, each once: an attachment takes no identity of ours, so its content's hash tells
//! whether it is there.

use crate::identity::hex;
use crate::plugin::Plugin;
use crate::servicenow::{Error, Kind, Record};
use itsm_contract::types::Ticket;
use sha2::{Digest, Sha256};

/// Attachments of one change request that are looked through.
const LIMIT: usize = 1000;

/// The attachments of one change request.
pub struct Attachments<'a> {
    plugin: &'a Plugin<'a>,
    change: &'a Ticket,
    held: Vec<Record>,
    /// Names and hashes that were added.
    added: Vec<(String, String)>,
}

impl<'a> Attachments<'a> {
    /// Reads what is attached.
    ///
    /// # Errors
    /// Where ServiceNow cannot be asked.
    pub fn read(plugin: &'a Plugin<'a>, change: &'a Ticket) -> Result<Self, Error> {
        let held = plugin.client().attachments(&change.kind, &change.id, LIMIT)?;
        Ok(Self { plugin, change, held, added: Vec::new() })
    }

    /// Whether a file of this name is there.
    pub fn has(&self, name: &str) -> bool {
        self.held.iter().any(|file| file.text("file_name") == name)
    }

    /// Whether a file of this name and content, which `digest` is of, is there.
    ///
    /// # Errors
    /// Where the instance states no hash and the content cannot be read.
    pub fn hold(&self, name: &str, digest: &str) -> Result<bool, Error> {
        for file in self.held.iter().filter(|file| file.text("file_name") == name) {
            if self.hash(file)? == hash_of(digest) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Attaches a file, unless one of the same name and content is there.
    ///
    /// # Errors
    /// Where ServiceNow refuses it, or stored something else.
    pub fn add(&mut self, name: &str, media_type: &str, content: &[u8], digest: &str) -> Result<(), Error> {
        if self.hold(name, digest)? {
            return Ok(());
        }
        let hash = hash_of(digest);
        let client = self.plugin.client();
        let file = client.attach(&self.change.kind, &self.change.id, name, media_type, content)?;
        if file.has("hash") && file.text("hash") != hash {
            return Err(Error::new(Kind::ReplyUnexpected, "POST attachment")
                .with_detail(format!("{name} was stored with another content")));
        }
        self.held.push(file);
        self.added.push((name.to_owned(), hash.to_owned()));
        Ok(())
    }

    /// The SHA-256 of an attachment, as the instance states it; where it states none, of what it sends.
    fn hash(&self, file: &Record) -> Result<String, Error> {
        match &*file.text("hash") {
            "" => Ok(hex(&Sha256::digest(self.plugin.client().download(&file.text("sys_id"))?))),
            hash => Ok(hash.to_owned()),
        }
    }

    /// Two hosts that attach at once attach twice: deletes all but the first of what was added here.
    ///
    /// # Errors
    /// Where ServiceNow cannot be asked for the moment. A copy that may not be deleted stays.
    pub fn settle(mut self) -> Result<(), Error> {
        if self.added.is_empty() {
            return Ok(());
        }
        self.held = self.plugin.client().attachments(&self.change.kind, &self.change.id, LIMIT)?;
        for (name, hash) in &self.added {
            let is_copy = |file: &&Record| file.text("file_name") == *name && file.text("hash") == *hash;
            let copies = self.held.iter().filter(is_copy).collect();
            let (api, label) = ("/api/now/attachment", "DELETE attachment");
            self.plugin.client().keep_first(copies, &["sys_created_by"], api, label)?;
        }
        Ok(())
    }
}

/// As ServiceNow writes a digest: without its algorithm.
fn hash_of(digest: &str) -> &str {
    digest.strip_prefix("sha256:").unwrap_or(digest)
}
