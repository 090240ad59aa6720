"""The commands about a stack on AWS, for which a bare MiniStack stands in: the template's stack,
by its name, reached with nothing but the environment's credentials, region and endpoint.

In this process and not as commands of their own, so that `wait` need not take the time that it
gives SQS on AWS.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import boto3
import pytest

from safelight import embedded, wait
from safelight import port as ports
from safelight.__main__ import main
from safelight.formation import Formation
from safelight.home import checkout
from safelight.ministack import MiniStack
from safelight.stack import client, cloudformation
from tests.stack.photograph import photograph

pytestmark = pytest.mark.embedded

NAME = "grandmas-photos"
BUCKET = "grandmas-photos-bucket"
REGION = "eu-central-1"


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MiniStack]:
    """AWS, with the stack made from the template as `make deploy` makes it but for the images,
    which MiniStack cannot run."""
    process = MiniStack(tmp_path_factory.mktemp("aws"), ports.unused())
    process.start()
    try:
        formation = Formation(
            cloudformation(process.url, REGION),
            client("s3", process.url, REGION),
            NAME,
            checkout() / "infra" / "template.yaml",
        )
        formation.ensure(
            {"Target": "embedded", "BucketName": BUCKET, "ThumbnailerConcurrency": "2"}
        )
        embedded.resume(client("lambda", process.url, REGION))
        yield process
    finally:
        process.stop(keep=False)


@pytest.fixture
def at_the_keyboard(cloud: MiniStack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Somebody's shell, with credentials and a region; no local stack runs, nobody types."""
    monkeypatch.setenv("SAFELIGHT_HOME", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_ENDPOINT_URL", cloud.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_REGION", REGION)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "no-config"))
    for name in ("AWS_PROFILE", "AWS_DEFAULT_REGION", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    monkeypatch.setattr(wait, "_PAUSE_ON_AWS", 0.3)


@pytest.fixture
def safelight(at_the_keyboard: None, capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs a command about the stack; its output, or with another ``status`` its complaint."""

    def run(verb: str, *arguments: str | Path, status: int = 0) -> str:
        capsys.readouterr()
        ended = main([verb, *map(str, arguments), "--stack", NAME])
        said = capsys.readouterr()
        assert ended == status, said
        return said.out if status == 0 else said.err

    return run


@pytest.fixture
def s3(at_the_keyboard: None) -> Any:
    """S3, as anybody would ask it."""
    return boto3.client("s3", region_name=REGION)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Photos to upload."""
    album = tmp_path / "Pictures" / "Lisbon, été"
    album.mkdir(parents=True)
    for number in range(3):
        (album / f"{number}.jpg").write_bytes(photograph(seed=number))
    return tmp_path / "Pictures"


def test_the_same_words(safelight: Any, s3: Any, folder: Path) -> None:
    """From an empty bucket to a gallery, and to one photo fewer."""
    safelight("sync", folder)
    safelight("wait", "--timeout", "120")
    status = json.loads(safelight("status", "--json"))
    assert status["photos"] | {"total": 3, "ready": 3, "pending": 0} == status["photos"]
    assert (status["stack"], status["region"], status["bucket"]) == (NAME, REGION, BUCKET)
    assert status["endpoint_url"] is None
    assert status["settled"]
    assert f"{NAME} on AWS, {REGION}, bucket {BUCKET}" in safelight("status")

    exported = safelight("env")
    assert f"export BUCKET={BUCKET}" in exported
    assert "AWS_ENDPOINT_URL" not in exported
    assert "SECRET" not in exported

    shown = safelight("logs", "thumbnailer")
    assert "photos/Lisbon, été/0.jpg" in shown
    assert "albums" not in safelight("logs", "thumbnailer", "--errors")

    (folder / "Lisbon, été" / "1.jpg").unlink()
    told = safelight("sync", folder, "--delete", status=1)
    assert "say --yes" in told
    assert "Remove 1 objects, photos/Lisbon, été/1.jpg first" in told
    assert "Contents" in s3.list_objects_v2(Bucket=BUCKET, Prefix="photos/Lisbon, été/1.jpg")
    safelight("sync", folder, "--delete", "--yes")
    safelight("wait", "--timeout", "120")
    assert json.loads(safelight("status", "--json"))["photos"]["total"] == 2


def test_a_sweep_wakes_the_function(safelight: Any, s3: Any, cloud: MiniStack) -> None:
    """Which finds what no event told of; and on this machine, if that is asked for."""
    with _deaf(s3):
        s3.put_object(Bucket=BUCKET, Key="photos/unseen/a.jpg", Body=photograph(seed=50))
    assert "no record yet" in safelight("status")
    assert "The thumbnailer sweeps" in safelight("sweep")
    safelight("wait", "--timeout", "120")
    assert "albums: 0 photos are looked at again" in safelight("sweep", "--here")


def test_a_bucket_that_was_full_before(safelight: Any, s3: Any) -> None:
    """Photos that no event told of: an estimate first, then consent, then hints at all of them;
    and of those that came since, at those only."""
    inventory = {
        "sourceBucket": BUCKET,
        "destinationBucket": f"arn:aws:s3:::{BUCKET}",
        "fileFormat": "CSV",
        "fileSchema": "Bucket, Key",
    }
    with _deaf(s3):
        names = [f"photos/old, é+/{number:02}.jpg" for number in range(23)]
        for number, name in enumerate(names):
            s3.put_object(Bucket=BUCKET, Key=name, Body=photograph(90, 60, seed=number))
        s3.put_object(Bucket=BUCKET, Key="photos/old, é+/.hidden", Body=b"x")
    planned = safelight("backfill", "--prefix", "old", "--dry-run")
    assert "23 originals to hint at" in planned
    assert "Cost: less than a cent" in planned
    assert "say --yes" in safelight("backfill", "--prefix", "old", status=1)
    assert "no record yet" in safelight("status")
    assert "23 hints sent, of 24 keys" in safelight("backfill", "--prefix", "old", "--yes")
    safelight("wait", "--timeout", "120")
    assert "No originals" in safelight("backfill", "--prefix", "old", "--only-missing", "--dry-run")

    with _deaf(s3):
        s3.put_object(Bucket=BUCKET, Key="photos/old, é+/new one.jpg", Body=photograph(seed=99))
    rows = b"".join(f'"{BUCKET}","{quote_plus(name)}"\n'.encode() for name in names)
    packed = gzip.compress(rows + f'"{BUCKET}","photos/old,+%C3%A9%2B/new+one.jpg"\n'.encode())
    s3.put_object(Bucket=BUCKET, Key="inventory/data/1.csv.gz", Body=packed)
    md5 = hashlib.md5(packed, usedforsecurity=False).hexdigest()
    files = [{"key": "inventory/data/1.csv.gz", "MD5checksum": md5}]
    body = json.dumps({**inventory, "files": files}).encode()
    s3.put_object(Bucket=BUCKET, Key="inventory/manifest.json", Body=body)
    manifest = f"s3://{BUCKET}/inventory/manifest.json"
    sent = safelight("backfill", "--inventory", manifest, "--only-missing", "--yes")
    assert "1 hints sent, of 24 keys" in sent
    safelight("wait", "--timeout", "120")


@contextmanager
def _deaf(s3: Any) -> Iterator[None]:
    """The bucket tells nobody of what is put there."""
    config = s3.get_bucket_notification_configuration(Bucket=BUCKET)
    config.pop("ResponseMetadata")
    s3.put_bucket_notification_configuration(Bucket=BUCKET, NotificationConfiguration={})
    try:
        yield
    finally:
        s3.put_bucket_notification_configuration(Bucket=BUCKET, NotificationConfiguration=config)


def test_dead_letters_are_forgotten_only_when_asked(safelight: Any) -> None:
    """Given back, they are worked off; forgetting asks."""
    status = json.loads(safelight("status", "--json"))
    sqs = boto3.client("sqs", region_name=REGION)
    dead = status["queues"]["thumbnail_dlq"]["url"]
    for number in range(12):
        hint = {
            "safelight": 1, "bucket": BUCKET, "key": f"photos/gone/{number}.jpg", "why": "a test",
        }  # fmt: skip
        sqs.send_message(QueueUrl=dead, MessageBody=json.dumps(hint))
    shown = safelight("status")
    assert f"safelight redrive --stack {NAME} --region {REGION}" in shown
    told = safelight("redrive", "--discard", status=1)
    assert "say --yes" in told
    assert "12 or so" in told
    assert "thumbnail_dlq: 12 given back" in safelight("redrive")
    assert "There are no dead letters" in safelight("redrive")
    sqs.send_message(QueueUrl=dead, MessageBody="nonsense")
    assert "thumbnail_dlq: 1 forgotten" in safelight("redrive", "--discard", "--yes")


def test_a_stack_that_is_not_there(
    at_the_keyboard: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those that are, are named; and another region is none of theirs."""
    assert main(["status", "--stack", "grandpas-photos"]) == 1
    assert f"Safelight's there: {NAME}" in capsys.readouterr().err
