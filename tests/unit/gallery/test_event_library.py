"""The event library: every fixture is whole, tells where it comes from, and is decided as it
says; and it can tell a good parser from the ones that people write first."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote, unquote_plus

import pytest
from jsonschema import Draft202012Validator

import gallery.events
from gallery.batch import Batch, Done, failures
from gallery.clock import SystemClock
from gallery.queue import Message, messages
from safelight import fixtures, recording
from safelight.fixtures import BUCKET, Edited, Fixture, Recorded, UnknownFixture, decide, load

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "fixtures" / "events"
ALL = {fixture.name: fixture for fixture in fixtures.all_fixtures()}
FIELDS = {
    "messageId", "receiptHandle", "body", "attributes", "messageAttributes", "md5OfBody",
    "eventSource", "eventSourceARN", "awsRegion",
}  # fmt: skip
MISSHAPEN = {
    "body-missing", "empty-message-id", "no-attributes", "no-batch", "no-message-id",
    "not-from-sqs",
}  # fmt: skip
"""Those whose very point is that SQS would not have sent them so."""


@pytest.fixture(params=sorted(ALL))
def fixture(request: pytest.FixtureRequest) -> Fixture:
    return ALL[request.param]


def records(fixture: Fixture) -> list[dict[str, Any]]:
    return [record for record in fixture.event.get("Records") or () if isinstance(record, dict)]


def test_every_event_has_a_sidecar_and_every_sidecar_an_event() -> None:
    files = {path.name for path in FOLDER.iterdir()}
    assert files == {f"{name}{end}" for name in ALL for end in (".json", ".meta.json")}


def test_a_sidecar_keeps_to_its_published_schema(fixture: Fixture) -> None:
    schema = json.loads((ROOT / "docs/schemas" / fixtures.SCHEMA).read_text(encoding="utf-8"))
    sidecar = json.loads((FOLDER / f"{fixture.name}.meta.json").read_text(encoding="utf-8"))
    Draft202012Validator(schema).validate(sidecar)


def test_what_is_published_is_true() -> None:
    """``python -m safelight.fixtures publish`` makes it so."""
    for name, schema in fixtures.schemas().items():
        published = (ROOT / "docs/schemas" / name).read_text(encoding="utf-8")
        assert published == json.dumps(schema, indent=2) + "\n"
    page = (ROOT / "docs/events.md").read_text(encoding="utf-8")
    assert fixtures.with_index(page) == page
    assert all(f"[`{name}`]" in page for name in ALL)


def test_the_files_are_tidy(tmp_path: Path, fixture: Fixture) -> None:
    """``python -m safelight.fixtures tidy`` makes them so."""
    fixtures.write(tmp_path, fixture.name, fixture.fresh(), fixture.meta)
    for end in (".json", ".meta.json"):
        name = fixture.name + end
        assert (tmp_path / name).read_bytes() == (FOLDER / name).read_bytes()


def test_it_is_shaped_as_lambda_shapes_it(fixture: Fixture) -> None:
    found = records(fixture)
    shaped = bool(found) and all(
        set(record) == FIELDS
        and record["messageId"]
        and record["eventSource"] == "aws:sqs"
        and {"ApproximateReceiveCount", "SentTimestamp", "SenderId"} <= set(record["attributes"])
        for record in found
    )
    assert shaped == (fixture.name not in MISSHAPEN)
    assert len(found) <= 10


def test_its_checksums_are_true_and_its_receipts_are_its_own(fixture: Fixture) -> None:
    found = [record for record in records(fixture) if "body" in record]
    for record in found:
        assert record["md5OfBody"] == hashlib.md5(record["body"].encode()).hexdigest()  # noqa: S324
    receipts = [record.get("receiptHandle") for record in found]
    assert len(set(receipts)) == len(receipts)
    ids = [record.get("messageId") for record in found]
    assert (len(set(ids)) == len(ids)) == (fixture.name != "duplicate-message")


def test_an_edited_one_names_what_it_was_made_from(fixture: Fixture) -> None:
    origin = fixture.meta.origin
    if isinstance(origin, Edited):
        assert origin.of in ALL
        assert ALL[origin.of].event != fixture.event


DIALECTS = {"localstack": "LocalStack", "localemu": "LocalEmu"}
TOLD = sorted((name, suffix) for name in ALL for suffix in DIALECTS if name.endswith(f"-{suffix}"))


@pytest.mark.parametrize(("name", "suffix"), TOLD)
def test_a_dialect_says_the_same_in_its_own_way(name: str, suffix: str) -> None:
    """Whichever emulator tells of a change, it is the same hints; but for EventBridge's encoded
    keys, which nobody can know from plain ones."""
    fixture, plain = ALL[name], ALL[name.removesuffix(f"-{suffix}")]
    assert isinstance(fixture.meta.origin, Recorded)
    assert fixture.meta.origin.emulator == DIALECTS[suffix]
    (take,) = [take for take in recording.TAKES if take.name == plain.name]
    told = recording.dialect(take, DIALECTS[suffix], fixture.event)
    assert (fixture.meta.topic, fixture.meta.teaches) == (told.topic, told.teaches)
    hints = [sorted(message.hints) for message in fixture.meta.expect.messages]
    same = sorted(hints) == sorted(sorted(m.hints) for m in plain.meta.expect.messages)
    assert same == (not plain.name.startswith("eventbridge"))


def test_both_emulators_were_recorded() -> None:
    takes = {take.name for take in recording.TAKES}
    assert {name for name, suffix in TOLD if suffix == "localstack"} == {
        f"{take}-localstack" for take in takes
    }
    # LocalEmu refuses a browser's form where it enforces policies (docs/emulators.md).
    assert {name for name, suffix in TOLD if suffix == "localemu"} == {
        f"{take}-localemu" for take in takes - {"post"}
    }


def test_no_two_are_the_same() -> None:
    seen: dict[str, str] = {}
    for name, fixture in ALL.items():
        text = json.dumps([[record.get("body"), record.get("attributes"), sorted(record)]
                           for record in records(fixture)])  # fmt: skip
        assert seen.setdefault(text + str(fixture.meta.expect), name) == name


def test_it_gives_nothing_away(fixture: Fixture) -> None:
    text = json.dumps(fixture.event)
    assert set(re.findall(r"arn:[a-z-]+:\w+:[\w-]*:([0-9]+):", text)) <= {recording.ACCOUNT}
    addresses = set(re.findall(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.])", text))
    assert addresses <= {recording.ADDRESS}
    principals = set(re.findall(r'principalId[\\]*": ?[\\]*"([^"\\]*)', text))
    assert principals <= {"EXAMPLE", "AWS:EXAMPLE", "s3.amazonaws.com"}
    if isinstance(fixture.meta.origin, Recorded):
        assert recording.redact(fixture.fresh()) == fixture.event


def test_it_is_decided_as_it_says(fixture: Fixture) -> None:
    decided, expect = decide(fixture.fresh()), fixture.meta.expect
    assert bool(decided.refused) == bool(expect.refused)
    assert expect.refused in decided.refused
    assert [message.outcome for message in decided.messages] == [
        message.outcome for message in expect.messages
    ]
    for message, expected in zip(decided.messages, expect.messages, strict=True):
        assert message.hints == expected.hints
        assert expected.says in message.says
        assert (expected.outcome == "done") == (not expected.says)


class Silent:
    """A queue that nobody listens to."""

    def send(self, bodies: object, *, delay: int = 0) -> None:
        raise AssertionError("nothing is sent")

    def delete(self, message: Message) -> None: ...

    def delay(self, message: Message, seconds: int) -> None: ...


@pytest.mark.parametrize(
    "name", sorted(name for name, fixture in ALL.items() if fixture.meta.expect.messages)
)
def test_the_partial_response_names_what_failed(name: str) -> None:
    batch = messages(ALL[name].fresh())
    reports = Batch(
        bucket=BUCKET,
        queue=Silent(),
        clock=SystemClock(),
        names=lambda hint: (hint.key,),
        work=lambda task: Done("made"),
        observe=lambda report: None,
    ).run(batch, lambda: 60.0)
    expected = ALL[name].meta.expect.messages
    assert sorted(item["itemIdentifier"] for item in failures(reports)["batchItemFailures"]) == [
        message.id
        for message, end in sorted(zip(batch, expected, strict=True), key=lambda pair: pair[0].id)
        if end.outcome == "failed"
    ]


def _misread(monkeypatch: pytest.MonkeyPatch, decode: Callable[[str], str]) -> set[str]:
    """The fixtures whose keys a parser that decodes so reads wrongly."""
    monkeypatch.setattr(gallery.events, "decode_key", decode)
    return {
        name
        for name, fixture in ALL.items()
        if [message.hints for message in decide(fixture.fresh()).messages]
        != [message.hints for message in fixture.meta.expect.messages]
    }


@pytest.mark.parametrize(
    ("decode", "caught_by"),
    [
        (lambda raw: raw, {"key-space", "key-plus", "moto-key", "localstack-key"}),
        (unquote, {"key-space", "sns", "aws-odd-key"}),
        (lambda raw: unquote_plus(unquote_plus(raw)), {"key-plus", "key-percent"}),
        (lambda raw: raw.replace("+", " "), {"key-plus", "key-unicode-nfc"}),
        (lambda raw: unquote_plus(raw, "latin-1"), {"key-unicode-nfc", "key-not-utf-8"}),
        (unquote_plus, {"key-not-utf-8"}),
    ],
    ids=["not at all", "without the plus", "twice", "only the plus", "Latin-1", "leniently"],
)
def test_a_parser_that_decodes_wrongly_is_caught(
    monkeypatch: pytest.MonkeyPatch, decode: Callable[[str], str], caught_by: set[str]
) -> None:
    assert caught_by <= _misread(monkeypatch, decode)


@pytest.mark.parametrize(
    ("name", "claim"),
    [
        ("key-1024-bytes", lambda key: len(key.encode()) == 1024),
        ("key-unicode-nfc", lambda key: "é" in key),
        ("key-unicode-nfd", lambda key: "e\u0301" in key and "é" not in key),
        ("key-trailing-dot", lambda key: key.endswith(".")),
        ("key-emoji", lambda key: max(key) > "\uffff"),
        ("key-url-signs", lambda key: {*"#?&"} <= {*key}),
        ("key-control", lambda key: "\x01" in key),
    ],
)
def test_a_key_is_what_its_name_claims(name: str, claim: Callable[[str], bool]) -> None:
    ((_, key),) = load(name).meta.expect.messages[0].hints
    assert claim(key)


def test_64_kilobytes_are_64_kilobytes() -> None:
    (record,) = load("64-kilobytes").event["Records"]
    assert len(record["body"].encode()) == 65_536


def test_an_unknown_name_is_told_with_those_that_come_near() -> None:
    with pytest.raises(UnknownFixture, match="poison-among-nine"):
        load("poison-among-ten")
    with pytest.raises(UnknownFixture, match=r"docs/events\.md"):
        load("../../etc/passwd")


def test_a_fresh_event_is_nobody_else_s() -> None:
    fixture = load("put")
    fixture.fresh()["Records"][0]["body"] = ""
    assert fixture.event["Records"][0]["body"]


def test_redaction_reaches_into_every_envelope() -> None:
    inner = json.dumps(
        {
            "Records": [
                {
                    "userIdentity": {"principalId": "AWS:AROA:somebody"},
                    "requestParameters": {"sourceIPAddress": "203.0.113.9"},
                    "responseElements": {"x-amz-request-id": "C3D1", "x-amz-id-2": "FMyU"},
                    "s3": {"bucket": {"name": "b"}, "object": {"key": "a+123456789012.jpg"}},
                }
            ]
        }
    )
    envelope = json.dumps(
        {
            "Type": "Notification",
            "TopicArn": "arn:aws:sns:eu-west-1:123456789012:t",
            "Signature": "c2VjcmV0",
            "Message": inner,
        },
        separators=(",", ":"),
    )
    event = {
        "Records": [
            {
                "messageId": "kept",
                "receiptHandle": "AQEBsecret",
                "body": envelope,
                "attributes": {"SenderId": "AIDASOMEBODY", "SentTimestamp": "1773489600000"},
                "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:q",
            }
        ]
    }
    broken = {"Records": [{**event["Records"][0], "body": envelope[:-3]}]}
    for text in map(json.dumps, (recording.redact(event), recording.redact(broken))):
        redacted(text)


def redacted(text: str) -> None:
    for secret in ("somebody", "SOMEBODY", "203.0.113.9", "C3D1", "FMyU", "c2VjcmV0", "AQEB",
                   ":123456789012:"):  # fmt: skip
        assert secret not in text
    for kept in ("kept", "a+123456789012.jpg", "1773489600000", '\\"Type\\":'):
        assert kept in text


@pytest.mark.parametrize(
    ("secret", "kept"),
    [
        ("arn:aws:sts::123456789012:assumed-role/uploader/ann@example.org", "assumed-role/"),
        ("arn:aws:iam::123456789012:user/ann", "arn:aws:iam::000000000000:user/"),
        ("https://sqs.eu-west-1.amazonaws.com/123456789012/photos", "/000000000000/photos"),
        ("AKIAIOSFODNN7EXAMPLE ", " "),
        ("AROADBQP57FF2AEXAMPLE:i-0123", ":i-0123"),
    ],
)
def test_redaction_knows_secrets_by_their_shape(secret: str, kept: str) -> None:
    event = {"Records": [{"messageId": "m", "body": json.dumps({"x": f"see {secret} there"})}]}

    told = recording.redact(event)["Records"][0]["body"]

    assert secret.strip() not in told
    assert kept in told
    assert not re.search(r"123456789012|ann|AKIA|AROA", told)
