"""The two sides: a pipeline of transformers, and one `millrace pipe` over all inputs."""
import ast
import contextlib
import copy
import json
import logging
import os
import re
import subprocess
import sys
import warnings
from typing import Any, NamedTuple

from parity.answers import Answer, CannotCompare, Refusal, Stopped


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


def load_pipeline(task, folder):
    import torch
    import transformers

    return transformers.pipeline(task.name, model=folder, device="cpu", dtype=torch.float32)


class TokenizerAlone(NamedTuple):
    """What a task without a model asks, in the form of a pipeline."""
    tokenizer: Any
    model: Any


class NoModel(NamedTuple):
    config: Any = None


def load_tokenizer(task, folder):
    import transformers

    return TokenizerAlone(transformers.AutoTokenizer.from_pretrained(folder), NoModel())


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
                     pad=tokenizer.pad_token or "[PAD]",
                     limit=int(min(tokenizer.model_max_length, most, 1024)))


class Facts(NamedTuple):
    specials: list
    mask: str
    pad: str
    limit: int


def first_line(problem):
    return (str(problem).strip().splitlines() or [""])[0]


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
