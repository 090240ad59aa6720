"""YAML in the hands of strangers."""

from __future__ import annotations

import pytest

from gallery.plainyaml import UnreadableYaml, mapping
from sitegen import frontmatter
from sitegen.frontmatter import split


def test_every_value_stays_as_it_was_written() -> None:
    found = mapping("title: No\ndate: 2024-05\nnumber: 010\nempty:\nlist: [1, yes]\n")
    assert found == {
        "title": "No",
        "date": "2024-05",
        "number": "010",
        "empty": "",
        "list": ["1", "yes"],
    }


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: &a [1]\nb: *a", "alias"),
        ("&a a: [*a, *a]", "alias"),
        ("a: " + "[" * 500 + "]" * 500, "nested"),
        ("a: " + "[" * 8000, "nested|flow"),
        ("a: 1\n" * 5000, "longer"),
        ("- a list", "not a list of"),
        ("just words", "not a list of"),
        ("a: b: c", "line 1"),
        ('a: "\\UFFFFFFFF"', "no character"),
        ("a: \x00", "characters"),
        ("!!python/object/apply:os.system [a]", "not a list of"),
        ("a: 1\n---\nb: 2", "document"),
        ("? [a, b]\n: c", "unhashable"),
    ],
)
def test_what_is_no_mapping_is_refused_with_a_reason(text: str, says: str) -> None:
    with pytest.raises(UnreadableYaml, match=says):
        mapping(text)


def test_tags_make_no_objects() -> None:
    assert mapping("a: !!python/name:os.system x") == {"a": "x"}


def test_front_matter_ends_where_it_says() -> None:
    assert split("---\ntitle: A\n---\nwords\n---\nmore") == (
        {"title": "A"},
        "words\n---\nmore",
        None,
    )
    assert split("\ufeff---\r\ntitle: A\r\n---\r\nwords") == ({"title": "A"}, "words", None)
    assert split("---\n---\nwords") == ({}, "words", None)


def test_a_text_without_front_matter_is_left_alone() -> None:
    for text in ("words", "---\nno end", "a\n---\nb\n---\n", "----\nx\n----\n"):
        assert split(text) == ({}, text, None)


def test_front_matter_that_cannot_be_read_is_not_shown() -> None:
    found, body, problem = split("---\na: *b\n---\nwords")
    assert (found, body) == ({}, "words")
    assert problem is not None
    assert "alias" in problem


@pytest.mark.parametrize(
    ("value", "expected"), [("true", True), ("Yes", True), ("no", False), ([], False)]
)
def test_truth(value: object, expected: bool) -> None:
    assert frontmatter.truth(value) is expected
