//! Types of lowered expressions. The compiler finds them while it lowers and tells of what is wrong by its place; here they
//! are found again from a plan alone. A conversion that the compiler wrote must be there: without it a decimal would be an int.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::model::{BinaryOperator, Definitions, Expr, Part, UnaryOperator};
use super::{Arm, Names, confirmed, functions, provenance};
use crate::types::{
    Answer, Contract, Field, FieldAccess, Literal, Members, Parts, Provenance, RecordType, Type, arithmetic,
    assignable, assignable_to_field, comparable, ordered,
};

/// Why an expression has no type, as a clause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misuse(pub String);

fn misuse<T>(why: impl Into<String>) -> Result<T, Misuse> {
    Err(Misuse(why.into()))
}

/// Names in scope with their types. No name of a flow stands twice in it, so nothing leaves the scope but what an
/// expression binds itself.
#[derive(Debug)]
pub struct Typing<'a> {
    functions: &'a Definitions,
    names: BTreeMap<&'a str, Rc<Type>>,
    /// Where those come from of which their types do not say all.
    provenances: BTreeMap<&'a str, Provenance>,
    steps: BTreeMap<&'a str, Answering<'a>>,
    /// What `next` is, inside a step that goes through pages.
    next: Option<Rc<Type>>,
    /// Inside a function: its parameters are all it sees.
    closed: bool,
}

/// A step in scope.
#[derive(Debug, Clone)]
struct Answering<'a> {
    contract: &'a Contract,
    /// Whether it may be skipped.
    guarded: bool,
    /// What it is when it was done, where that is not the body of its answer.
    value: Option<Rc<Type>>,
}

impl<'a> Typing<'a> {
    /// An empty scope.
    pub fn new(functions: &'a Definitions) -> Typing<'a> {
        Typing {
            functions,
            names: BTreeMap::new(),
            provenances: BTreeMap::new(),
            steps: BTreeMap::new(),
            next: None,
            closed: false,
        }
    }

    /// Every function gives what it says of parameters as it says them. An error names the function.
    pub fn check_functions(functions: &'a Definitions) -> Result<(), (&'a str, Misuse)> {
        for (name, function) in functions {
            let mut typing = Typing { closed: true, ..Typing::new(functions) };
            let types = function.takes.iter().cloned().chain(std::iter::repeat_with(Type::any));
            for (parameter, ty) in function.parameters.iter().zip(types) {
                typing.define(parameter, ty);
            }
            let body = typing.ty(&function.body).map_err(|why| (name.as_str(), why))?;
            let gives = function.gives.clone().unwrap_or_else(Type::any);
            let answer = assignable_to_field(&body, &Field::of(gives), &Literal::default());
            fits(&body, answer, "what it gives").map_err(|why| (name.as_str(), why))?;
            if function.takes.len() > function.parameters.len() {
                return Err((name, Misuse("it has more types than parameters".into())));
            }
        }
        Ok(())
    }

    /// Puts a name into scope; what it stood for before is given back.
    pub fn define(&mut self, name: &'a str, ty: impl Into<Rc<Type>>) -> Option<Rc<Type>> {
        self.names.insert(name, ty.into())
    }

    /// Says where the value of a name comes from.
    pub fn comes_from(&mut self, name: &'a str, provenance: Provenance) {
        if provenance.is_own() {
            self.provenances.remove(name);
        } else {
            self.provenances.insert(name, provenance);
        }
    }

    /// Puts a step's name into scope; `guarded`: it may be skipped.
    pub fn answered(&mut self, name: &'a str, contract: &'a Contract, guarded: bool) {
        self.steps.insert(name, Answering { contract, guarded, value: None });
    }

    /// Says what a step is when it was done, where that is not the body of its answer.
    pub fn stands_for(&mut self, name: &str, value: Rc<Type>) {
        if let Some(step) = self.steps.get_mut(name) {
            step.value = Some(value);
        }
    }

    /// Says what `next` is from here on; nothing where there is none.
    pub fn next_is(&mut self, ty: Option<Type>) {
        self.next = ty.map(Rc::new);
    }

    /// The type of an expression.
    pub fn ty(&mut self, expression: &'a Expr) -> Result<Rc<Type>, Misuse> {
        let ty = match expression {
            Expr::Null => Type::Null,
            Expr::Bool { .. } => Type::Bool,
            Expr::Int { value } => Type::int_value(*value),
            Expr::Number { .. } => Type::Number,
            Expr::Decimal { .. } => Type::Decimal,
            Expr::String { value } => Type::strings([value.as_str()]),
            Expr::Duration { .. } => Type::Duration,
            Expr::Timestamp { .. } => Type::Timestamp,
            Expr::Interpolate { parts } => {
                for part in parts {
                    if let Part::Value(value) = part {
                        let written = [Type::string(), Type::int(), Type::Bool, Type::Decimal, Type::EczId];
                        self.expect(value, &written, "a part of a string")?;
                    }
                }
                Type::string()
            }
            Expr::Name { name } => {
                let known = self.names.get(name.as_str()).cloned();
                return known.map_or_else(|| misuse(format!("`{name}` is not in scope")), Ok);
            }
            Expr::Next => {
                let known = self.next.clone().filter(|_| !self.closed);
                return known.map_or_else(|| misuse("`next` is not in scope"), Ok);
            }
            Expr::Run { member } => match member.as_str() {
                _ if self.closed => return misuse("a function does not see the run"),
                "id" => Type::string(),
                "started" => Type::Timestamp,
                _ => return misuse(format!("`run` has no `{member}`")),
            },
            Expr::Field { of, name, optional } => self.field(of, name, *optional)?,
            Expr::Index { of, index, optional } => {
                let item = self.items(of)?;
                self.expect(index, &[Type::int()], "an index")?;
                if *optional { item.optional() } else { item }
            }
            Expr::Unary { operator: UnaryOperator::Not, of } => {
                self.expect(of, &[Type::Bool], "what `!` takes")?;
                Type::Bool
            }
            Expr::Unary { operator: UnaryOperator::Negate, of } => match &*self.ty(of)? {
                Type::Never => Type::Never,
                ty if ty.is_numeric() => ty.general(),
                other => return misuse(format!("`-` takes a number, not `{other}`")),
            },
            Expr::Widen { to, of } => {
                let of = self.ty(of)?;
                widened(&of, to).ok_or_else(|| Misuse(format!("`{of}` is not what is widened to `{to}`")))?
            }
            Expr::Binary { operator, left, right } => self.binary(*operator, left, right)?,
            Expr::If { condition, then, otherwise } => {
                self.expect(condition, &[Type::Bool], "a condition")?;
                let then = self.ty(then)?;
                let otherwise = self.ty(otherwise)?;
                Type::union(vec![Type::clone(&then), Type::clone(&otherwise)]).capped()
            }
            Expr::Match { of, arms, otherwise } => self.match_arms(of, arms, otherwise.as_deref())?,
            Expr::List { items } => {
                let (mut types, mut parts) = (Vec::new(), Parts::default());
                for item in items {
                    let ty = self.ty(item)?;
                    if ty.is_optional() {
                        return misuse("an item of a list may be absent");
                    }
                    types.push(parts.add(Type::clone(&ty)));
                }
                Type::list(parts.whole(|| Type::union(types))).capped()
            }
            Expr::Record { members } => {
                let (mut types, mut parts) = (BTreeMap::new(), Parts::default());
                for (name, value) in members {
                    if types.insert(name.as_str(), parts.add(Type::clone(&*self.ty(value)?))).is_some() {
                        return misuse(format!("a record has `{name}` twice"));
                    }
                }
                parts.whole(|| Type::closed_record(types))
            }
            Expr::Comprehension { variable, list, condition, item } => {
                let of = self.items(list)?;
                let from = provenance(list, self).item();
                self.bound(Some((variable, of, from)), |typing| {
                    if let Some(condition) = condition {
                        typing.expect(condition, &[Type::Bool], "a condition")?;
                    }
                    Ok(Type::list(Type::clone(&*typing.ty(item)?)).capped())
                })?
            }
            Expr::Call { function, arguments } => {
                let types = self.types(arguments)?;
                let known = functions::signature(function);
                let known = known.ok_or_else(|| Misuse(format!("there is no function `{function}`")))?;
                if types.contains(&Type::Never) {
                    Type::Never
                } else {
                    let wrong = |error: functions::ArgumentError| {
                        Misuse(format!("`{function}` takes {}, not `{}`", error.expected, error.found))
                    };
                    known.result(&types).map_err(wrong)?
                }
            }
            Expr::Apply { function, arguments } => {
                let types = self.types(arguments)?;
                let known = self.functions.get(function);
                let known = known.ok_or_else(|| Misuse(format!("there is no function `{function}`")))?;
                let given = arguments.iter().zip(&types);
                for (((argument, ty), wanted), name) in given.zip(&known.takes).zip(&known.parameters) {
                    let what = format!("`{name}` of `{function}`");
                    let answer = assignable_to_field(ty, &Field::of(wanted.clone()), &Literal::default());
                    fits(ty, confirmed(answer, argument, wanted, self), &what)?;
                }
                known.gives.clone().unwrap_or_else(Type::any)
            }
            Expr::Status { of } => self.beside(of, Contract::success_status)?,
            Expr::Headers { of } => self.beside(of, |contract| {
                Type::Record(RecordType { fields: contract.success_headers(), others: Members::Closed })
            })?,
        };
        Ok(Rc::new(ty))
    }

    /// A value that must be of one of a few types, as far as that can be decided.
    pub fn expect(&mut self, expression: &'a Expr, any_of: &[Type], what: &str) -> Result<(), Misuse> {
        let found = self.ty(expression)?;
        let fits = |wanted: &Type| !matches!(assignable(&found, wanted), Answer::No(_));
        if *found == Type::Never || any_of.iter().any(fits) {
            return Ok(());
        }
        misuse(format!("{what} is `{found}`"))
    }

    /// The type of a list's items.
    pub fn items(&mut self, list: &'a Expr) -> Result<Type, Misuse> {
        let list = self.ty(list)?;
        list.items().ok_or_else(|| Misuse(format!("a list is needed, not `{list}`")))
    }

    fn types(&mut self, expressions: &'a [Expr]) -> Result<Vec<Type>, Misuse> {
        expressions.iter().map(|expression| Ok(Type::clone(&*self.ty(expression)?))).collect()
    }

    /// What is judged with one more name in scope.
    fn bound<T>(
        &mut self,
        name: Option<(&'a str, Type, Provenance)>,
        judge: impl FnOnce(&mut Typing<'a>) -> Result<T, Misuse>,
    ) -> Result<T, Misuse> {
        let Some((name, ty, from)) = name else { return judge(self) };
        let before = self.define(name, ty);
        self.comes_from(name, from);
        let found = judge(self);
        self.provenances.remove(name);
        match before {
            Some(before) => self.names.insert(name, before),
            None => self.names.remove(name),
        };
        found
    }

    fn field(&mut self, of: &'a Expr, name: &str, optional: bool) -> Result<Type, Misuse> {
        let of = self.ty(of)?;
        let missing = || misuse(format!("`{of}` has no member `{name}`"));
        let (access, nothing) = match of.field(name) {
            _ if *of == Type::Never => return Ok(Type::Never),
            FieldAccess::MayBeNothing(base) if optional => (base.field(name), true),
            FieldAccess::MayBeNothing(_) => {
                return misuse(format!("what has the member `{name}` may be absent or null"));
            }
            access => (access, false),
        };
        match access {
            FieldAccess::Type(ty) if nothing => Ok(ty.optional()),
            FieldAccess::Type(ty) => Ok(ty),
            _ => missing(),
        }
    }

    fn binary(&mut self, operator: BinaryOperator, left: &'a Expr, right: &'a Expr) -> Result<Type, Misuse> {
        use BinaryOperator as Op;
        if matches!(operator, Op::And | Op::Or) {
            self.expect(left, &[Type::Bool], "a condition")?;
            self.expect(right, &[Type::Bool], "a condition")?;
            return Ok(Type::Bool);
        }
        let (left, right) = (self.ty(left)?, self.ty(right)?);
        if operator == Op::Coalesce {
            return Ok(Type::union(vec![left.without_nothing(), Type::clone(&right)]).capped());
        }
        if *left == Type::Never || *right == Type::Never {
            return Ok(Type::Never);
        }
        // An int beside a decimal was widened.
        let alike = Type::join(&left, &right) == Type::union(vec![Type::clone(&left), Type::clone(&right)]);
        let found = match operator {
            Op::Equal | Op::NotEqual => comparable(&left, &right).then_some(Type::Bool),
            Op::Less | Op::LessOrEqual | Op::Greater | Op::GreaterOrEqual => {
                ordered(&left, &right).then_some(Type::Bool)
            }
            _ => operator.arithmetic().and_then(|operator| arithmetic(operator, &left, &right)),
        };
        match found.filter(|_| alike) {
            Some(ty) => Ok(ty),
            None => misuse(format!("an operator does not take `{left}` and `{right}`")),
        }
    }

    fn match_arms(
        &mut self,
        of: &'a str,
        arms: &'a [Arm],
        otherwise: Option<&'a Expr>,
    ) -> Result<Type, Misuse> {
        let Answering { contract, guarded, value } = self.step(of)?;
        let mut types = Vec::new();
        for arm in arms {
            let body = || match &value {
                Some(value) if (200..=299).contains(&arm.status) => Type::clone(value),
                _ => contract.answer_type(arm.status),
            };
            let bound =
                arm.variable.as_deref().map(|variable| (variable, body(), self.answer(of, arm.status)));
            types.push(self.bound(bound, |typing| Ok(Type::clone(&*typing.ty(&arm.value)?)))?);
        }
        if let Some(otherwise) = otherwise {
            types.push(Type::clone(&*self.ty(otherwise)?));
        }
        let ty = Type::union(types).capped();
        Ok(if guarded { ty.optional() } else { ty })
    }

    fn step(&self, name: &str) -> Result<Answering<'a>, Misuse> {
        self.steps.get(name).cloned().ok_or_else(|| Misuse(format!("`{name}` is no step in scope")))
    }

    /// Something beside the body of a step's answer: absent where the step's value may be.
    fn beside(&self, of: &'a str, part: impl Fn(&Contract) -> Type) -> Result<Type, Misuse> {
        let ty = part(self.step(of)?.contract);
        let optional = self.names.get(of).is_some_and(|ty| ty.is_optional());
        Ok(if optional { ty.optional() } else { ty })
    }
}

impl Names for Typing<'_> {
    fn of(&self, name: &str) -> Provenance {
        self.provenances.get(name).cloned().unwrap_or_default()
    }

    fn answer(&self, step: &str, status: u16) -> Provenance {
        match self.steps.get(step) {
            // What pages came to is the value of the step.
            Some(known) if known.value.is_some() && (200..=299).contains(&status) => self.of(step),
            Some(known) => known.contract.provenance_of(status),
            None => Provenance::Own,
        }
    }
}

/// A value that is put where a type is written: what cannot be decided is left to the evaluator.
fn fits(found: &Type, answer: Answer, what: &str) -> Result<(), Misuse> {
    match answer {
        Answer::No(_) if *found != Type::Never => misuse(format!("{what} is `{found}`")),
        _ => Ok(()),
    }
}

/// What `Widen` makes of a type: its ints become decimals or numbers; `None` where it holds anything else.
fn widened(of: &Type, to: &str) -> Option<Type> {
    let wide = match to {
        "decimal" => Type::Decimal,
        "number" => Type::Number,
        _ => return None,
    };
    let each = of.clone().present();
    let each = each.alternatives().iter().map(|ty| match ty {
        Type::Int { .. } => Some(wide.clone()),
        Type::Null | Type::Never => Some(ty.clone()),
        ty if *ty == wide => Some(ty.clone()),
        _ => None,
    });
    let ty = Type::union(each.collect::<Option<Vec<Type>>>()?);
    Some(if of.is_optional() { ty.optional() } else { ty })
}
