"""Questions about Lambda between a queue and a function: what becomes of a batch.

They are asked together, by one function: each has a queue of its own, and a mapping that hands it
the queue's two messages as one batch.  What comes a second time, and what lies in the
dead-letter queue, is the answer.
"""

from __future__ import annotations

import contextlib
import io
import json
import uuid
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from safelight.conformance.emulator import Emulator, Queue, waiting
from safelight.conformance.question import Topic, refusal
from safelight.problem import Problem

FUNCTIONS = Topic("functions", "From a queue to a function")

_GUIDE = "https://docs.aws.amazon.com/lambda/latest/dg/"
_ERRORS = _GUIDE + "services-sqs-errorhandling.html"
_CONFIGURE = _GUIDE + "services-sqs-configure.html"
_SQS = _GUIDE + "with-sqs.html"
_IMAGES = _GUIDE + "images-create.html"

_CODE = """\
import json
import os

import boto3


def handler(event, context):
    if "Records" not in event:
        return "warm"
    sqs = boto3.client("sqs")
    caught = sqs.get_queue_url(QueueName=os.environ["CAUGHT"])["QueueUrl"]
    sqs.send_message(QueueUrl=caught, MessageBody=json.dumps(event))
    messages = [(record, json.loads(record["body"])) for record in event["Records"]]
    bad = [record["messageId"] for record, order in messages if order["message"] == "bad"]
    again = any(int(r["attributes"]["ApproximateReceiveCount"]) > 1 for r, _ in messages)
    answer = messages[0][1]["answer"]
    if again and not messages[0][1]["always"]:
        return {"batchItemFailures": []}
    if answer == "raise":
        raise RuntimeError("as it was told")
    if answer == "exit":
        os._exit(1)
    return json.loads(json.dumps(answer).replace("BAD", bad[0] if bad else "none"))
"""

# At least the function's own timeout, which Lambda demands; at most what anybody waits for.
_VISIBILITY = 6
_TIMEOUT = 5


@dataclass(frozen=True)
class _Case:
    """A batch of two messages, ``good`` and ``bad``, and how the function ends on it: with
    ``answer`` (``BAD`` is the bad one's id) the first time, or each time if ``always``."""

    name: str
    answer: Any
    always: bool = False
    report: bool = True


def _identified(identifier: object, field: str = "itemIdentifier") -> dict[str, Any]:
    return {"batchItemFailures": [{field: identifier}]}


_ONE, _BOTH, _NONE = "the bad one comes again", "both come again", "neither comes again"
_CASES: dict[_Case, tuple[str, str]] = {}


def _case(name: str, text: str, aws: str, answer: Any, **more: bool) -> None:
    """Makes a question of a case."""
    case = _Case(name, json.dumps(answer), **more)
    _CASES[case] = (text, aws)

    def ask(emulator: Emulator) -> str:
        return _answers(emulator)[name]

    FUNCTIONS.question(name, text, aws=aws, source=_ERRORS)(ask)


_case("partial", "`batchItemFailures` names the bad one", _ONE, _identified("BAD"), always=True)


@FUNCTIONS.question(
    "dead-letter",
    "… twice, where `maxReceiveCount` is 2: what lies in the dead-letter queue",
    aws="the bad one alone",
    source=_ERRORS,
)
def _dead_letter(emulator: Emulator) -> str:
    return _answers(emulator)["dead-letter"]


_case("nobody", "`batchItemFailures` is empty", _NONE, {"batchItemFailures": []})
_case("null-list", "`batchItemFailures` is null", _NONE, {"batchItemFailures": None})
_case("nothing", "The function returns nothing", _NONE, None)
_case("empty-id", "An `itemIdentifier` is an empty string", _BOTH, _identified(""))
_case("null-id", "An `itemIdentifier` is null", _BOTH, _identified(None))
_case("unknown-id", "An `itemIdentifier` is no message's", _BOTH, _identified("not-there"))
_case("wrong-field", "The field's name is wrong", _BOTH, _identified("BAD", "messageId"))
_case(
    "unasked",
    "The bad one is named, but the mapping lacks `ReportBatchItemFailures`",
    _NONE,
    _identified("BAD"),
    report=False,
)
_case("raise", "The function raises an error", _BOTH, "raise")
# The last: a function that has to begin anew keeps others waiting.
_case("exit", "The function's process ends", _BOTH, "exit")


@FUNCTIONS.question(
    "event",
    "What a message of the batch consists of",
    aws="`attributes`, `awsRegion`, `body`, `eventSource`, `eventSourceARN`, `md5OfBody`, "
    "`messageAttributes`, `messageId`, `receiptHandle`",
    source=_SQS,
)
def _event(emulator: Emulator) -> str:
    return _answers(emulator)["event"]


@FUNCTIONS.question(
    "short-visibility",
    "A mapping to a queue whose visibility timeout is shorter than the function's",
    aws="refused: 400 InvalidParameterValueException",
    source=_CONFIGURE,
)
def _short_visibility(emulator: Emulator) -> str:
    with _function(emulator) as (functions, name), emulator.queue(VisibilityTimeout="1") as queue:
        try:
            made = functions.create_event_source_mapping(
                EventSourceArn=queue.arn, FunctionName=name, Enabled=False
            )
        except ClientError as error:
            return f"refused: {refusal(error)}"
        functions.delete_event_source_mapping(UUID=made["UUID"])
        return "accepted"


@FUNCTIONS.question("image", "A function that is a container image", aws="runs", source=_IMAGES)
def _image(emulator: Emulator) -> str:
    functions = emulator.client("lambda")
    name = f"question-{uuid.uuid4().hex[:8]}"
    try:
        functions.create_function(
            FunctionName=name,
            PackageType="Image",
            Role=emulator.role(),
            Code={"ImageUri": emulator.image},
            # It takes the event and the context, and answers `true`.
            ImageConfig={"Command": ["operator.is_not"]},
            Timeout=_TIMEOUT,
        )
        _await_active(functions, name)
        answer = functions.invoke(FunctionName=name, Payload=b"{}")
        said = answer["Payload"].read().decode()
    except ClientError as error:
        return f"refused: {refusal(error)}"
    except Problem:
        return "does not come up"
    finally:
        with contextlib.suppress(ClientError):
            functions.delete_function(FunctionName=name)
    return "runs" if said == "true" else "does not run"


@contextmanager
def _function(emulator: Emulator, **variables: str) -> Iterator[tuple[Any, str]]:
    """The function, ready: a client of Lambda's, and its name."""
    from safelight.conformance.running import RUNTIME

    functions = emulator.client("lambda")
    name = f"question-{uuid.uuid4().hex[:8]}"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        entry = zipfile.ZipInfo("question.py")
        entry.external_attr = 0o644 << 16  # the function's user must be able to read it
        archive.writestr(entry, _CODE)
    functions.create_function(
        FunctionName=name,
        Runtime=RUNTIME,
        Role=emulator.role(),
        Handler="question.handler",
        Code={"ZipFile": packed.getvalue()},
        Timeout=_TIMEOUT,
        Environment={"Variables": variables},
    )
    try:
        _await_active(functions, name)
        yield functions, name
    finally:
        functions.delete_function(FunctionName=name)


def _await_active(functions: Any, name: str) -> None:
    for _ in waiting("the function"):
        state = functions.get_function_configuration(FunctionName=name).get("State", "Active")
        if state == "Active":
            return
        if state == "Failed":
            raise Problem(f"The function {name} cannot be made.")


def _answers(emulator: Emulator) -> dict[str, str]:
    """The answers to all the cases, found out once."""
    with emulator.answering:
        if FUNCTIONS.name not in emulator.answered:
            emulator.answered[FUNCTIONS.name] = _ask_all(emulator)
        return emulator.answered[FUNCTIONS.name]


def _ask_all(emulator: Emulator) -> dict[str, str]:
    caught_name = f"question-{uuid.uuid4().hex[:8]}"
    with ExitStack() as undo:
        caught = emulator.make_queue(caught_name)
        undo.callback(emulator.sqs.delete_queue, QueueUrl=caught.url)
        functions, name = undo.enter_context(_function(emulator, CAUGHT=caught_name))
        # Its process begins before anything is measured against the visibility timeout.
        functions.invoke(FunctionName=name, Payload=b"{}")
        dead = undo.enter_context(emulator.queue())
        seen: list[dict[str, Any]] = []
        queues = []
        for case in _CASES:
            queue = undo.enter_context(
                emulator.queue(
                    VisibilityTimeout=str(_VISIBILITY),
                    RedrivePolicy=json.dumps(
                        {
                            "deadLetterTargetArn": dead.arn,
                            "maxReceiveCount": 2 if case.always else 9,
                        }
                    ),
                )
            )
            queues.append(queue)
            _begin(emulator, functions, name, case, queue, undo)
            for _ in waiting(f"the batch of {case.name}"):
                seen += _caught(caught)
                if any(json.loads(record["body"])["case"] == case.name for record in seen):
                    break
        for _ in waiting("the queues to be empty"):
            seen += _caught(caught)
            if all(queue.depth() == (0, 0, 0) for queue in queues):
                break
        seen += _caught(caught)
        answers = {case.name: _again(seen, case.name) for case in _CASES}
        answers["dead-letter"] = _dead(dead)
        answers["event"] = ", ".join(f"`{field}`" for field in sorted(seen[0]))
        return answers


def _begin(
    emulator: Emulator, functions: Any, name: str, case: _Case, queue: Queue, undo: ExitStack
) -> None:
    """Send the case's two messages, and have them handed to the function."""
    for message in ("good", "bad"):
        order = {
            "case": case.name,
            "message": message,
            "answer": json.loads(case.answer),
            "always": case.always,
        }
        emulator.sqs.send_message(QueueUrl=queue.url, MessageBody=json.dumps(order))
    made = functions.create_event_source_mapping(
        EventSourceArn=queue.arn,
        FunctionName=name,
        BatchSize=10,
        FunctionResponseTypes=["ReportBatchItemFailures"] if case.report else [],
    )
    undo.callback(functions.delete_event_source_mapping, UUID=made["UUID"])


def _caught(caught: Queue) -> list[dict[str, Any]]:
    """The records that the function was handed since the last time."""
    return [record for body in caught.take() for record in json.loads(body)["Records"]]


def _again(seen: list[dict[str, Any]], case: str) -> str:
    """Which of a case's messages came more than once."""
    orders = [json.loads(record["body"]) for record in seen]
    counts = {
        message: sum(o["case"] == case and o["message"] == message for o in orders)
        for message in ("good", "bad")
    }
    again = tuple(message for message, count in counts.items() if count > 1)
    return {(): _NONE, ("bad",): _ONE, ("good", "bad"): _BOTH}.get(
        again, "the good one comes again"
    )


def _dead(dead: Queue) -> str:
    """What became a dead letter."""
    found: list[str] = []
    for _ in range(3):
        found += [json.loads(body)["message"] for body in dead.take()]
    return {("bad",): "the bad one alone", (): "nothing"}.get(
        tuple(found), ", ".join(sorted(found))
    )
