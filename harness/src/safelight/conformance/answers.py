"""What the emulators answered: kept in ``docs/emulators.json``, shown in ``docs/emulators.md``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError, ConnectionClosedError

from safelight.conformance.conditions import CONDITIONS
from safelight.conformance.emulator import Emulator
from safelight.conformance.functions import FUNCTIONS
from safelight.conformance.listings import LISTINGS
from safelight.conformance.messages import QUEUES
from safelight.conformance.notifications import EVENTS
from safelight.conformance.objects import OBJECTS
from safelight.conformance.policies import POLICIES
from safelight.conformance.question import Question, Topic
from safelight.conformance.running import NAMES
from safelight.home import checkout
from safelight.problem import Problem
from safelight.stack import Say

TOPICS: tuple[Topic, ...] = (EVENTS, FUNCTIONS, QUEUES, OBJECTS, CONDITIONS, LISTINGS, POLICIES)

_THREADS = 4
_TRIES = 3
_BEGIN = "<!-- answers: written by `python -m safelight.conformance` -->"
_END = "<!-- end of answers -->"


@dataclass(frozen=True)
class Answers:
    """One emulator's answers, by :func:`questions`."""

    release: str
    answers: dict[str, str]


def questions() -> Iterator[tuple[str, Question]]:
    """Every question with its identifier, ``topic-name``, in the table's order."""
    for topic in TOPICS:
        for question in topic.questions:
            yield f"{topic.name}-{question.name}", question


def ask_all(emulator: Emulator, say: Say) -> Answers:
    """Ask an emulator everything, several questions at a time: most of it is waiting.

    What goes wrong with a question is its answer, but for a connection that is closed on us, as
    LocalStack does where it has much to do: that answers nothing, and it is asked again.
    """

    def ask(question: Question, tries: int = _TRIES) -> str:
        try:
            return question.ask(emulator)
        except ConnectionClosedError as error:
            return ask(question, tries - 1) if tries > 1 else f"failed: {error}"
        except (ClientError, BotoCoreError, Problem, OSError, LookupError, ValueError) as error:
            return f"failed: {error}"

    found = {}
    with ThreadPoolExecutor(_THREADS) as threads:
        asked = {identifier: threads.submit(ask, question) for identifier, question in questions()}
        for identifier, question in questions():
            found[identifier] = asked[identifier].result()
            other = question.aws not in (None, found[identifier])
            aws = f"   (AWS: {question.aws})" if other else ""
            say(f"{identifier}: {found[identifier]}{aws}")
    return Answers(emulator.release, found)


def _file(root: Path) -> Path:
    return root / "docs" / "emulators.json"


def kept(root: Path | None = None) -> dict[str, Answers]:
    """The answers that are kept, by emulator."""
    text = _file(root or checkout()).read_text(encoding="utf-8")
    return {name: Answers(**found) for name, found in json.loads(text).items()}


def keep(found: dict[str, Answers], root: Path) -> None:
    """Keep these emulators' answers, and show all that are kept."""
    before = kept(root) if _file(root).exists() else {}
    whole = {**before, **found}
    value = {
        name: {"release": whole[name].release, "answers": whole[name].answers}
        for name in NAMES
        if name in whole
    }
    text = json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    _file(root).write_text(text, encoding="utf-8")
    page = root / "docs" / "emulators.md"
    page.write_text(with_tables(page.read_text(encoding="utf-8"), whole), encoding="utf-8")


def with_tables(page: str, found: dict[str, Answers]) -> str:
    """``docs/emulators.md`` with its tables made true."""
    before, begin, rest = page.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise Problem(
            f"docs/emulators.md has lost a marker: {_BEGIN} and {_END} enclose its tables."
        )
    return f"{before}{_BEGIN}\n\n{_tables(found)}\n{_END}{after}"


def _tables(found: dict[str, Answers]) -> str:
    names = [name for name in NAMES if name in found]
    heads = ["", "AWS", *(f"{NAMES[name]} {found[name].release}" for name in names)]
    lines: list[str] = []
    for topic in TOPICS:
        lines += [f"### {topic.title}", "", _row(heads), _row(["---"] * len(heads))]
        for question in topic.questions:
            identifier = f"{topic.name}-{question.name}"
            answers = [found[name].answers.get(identifier, "") for name in names]
            aws = f"[{question.aws or 'not said'}][{_page(question)}]"
            cells = [_cell(answer, question.aws) for answer in answers]
            lines.append(_row([question.text, aws, *cells]))
        lines.append("")
    sources = {_page(question): question.source for _, question in questions()}
    lines += [f"[{page}]: {source}" for page, source in sorted(sources.items())]
    return "\n".join([*lines, ""])


def _page(question: Question) -> str:
    """The name of the page that a question's source is."""
    return question.source.rpartition("/")[2].replace(".html", "")


def _cell(answer: str, aws: str | None) -> str:
    return "✓" if answer == aws else answer


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
