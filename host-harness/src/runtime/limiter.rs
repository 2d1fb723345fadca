//! The store's limiter: memory and tables by their total, since a plugin with a mapping has two of each.

use super::limit::{Limit, LimitHit};
use super::limits::Limits;
use std::sync::Arc;
use wasmtime::ResourceLimiter;

#[derive(Debug)]
pub(super) struct Limiter {
    limits: Arc<Limits>,
    memory: usize,
    elements: usize,
    /// What was granted last, to be taken back if it could not be had after all.
    last: usize,
}

impl Limiter {
    pub(super) fn new(limits: Arc<Limits>) -> Self {
        Self { limits, memory: 0, elements: 0, last: 0 }
    }

    /// Bytes of all memories together.
    pub(super) fn memory(&self) -> usize {
        self.memory
    }
}

impl ResourceLimiter for Limiter {
    /// Past the limit the guest is stopped, rather than told: its allocator would abort, and nobody would know why.
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.last = desired.saturating_sub(current);
        match self.memory.saturating_add(self.last) {
            total if total > self.limits.memory => Err(LimitHit(Limit::Memory).into()),
            total => {
                self.memory = total;
                Ok(true)
            }
        }
    }

    fn memory_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        self.memory = self.memory.saturating_sub(std::mem::take(&mut self.last));
        Ok(())
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.last = desired.saturating_sub(current);
        match self.elements.saturating_add(self.last) {
            total if total > self.limits.table_elements => Err(LimitHit(Limit::TableElements).into()),
            total => {
                self.elements = total;
                Ok(true)
            }
        }
    }

    fn table_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        self.elements = self.elements.saturating_sub(std::mem::take(&mut self.last));
        Ok(())
    }

    fn instances(&self) -> usize {
        self.limits.instances
    }

    fn tables(&self) -> usize {
        self.limits.tables
    }

    fn memories(&self) -> usize {
        self.limits.memories
    }
}
