//! The one door to pest: the generated parser, its bounds, and plain words for its rules.

use std::num::NonZeroUsize;
use std::sync::Once;

use pest::Parser;
use pest::error::{ErrorVariant, InputLocation};
use pest::iterators::Pair;

use crate::base::limits;

#[derive(pest_derive::Parser)]
#[grammar = "grammar/eczflow.pest"]
struct Grammar;

/// A node of pest's tree.
pub(super) type Node<'a> = Pair<'a, Rule>;

/// Where parsing stopped, and what could have stood there.
#[derive(Debug)]
pub(super) struct Stop {
    /// Offset in the parsed text.
    pub(super) at: usize,
    /// The rules that were tried there.
    pub(super) expected: Vec<Rule>,
}

/// Rule calls that one parse may make: 64 a byte of the largest file. A legal file needs about a tenth.
const CALLS: usize = 64 * limits::FLOW_BYTES;

/// Parses a text with a rule. The result holds the rule's children where the rule is silent.
pub(super) fn parse(rule: Rule, text: &str) -> Result<Vec<Node<'_>>, Stop> {
    static LIMIT: Once = Once::new();
    LIMIT.call_once(|| pest::set_call_limit(NonZeroUsize::new(CALLS)));
    Grammar::parse(rule, text).map(Iterator::collect).map_err(|error| {
        let at = match error.location {
            InputLocation::Pos(at) => at,
            InputLocation::Span((at, _)) => at,
        };
        let expected = match error.variant {
            ErrorVariant::ParsingError { positives, .. } => positives,
            ErrorVariant::CustomError { .. } => Vec::new(),
        };
        Stop { at, expected }
    })
}

/// What a user calls a rule; `None` for rules that say nothing beside others.
pub(super) fn describe(rule: Rule) -> Option<String> {
    let word = match rule {
        Rule::EOI | Rule::dot | Rule::optional_field | Rule::field | Rule::index | Rule::index_optional => {
            return None;
        }
        Rule::expr
        | Rule::unary
        | Rule::not
        | Rule::negate
        | Rule::if_expr
        | Rule::match_expr
        | Rule::decimal
        | Rule::true_literal
        | Rule::false_literal
        | Rule::null_literal
        | Rule::name_expr
        | Rule::function_call
        | Rule::function_name
        | Rule::list_expr
        | Rule::record_expr => "an expression",
        Rule::coalesce
        | Rule::or
        | Rule::and
        | Rule::equal
        | Rule::not_equal
        | Rule::at_most_operator
        | Rule::greater
        | Rule::less
        | Rule::add
        | Rule::subtract
        | Rule::multiply
        | Rule::divide
        | Rule::remainder => "an operator",
        Rule::name | Rule::binding | Rule::member | Rule::path => "a name",
        Rule::string | Rule::plain_string => "a string",
        Rule::hole => "`{`",
        Rule::string_text | Rule::plain_text => "text",
        Rule::escape => "an escape such as `\\n`, `\\\"` or `\\{`",
        Rule::integer => "a whole number",
        Rule::duration => "a length of time such as `30s`",
        Rule::size => "a size such as `16MiB`",
        Rule::percent => "a percentage such as `50%`",
        Rule::ecz_id => "an ECZ-ID",
        Rule::pin_value => "`sha256:` and 64 hex digits",
        Rule::evidence_level => "`E0` to `E5`",
        Rule::at_least => "`>=`",
        Rule::type_expr
        | Rule::type_part
        | Rule::list_type
        | Rule::record_type
        | Rule::literal_type
        | Rule::null_type
        | Rule::schema_type
        | Rule::type_name => "a type",
        Rule::agent_ref => "an agent such as `acme.agent`",
        Rule::named_argument | Rule::location => "an argument",
        Rule::record_field | Rule::type_field => "a member",
        Rule::input => "an input",
        Rule::call => "a call such as `api.operation(…)`",
        Rule::flow_call => "`call`",
        Rule::flow_argument => "an input such as `name: value`",
        Rule::signal_statement | Rule::signal_head => "`signal`",
        Rule::signal_from => "`from`",
        Rule::signal_sender => "an agent such as `acme.agent`",
        Rule::signal_within => "`within`",
        Rule::api_source => "`openapi(\"…\")`",
        Rule::comprehension => "`for`",
        Rule::version => "`eczflow 1`",
        Rule::allow => "`allow`",
        Rule::rule_name => "the name of a rule",
        Rule::use_item => "`use`",
        Rule::operator_item => "`operator`",
        Rule::secret_item => "`secret`",
        Rule::api_item => "`api`",
        Rule::retry_item | Rule::use_retry => "`retry`",
        Rule::breaker_item | Rule::use_breaker => "`breaker`",
        Rule::handoff_item | Rule::use_handoff => "`handoff`",
        Rule::weaken_handoff => "`weaken`",
        Rule::type_item => "`type`",
        Rule::fn_item => "`fn`",
        Rule::classify_item => "`classify`",
        Rule::classified_input => "`input`",
        Rule::classified_answer => "an operation such as `api.operation`",
        Rule::field_path => "a field such as `customer.email`",
        Rule::data_class => "a class such as `personal`",
        Rule::cleared => "`cleared`",
        Rule::released => "`release`",
        Rule::fn_parameter => "a parameter",
        Rule::flow_item | Rule::flow_header => "`flow`",
        Rule::pin => "`pinned`",
        Rule::passport => "`passport`",
        Rule::agent_id => "`agent`",
        Rule::region => "`region`",
        Rule::auth => "`auth`",
        Rule::idempotency => "`idempotency`",
        Rule::assumed => "`assumed`",
        Rule::stated => "`stated`",
        Rule::stated_in => "`file`",
        Rule::timeout => "`timeout`",
        Rule::timeout_connect => "`connect`",
        Rule::timeout_attempt => "`attempt`",
        Rule::timeout_response => "`response`",
        Rule::rate => "`rate`",
        Rule::concurrency => "`concurrency`",
        Rule::retry_attempts => "`attempts`",
        Rule::retry_backoff => "`backoff`",
        Rule::retry_within | Rule::verify_within => "`within`",
        Rule::breaker_window => "`window`",
        Rule::breaker_minimum => "`minimum`",
        Rule::breaker_failures => "`failures`",
        Rule::breaker_slow => "`slow`",
        Rule::breaker_open => "`open`",
        Rule::breaker_probes => "`probes`",
        Rule::handoff_present => "`present`",
        Rule::handoff_verify => "`verify`",
        Rule::handoff_attest => "`attest`",
        Rule::attest_headers => "`headers`",
        Rule::handoff_evidence => "`evidence`",
        Rule::handoff_trace => "`trace`",
        Rule::flow_as => "`as`",
        Rule::flow_deadline => "`deadline`",
        Rule::step | Rule::step_head => "`step`",
        Rule::poll => "`poll`",
        Rule::pages => "`pages`",
        Rule::page_items => "`items`",
        Rule::let_statement => "`let`",
        Rule::ensure_statement => "`ensure`",
        Rule::fail_statement => "`fail`",
        Rule::wait_statement => "`wait`",
        Rule::for_statement | Rule::for_head => "`for`",
        Rule::return_statement => "`return`",
        Rule::yield_statement => "`yield`",
        Rule::when_clause => "`when`",
        Rule::after_clause => "`after`",
        Rule::on_clause => "`on`",
        Rule::key_clause => "`key`",
        Rule::undo_clause => "`undo`",
        Rule::reconcile_clause => "`reconcile`",
        Rule::absent_after => "`absent after`",
        Rule::irreversible_clause => "`irreversible`",
        Rule::at_most => "`at most`",
        Rule::parallel => "`parallel`",
        Rule::api_block | Rule::flow_block | Rule::loop_block | Rule::call_block | Rule::open_brace => "`{`",
        Rule::close_brace => "`}`",
        Rule::open_paren => "`(`",
        Rule::close_paren => "`)`",
        Rule::open_bracket => "`[`",
        Rule::close_bracket => "`]`",
        Rule::comma => "`,`",
        Rule::colon => "`:`",
        Rule::equals => "`=`",
        Rule::arrow => "`->`",
        Rule::fat_arrow => "`=>`",
        Rule::match_arm => "an arm such as `404 => …`",
        Rule::pipe => "`|`",
        Rule::optional_mark => "`?`",
        rule => return keyword(rule).map(|word| format!("`{word}`")),
    };
    Some(word.to_owned())
}

/// The word of a keyword's rule.
fn keyword(rule: Rule) -> Option<String> {
    format!("{rule:?}").strip_prefix("kw_").map(str::to_owned)
}
