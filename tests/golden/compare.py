#!/usr/bin/env python3
"""Says whether Millrace and transformers give the same answers for a checkpoint folder. compare.sh prepares and starts it.

    ./tests/golden/compare.sh FOLDER [--task TASK] [--inputs FILE.jsonl] [--parameters JSON] [--show N]

FOLDER       a checkpoint, as transformers loads it
--task       what to ask; by default what the head that config.json names is for
--inputs     your own inputs, one JSON value a line; by default those of hard_inputs.py
--parameters call arguments of the pipeline, for both sides
--show       how many differences to print in full (20)

Both sides compute in float32 on the CPU. An input is one record, and its answer is that of one element of a list call,
`pipe([input])[0]`, or of the whole call if the input is a list. Structure, order of keys, texts, labels and offsets are
compared exactly, numbers to 1e-4. Where transformers raises, Millrace must give an error. Where Millrace differs on purpose,
a rule of RULES says how its answer follows from what transformers gives, and the answer must be that one; all else is a
difference. Exit status: 0 if there is none, 1 if there are some, 2 for wrong use, or if the two cannot be compared.
"""
import argparse
import ast
import contextlib
import copy
import json
import logging
import math
import os
import re
import subprocess
import sys
import unicodedata
import warnings
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Callable, NamedTuple

import hard_inputs
import tokenizer_call

TOLERANCE = 1e-4


class CannotCompare(Exception):
    """Wrong use, or a folder that says nothing about Millrace."""


# ---- answers, and what differs between two

@dataclass
class Answer:
    value: Any


@dataclass
class Refusal:
    code: str
    text: str


class Stopped(Refusal):
    """What stands for every answer where the program ended without them."""


@dataclass
class Gap:
    """The largest difference of two numbers that count as equal."""
    largest: float = 0.0


def differences(theirs, ours, gap, place=""):
    """Yields (place, theirs, ours) for what differs; a place is a JSON Pointer."""
    numbers = [type(value) in (int, float) for value in (theirs, ours)]
    if type(theirs) is float and all(numbers):
        distance = abs(theirs - ours)
        if distance <= TOLERANCE:
            gap.largest = max(gap.largest, distance)
        elif not (math.isnan(theirs) and math.isnan(ours)):
            yield place, theirs, ours
    elif type(theirs) is not type(ours):
        yield place, theirs, ours
    elif isinstance(theirs, dict):
        if list(theirs) != list(ours):
            yield f"{place} (keys)", list(theirs), list(ours)
            return
        for key in theirs:
            yield from differences(theirs[key], ours[key], gap, f"{place}/{key}")
    elif isinstance(theirs, list):
        if len(theirs) != len(ours):
            yield f"{place} (entries)", len(theirs), len(ours)
            return
        for index, (one, other) in enumerate(zip(theirs, ours)):
            yield from differences(one, other, gap, f"{place}/{index}")
    elif theirs != ours:
        yield place, theirs, ours


def agree(theirs, ours, gap=None):
    """Whether two answers are equal, or both are refusals."""
    if isinstance(theirs, Answer) and isinstance(ours, Answer):
        return next(differences(theirs.value, ours.value, gap or Gap()), None) is None
    return isinstance(theirs, Refusal) and isinstance(ours, Refusal)


# ---- transformers

def plain(value):
    """Returns numpy's numbers as Python's."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value.item() if hasattr(value, "item") else value


@contextlib.contextmanager
def silence():
    """The tokenizers library reports a panic on the error stream before Python sees it."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


class Listener(logging.Handler):
    def __init__(self):
        super().__init__()
        self.heard = []

    def emit(self, record):
        self.heard.append(record.getMessage())


def made_up_weights(messages):
    """The weights that transformers drew by chance, since the folder lacks them or has them in another shape."""
    names = []
    for message in messages:
        if "newly initialized: " in message:
            names += ast.literal_eval(re.search(r"newly initialized: (\[.*?\])", message, re.S).group(1))
        elif "newly initialized because" in message:
            names += re.findall(r"^- (\S+): found shape", message, re.M)
    return names


class TokenizerAlone(NamedTuple):
    """What a task without a model asks, in the form of a pipeline."""
    tokenizer: Any
    model: Any


class NoModel(NamedTuple):
    config: Any = None


def load_tokenizer(task, folder):
    import transformers

    return TokenizerAlone(transformers.AutoTokenizer.from_pretrained(folder), NoModel())


def load_pipeline(task, folder):
    import torch
    import transformers

    return transformers.pipeline(task.name, model=folder, device="cpu", dtype=torch.float32)


class Oracle:
    """A pipeline of transformers."""

    def __init__(self, task, folder):
        os.environ["HF_HUB_OFFLINE"] = "1"
        import torch
        import transformers

        if not transformers.__version__.startswith("4.57."):
            raise CannotCompare(f"transformers {transformers.__version__} is no reference, 4.57 is; ./tests/golden/compare.sh installs it")
        warnings.simplefilter("ignore")
        transformers.logging.disable_default_handler()
        logging.getLogger("transformers").addHandler(logging.NullHandler())
        self.task = task
        self.versions = f"transformers {transformers.__version__}, torch {torch.__version__.split('+')[0]}"
        listener = Listener()
        logger = logging.getLogger("transformers.modeling_utils")
        logger.addHandler(listener)
        try:
            self.pipe = task.load(task, folder)
        except Exception as problem:
            raise CannotCompare(f"transformers does not load {folder}: {first_line(problem)}") from problem
        finally:
            logger.removeHandler(listener)
        made_up = [name for name in made_up_weights(listener.heard) if not name.startswith(task.idle_weights)]
        if made_up:
            named = ", ".join(made_up[:4]) + (f" and {len(made_up) - 4} more" if len(made_up) > 4 else "")
            raise CannotCompare(f"{folder} lacks weights that {task.name} needs: transformers drew {named} by chance, so that its "
                                "answers are others in each run; name the task that the checkpoint was trained for with --task")
        self._positions = None

    def ask(self, record, parameters):
        try:
            with silence():
                # Pipelines write into what they are given.
                return Answer(plain(self.task.ask(self.pipe, copy.deepcopy(record), copy.deepcopy(parameters))))
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as problem:  # a panic of the tokenizers library is no Exception
            return Refusal(type(problem).__name__, first_line(problem))

    def ask_with_cut(self, record, parameters):
        """Asks again with the text cut to as many tokens as the model takes."""
        tokenizer = self.pipe.tokenizer
        kept = tokenizer.model_max_length
        tokenizer.model_max_length = min(kept, self.positions() or kept)
        try:
            return self.ask(record, self.task.cut(parameters, tokenizer.model_max_length))
        finally:
            tokenizer.model_max_length = kept

    def ask_with_other_pad(self, record, parameters):
        """Asks again with a padding token that does not occur in the texts."""
        tokenizer = self.pipe.tokenizer
        kept = tokenizer.pad_token
        ids = set(tokenizer(record["question"], record["context"])["input_ids"])
        tokenizer.pad_token = next(token for token, id_ in sorted(tokenizer.get_vocab().items()) if id_ not in ids)
        try:
            return self.ask(record, parameters)
        finally:
            tokenizer.pad_token = kept

    def positions(self):
        """The most tokens that the model takes, found by trying; 0 where it is not what config.json lets expect."""
        if self._positions is None:
            most = getattr(self.pipe.model.config, "max_position_embeddings", 0) or 0
            tries = range(most + 1, max(most - 8, 0), -1)  # tables hold a few rows that no token uses
            taken = next((count for count in tries if self._takes(count)), 0)
            self._positions = 0 if taken == most + 1 else taken
        return self._positions

    def _takes(self, count):
        import torch

        word = self.pipe.tokenizer("good", add_special_tokens=False)["input_ids"][:1]
        try:
            with silence(), torch.no_grad():
                self.pipe.model.base_model(input_ids=torch.tensor([word * count]))
        except (IndexError, RuntimeError):
            return False
        return True

    def facts(self):
        """What the inputs are made of: special tokens, the mask, and a length that is about the longest."""
        tokenizer = self.pipe.tokenizer
        most = getattr(self.pipe.model.config, "max_position_embeddings", 0) or 512
        return Facts(specials=list(dict.fromkeys(tokenizer.all_special_tokens)) or ["[UNK]"], mask=tokenizer.mask_token,
                     limit=int(min(tokenizer.model_max_length, most, 1024)))


class Facts(NamedTuple):
    specials: list
    mask: str
    limit: int


def first_line(problem):
    return (str(problem).strip().splitlines() or [""])[0]


# ---- Millrace

def ask_millrace(task, folder, records, parameters):
    """Returns the answers of one `millrace pipe` over all inputs."""
    binary = os.environ.get("MILLRACE")
    if not binary:
        raise CannotCompare("MILLRACE does not name the binary; start ./tests/golden/compare.sh, which looks for it")
    command = [binary, "pipe", "--task", task.name, "--model", folder, "--device", "cpu", "--dtype", "float32",
               "--parameters", json.dumps(parameters)]
    lines = "".join(json.dumps(record) + "\n" for record in records)
    done = subprocess.run(command, input=lines, capture_output=True, text=True, encoding="utf-8")
    answers = [answer_of(json.loads(line)) for line in done.stdout.split("\n") if line] if done.returncode == 0 else []
    if len(answers) == len(records):
        return answers
    why = done.stderr.strip() or f"millrace gave {len(answers)} answers to {len(records)} inputs"
    return [Stopped(f"exit status {done.returncode}", why)] * len(records)


def answer_of(value):
    if isinstance(value, dict) and list(value) == ["error"]:
        return Refusal(value["error"]["code"], value["error"]["message"])
    return Answer(value)


# ---- tasks: to add one, add a row to TASKS

def ask_elements(pipe, record, parameters):
    return pipe(record, **parameters) if isinstance(record, list) else pipe([record], **parameters)[0]


def ask_text_or_pair(pipe, record, parameters):
    old_pair = isinstance(record, list) and len(record) == 1 and isinstance(record[0], list)
    return pipe([record], **parameters)[0] if old_pair else ask_elements(pipe, record, parameters)


def ask_tokenizer(pipe, record, parameters):
    old_pair = isinstance(record, list) and len(record) == 1 and isinstance(record[0], list) and len(record[0]) == 2
    given = {"text": record[0][0], "text_pair": record[0][1]} if old_pair else record
    return tokenizer_call.answer(pipe.tokenizer, given, parameters)


def ask_directly(pipe, record, parameters):
    return pipe(record, **parameters)


def ask_question(pipe, record, parameters):
    if isinstance(record, dict) and set(record) == {"question", "context"}:
        return pipe(**record, **parameters)
    return pipe(record, **parameters)


def ask_choice(pipe, record, parameters):
    if isinstance(record, dict):
        own = {key: value for key, value in record.items() if key != "sequences"}
        return ask_elements(pipe, record["sequences"], {**parameters, **own})
    return ask_elements(pipe, record, parameters)


def ask_tokens(pipe, record, parameters):
    if isinstance(record, dict) and set(record) == {"text", "offset_mapping"}:
        return pipe([record["text"]], **parameters, offset_mapping=[record["offset_mapping"]])[0]
    if parameters.get("is_split_into_words"):
        return pipe(record, **parameters) if all(isinstance(one, list) for one in record) else pipe([record], **parameters)[0]
    return ask_elements(pipe, record, parameters)


def cut_by_call(parameters, length):
    return {**parameters, "truncation": parameters.get("truncation") or True, "max_length": length}


def cut_by_features(parameters, length):
    rest = {key: value for key, value in parameters.items() if key != "truncation"}
    inner = {"truncation": parameters.get("truncation"), **parameters.get("tokenize_kwargs", {})}
    return {**rest, "tokenize_kwargs": cut_by_call(inner, length)}


def cut_by_masks(parameters, length):
    return {**parameters, "tokenizer_kwargs": cut_by_call(parameters.get("tokenizer_kwargs", {}), length)}


def cut_by_itself(parameters, length):
    return parameters


class Task(NamedTuple):
    name: str
    head: str  # what an architecture in config.json ends with; "" for a task that no head names
    inputs: Callable  # of hard_inputs.py
    ask: Callable  # (pipe, record, parameters): what transformers answers to one record
    cut: Callable  # (parameters, length): the parameters with which transformers cuts texts to a length
    settings: list  # sets of parameters; the first one by default, all for the table of README.md
    unwraps: bool = False  # whether transformers answers a list of one without the list
    marks_cuts: bool = True  # whether Millrace says in the answer that it cut a text
    idle_weights: tuple = ()  # beginnings of the names of weights that the answer does not depend on
    load: Callable = load_pipeline  # (task, folder): what `ask` gets; for a task that transformers has no pipeline for


LABELS = {"candidate_labels": ["good", "bad", "about a phone"]}
TASKS = [
    Task("text-classification", "ForSequenceClassification", hard_inputs.classified, ask_text_or_pair, cut_by_call,
         [{}, {"top_k": None}, {"truncation": True, "max_length": 8, "top_k": 2}]),
    Task("token-classification", "ForTokenClassification", hard_inputs.labelled, ask_tokens, cut_by_itself,
         [{}] + [{"aggregation_strategy": name, "ignore_labels": []} for name in ("simple", "first", "average", "max")] +
         [{"aggregation_strategy": "first", "stride": 4}]),
    Task("question-answering", "ForQuestionAnswering", hard_inputs.asked, ask_question, cut_by_itself,
         [{}, {"top_k": 3, "handle_impossible_answer": True}, {"max_seq_len": 24, "doc_stride": 4, "align_to_words": False}],
         unwraps=True, marks_cuts=False),
    Task("fill-mask", "ForMaskedLM", hard_inputs.masked, ask_directly, cut_by_masks,
         [{}, {"top_k": 12}, {"targets": ["good", "bad", "\u6771", "unheardof"]}], unwraps=True),
    Task("zero-shot-classification", "", hard_inputs.chosen, ask_choice, cut_by_itself,
         [LABELS, {**LABELS, "multi_label": True, "hypothesis_template": "it was {}"}]),
    Task("feature-extraction", "", hard_inputs.extracted, ask_elements, cut_by_features,
         [{}, {"tokenize_kwargs": {"truncation": True, "max_length": 8}}], marks_cuts=False, idle_weights=("pooler.",)),
    Task("tokenization", "", hard_inputs.classified, ask_tokenizer, cut_by_call,
         [{}, {"truncation": True, "max_length": 8, "return_decoded": True, "return_length": True},
          {"padding": "max_length", "max_length": 12, "add_special_tokens": False},
          {"truncation": True, "max_length": 9, "stride": 1, "return_overflowing_tokens": True, "padding": True}],
         marks_cuts=False, load=load_tokenizer),
]


def task_named(name):
    for task in TASKS:
        if task.name == {"sentiment-analysis": "text-classification", "ner": "token-classification"}.get(name, name):
            return task
    raise CannotCompare(f"{name} is not a task that can be compared; these are: {', '.join(task.name for task in TASKS)}")


def read_config(folder):
    path = os.path.join(folder, "config.json")
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except OSError as problem:
        raise CannotCompare(f"{path}: {problem.strerror}; a checkpoint folder is expected") from problem
    except ValueError as problem:
        raise CannotCompare(f"{path} is not JSON: {problem}") from problem


def guessed_task(config):
    """Returns the task of a folder and the architecture that says so."""
    for architecture in config.get("architectures") or []:
        for task in TASKS:
            if task.head and architecture.endswith(task.head):
                return task, architecture
    return task_named("feature-extraction"), "no head that names a task"


# ---- what is different on purpose

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


# ---- the comparison and its report

@dataclass
class Comparison:
    versions: str
    gap: Gap
    verdicts: Counter
    by_rule: Counter
    different: list  # (number of the input, case)
    stopped: str = ""  # why Millrace ended without answers

    @property
    def cases(self):
        return sum(self.verdicts.values())


def compare(oracle, folder, records, parameters):
    ours = ask_millrace(oracle.task, folder, records, parameters)
    result = Comparison(oracle.versions, Gap(), Counter(), Counter(), [])
    theirs = [oracle.ask(record, parameters) for record in records]
    if all(isinstance(answer, Stopped) for answer in ours) and all(isinstance(answer, Refusal) for answer in theirs):
        raise CannotCompare(f"neither side takes this: transformers says {theirs[0].code}: {theirs[0].text}, and {ours[0].text}")
    if isinstance(ours[0], Stopped):
        result.stopped = ours[0].text
    for number, (record, their, our) in enumerate(zip(records, theirs, ours), 1):
        case = Case(oracle.task, oracle, parameters, record, their, our)
        verdict = judge(case, result.gap)
        result.verdicts[verdict] += 1
        if verdict == "by design":
            result.by_rule[" + ".join(case.rules)] += 1
        elif verdict == "different":
            result.different.append((number, case))
    return result


def visible(text):
    """Escapes what a terminal would not show as it is."""
    return "".join(c if c.isprintable() and unicodedata.category(c)[0] != "M" else json.dumps(c)[1:-1] for c in text)


def shown(value, most=160):
    text = visible(json.dumps(value, ensure_ascii=False))
    return text if len(text) <= most else f"{text[:most - 40]} … {text[-20:]}   ({len(text)} characters)"


def told(answer):
    return shown(answer.value) if isinstance(answer, Answer) else f"refuses: {answer.code}: {visible(answer.text)[:400]}"


def print_difference(number, total, case):
    print(f"\n  input {number} of {total}")
    print(f"    input         {shown(case.record)}")
    print(f"    transformers  {told(case.theirs)}")
    print(f"    millrace      {told(case.ours)}")
    if case.rules:
        print(f"    expected      {told(case.expected)}\n                  by the rule {' and the rule '.join(case.rules)}")
    if isinstance(case.expected, Answer) and isinstance(case.ours, Answer):
        found = list(differences(case.expected.value, case.ours.value, Gap()))
        for place, theirs, ours in found[:3]:
            print(f"    differs at    {place or 'the whole'}: {shown(theirs, 60)}, millrace {shown(ours, 60)}")
        if len(found) > 3:
            print(f"                  and at {len(found) - 3} more places")


def print_report(result, show):
    for name in ("equal", "refused", "by design", "different"):
        label = {"refused": "both refused"}.get(name, name)
        note = f"   numbers within {result.gap.largest:.1e}" if name == "equal" and result.gap.largest else ""
        print(f"  {label:<14}{result.verdicts[name]:>5}{note}")
    reasons = {rule.name: rule.reason for rule in RULES}
    for names, count in result.by_rule.most_common():
        print(f"\n  by design, {count} × {names}")
        for name in names.split(" + "):
            print(f"    {reasons[name]}")
    if result.stopped:
        print(f"\n  Millrace gave no answers: {visible(result.stopped)}")
        show = 0
    for number, case in result.different[:show]:
        print_difference(number, result.cases, case)
    if len(result.different) > show > 0:
        print(f"\n  and {len(result.different) - show} more differences; --show {len(result.different)} prints all")
    print("\n" + (f"Millrace and transformers differ on {len(result.different)} of {result.cases} inputs." if result.different
                  else f"Millrace and transformers agree on all {result.cases} inputs."))


def read_inputs(path):
    records = []
    try:
        with open(path, encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    records.append(json.loads(line))
    except OSError as problem:
        raise CannotCompare(f"--inputs: {problem}") from problem
    except json.JSONDecodeError as problem:
        raise CannotCompare(f"--inputs: {path}, line {number}: not JSON: {problem.msg}, column {problem.colno}") from problem
    except UnicodeDecodeError as problem:
        raise CannotCompare(f"--inputs: {path} is not UTF-8: {problem.reason}") from problem
    if not records:
        raise CannotCompare(f"--inputs: {path} holds no input")
    return records


def read_parameters(text):
    try:
        parameters = json.loads(text)
    except ValueError as problem:
        raise CannotCompare(f"--parameters: not JSON: {problem}") from problem
    if not isinstance(parameters, dict):
        raise CannotCompare('--parameters: expected a JSON object such as {"top_k": 2}')
    return parameters


def read_arguments():
    parser = argparse.ArgumentParser(prog="compare.sh", description="Says whether Millrace and transformers agree on a checkpoint folder.")
    parser.add_argument("folder", help="a checkpoint, as transformers loads it")
    parser.add_argument("--task", help="what to ask; by default what the head that config.json names is for")
    parser.add_argument("--inputs", metavar="FILE.jsonl", help="your own inputs, one JSON value a line")
    parser.add_argument("--parameters", metavar="JSON", help="call arguments of the pipeline, for both sides")
    parser.add_argument("--show", type=int, default=20, metavar="N", help="how many differences to print in full (20)")
    return parser.parse_args()


def run(arguments):
    config = read_config(arguments.folder)
    task, why = (task_named(arguments.task), "as asked") if arguments.task else guessed_task(config)
    parameters = read_parameters(arguments.parameters) if arguments.parameters else {}
    if task.name == "zero-shot-classification":
        parameters = {**LABELS, **parameters}
    own_inputs = read_inputs(arguments.inputs) if arguments.inputs else None
    oracle = Oracle(task, arguments.folder)
    records = own_inputs or task.inputs(oracle.facts())
    print(f"Millrace against {oracle.versions}, float32 on the CPU")
    print(f"  folder        {arguments.folder} ({config.get('model_type', 'no model_type')})")
    print(f"  task          {task.name} ({why})")
    if parameters:
        print(f"  parameters    {shown(parameters)}")
    print(f"  inputs        {len(records)} {'of ' + arguments.inputs if own_inputs else 'built-in'}\n", flush=True)
    result = compare(oracle, arguments.folder, records, parameters)
    print_report(result, arguments.show)
    return 1 if result.different else 0


def main():
    arguments = read_arguments()
    try:
        return run(arguments)
    except CannotCompare as problem:
        print(f"compare: {problem}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
