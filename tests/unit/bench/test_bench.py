"""What the benchmarks lean on: a folder that stands in for a bucket, a measure of likeness."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from PIL import Image, ImageFilter

from bench import album, folder, formats, gallery, peers
from bench.photographs import photograph
from gallery import keys
from gallery.record import PhotoRecord, decode
from gallery.store import PreconditionFailed


def test_a_gallery_from_a_folder_of_photos(tmp_path: Path) -> None:
    """Made once; then nothing is left to do; then one photo more is all there is."""
    tree, site = tmp_path / "tree", tmp_path / "site"
    album.write(tree / peers.ALBUM, 3, 0.05)
    assert folder.build(tree, site, 2) == "3 photos rendered, 2 of 2 albums published"
    page = site / peers.Safelight().pages()[1]
    assert all(path.stem in page.read_text("utf-8") for path in (tree / peers.ALBUM).iterdir())
    assert folder.build(tree, site, 2) == "0 photos rendered, 0 of 2 albums published"
    album.write(tree / peers.ALBUM, 1, 0.05, first=9000)
    assert folder.build(tree, site, 2) == "1 photos rendered, 2 of 2 albums published"
    assert "DSC_9000" in page.read_text("utf-8")
    key = f"photos/{peers.ALBUM}/DSC_9000.jpg"
    record = decode((site / keys.record(key)).read_bytes())
    assert isinstance(record, PhotoRecord)
    assert all((site / rendition.key).exists() for rendition in record.renditions)
    # The photos were linked, and are as they were.
    assert (site / "photos").is_symlink()


def test_the_folder_is_a_store(tmp_path: Path) -> None:
    """With the conditions that the reconcilers lean on."""
    store = folder.Folder(tmp_path)
    made = store.put("catalog/a.json", b"1", content_type="x", if_none_match=True)
    with pytest.raises(PreconditionFailed):
        store.put("catalog/a.json", b"2", content_type="x", if_none_match=True)
    again = store.put("catalog/a.json", b"2", content_type="x", if_match=made.etag)
    with pytest.raises(PreconditionFailed):
        store.put("catalog/a.json", b"3", content_type="x", if_match=made.etag)
    found = store.get("catalog/a.json")
    assert found is not None
    assert (found.body, found.info.etag) == (b"2", again.etag)
    store.put("photos/b/1.jpg", b"photo", content_type="x")
    assert [info.key for info in store.list("photos/")] == ["photos/b/1.jpg"]
    assert not list(store.list("photos/", shallow=True))
    assert [info.key for info in store.list("catalog/a", shallow=True)] == ["catalog/a.json"]
    file = io.BytesIO()
    head = store.head("photos/b/1.jpg")
    assert head is not None
    store.download("photos/b/1.jpg", file, if_match=head.etag)
    assert file.getvalue() == b"photo"
    with pytest.raises(PreconditionFailed):
        store.download("photos/b/1.jpg", file, if_match="other")
    store.delete("photos/b/1.jpg")
    store.delete("photos/b/1.jpg")
    assert store.head("photos/b/1.jpg") is None


def test_likeness_falls_as_an_image_is_spoilt() -> None:
    image = photograph(400, 300)
    assert formats.ms_ssim(image, image) == pytest.approx(1)
    blurred = [formats.ms_ssim(image, image.filter(ImageFilter.GaussianBlur(r))) for r in (1, 2, 4)]
    assert 1 > blurred[0] > blurred[1] > blurred[2] > 0
    inverse = Image.eval(image, lambda value: 255 - value)
    assert formats.ms_ssim(image, inverse) < blurred[2]


def test_equal_quality_is_the_lowest_that_is_as_near() -> None:
    image = photograph(300, 200)
    plain = formats.measured(formats.JPEG, image, 600, 80)
    same = formats.equal(formats.JPEG, image, 600, plain, "ms-ssim")
    assert (same.quality, same.bytes) == (plain.quality, plain.bytes)
    webp = formats.equal(formats.OTHERS[0], image, 600, plain, "ms-ssim")
    assert webp.similarity >= plain.similarity
    rows = formats.table([plain, webp]).splitlines()
    assert [row.split(" | ")[0] for row in rows[2:]] == ["| JPEG", "| WebP, method 4"]


def test_what_commands_cost_is_counted_with_their_children() -> None:
    """Of a shell that waits for a busy child."""
    busy = "python3 -c 'sum(range(3_000_000))'"
    spent = gallery.spend([["sh", "-c", busy], ["sh", "-c", busy]], {})
    assert spent.cpu_s > 0
    assert spent.wall_s > 0
    with pytest.raises(peers.Missing, match="sh failed: sorry"):
        gallery.spend([["sh", "-c", "echo sorry; exit 3"]], {})


def test_peers_are_kept_outside_the_project(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("SAFELIGHT_BENCH_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert peers.cache() == tmp_path / "safelight-bench"
    monkeypatch.setenv("SAFELIGHT_BENCH_CACHE", os.fspath(tmp_path / "own"))
    assert peers.cache() == tmp_path / "own"
