"""An inventory that is not what it ought to be."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from safelight.inventory import load
from safelight.problem import Problem
from tests.property.safelight.test_inventory import NO_S3, write

ROW = ("photos/a b+c.jpg", "true", "false")


@pytest.fixture
def manifest(tmp_path: Path) -> str:
    """An inventory of one photo."""
    return write(tmp_path, [[ROW]])


def change(manifest: str, **fields: Any) -> None:
    """Other fields in the manifest."""
    path = Path(manifest)
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def keys(manifest: str) -> list[str]:
    """What it lists."""
    return [key for _, key in load(manifest, NO_S3).keys(NO_S3)]


def test_a_space_is_a_plus_and_a_plus_is_not(manifest: str) -> None:
    """As in events."""
    packed = (Path(manifest).parent / "0.csv.gz").read_bytes()
    assert b'"photos/a+b%2Bc.jpg"' in gzip.decompress(packed)
    assert keys(manifest) == ["photos/a b+c.jpg"]


@pytest.mark.parametrize("form", ["Parquet", "ORC"])
def test_other_formats_are_refused(manifest: str, form: str) -> None:
    """With what to do instead."""
    change(manifest, fileFormat=form)
    with pytest.raises(Problem, match=f"in {form}.*as CSV, or leave --inventory out"):
        load(manifest, NO_S3)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"sourceBucket": 1}', "\x00"])
def test_what_is_no_manifest_is_refused(tmp_path: Path, text: str) -> None:
    """Whatever it is."""
    path = tmp_path / "m.json"
    path.write_text(text)
    with pytest.raises(Problem, match=r"not the manifest\.json"):
        load(str(path), NO_S3)


def test_a_manifest_that_is_not_there(tmp_path: Path) -> None:
    """Or that is a folder."""
    with pytest.raises(Problem, match="No such file"):
        load(str(tmp_path / "none.json"), NO_S3)
    with pytest.raises(Problem, match="cannot be read"):
        load(str(tmp_path), NO_S3)


def test_a_list_without_keys_is_refused(manifest: str) -> None:
    """There is nothing to hint at."""
    change(manifest, fileSchema="Bucket, Size")
    with pytest.raises(Problem, match="no column Key"):
        load(manifest, NO_S3)


def test_a_list_without_versions_has_latest_ones_only(manifest: str) -> None:
    """As S3 writes it of a bucket without versions."""
    packed = gzip.compress(b'"b","photos/a.jpg"\n')
    file = Path(manifest).parent / "0.csv.gz"
    file.write_bytes(packed)
    entry = {"key": "x/0.csv.gz", "MD5checksum": _md5(packed)}
    change(manifest, fileSchema="Bucket, Key", files=[entry])
    assert keys(manifest) == ["photos/a.jpg"]


def test_another_file_than_the_manifests_is_refused(manifest: str) -> None:
    """By its MD5."""
    (Path(manifest).parent / "0.csv.gz").write_bytes(gzip.compress(b""))
    with pytest.raises(Problem, match="its MD5 is"):
        keys(manifest)


@pytest.mark.parametrize(
    "raw",
    [b"no gzip", gzip.compress(b"\xff\xfe"), gzip.compress(b"x" * 100)[:-9]],
    # What is packed holds the time, and each process of a test run would name it otherwise.
    ids=["no gzip", "no text", "cut short"],
)
def test_a_broken_file_is_refused(manifest: str, raw: bytes) -> None:
    """Also where the manifest agrees with it."""
    (Path(manifest).parent / "0.csv.gz").write_bytes(raw)
    change(manifest, files=[{"key": "0.csv.gz", "MD5checksum": _md5(raw)}])
    with pytest.raises(Problem, match="no gzipped CSV, or a broken one"):
        keys(manifest)


@pytest.mark.parametrize(
    ("row", "told"),
    [(b'"b","photos/a.jpg"\n', "has 2 columns"), (b'"b","%ff","","true","false","1"\n', "UTF-8")],
)
def test_a_row_that_makes_no_sense_is_named(manifest: str, row: bytes, told: str) -> None:
    """By its number and file."""
    raw = gzip.compress(row)
    (Path(manifest).parent / "0.csv.gz").write_bytes(raw)
    change(manifest, files=[{"key": "0.csv.gz", "MD5checksum": _md5(raw)}])
    with pytest.raises(Problem, match=f"Row 1 of 0.csv.gz.*{told}"):
        keys(manifest)


@pytest.mark.parametrize("key", ["data/gone.csv.gz", "..", "x/"])
def test_a_file_that_is_not_beside_the_manifest(manifest: str, key: str) -> None:
    """Nor in data/; and never anywhere else."""
    change(manifest, files=[{"key": key, "MD5checksum": "0" * 32}])
    with pytest.raises(Problem, match="neither beside it nor in data/"):
        keys(manifest)


def test_files_may_lie_as_s3_put_them(tmp_path: Path) -> None:
    """A manifest in a folder by its date, and the data in another."""
    dated = tmp_path / "2026-01-01T00-00Z"
    dated.mkdir()
    manifest = write(dated, [[ROW]])
    (tmp_path / "data").mkdir()
    (dated / "0.csv.gz").rename(tmp_path / "data" / "0.csv.gz")
    assert keys(manifest) == [ROW[0]]


def test_a_manifest_in_s3(manifest: str) -> None:
    """Is asked for by its address, and one that is not there is named."""
    client = boto3.Session("test", "test", region_name="us-east-1").client("s3")
    with Stubber(client) as stub:
        asked = {"Bucket": "inventories", "Key": "b/daily/manifest.json"}
        stub.add_client_error("get_object", "NoSuchKey", expected_params=asked)
        with pytest.raises(Problem, match="There is no s3://inventories/b/daily/manifest"):
            load("s3://inventories/b/daily/manifest.json", client)
    with pytest.raises(Problem, match="say s3://BUCKET"):
        load("s3://inventories", client)


def _md5(raw: bytes) -> str:
    import hashlib

    return hashlib.md5(raw, usedforsecurity=False).hexdigest()
