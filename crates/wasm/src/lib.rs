//! Worker-side driver of the Brackish engine for web pages.
