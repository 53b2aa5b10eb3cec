"""The tasks that can be compared, one row each in TASKS: what is asked, and how transformers is asked for one record."""
from typing import Callable, NamedTuple

from parity import hard_inputs, tokenizer_call
from parity.answers import CannotCompare
from parity.sides import load_pipeline, load_tokenizer


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


def guessed_task(config):
    """Returns the task of a folder and the architecture that says so."""
    for architecture in config.get("architectures") or []:
        for task in TASKS:
            if task.head and architecture.endswith(task.head):
                return task, architecture
    return task_named("feature-extraction"), "no head that names a task"
