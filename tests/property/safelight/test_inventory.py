"""What an S3 Inventory lists, whatever the keys, and from any position on."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

from hypothesis import given
from hypothesis import strategies as st

from safelight.inventory import load

NO_S3: Any = None

KEYS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
ROWS = st.lists(
    st.tuples(KEYS, st.sampled_from(["true", "false"]), st.sampled_from(["true", "false"])),
    max_size=8,
)
FILES = st.lists(ROWS, max_size=4)


def write(folder: Path, files: list[list[tuple[str, str, str]]]) -> str:
    """An inventory as S3 writes it: a space in a key is a plus; the manifest's path."""
    entries = []
    for number, rows in enumerate(files):
        text = io.StringIO()
        writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
        for key, latest, marker in rows:
            # Java's URLEncoder, but for the slashes, which S3 leaves.
            writer.writerow(["b", quote_plus(key, safe="/"), "v1", latest, marker, "42"])
        packed = gzip.compress(text.getvalue().encode("ascii"))
        (folder / f"{number}.csv.gz").write_bytes(packed)
        md5 = hashlib.md5(packed, usedforsecurity=False).hexdigest()
        key = f"inventories/b/daily/data/{number}.csv.gz"
        entries.append({"key": key, "size": len(packed), "MD5checksum": md5})
    manifest = {
        "sourceBucket": "b",
        "destinationBucket": "arn:aws:s3:::inventories",
        "version": "2016-11-30",
        "creationTimestamp": "1514944800000",
        "fileFormat": "CSV",
        "fileSchema": "Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size",
        "files": entries,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return str(folder / "manifest.json")


@given(FILES)
def test_every_latest_key_is_listed(files: list[list[tuple[str, str, str]]]) -> None:
    """As it is in the bucket; deletions and older versions are not."""
    with tempfile.TemporaryDirectory() as folder:
        found = [key for _, key in load(write(Path(folder), files), NO_S3).keys(NO_S3)]
    assert found == [
        key
        for rows in files
        for key, latest, marker in rows
        if latest == "true" and marker == "false"
    ]


@given(FILES)
def test_from_any_position_on_it_is_the_rest(files: list[list[tuple[str, str, str]]]) -> None:
    """No row twice, none left out."""
    with tempfile.TemporaryDirectory() as folder:
        inventory = load(write(Path(folder), files), NO_S3)
        everything = list(inventory.keys(NO_S3))
        for number, (position, _) in enumerate(everything):
            assert list(inventory.keys(NO_S3, position)) == everything[number + 1 :]
