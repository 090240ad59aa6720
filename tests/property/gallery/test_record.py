"""Records come back as they went, keep to their published schemas, and forgive the future."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from gallery import record
from gallery.record import AlbumRecord, CorruptRecord, PhotoRecord, Record, UnreadableRecord
from tests.property.gallery.records import albums, records

either: st.SearchStrategy[Record | AlbumRecord] = records | albums


def decoded(body: bytes, kind: str) -> Record | AlbumRecord:
    return record.decode_album(body) if kind in ("album", "site") else record.decode(body)


_validators = {name: Draft202012Validator(schema) for name, schema in record.schemas().items()}


def validator(one: Record | AlbumRecord) -> Draft202012Validator:
    if isinstance(one, AlbumRecord):
        return _validators["album-record.v1.json"]
    return _validators[f"{'photo' if isinstance(one, PhotoRecord) else 'text'}-record.v1.json"]


@given(either)
def test_a_record_comes_back_as_it_went(one: Record | AlbumRecord) -> None:
    body = record.encode(one)
    back = decoded(body, one.kind)
    assert back == one
    assert type(back) is type(one)
    assert record.encode(back) == body


@given(either)
def test_a_record_keeps_to_its_schema(one: Record | AlbumRecord) -> None:
    validator(one).validate(json.loads(record.encode(one)))


@given(either, st.dictionaries(st.text(min_size=1).map("x-{}".format), st.integers(), min_size=1))
def test_unknown_fields_are_ignored(one: Record | AlbumRecord, more: dict[str, int]) -> None:
    plain = json.loads(record.encode(one))
    # Maps from names to values are data, not fields: they are left as they are.
    maps = {"shown", "albums", "linked", "pages", "more"}

    def rich(value: Any) -> Any:
        if isinstance(value, dict):
            inner = {
                name: {key: rich(each) for key, each in part.items()}
                if name in maps and isinstance(part, dict)
                else rich(part)
                for name, part in value.items()
            }
            return inner | more
        return [rich(inner) for inner in value] if isinstance(value, list) else value

    assert decoded(json.dumps(rich(plain)).encode(), one.kind) == one


@given(either, st.integers().filter(lambda version: version != 1))
def test_other_versions_are_refused_and_not_taken_for_rubbish(
    one: Record | AlbumRecord, version: int
) -> None:
    later = json.loads(record.encode(one)) | {"version": version}
    if abs(version) < 2**63:
        with pytest.raises(UnreadableRecord, match="version") as error:
            decoded(json.dumps(later).encode(), one.kind)
        assert not isinstance(error.value, CorruptRecord)


@given(st.one_of(st.binary(), st.text().map(str.encode)))
def test_rubbish_is_corrupt(body: bytes) -> None:
    for decode in (record.decode, record.decode_album):
        with pytest.raises(CorruptRecord):
            decode(body)


@given(either, st.data())
def test_half_a_record_is_corrupt(one: Record | AlbumRecord, data: st.DataObject) -> None:
    body = record.encode(one)
    with pytest.raises(CorruptRecord):
        decoded(body[: data.draw(st.integers(0, len(body) - 1))], one.kind)


@given(either, st.data())
def test_a_wrong_type_anywhere_is_corrupt_or_harmless(
    one: Record | AlbumRecord, data: st.DataObject
) -> None:
    value = json.loads(record.encode(one))
    name = data.draw(st.sampled_from(sorted(set(value) - {"version"})))
    value[name] = data.draw(st.sampled_from([7, -1.5, "text", None, [], [7], {}, {"a": 7}, True]))
    body = json.dumps(value).encode()
    try:
        back = decoded(body, one.kind)
    except CorruptRecord:
        return
    validator(back).validate(json.loads(record.encode(back)))
