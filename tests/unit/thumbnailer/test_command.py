"""``thumbnailer render`` as a person or a script meets it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from thumbnailer.__main__ import main

Draw = Callable[[int, int], Image.Image]
Save = Callable[..., Path]


@pytest.fixture
def render(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> Callable[..., tuple[int, list[dict[str, Any]], str]]:
    """Run the command; its exit status, its lines and what it said on the error output."""

    def run(*arguments: str | Path) -> tuple[int, list[dict[str, Any]], str]:
        given = ["render", *map(str, arguments), "--out", str(tmp_path / "out"), "--jobs", "2"]
        status = main(given)
        out, err = capfdbinary.readouterr()
        return status, [json.loads(line) for line in out.decode().splitlines()], err.decode()

    return run


Render = Callable[..., tuple[int, list[dict[str, Any]], str]]


def test_a_photo(render: Render, corners: Draw, save: Save, camera_exif: bytes) -> None:
    path = save(corners(900, 600), "IMG_1.jpg", "JPEG", exif=camera_exif)
    status, (line,), err = render(path)
    assert (status, err) == (0, "")
    assert (line["file"], line["ok"], line["error"]) == (str(path), True, None)
    assert line["source"] == {
        "width": 600,
        "height": 900,
        "format": "JPEG",
        "has_location": True,
    }
    assert [(r["width"], r["height"]) for r in line["renditions"]] == [(400, 600), (600, 900)]
    for rendition in line["renditions"]:
        written = Path(rendition["path"])
        assert written.stat().st_size == rendition["bytes"]
        with Image.open(written) as image:
            assert image.size == (rendition["width"], rendition["height"])
    assert line["exif"]["line"] == "nikon d3400 · 35mm · ƒ1.8 · 1/60s · ISO 800"
    assert line["taken"]["local"] == "2024-05-01T12:00:00"


def test_stripped_copies_beside_the_renditions(
    render: Render, corners: Draw, save: Save, camera_exif: bytes
) -> None:
    jpeg = save(corners(900, 600), "a.jpg", "JPEG", exif=camera_exif)
    tiff = save(corners(900, 600), "b.tif", "TIFF")
    status, lines, _ = render(jpeg, tiff, "--originals", "stripped")
    assert status == 0
    copy = Path(lines[0]["stripped"]["path"])
    assert copy.name == "a.jpg-stripped.jpg"
    assert copy.stat().st_size == lines[0]["stripped"]["bytes"]
    with Image.open(copy) as image:
        assert image.size == (900, 600)
        assert not image.getexif().get_ifd(0x8825)
    assert "TIFF" in lines[1]["stripped"]["error"]
    _, (line,), _ = render(jpeg)
    assert "stripped" not in line


def test_a_folder_with_everything_in_it(
    render: Render, corners: Draw, save: Save, tmp_path: Path
) -> None:
    photo = save(corners(90, 60), "a.jpg", "JPEG")
    folder = tmp_path / "photos" / "below"
    folder.mkdir(parents=True)
    (folder / "a.jpg").write_bytes(photo.read_bytes())
    (folder.parent / "a.jpg").write_bytes(photo.read_bytes())
    (folder / "text.jpg").write_text("no photo")
    (folder / "empty").touch()
    (folder / "broken.jpg").symlink_to("nowhere")
    os.mkfifo(folder / "pipe.jpg")
    Path(os.fsdecode(os.fsencode(folder) + b"/not\xffutf8.jpg")).write_bytes(photo.read_bytes())
    (folder / "two\nlines.jpg").write_bytes(photo.read_bytes())
    status, lines, err = render(folder.parent)
    assert (status, err) == (1, "")
    assert len(lines) == 8
    assert {Path(line["file"]).name for line in lines if line["ok"]} == {
        "a.jpg",
        "not\\xffutf8.jpg",
        "two\nlines.jpg",
    }
    assert all(line["error"].endswith(".") for line in lines if not line["ok"])
    assert (tmp_path / "out" / "below" / "a.jpg-90.jpg").exists()
    assert (tmp_path / "out" / "a.jpg-90.jpg").exists()


def test_namesakes_do_not_overwrite_each_other(
    render: Render, corners: Draw, save: Save, tmp_path: Path
) -> None:
    first = save(corners(90, 60), "a.jpg", "JPEG")
    second = tmp_path / "other" / "a.jpg"
    third = tmp_path / "other" / "a.jpg~2"
    upper = tmp_path / "other" / "A.JPG"
    second.parent.mkdir()
    for copy in (second, third, upper):
        copy.write_bytes(first.read_bytes())
    _, lines, _ = render(first, second, third, upper, first)
    paths = [line["renditions"][0]["path"].lower() for line in lines]
    assert len(set(paths)) == 5


def test_an_over_long_name(render: Render, corners: Draw, save: Save, tmp_path: Path) -> None:
    photo = save(corners(90, 60), "a.jpg", "JPEG")
    names = ["é" * 123 + "1.jpg", "é" * 123 + "2.jpg"]
    for name in names:
        (tmp_path / name).write_bytes(photo.read_bytes())
    status, lines, _ = render(*(tmp_path / name for name in names))
    assert status == 0
    assert len({line["renditions"][0]["path"] for line in lines}) == 2


def test_what_it_wrote_is_not_rendered_again(
    render: Render, corners: Draw, save: Save, tmp_path: Path
) -> None:
    save(corners(90, 60), "a.jpg", "JPEG")
    assert len(render(tmp_path)[1]) == 1
    assert len(render(tmp_path)[1]) == 1


def test_what_is_not_there_gets_a_line(render: Render, tmp_path: Path) -> None:
    status, lines, _ = render(tmp_path / "none.jpg", "/dev/zero", "nul\0byte.jpg")
    assert status == 1
    assert [line["ok"] for line in lines] == [False] * 3


def test_options_set_the_settings(
    render: Render, corners: Draw, save: Save, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(corners(900, 600), "a.jpg", "JPEG")
    monkeypatch.setenv("SAFELIGHT_EDGES", "300")
    assert [r["width"] for r in render(path)[1][0]["renditions"]] == [300]
    line = render(path, "--edges", "100,200")[1][0]
    assert [r["width"] for r in line["renditions"]] == [100, 200]
    line = render(path, "--max-pixels", "1000")[1][0]
    assert "SAFELIGHT_MAX_PIXELS=1000" in line["error"]


@pytest.mark.parametrize(
    "arguments",
    [("--quality", "200"), ("--edges", "big"), ("--max-memory", "1")],
)
def test_a_bad_option_is_named(render: Render, arguments: tuple[str, str], tmp_path: Path) -> None:
    status, lines, err = render(tmp_path / "a.jpg", *arguments)
    assert (status, lines) == (2, [])
    assert err.startswith("thumbnailer: SAFELIGHT_")


def test_an_output_folder_that_cannot_be_is_named(
    corners: Draw, save: Save, capfd: pytest.CaptureFixture[str]
) -> None:
    photo = save(corners(90, 60), "a.jpg", "JPEG")
    assert main(["render", str(photo), "--out", str(photo)]) == 2
    assert main(["render", str(photo), "--out", str(photo / "below")]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.count("name another folder") == 2


def test_a_disk_that_takes_no_more_is_in_the_line(
    render: Render, corners: Draw, save: Save, tmp_path: Path
) -> None:
    photo = save(corners(90, 60), "a.jpg", "JPEG")
    (tmp_path / "out" / "a.jpg-90.jpg").mkdir(parents=True)
    status, (line,), _ = render(photo)
    assert status == 1
    assert "cannot be written" in line["error"]


def test_a_reader_that_leaves_early_ends_it_quietly(
    corners: Draw, save: Save, tmp_path: Path
) -> None:
    photo = save(corners(2000, 1500), "a.jpg", "JPEG")
    command = [sys.executable, "-m", "thumbnailer", "render", *[str(photo)] * 20]
    process = subprocess.Popen(
        [*command, "--out", str(tmp_path / "out"), "--jobs", "1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    _, err = process.communicate()
    assert err == b""
    assert process.returncode == 141


def test_the_help_tells_the_exit_status(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["render", "--help"])
    assert "Exit status" in capsys.readouterr().out
