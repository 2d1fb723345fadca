//! The product's promises, end to end. One binary, since linking a wasmtime host takes longer than most of these tests;
//! one file for each section.

mod main_job;
