"""The tour on a terminal: 80 columns, colour where there is a terminal, plain text where there is none.

Rule of this module: it only prints what it is given.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape

from policyroute.decide.decision import Decision
from policyroute_asgi.activation import Status
from policyroute_asgi.demo.traffic import Answer, Ask

_WIDTH = 80


class Screen:
    def __init__(self) -> None:
        console = Console(highlight=False, emoji=False)
        console.width = min(console.width, _WIDTH) if console.is_terminal else _WIDTH
        self._console = console
        self._step = 0

    def line(self, text: str = "") -> None:
        """`text` is rich markup."""
        self._console.print(text, soft_wrap=True)

    def opening(self, url: str, directory: str) -> None:
        self.line("[bold]Policyroute, a guided tour[/]: rules in YAML decide where each request goes.")
        self.line("No key and no network: an embedded provider answers. Everything else is real.\n")
        self.line(f"  gateway   {url}")
        self.line(f"  policies  {directory}")

    def step(self, title: str) -> None:
        self._step += 1
        self.line(f"\n[bold cyan]{self._step}. {escape(title)}[/]")

    def asked(self, ask: Ask) -> None:
        facts = [f"model {ask.model}"]
        facts += [f"profile {ask.profile}"] if ask.profile else []
        facts += ["streaming"] if ask.stream else []
        self.line(f'   "{escape(_short(ask.text, 44))}"  [dim]{", ".join(facts)}[/]')

    def answered(self, answer: Answer) -> None:
        if answer.code:
            self.line(f"   [red]{answer.status} {escape(answer.code)}[/] {escape(_short(answer.text, 50))}")
        else:
            served = f"[green]{answer.status}[/] [bold]{answer.target}[/]"
            self.line(f"   {served}, rule [bold]{answer.rule}[/], {_attempts(len(answer.attempts))}{_time(answer)}")
        if len(answer.attempts) > 1:
            for attempt in answer.attempts:
                self.line(f"     attempt {attempt['number']}: {attempt['target']}, {_outcome(attempt)}")

    def why(self, decision: Decision) -> None:
        """The order of the candidates, the rules that applied besides the one that routed, and who was out."""
        if len(decision.candidates) > 1:
            self.line(f"   [dim]order:[/] {', then '.join(candidate.target for candidate in decision.candidates)}")
        others = [rule for rule in decision.fired if rule != decision.route_rule]
        if others:
            self.line(f"   [dim]applied:[/] {', '.join(others)}")
        for out in decision.excluded:
            self.line(f"   [dim]out:[/] {out.target}: {escape(_short(out.detail, 60))}")

    def edited(self, old: str, new: str) -> None:
        for line in difflib.ndiff(old.splitlines(), new.splitlines()):
            if line[0] in "+-":
                colour = "green" if line[0] == "+" else "red"
                self.line(f"   [{colour}]{escape(line[0])} {escape(line[2:].strip())}[/]")

    def note(self, text: str) -> None:
        self.line(f"   {escape(text)}")

    def wrong(self, problems: Iterable[str]) -> None:
        for problem in problems:
            self.line(f"   [bold red]NOT AS IT SHOULD BE:[/] {escape(problem)}")

    def reloaded(self, status: Status) -> None:
        """What came of an edit that somebody made after the tour."""
        if status.ok:
            self.line(f"[green]policy {status.revision[:12]} is served[/]")
            return
        self.line(f"[red]refused[/], {status.revision[:12]} is still served:")
        for problem in status.problems:
            self.line(f"  {escape(str(problem))}")

    def closing(self, url: str, directory: str) -> None:
        self.line(f"\n[bold]It is all yours.[/] Send something, and edit {directory}/main.yaml; Ctrl-C ends it.\n")
        self.line(
            f"""[dim]curl -si {url}/v1/chat/completions -H 'content-type: application/json' \\
  -H 'x-router-profile: SAVINGS' \\
  -d '{{"model": "auto", "messages": [{{"role": "user", "content": "Hello"}}]}}'
curl -s {url}/-/policy

from openai import OpenAI
client = OpenAI(base_url="{url}/v1", api_key="unused")
client.chat.completions.create(
    model="auto", messages=[{{"role": "user", "content": "Hello"}}])[/]""".replace("[{", "\\[{")
        )
        self.line()
        sys.stdout.flush()


def _attempts(number: int) -> str:
    return "1 attempt" if number == 1 else f"{number} attempts"


def _time(answer: Answer) -> str:
    events = f", {answer.events} events" if answer.events else ""
    return f"{events} [dim]{answer.seconds * 1000:.0f} ms, revision {answer.revision}[/]"


def _outcome(attempt: Mapping[str, Any]) -> str:
    if attempt["outcome"] == "ok":
        return "[green]ok[/]"
    status = f" (HTTP {attempt['status']})" if attempt["status"] else ""
    return f"[yellow]{attempt['outcome']}{status}[/]"


def _short(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 3].rstrip() + "..."
