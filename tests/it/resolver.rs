//! Asking a resolver.
