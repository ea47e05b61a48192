//! Tests of the use analysis on small plugins.
