"""What is different on purpose: how Millrace's answer follows from that of transformers, rule by rule, and why."""
import math
from dataclasses import dataclass, field
from typing import Any, Callable, NamedTuple

from parity.answers import Answer, Refusal, agree
from parity.sides import Oracle, TokenizerAlone
from parity.tasks import Task


@dataclass
class Case:
    task: Task
    oracle: Oracle
    parameters: dict
    record: Any
    theirs: Any
    ours: Any
    rules: list = field(default_factory=list)  # those that were followed
    expected: Any = None  # what follows by them


def without_marks(value):
    """Returns an answer without the marks of cuts, and how many there were."""
    if isinstance(value, list):
        pairs = [without_marks(item) for item in value]
        return [item for item, _ in pairs], sum(count for _, count in pairs)
    if isinstance(value, dict) and value and list(value)[-1] == "truncated" and value["truncated"] is True:
        return {key: item for key, item in value.items() if key != "truncated"}, 1
    return value, 0


def rule_cut(case, expected):
    if not (isinstance(expected, Refusal) and isinstance(case.ours, Answer)) or isinstance(case.oracle.pipe, TokenizerAlone):
        return None
    again = case.oracle.ask_with_cut(case.record, case.parameters)
    value, marks = without_marks(case.ours.value)
    if not isinstance(again, Answer) or (marks > 0) != case.task.marks_cuts:
        return None
    return case.ours if agree(again, Answer(value)) else again


def rule_empty_list(case, expected):
    return Answer([]) if case.record == [] and isinstance(expected, Refusal) else None


def rule_as_many_spans(case, expected):
    if not (isinstance(expected, Refusal) and case.task.name == "question-answering" and expected.text.startswith("kth")):
        return None
    count = case.parameters.get("top_k") or case.parameters.get("topk") or 1
    again = case.oracle.ask(case.record, {**case.parameters, "top_k": count + 1})
    if not (isinstance(again, Answer) and isinstance(again.value, list)):
        return again
    return Answer(again.value[:count] if count > 1 else again.value[0])


def rule_written_pads(case, expected):
    tokenizer = case.oracle.pipe.tokenizer
    if case.task.name != "question-answering" or tokenizer.padding_side != "left" or not isinstance(expected, Answer):
        return None
    texts = [case.record.get(key) for key in ("question", "context")] if isinstance(case.record, dict) else [None]
    if not all(isinstance(text, str) for text in texts) or not any(str(tokenizer.pad_token) in text for text in texts):
        return None
    return case.oracle.ask_with_other_pad(case.record, case.parameters)


STABLE_SORT = 16  # numpy sorts so many numbers in a stable way by default


def later_label_first(found, labels):
    """Puts labels of exactly the same score into the order that a stable sort, read backwards, gives."""
    pairs = sorted(zip(found["scores"], map(labels.index, found["labels"])), reverse=True)
    return {**found, "labels": [labels[place] for _, place in pairs], "scores": [score for score, _ in pairs]}


def rule_equal_scores(case, expected):
    if case.task.name != "zero-shot-classification" or not isinstance(expected, Answer):
        return None
    own = case.record.get("candidate_labels") if isinstance(case.record, dict) else None
    labels = own or case.parameters["candidate_labels"]
    if not isinstance(labels, list) or len(labels) <= STABLE_SORT:
        return None
    several = isinstance(expected.value, list)
    return Answer([later_label_first(found, labels) for found in expected.value] if several else later_label_first(expected.value, labels))


def list_length(record):
    """How many inputs a record lists; nothing if it is a single one."""
    if isinstance(record, dict) and isinstance(record.get("question"), list):
        record = record["question"]
    return len(record) if isinstance(record, list) else None


def without_zeros(found):
    answers = found if isinstance(found, list) else [found]
    kept = [answer for answer in answers if answer["score"] != 0] or answers[:1]
    return kept[0] if len(kept) == 1 else kept


def rule_probability_zero(case, expected):
    if case.task.name != "question-answering" or not isinstance(expected, Answer) or not expected.value:
        return None
    several = (list_length(case.record) or 1) > 1
    return Answer([without_zeros(found) for found in expected.value] if several else without_zeros(expected.value))


def rule_list_of_one(case, expected):
    unwrapped = case.task.unwraps and list_length(case.record) == 1
    return Answer([expected.value]) if unwrapped and isinstance(expected, Answer) else None


def holds_nonfinite(value):
    if isinstance(value, (list, dict)):
        return any(holds_nonfinite(item) for item in (value.values() if isinstance(value, dict) else value))
    return isinstance(value, float) and not math.isfinite(value)


def rule_not_finite(case, expected):
    refused = isinstance(case.ours, Refusal) and case.ours.code == "NONFINITE"
    return case.ours if refused and isinstance(expected, Answer) and holds_nonfinite(expected.value) else None


def rule_too_large(case, expected):
    refused = isinstance(case.ours, Refusal) and case.ours.code in ("TOO_LARGE", "TOO_MANY_TEXTS")
    return case.ours if refused and isinstance(expected, Answer) else None


class Rule(NamedTuple):
    name: str
    reason: str
    follow: Callable  # (case, expected): what is expected of Millrace instead; None where the rule says nothing


RULES = [
    Rule("cut", "transformers fails on more tokens than the model has positions; Millrace cuts the text as transformers does with "
         "truncation, gives that answer, and marks it `truncated` where it is an object", rule_cut),
    Rule("empty list", "Millrace answers an empty list with an empty list in every task", rule_empty_list),
    Rule("as many spans as asked for", "transformers fails where a window has exactly as many spans as it sorts (\"kth out of bounds\"); "
         "Millrace gives the answers that transformers gives when asked for one more", rule_as_many_spans),
    Rule("padding written in a text", "with padding on the left transformers takes every padding token for padding, those written in the "
         "text, too, and moves its answers by as many tokens; Millrace does not", rule_written_pads),
    Rule("equal scores", "of more than 16 labels those with exactly the same score stand in no certain order in transformers; in Millrace "
         "the later one comes first, as with fewer labels", rule_equal_scores),
    Rule("probability 0", "an answer of probability 0 is none; Millrace leaves it out unless there is no other", rule_probability_zero),
    Rule("list of one", "transformers takes the list off the answer to a list of one input; Millrace answers a list with a list",
         rule_list_of_one),
    Rule("not a number", "NaN and infinity are no JSON; Millrace gives the error NONFINITE", rule_not_finite),
    Rule("too large", "a record holds at most 64 texts of 100,000 code points; Millrace refuses what is larger", rule_too_large),
]


def judge(case, gap):
    """Returns equal, refused, by design or different; notes the rules that were followed."""
    if agree(case.theirs, case.ours, gap):
        return "equal" if isinstance(case.ours, Answer) else "refused"
    case.expected = case.theirs
    for rule in RULES:
        followed = rule.follow(case, case.expected)
        if followed is None or (isinstance(followed, Answer) and agree(followed, case.expected)):
            continue
        case.expected = followed
        case.rules.append(rule.name)
        if agree(case.expected, case.ours, gap):
            return "by design"
    return "different"
