//! Members of a type, by name.

use std::collections::BTreeSet;

use super::{Members, Type};

/// What a member access finds.
#[derive(Debug, Clone, PartialEq)]
pub enum FieldAccess {
    /// The member's type: `Optional` where the member is.
    Type(Type),
    /// The record declares no such member; these it declares.
    Missing {
        /// Declared names, sorted.
        candidates: Vec<String>,
    },
    /// The type is not a record; its spelling.
    NotARecord(String),
    /// The type may be absent or null: `?.` is due. The type without that.
    MayBeNothing(Type),
}

impl Type {
    /// A member by name. Of a union, one that some alternatives declare may be absent, and may be anything where another one
    /// takes members that it does not declare; a member of an unknown is unknown.
    pub fn field(&self, name: &str) -> FieldAccess {
        match self {
            Type::Record(record) => match record.fields.get(name) {
                Some(field) => FieldAccess::Type(field.as_type()),
                None => FieldAccess::Missing { candidates: record.fields.keys().cloned().collect() },
            },
            Type::Map { of } => FieldAccess::Type((**of).clone().optional()),
            Type::Unknown { .. } => FieldAccess::Type(self.clone().optional()),
            Type::Optional { .. } | Type::Null => FieldAccess::MayBeNothing(self.without_nothing()),
            Type::Union { of } if of.iter().any(Type::takes_null) => {
                FieldAccess::MayBeNothing(self.without_nothing())
            }
            Type::Union { of } => {
                let (mut found, mut lacking, mut candidates) = (Vec::new(), false, BTreeSet::new());
                let mut undeclared = Vec::new();
                for alternative in of {
                    match (alternative.field(name), alternative) {
                        (FieldAccess::Type(ty), _) => found.push(ty),
                        (FieldAccess::Missing { candidates: own }, Type::Record(record)) => {
                            candidates.extend(own);
                            lacking = true;
                            match &record.others {
                                Members::Closed => {}
                                Members::Open => undeclared.push(Type::any()),
                                Members::Of(of) => undeclared.push((**of).clone()),
                            }
                        }
                        (other, _) => return other,
                    }
                }
                if found.is_empty() {
                    return FieldAccess::Missing { candidates: candidates.into_iter().collect() };
                }
                found.extend(undeclared);
                let ty = Type::union(found);
                FieldAccess::Type(if lacking { ty.optional() } else { ty })
            }
            other => FieldAccess::NotARecord(other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Field, RecordType};

    fn record(members: &[(&str, Type)], others: Members) -> Type {
        let field =
            |(name, ty): &(&str, Type)| ((*name).to_owned(), Field { ty: ty.clone(), required: true });
        Type::Record(RecordType { fields: members.iter().map(field).collect(), others })
    }

    #[test]
    fn member_access() {
        let a = Type::closed_record([("id", Type::string()), ("n", Type::int().optional())]);
        let b = Type::closed_record([("id", Type::int())]);
        assert_eq!(a.field("n"), FieldAccess::Type(Type::int().optional()));
        assert_eq!(a.field("m"), FieldAccess::Missing { candidates: vec!["id".to_owned(), "n".to_owned()] });
        let both = Type::union(vec![a.clone(), b]);
        assert_eq!(both.field("id"), FieldAccess::Type(Type::union(vec![Type::string(), Type::int()])));
        assert_eq!(both.field("n"), FieldAccess::Type(Type::int().optional()));
        assert_eq!(a.clone().optional().field("id"), FieldAccess::MayBeNothing(a));
        assert_eq!(Type::Bool.field("id"), FieldAccess::NotARecord("bool".to_owned()));
    }

    #[test]
    fn a_member_of_some_alternatives_may_be_absent() {
        let has = |others| record(&[("kind", Type::string()), ("born", Type::Timestamp)], others);
        let lacks = |others| record(&[("kind", Type::string()), ("number", Type::int())], others);
        let read = |of: Vec<Type>, name: &str| Type::union(of).field(name);
        let is = |ty: Type| FieldAccess::Type(ty);
        assert_eq!(read(vec![has(Members::Open), lacks(Members::Open)], "kind"), is(Type::string()));
        let closed = vec![lacks(Members::Closed), has(Members::Open)];
        assert_eq!(read(closed, "born"), is(Type::Timestamp.optional()));
        // A member of that name that nothing declares may be anything.
        let open = vec![has(Members::Closed), lacks(Members::Open)];
        assert_eq!(read(open.clone(), "born"), is(Type::any().optional()));
        let typed = vec![has(Members::Closed), lacks(Members::Of(Box::new(Type::Bool)))];
        let either = Type::union(vec![Type::Timestamp, Type::Bool]).optional();
        assert_eq!(read(typed, "born"), is(either));
        let FieldAccess::Missing { candidates } = read(open, "bron") else { panic!() };
        assert_eq!(candidates, ["born", "kind", "number"]);
    }
}
