"""What people paste: each shape in which events are met is unwrapped and named, and what is no
event is refused with a reason."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

import pytest

from gallery.queue import messages
from safelight.fixtures import load
from safelight.pasted import Pasted, Refused, bucket_of, read, rebucket
from safelight.verdict import hints_of

KEY = "photos/caf\u00e9/first light.jpg"
S3 = {
    "Records": [
        {
            "eventVersion": "2.1",
            "eventSource": "aws:s3",
            "eventTime": "2026-03-14T09:26:53.589Z",
            "eventName": "ObjectCreated:Put",
            "s3": {
                "bucket": {"name": "pictures", "arn": "arn:aws:s3:::pictures"},
                "object": {"key": "photos/caf%C3%A9/first+light.jpg", "size": 7},
            },
        }
    ]
}
BODY = json.dumps(S3)
MESSAGE = {
    "messageId": "m-1",
    "receiptHandle": "r-1",
    "body": BODY,
    "attributes": {"ApproximateReceiveCount": "3", "SentTimestamp": "1773480413589"},
    "messageAttributes": {},
    "eventSource": "aws:sqs",
    "eventSourceARN": "arn:aws:sqs:eu-west-1:111122223333:q",
}
LAMBDA = {"Records": [MESSAGE]}
ANSWERED = {
    "MessageId": "m-1",
    "ReceiptHandle": "r-1",
    "MD5OfBody": "0" * 32,
    "Body": BODY,
    "Attributes": {"ApproximateReceiveCount": "3", "SentTimestamp": "1773480413589"},
    "MessageAttributes": {"by": {"StringValue": "ann", "DataType": "String"}},
}
SNS = {"Type": "Notification", "TopicArn": "arn:aws:sns:eu-west-1:1:t", "Message": BODY}
EVENTBRIDGE = {
    "version": "0",
    "detail-type": "Object Created",
    "source": "aws.s3",
    "time": "2026-03-14T09:26:53Z",
    "detail": {"bucket": {"name": "pictures"}, "object": {"key": KEY}},
}
OURS = {
    "level": "ERROR",
    "message": "failed: no",
    "service": "thumbnailer",
    "message_id": "m-1",
    "receives": 3,
    "tasks": [],
    "body": BODY,
    "sent": "2026-03-14T09:26:53.589+00:00",
}
DONE = {"level": "INFO", "message": "done: ready", "message_id": "m-0", "receives": 1, "tasks": []}
LOGGED = "[INFO]\t2026-03-14T09:26:54.000Z\t8f507cfc-xmpl\tgot "


def packed(value: object) -> str:
    return base64.b64encode(gzip.compress(json.dumps(value).encode())).decode()


def log(*lines: str) -> list[dict[str, Any]]:
    return [{"id": str(number), "timestamp": 1, "message": line} for number, line in
            enumerate(lines)]  # fmt: skip


SHAPES: dict[str, tuple[str, str]] = {
    "an event from SQS": (json.dumps(LAMBDA), "as Lambda hands it to a function"),
    "indented": (json.dumps(LAMBDA, indent=4), "as Lambda hands it to a function"),
    "a message of it": (json.dumps(MESSAGE), "a message from SQS → an S3 notification"),
    "a pipe's list": (json.dumps([MESSAGE]), "a list → a message from SQS"),
    "receive-message": (json.dumps({"Messages": [ANSWERED]}), "`aws sqs receive-message`"),
    "boto3's answer": (
        json.dumps({"Messages": [ANSWERED], "ResponseMetadata": {"HTTPStatusCode": 200}}),
        "`aws sqs receive-message`",
    ),
    "one of its messages": (json.dumps(ANSWERED), "a message as SQS hands it out"),
    "its bodies": (json.dumps([BODY]), "JSON in a JSON text"),
    "a notification": (BODY, "an S3 notification (ObjectCreated:Put)"),
    "a record": (json.dumps(S3["Records"][0]), "an S3 notification (ObjectCreated:Put)"),
    "records": (json.dumps(S3["Records"]), "a list → an S3 notification"),
    "quoted": (json.dumps(json.dumps(BODY)), "JSON in a JSON text → JSON in a JSON text"),
    "an SNS envelope": (json.dumps(SNS), "an SNS notification → an S3 notification"),
    "SNS to Lambda": (
        json.dumps({"Records": [{"EventSource": "aws:sns", "Sns": SNS}]}),
        "an event from SNS",
    ),
    "EventBridge": (json.dumps(EVENTBRIDGE), 'EventBridge\'s "Object Created"'),
    "EventBridge on a queue": (
        json.dumps({"Records": [{**MESSAGE, "body": json.dumps(EVENTBRIDGE)}]}),
        'EventBridge\'s "Object Created"',
    ),
    "a destination": (
        json.dumps({"version": "1.0", "requestContext": {"condition": "RetriesExhausted"},
                    "requestPayload": S3, "responsePayload": {}}),
        "what Lambda sends to a destination",
    ),
    "a wrapper": (json.dumps({"event": LAMBDA}), "the field event"),
    "MinIO's": (
        json.dumps({"EventName": "s3:ObjectCreated:Put", "Key": "pictures/x", "Records":
                    [{**S3["Records"][0], "eventSource": "minio:s3"}]}),
        "an S3 notification",
    ),
    "MinIO's to Redis": (
        json.dumps([{"Event": S3["Records"], "EventTime": "2026-03-14T09:26:53Z"}]),
        "the field Event",
    ),
    "our log line": (json.dumps(OURS), "a message that a function logged as failed"),
    "our log": (
        "\n".join(json.dumps(line) for line in (DONE, OURS, {"_aws": {}, "Done": 1})),
        "a message that a function logged as failed",
    ),
    "filter-log-events": (
        json.dumps({"events": log("START RequestId: 8f507cfc Version: $LATEST",
                                  json.dumps(OURS), "END RequestId: 8f507cfc")}),
        "as `aws logs` answers",
    ),
    "Logs Insights": (
        json.dumps({"results": [[{"field": "@timestamp", "value": "2026-03-14"},
                                 {"field": "@message", "value": json.dumps(OURS)}]],
                    "status": "Complete"}),
        "as Logs Insights answers",
    ),
    "Logs Insights' export": (
        json.dumps([{"@timestamp": "2026-03-14", "@message": json.dumps(OURS)}]),
        "log entry of Logs Insights",
    ),
    "a subscription": (
        json.dumps({"messageType": "DATA_MESSAGE", "logGroup": "/aws/lambda/t",
                    "logEvents": log(json.dumps(OURS))}),
        "log entries of a subscription",
    ),
    "a packed subscription": (
        json.dumps({"awslogs": {"data": packed({"logEvents": log(json.dumps(OURS))})}}),
        "packed for a subscription",
    ),
    "a line of Lambda's log": (LOGGED + json.dumps(LAMBDA), "text with JSON in it"),
    "Python's print": (str(LAMBDA), "a Python dictionary, printed"),
    "Python's print in a log": (LOGGED + str(LAMBDA) + "\nEND RequestId: 8", "text with JSON"),
    "a log over several lines": (
        f"START RequestId: 8f507cfc\nuploaded {json.dumps({'event': S3}, indent=2)}\n"
        "END RequestId: 8f507cfc\nREPORT RequestId: 8f507cfc Duration: 3 ms",
        "the field event",
    ),
    "Powertools' log_event": (
        json.dumps({"level": "INFO", "location": "decorate:353", "message": LAMBDA}),
        "a logged event",
    ),
    "Lambda's JSON log": (
        json.dumps({"timestamp": "2026-03-14T09:26:54Z", "level": "INFO",
                    "message": "SQS EVENT: " + json.dumps(LAMBDA), "requestId": "8"}),
        "a logged event",
    ),
    "JSON lines": (
        "\n".join([BODY, json.dumps(SNS)]), "several JSON values → an S3 notification"
    ),
    "a console's copy with a mark": ("\ufeff" + BODY + "\r\n", "an S3 notification"),
    "a Markdown page": (f"# Bug\n\nThis came:\n\n```json\n{json.dumps(S3, indent=2)}\n```\n",
                        "text with JSON in it → an S3 notification"),
    "JavaScript": (f"let event = {json.dumps(S3, indent=2)};\nmodule.exports = event;\n",
                   "text with JSON in it → an S3 notification"),
}  # fmt: skip


def all_messages(found: Pasted) -> list[Any]:
    return [message for batch in found.batches for message in messages(batch)]


@pytest.mark.parametrize("name", SHAPES)
def test_it_is_unwrapped_and_named(name: str) -> None:
    text, told = SHAPES[name]

    found = read(text)

    assert told in " | ".join(found.what), found.what
    assert {hints_of(message.body) for message in all_messages(found)} == {(("created", KEY),)}
    assert bucket_of(all_messages(found)) == "pictures"


def test_what_the_message_tells_of_itself_is_kept() -> None:
    for shape in ("an event from SQS", "receive-message", "our log line", "a message of it"):
        (message,) = all_messages(read(SHAPES[shape][0]))
        assert (message.id, message.receives) == ("m-1", 3)
        assert message.sent is not None
        assert message.sent.timestamp() == 1773480413.589
    (record,) = read(SHAPES["receive-message"][0]).batches[0]["Records"]
    assert record["messageAttributes"]["by"]["stringValue"] == "ann"


def test_a_whole_batch_stays_as_it_is() -> None:
    event = load("poison-among-nine").fresh()

    assert read(json.dumps(event)).batches == (event,)


def test_loose_messages_come_ten_at_a_time_under_ids_of_their_own() -> None:
    found = read("\n".join([BODY] * 23))

    assert [len(batch["Records"]) for batch in found.batches] == [10, 10, 3]
    assert len({message.id for message in all_messages(found)}) == 23


def test_what_was_passed_over_is_said() -> None:
    found = read("\n".join(json.dumps(line) for line in (DONE, OURS)))

    assert found.notes == ("log lines that hold no event were passed over",)


@pytest.mark.parametrize(
    "raw",
    [
        BODY.encode("utf-16"),
        BODY.encode("utf-8-sig"),
        gzip.compress(BODY.encode()),
    ],
    ids=["PowerShell", "a mark", "packed"],
)
def test_a_file_may_be_written_otherwise(raw: bytes) -> None:
    assert bucket_of(all_messages(read(raw))) == "pictures"


REFUSED: dict[str, tuple[str | bytes, str]] = {
    "nothing": ("  \n", "nothing in it"),
    "text": ("hello", "no JSON"),
    "a number": ("7", "a number, not an event"),
    "null": ("null", "null, not an event"),
    "an empty list": ("[]", "an empty list"),
    "no records": ('{"Records": []}', "no Records in it"),
    "records that are none": ('{"Records": {"a": 1}}', "an object, not a list"),
    "an empty answer": ('{"Messages": []}', "holds no message"),
    "cut short": (BODY[:200], "cut short"),
    "cut by a console": (BODY[:200] + "…", "cut short"),
    "JavaScript's print": ("{ Records: [ [Object] ] }", "JSON.stringify"),
    "XML": ("<ReceiveMessageResponse/>", "--output json"),
    "a slip": ('{"Records": [{s "eventSource": "aws:s3"}]}', "broken at"),
    "a slip in Python": ("{'Records': [{'body': json.dumps(body)}]}", "broken at"),
    "another service": ('{"Records": [{"eventSource": "aws:ses", "ses": {}}]}', "from SES"),
    "DynamoDB": (
        '{"Records": [{"eventSource": "aws:dynamodb", "dynamodb": {}}]}',
        "a DynamoDB stream",
    ),
    "Kinesis": ('{"Records": [{"kinesis": {"data": "eA=="}}]}', "from Kinesis"),
    "Firehose": ('{"invocationId": "x", "records": [{"recordId": "1"}]}', "Firehose"),
    "an unknown source": ('{"Records": [{"eventSource": "acme:x"}]}', '"acme:x"'),
    "no source": ('{"Records": [{"s3": {"object": {"key": "x"}}}]}', "no eventSource"),
    "CloudTrail": ('{"Records": [{"eventSource": "s3.amazonaws.com"}]}', "CloudTrail"),
    "a schedule": ('{"source": "aws.events", "detail-type": "Scheduled Event"}', "Scheduled"),
    "a rule": ('{"source": ["aws.s3"], "detail-type": ["Object Created"]}', "pattern"),
    "API Gateway": ('{"httpMethod": "GET", "path": "/"}', "API Gateway"),
    "a batch operation": ('{"invocationSchemaVersion": "1.0", "tasks": []}', "Batch Operations"),
    "Object Lambda": ('{"getObjectContext": {}}', "Object Lambda"),
    "Azure": ('{"eventType": "Microsoft.Storage.BlobCreated"}', "Azure"),
    "Google": ('{"kind": "storage#object", "name": "x"}', "Google"),
    "our schedule's": ('{"safelight": "sweep"}', "`safelight sweep`"),
    "a later hint": ('{"safelight": 2, "bucket": "b"}', "version 2"),
    "another log": (json.dumps(DONE), "log lines that hold no event"),
    "half a body": (json.dumps({**OURS, "body_bytes": 99999}), "dead-letter queue"),
    "anything": ('{"orderId": 1, "status": "paid"}', '"orderId", "status"'),
    "a sidecar": ('{"version": 1, "teaches": "x"}', "sidecar"),
    "too deep": ("[" * 5000 + "]" * 5000, "too deep"),
    "too deep to be parsed": ('{"a":' * 100_000, "too deep"),
    "envelopes": (json.dumps([[[[[[[[[[[[[[[S3]]]]]]]]]]]]]]]), "deep"),
    "bytes": (b"\x80\x81", "no text in UTF-8"),
    "half a packed file": (gzip.compress(BODY.encode() * 50)[:40], "in it"),
    "no packed file": (b"\x1f\x8b\x00\x00", "cannot be unpacked"),
    "packed data that is none": ('{"awslogs": {"data": "eHh4"}}', "cannot be unpacked"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_event_is_refused_with_a_reason(name: str) -> None:
    raw, why = REFUSED[name]

    with pytest.raises(Refused) as refused:
        read(raw)

    assert why in str(refused.value)
    assert len(str(refused.value)) < 600


def test_a_bucket_is_renamed_wherever_it_stands() -> None:
    deep = json.dumps({**SNS, "Message": json.dumps(SNS)})
    own = json.dumps({"safelight": 1, "bucket": "pictures", "key": "photos/pictures/x.jpg"})
    for body in (BODY, deep, json.dumps(EVENTBRIDGE), own, BODY[:-9]):
        renamed = rebucket(body, "pictures", "mine")
        assert renamed.count("pictures") == (1 if body == own else 0)
        assert renamed.replace("mine", "pictures") == body
    assert bucket_of(all_messages(read(rebucket(BODY, "pictures", "mine")))) == "mine"
    assert rebucket(BODY, "picture", "mine") == BODY
