"""What the watch on agents finds in recorded runs, and what it costs. `python -m scripts.benchmarks.divergence_bench`
prints all of it; `--tuning` shows the labels that were looked at while it was made, with what was missed."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from time import process_time

from policyroute.divergence import Watch, watched
from policyroute.request.prompt import Call, Prompt, Result, Text, Turn
from scripts.benchmarks.trajectories import Run, labels, prompts, runs

WINDOW = 40
"""Steps of a history that are looked at."""
WATCH = Watch(react=("nudge", "prune"))


@dataclass(frozen=True)
class Hits:
    """Labelled runs, by label, and those of them that were flagged; `delays` are steps from onset to the flag."""

    labelled: Mapping[str, tuple[str, ...]]
    flagged: frozenset[str]
    delays: tuple[int, ...]

    def count(self, label: str) -> tuple[int, int]:
        ids = self.labelled[label]
        return sum(id_ in self.flagged for id_ in ids), len(ids)

    @property
    def precision(self) -> float:
        right, wrong = self.count("L")[0], self.count("N")[0]
        return right / max(1, right + wrong)

    @property
    def recall(self) -> float:
        found, all_ = self.count("L")
        return found / max(1, all_)


def first(run: Run) -> tuple[int, str] | None:
    """At which step a run is flagged first, and for what."""
    for step, prompt in prompts(run):
        if (found := watched(prompt, WATCH)) is not None:
            return step, found.kind
    return None


def hits(which: Sequence[dict[str, str]], flags: Mapping[str, tuple[int, str] | None]) -> Hits:
    labelled = {label: tuple(each["id"] for each in which if each["label"] == label) for label in "LSN"}
    delays = [
        flag[0] - int(each["onset"])
        for each in which
        if each["label"] == "L" and (flag := flags[each["id"]]) is not None
    ]
    return Hits(labelled, frozenset(id_ for id_, flag in flags.items() if flag is not None), tuple(sorted(delays)))


def flagged(found: Sequence[Run], flags: Mapping[str, tuple[int, str] | None]) -> list[Run]:
    return [run for run in found if flags[run["id"]] is not None]


def history(steps: int, looping: bool = False) -> Prompt:
    """One of a usual kind: 400 characters of arguments a call, 2 KB a result."""
    told = [Turn("user", (Text("Make the tests pass."),))]
    for at in range(steps):
        name = ("read_file", "edit_file", "run_tests")[at % 3]
        lines = " ".join(f"line{n}" for n in range(60))
        arguments = f'{{"path": "src/module_{0 if looping else at}.py", "text": "{lines}"}}'
        told.append(Turn("assistant", (Text("I look."), Call(f"c{at}", name, arguments))))
        told.append(Turn("user", (Result(f"c{at}", (Text(f"12 passed in 0.{at}s\n" + "some output. " * 150),)),)))
    return Prompt("openai_chat", tuple(told))


def microseconds(prompt: Prompt, times: int = 300) -> float:
    best = float("inf")
    for _ in range(5):
        began = process_time()
        for _ in range(times):
            watched(prompt, WATCH)
        best = min(best, (process_time() - began) / times * 1e6)
    return best


def report(tuning: bool) -> Iterator[str]:
    found = runs()
    began = process_time()
    asked = [prompt for run in found for _, prompt in prompts(run)]
    built = process_time() - began
    began = process_time()
    for prompt in asked:
        watched(prompt, WATCH)
    each = (process_time() - began) / len(asked) * 1e6
    flags = {run["id"]: first(run) for run in found}
    known = labels()
    halves = {"looked at (even)": known[::2], "held out (odd)": known[1::2], "all": known}
    for name, which in halves.items():
        if tuning and name != "looked at (even)":
            continue
        seen = hits(which, flags)
        counts = ", ".join(f"{label} {seen.count(label)[0]}/{seen.count(label)[1]}" for label in "LNS")
        delay = seen.delays[len(seen.delays) // 2] if seen.delays else "-"
        yield f"{name}: precision {seen.precision:.3f} recall {seen.recall:.3f} ({counts}), median delay {delay}"
        if tuning:
            yield from (f"  missed {id_}" for id_ in seen.labelled["L"] if id_ not in seen.flagged)
            yield from (f"  wrong {id_} {flags[id_]}" for id_ in seen.labelled["N"] if id_ in seen.flagged)
    for source in ("taubench", "sweagent", "hotpotqa"):
        some = [run for run in found if run["id"].startswith(source)]
        ids = [f"{run['id']} {flags[run['id']]}" for run in flagged(some, flags)]
        yield f"{source}: {len(ids)} of {len(some)} flagged: {ids[:4]}"
    code = [run for run in found if run["source"] == "intercode" and len(run["steps"]) > 1]
    seen_code = flagged(code, flags)
    solved, count = sum(bool(run["solved"]) for run in seen_code), len(seen_code)
    yield f"intercode: {count} of {len(code)} flagged, {solved} of these solved ({solved / max(1, count):.1%})"
    yield f"a step of these runs: {each:.1f} us ({len(asked)} requests, built in {built:.1f} s)"
    for steps in (3, 10, 20, 40, 200):
        usual, looping = microseconds(history(steps)), microseconds(history(steps, looping=True))
        yield f"a history of {steps} steps: {usual:.1f} us, {looping:.1f} us where it loops"


if __name__ == "__main__":
    sys.stdout.writelines(f"{line}\n" for line in report("--tuning" in sys.argv))
