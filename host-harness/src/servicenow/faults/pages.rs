//! Pages that come where JSON should.

/// The page of a sleeping developer instance.
pub(crate) const HIBERNATING: &str = "<html><head><title>Instance Hibernating page</title></head>\n<body><h1>Your \
instance is hibernating.</h1><p>Sign in to the developer site to wake it.</p></body></html>\n";

/// A login page, as a proxy or single sign-on answers.
pub(crate) const LOGIN: &str = "<!DOCTYPE html>\n<html><head><title>Log in</title></head><body><form \
action=\"/login.do\" method=\"post\"><input name=\"user_name\"></form></body></html>\n";
