"""``sitegen build``: the site from one folder into another."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from bench import catalog as synthetic
from gallery import keys
from gallery.record import Record, encode
from sitegen import folder
from sitegen.__main__ import main
from tests.unit.sitegen.specimen import photo, tombstone, words


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    found = tmp_path / "catalog"
    (found / "photos").mkdir(parents=True)
    return found


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "site"


def put(catalog: Path, *records: Record) -> None:
    for record in records:
        path = place(catalog, record.key)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode(record))


def place(catalog: Path, key: str) -> Path:
    return catalog / keys.record(key)[len(keys.CATALOG) :]


def files(out: Path) -> set[str]:
    return {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}


def test_a_site(catalog: Path, out: Path) -> None:
    settings = words("photos/safelight.yaml", "title: Véra", kind="settings")
    put(catalog, settings, photo("photos/x.jpg"), photo("photos/2024/Lisbon/y.jpg"))
    report = folder.build(catalog, out, None)
    assert (report.errors, report.warnings, report.removed) == ([], [], [])
    made = files(out)
    assert {"index.html", "feed.xml", "404.html", "robots.txt", "albums/2024.html"} <= made
    assert {"albums/2024/Lisbon.html", "albums/2024/Lisbon/~feed.xml", folder.MANIFEST} <= made
    assert folder.JOURNAL not in made
    assert "Véra" in (out / "albums/2024/Lisbon.html").read_text("utf-8")


def test_nothing_is_written_twice(catalog: Path, out: Path) -> None:
    put(catalog, photo("photos/a/x.jpg"), photo("photos/b/x.jpg"))
    first = folder.build(catalog, out, None)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.html")}
    second = folder.build(catalog, out, None)
    assert second.written == second.removed == []
    assert second.unchanged == len(first.written)
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.html")} == before


def test_one_photo_more_touches_its_album_and_the_site(catalog: Path, out: Path) -> None:
    put(catalog, photo("photos/a/x.jpg"), photo("photos/b/x.jpg"))
    folder.build(catalog, out, None)
    put(catalog, photo("photos/b/y.jpg"))
    report = folder.build(catalog, out, None)
    assert "albums/b.html" in report.written
    assert "index.html" in report.written
    assert not [key for key in report.written if key.startswith("albums/a")]


def test_a_changed_file_is_made_right_again(catalog: Path, out: Path) -> None:
    put(catalog, photo("photos/a/x.jpg"))
    folder.build(catalog, out, None)
    page = out / "albums/a.html"
    right = page.read_bytes()
    page.write_bytes(b"")
    (out / "index.html").unlink()
    report = folder.build(catalog, out, None)
    assert sorted(report.written) == ["albums/a.html", "index.html"]
    assert page.read_bytes() == right


def test_what_is_not_made_any_more_is_removed(catalog: Path, out: Path) -> None:
    put(catalog, photo("photos/a/b/x.jpg"), photo("photos/c/x.jpg"))
    folder.build(catalog, out, None)
    place(catalog, "photos/a/b/x.jpg").unlink()
    put(catalog, tombstone("photos/c/x.jpg"))
    report = folder.build(catalog, out, None)
    assert set(report.removed) == {
        "albums/a.html",
        "albums/a/b.html",
        "albums/a/~feed.xml",
        "albums/a/~index.json",
        "albums/a/b/~feed.xml",
        "albums/a/b/~index.json",
        "photo/a/b/x.jpg.html",
    }
    assert not (out / "albums/a").exists()
    assert "empty" in (out / "albums/c.html").read_text("utf-8")


def test_nothing_of_others_is_overwritten_or_removed(catalog: Path, out: Path) -> None:
    put(catalog, photo("photos/a/x.jpg"), photo("photos/b/x.jpg"))
    (out / "albums").mkdir(parents=True)
    (out / "index.html").write_text("mine")
    (out / "albums/other.html").write_text("mine too")
    report = folder.build(catalog, out, None)
    assert len(report.errors) == 1
    assert "index.html" in report.errors[0]
    assert (out / "index.html").read_text() == "mine"
    # What sitegen made and somebody changed since is theirs too.
    (out / "albums/b.html").write_text("changed")
    place(catalog, "photos/b/x.jpg").unlink()
    report = folder.build(catalog, out, None)
    assert (out / "albums/b.html").read_text() == "changed"
    assert (out / "albums/other.html").read_text() == "mine too"
    assert len(report.warnings) == 1
    (out / "index.html").unlink()
    assert folder.build(catalog, out, None).errors == []


def test_a_build_that_was_cut_short_can_be_repeated(
    catalog: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(catalog, photo("photos/a/x.jpg"))

    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(folder, "build_site", fail)
        with pytest.raises(KeyboardInterrupt):
            folder.build(catalog, out, None)
    assert (out / "albums/a.html").exists()
    # By now the album has another name: the orphan has to go.
    place(catalog, "photos/a/x.jpg").unlink()
    put(catalog, photo("photos/b/x.jpg"))
    report = folder.build(catalog, out, None)
    assert report.errors == []
    assert not (out / "albums/a.html").exists()
    assert (out / "albums/b.html").exists()


def test_nothing_is_written_outside(catalog: Path, out: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    out.mkdir()
    (out / "albums").symlink_to(outside)
    put(catalog, photo("photos/a/x.jpg"))
    report = folder.build(catalog, out, None)
    assert list(outside.iterdir()) == []
    assert any("leads out of" in error for error in report.errors)
    assert (out / "index.html").exists()


@pytest.mark.parametrize(
    "key", ["../x", "a/../../x", "/etc/x", "a//b", "", ".", "a/\0", "..", "a\\..\\b"]
)
def test_a_manifest_cannot_name_files_outside(
    catalog: Path, out: Path, tmp_path: Path, key: str
) -> None:
    put(catalog, photo("photos/a/x.jpg"))
    folder.build(catalog, out, None)
    victim = tmp_path / "x"
    victim.write_bytes(b"precious")
    manifest = msgspec.json.decode((out / folder.MANIFEST).read_bytes())
    digest = folder._sha(b"precious")
    listed = {key: [digest, folder._stamp(victim)]}
    manifest["albums"]["gone"] = {"inputs": "", "card": None, "documents": listed}
    (out / folder.MANIFEST).write_bytes(msgspec.json.encode(manifest))
    folder.build(catalog, out, None)
    assert victim.read_bytes() == b"precious"


def test_a_bad_record_costs_only_itself(
    catalog: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(catalog, photo("photos/a/x.jpg"), photo("photos/a/y.jpg"))
    place(catalog, "photos/a/y.jpg").write_bytes(b"{")
    place(catalog, "photos/a/z.jpg").write_bytes(b'{"version": 9, "kind": "photo"}')
    place(catalog, "photos/a/w.jpg").write_bytes(encode(photo("photos/elsewhere/w.jpg")))
    for _ in range(2):  # told again, though nothing is made again
        assert main(["build", "--catalog", str(catalog), "--out", str(out)]) == 1
        said = capsys.readouterr().err
        for name in ("y.jpg.json", "z.jpg.json", "w.jpg.json"):
            assert name in said
    page = (out / "albums/a.html").read_text("utf-8")
    assert "x.jpg" in page
    assert "w.jpg" not in page


def test_a_name_too_long_for_the_disk_costs_only_itself(catalog: Path, out: Path) -> None:
    name = "x" * 253
    put(catalog, photo(f"photos/{name}/x.jpg"), photo("photos/a/x.jpg"))
    report = folder.build(catalog, out, None)
    assert len(report.errors) == 1
    assert (out / "albums/a.html").exists()


def test_exit_codes(catalog: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(catalog, photo("photos/a/x.jpg"))
    assert main(["build", "--catalog", str(catalog), "--out", str(out)]) == 0
    assert "written" in capsys.readouterr().out
    assert main(["build", "--catalog", str(catalog / "none"), "--out", str(out)]) == 2
    assert "photos/" in capsys.readouterr().err
    assert (out / "albums/a.html").exists()
    bad = ["build", "--catalog", str(catalog), "--out", str(out), "--site-url", "javascript:x"]
    assert main(bad) == 2
    (out / folder.MANIFEST).write_bytes(b"[]")
    assert main(["build", "--catalog", str(catalog), "--out", str(out)]) == 2
    with pytest.raises(SystemExit):
        main(["nonsense"])


def test_warnings_name_the_text(catalog: Path, out: Path) -> None:
    put(
        catalog,
        photo("photos/a/x.jpg"),
        words("photos/a/index.md", "---\ndate: soon\n---\n"),
        words("photos/safelight.yaml", "colour: red", kind="settings"),
    )
    report = folder.build(catalog, out, None)
    assert report.errors == []
    assert any("a: date" in warning for warning in report.warnings)
    assert any("colour" in warning for warning in report.warnings)


def test_settings_and_address_reach_every_page(catalog: Path, out: Path) -> None:
    put(catalog, photo("photos/a/x.jpg"))
    folder.build(catalog, out, None)
    put(catalog, words("photos/safelight.yaml", "title: Véra", kind="settings"))
    folder.build(catalog, out, "https://s.example")
    assert "Véra" in (out / "albums/a.html").read_text("utf-8")
    assert "https://s.example/albums/a.html" in (out / "albums/a/~feed.xml").read_text("utf-8")
    assert (out / "sitemap.xml").exists()


def test_a_synthetic_catalog_is_the_same_each_time_and_can_be_built(
    catalog: Path, out: Path, tmp_path: Path
) -> None:
    files_written = synthetic.write(catalog, 300)
    synthetic.write(tmp_path / "again", 300)
    bodies = [
        {path.relative_to(root): path.read_bytes() for path in root.rglob("*.json")}
        for root in (catalog, tmp_path / "again")
    ]
    assert bodies[0] == bodies[1]
    assert len(bodies[0]) == files_written
    report = folder.build(catalog, out, None)
    assert (report.errors, report.warnings) == ([], [])
    assert "300 photos" in (out / "index.html").read_text("utf-8")
