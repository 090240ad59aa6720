"""The download command, by example; in real shells: ``tests/property/sitegen/test_command.py``."""

from __future__ import annotations

import pytest

from tests.unit.sitegen.script import call, command, needs_node

pytestmark = needs_node


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("https://s/photos/a/b.jpg", "a/b.jpg"),
        ("https://s/photos/b.jpg", "b.jpg"),
        ("https://s/photos/a%20b/%C3%BC%25.jpg", "a b/ü%.jpg"),
        ("https://s/photos/a/photos/x.jpg", "a/photos/x.jpg"),
        ("https://s/photos/a%2F..%2Fx.jpg", "a_.._x.jpg"),
        ("https://s/photos/%FF.jpg", "%FF.jpg"),
        ("https://s/photos/a.jpg?x=1#y", "a.jpg"),
        ("https://other/deep/er/x.jpg", "x.jpg"),
    ],
)
def test_where_a_photo_is_saved(url: str, place: str) -> None:
    assert call("place", url, "https://s/") == place


@pytest.mark.parametrize(
    ("name", "posix", "windows"),
    [
        ("a.jpg", "a.jpg", "a.jpg"),
        ("..", "_..", "___"),
        (".", "_.", "__"),
        ("", "_", "_"),
        ("a\0b", "a_b", "a_b"),
        ("a\\b:c.jpg", "a\\b:c.jpg", "a_b_c.jpg"),
        ('<>"|?*', '<>"|?*', "______"),
        ("new\nline\x1b", "new\nline\x1b", "new_line_"),
        ("\u202egpj.exe", "\u202egpj.exe", "_gpj.exe"),
        ("dots. .", "dots. .", "dots___"),
        ("con", "con", "con_"),
        ("CON.jpg", "CON.jpg", "CON_.jpg"),
        ("Lpt9 .x.jpg", "Lpt9 .x.jpg", "Lpt9_ .x.jpg"),
        ("COM¹", "COM¹", "COM¹_"),
        ("conifer.jpg", "conifer.jpg", "conifer.jpg"),
        ("x" * 251 + ".jpg", "x" * 251 + ".jpg", "x" * 251 + ".jpg"),
        ("x" * 252 + ".jpg", "x" * 251 + ".jpg", "x" * 251 + ".jpg"),
        ("写" * 100 + ".jpeg", "写" * 83 + ".jpeg", "写" * 83 + ".jpeg"),
    ],
)
def test_a_name_that_a_disk_takes(name: str, posix: str, windows: str) -> None:
    assert call("fit", name, False) == posix
    assert call("fit", name, True) == windows


def placed(*paths: str, **options: bool) -> list[str]:
    found = call("placed", [{"url": "", "path": path} for path in paths], options)
    return [each["path"] for each in found]


def test_every_photo_gets_a_path_of_its_own() -> None:
    assert placed("a/x.jpg", "b/x.jpg") == ["a/x.jpg", "b/x.jpg"]
    # In a bucket a photo may be called as a folder is; on a disk it may not.
    assert placed("a", "a/x.jpg", "a/x.jpg/y") == ["a~2", "a/x~2.jpg", "a/x.jpg/y"]
    long = "x" * 251 + ".jpg"
    assert placed(long, "x" + long) == [long, "x" * 249 + "~2.jpg"]


def test_disks_that_do_not_tell_case_apart() -> None:
    names = ["a.jpg", "A.JPG", "A~2.jpg", "é.jpg", "e\u0301.jpg"]
    assert placed(*names, alike=False) == names
    assert placed(*names, alike=True) == [
        "a.jpg",
        "A~2.JPG",
        "A~2~2.jpg",
        "é.jpg",
        "e\u0301~2.jpg",
    ]
    assert placed("a.jpg", "A.jpg", windows=True) == ["a.jpg", "A~2.jpg"]


def test_a_leading_dash_is_no_option() -> None:
    assert placed("-rf/x.jpg", "-", "a/-b") == ["./-rf/x.jpg", "./-", "a/-b"]


ITS = "https://s/photos/it's/a.jpg"


@pytest.mark.parametrize(
    ("way", "reads"),
    [
        (
            "curl",
            "curl --fail --globoff --create-dirs \\\n"
            "  --output 'it'\\''s/a.jpg' 'https://s/photos/it'\\''s/a.jpg'",
        ),
        (
            "wget",
            "mkdir -p 'it'\\''s'\n"
            "wget --output-document='it'\\''s/a.jpg' 'https://s/photos/it'\\''s/a.jpg'",
        ),
        ("aws", "aws s3 cp 's3://bucket/photos/it'\\''s/a.jpg' 'it'\\''s/a.jpg'"),
        ("urls", ITS),
    ],
)
def test_the_commands_read_well(way: str, reads: str) -> None:
    assert command([ITS], "https://s/", way=way, bucket="bucket") == reads


def test_powershell_reads_well() -> None:
    *function, call_ = command([ITS], "https://s/", way="powershell").splitlines()
    assert function[0] == "function Save-Photo($url, $path) {"
    assert call_ == "Save-Photo 'https://s/photos/it''s/a.jpg' 'it''s/a.jpg'"


def test_powershell_takes_typographic_quotes_for_quotes() -> None:
    assert call("quotePower", "‘a’ ‚b‛ 'c'") == "'‘‘a’’ ‚‚b‛‛ ''c'''"


def test_what_cannot_be_seen_is_spelt_out() -> None:
    assert call("quote", "a\nb\u202e\\'!") == "$'a\\012b\\342\\200\\256\\134\\047\\041'"
    assert call("quote", "👩‍👩‍👧 é") == "'👩‍👩‍👧 é'"


def test_a_command_has_an_end() -> None:
    urls = [f"https://s/photos/{number}.jpg" for number in range(250)]
    lines = command(urls, "https://s/").splitlines()
    assert [n for n, line in enumerate(lines) if line.startswith("curl ")] == [0, 101, 202]
    assert [n for n, line in enumerate(lines) if not line.endswith("\\")] == [100, 201, 252]


def test_a_bucket_that_the_page_does_not_know() -> None:
    assert "'s3://BUCKET/photos/a.jpg'" in command(
        ["https://s/photos/a.jpg"], "https://s/", way="aws"
    )
