#!/usr/bin/env python3
"""Says whether Millrace and transformers give the same answers for a checkpoint folder. compare.sh prepares and starts it.

    ./tests/golden/compare.sh FOLDER [--task TASK] [--inputs FILE.jsonl] [--parameters JSON] [--show N]

FOLDER       a checkpoint, as transformers loads it
--task       what to ask; by default what the head that config.json names is for
--inputs     your own inputs, one JSON value a line; by default those of parity/hard_inputs.py
--parameters call arguments of the pipeline, for both sides
--show       how many differences to print in full (20)

Both sides compute in float32 on the CPU. An input is one record, and its answer is that of one element of a list call,
`pipe([input])[0]`, or of the whole call if the input is a list. Structure, order of keys, texts, labels and offsets are
compared exactly, numbers to 1e-4. Where transformers raises, Millrace must give an error. Where Millrace differs on purpose,
a rule of parity/rules.py says how its answer follows from what transformers gives, and the answer must be that one; all
else is a difference. Exit status: 0 if there is none, 1 if there are some, 2 for wrong use, or if the two cannot be compared.
"""
import argparse
import json
import os
import sys
import unicodedata
from collections import Counter
from dataclasses import dataclass

from parity.answers import Answer, CannotCompare, Gap, Refusal, Stopped, differences
from parity.rules import RULES, Case, judge
from parity.sides import Oracle, ask_millrace
from parity.tasks import LABELS, guessed_task, task_named


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


def read_config(folder):
    path = os.path.join(folder, "config.json")
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except OSError as problem:
        raise CannotCompare(f"{path}: {problem.strerror}; a checkpoint folder is expected") from problem
    except ValueError as problem:
        raise CannotCompare(f"{path} is not JSON: {problem}") from problem


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
