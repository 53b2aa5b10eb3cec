#!/usr/bin/env python3
"""Runs compare.py over every committed checkpoint that has a tokenizer, and writes the table of README.md beside this file.

    MILLRACE=build/release/millrace python tests/golden/table.py [CHECKPOINT ...]      (the Python of compare.sh)

A checkpoint is asked what its head is for, with every set of parameters that parity/tasks.py lists, and so are its body, by
feature-extraction, and its tokenizer, by tokenization. With names of checkpoints the differences are printed and README.md is left alone. Exit status: 0 if
there is no difference, 1 if there are some, which the table then shows as cases that did not pass.
"""
import glob
import os
import sys
from collections import Counter
from typing import NamedTuple

import compare
from parity.answers import CannotCompare
from parity.rules import RULES
from parity.sides import Oracle
from parity.tasks import TASKS, guessed_task, task_named

HERE = os.path.dirname(os.path.abspath(__file__))
PAGE = os.path.join(HERE, "README.md")
SHOWN = 5  # differences of one run that are printed
BEGIN, END = "<!-- written by table.py -->", "<!-- end of what table.py wrote -->"


class Row(NamedTuple):
    task: str
    architecture: str
    checkpoint: str
    cases: int
    passed: int


def folders():
    return sorted(os.path.dirname(path) for path in glob.glob(os.path.join(HERE, "tiny_*", "config.json")))


def tasks_of(config):
    """The task of the head, zero-shot where a label says that a text entails another, the body, and the tokenizer."""
    head, _ = guessed_task(config)
    entails = any(label.lower().startswith("entail") for label in config.get("label2id") or {})
    names = [head.name] + (["zero-shot-classification"] if entails else []) + ["feature-extraction", "tokenization"]
    return [task_named(name) for name in dict.fromkeys(names)]


def compare_folder(folder, task, totals):
    """Compares with every set of parameters; prints what differs. Returns cases and those that passed."""
    oracle = Oracle(task, folder)
    totals["versions"] = oracle.versions
    records = task.inputs(oracle.facts())
    cases, different = 0, 0
    for parameters in task.settings:
        result = compare.compare(oracle, folder, records, parameters)
        cases += result.cases
        different += len(result.different)
        totals["gap"] = max(totals.get("gap", 0.0), result.gap.largest)
        totals.setdefault("verdicts", Counter()).update(result.verdicts)
        totals.setdefault("rules", Counter()).update(result.by_rule)
        if result.different:
            print(f"\n{os.path.basename(folder)}, {task.name}, {compare.shown(parameters)}: {len(result.different)} differences")
        for number, case in result.different[:SHOWN]:
            compare.print_difference(number, result.cases, case)
    return cases, cases - different


def make_rows(chosen, totals):
    rows = []
    for folder in chosen:
        config = compare.read_config(folder)
        for task in tasks_of(config):
            cases, passed = compare_folder(folder, task, totals)
            rows.append(Row(task.name, config["model_type"], os.path.basename(folder), cases, passed))
            print(f"{rows[-1].checkpoint} {task.name}: {passed} of {cases}", flush=True)
    order = [task.name for task in TASKS]
    return sorted(rows, key=lambda row: (order.index(row.task), row.architecture, row.checkpoint))


def written(rows, totals):
    verdicts = totals["verdicts"]
    lines = ["| task | architecture | checkpoint | cases | passed |", "|---|---|---|---:|---:|"]
    lines += [f"| {row.task} | {row.architecture} | {row.checkpoint} | {row.cases:,} | {row.passed:,} |" for row in rows]
    lines += [f"| **all** | {len({row.architecture for row in rows})} | {len({row.checkpoint for row in rows})} | "
              f"{sum(row.cases for row in rows):,} | {sum(row.passed for row in rows):,} |", "",
              f"With {totals['versions']}, float32 on the CPU. Passed are {verdicts['equal']:,} equal answers (numbers within "
              f"{totals['gap']:.0e}), {verdicts['refused']:,} inputs that both refuse, and {verdicts['by design']:,} answers that follow "
              "from those of transformers by a rule of `parity/rules.py`:", ""]
    reasons = {rule.name: rule.reason for rule in RULES}
    for name in reasons:
        count = sum(number for names, number in totals["rules"].items() if name in names.split(" + "))
        if count:
            lines.append(f"- {name} ({count:,}): {reasons[name]}.")
    return "\n".join(lines)


def write_page(text):
    with open(PAGE, encoding="utf-8") as file:
        page = file.read()
    head, rest = page.split(BEGIN)
    _, tail = rest.split(END)
    with open(PAGE, "w", encoding="utf-8") as file:
        file.write(f"{head}{BEGIN}\n{text}\n{END}{tail}")


def main():
    named = sys.argv[1:]
    chosen = [folder for folder in folders() if not named or os.path.basename(folder) in named]
    if not chosen:
        print(f"table: no such checkpoint; these are: {', '.join(map(os.path.basename, folders()))}", file=sys.stderr)
        return 2
    totals = {}
    try:
        rows = make_rows(chosen, totals)
    except CannotCompare as problem:
        print(f"table: {problem}", file=sys.stderr)
        return 2
    if not named:
        write_page(written(rows, totals))
    return 0 if all(row.passed == row.cases for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
