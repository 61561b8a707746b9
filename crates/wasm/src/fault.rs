//! What goes wrong, as the page gets it: a code that a program can tell apart, and words.

use brackish_core::StorageError;
use wasm_bindgen::{JsCast, JsValue};

/// An error on its way to the page, where it becomes a `BrackishError`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// One of the package's error codes.
    pub code: &'static str,
    /// A sentence for a person.
    pub message: String,
}

impl Fault {
    /// A fault with this code and these words.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    /// A file that the page seeds is not what it was.
    pub fn of_own_files(error: &StorageError) -> Self {
        Self::new("read", error.to_string())
    }
}

impl From<StorageError> for Fault {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::Full { place } => Self::new(
                "storage-full",
                format!("{place}: the disk, or what the browser lets this site store, is full"),
            ),
            StorageError::Failed { .. } => Self::new("storage", error.to_string()),
        }
    }
}

impl From<Fault> for JsValue {
    /// A JavaScript `Error` whose name is the code.
    fn from(fault: Fault) -> Self {
        let error = js_sys::Error::new(&fault.message);
        error.set_name(fault.code);
        error.into()
    }
}

/// The message of whatever was thrown, and the name of its kind.
pub fn thrown(value: &JsValue) -> (String, String) {
    match value.dyn_ref::<js_sys::Error>() {
        Some(error) => (error.name().into(), error.message().into()),
        None => (String::new(), format!("{value:?}")),
    }
}

/// What a store threw, as the session wants it.
pub fn storage_error(place: &str, value: &JsValue) -> StorageError {
    let (name, message) = thrown(value);
    let place = place.to_owned();
    match name.as_str() {
        "QuotaExceededError" => StorageError::Full { place },
        _ => StorageError::Failed {
            place,
            reason: if message.is_empty() { name } else { message },
        },
    }
}
