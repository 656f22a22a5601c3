//! What every operational error can say.

/// An error a user meets: it has a stable code with a page (`eczflow explain CODE`) and help that says what to do.
pub trait Explained: std::error::Error {
    /// The stable code, such as `ER1001`.
    fn code(&self) -> &'static str;

    /// What the user can do about it, as one or two plain sentences.
    fn help(&self) -> Option<String>;
}
