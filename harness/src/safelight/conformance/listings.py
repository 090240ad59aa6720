"""Questions about listings."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from botocore.exceptions import ClientError

from safelight.conformance.emulator import Emulator
from safelight.conformance.question import Topic, refusal

LISTINGS = Topic("listings", "Listings")

_LIST = "https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html"


def _pages(emulator: Emulator, keys: list[str], **asked: Any) -> list[dict[str, Any]]:
    """The pages in which a bucket with these keys is listed, one call each."""
    pages: list[dict[str, Any]] = []
    with emulator.bucket() as bucket:
        for key in keys:
            emulator.s3.put_object(Bucket=bucket, Key=key, Body=b"")
        more: dict[str, Any] = {}
        while True:
            page: Any = emulator.s3.list_objects_v2(Bucket=bucket, **asked, **more)
            pages.append(page)
            if not page["IsTruncated"] or len(pages) > len(keys):
                return pages
            more = {"ContinuationToken": page["NextContinuationToken"]}


def _entries(page: dict[str, Any]) -> list[str]:
    """The keys and the folders of a page."""
    keys = [entry["Key"] for entry in page.get("Contents", [])]
    return sorted([*keys, *(entry["Prefix"] for entry in page.get("CommonPrefixes", []))])


@LISTINGS.question("order", "The order of keys", aws="of their UTF-8", source=_LIST)
def _order(emulator: Emulator) -> str:
    keys = ["B", "a", "a/b", "a.b", "é", "e\u0301", "z", "\uff5e", "\U0001f30a", "A", "~"]
    (page,) = _pages(emulator, keys)
    listed = [entry["Key"] for entry in page["Contents"]]
    for name, order in (
        ("of their UTF-8", str.encode),
        ("of their UTF-16", lambda key: key.encode("utf-16-be")),
    ):
        if listed == sorted(keys, key=order):
            return name
    return "another" if sorted(listed) == sorted(keys) else "not all are listed"


@LISTINGS.question(
    "folders",
    "`p/`, `p/1`, `p/a/1`, `p/a/b/2`, `p//x` and `q`, by prefix `p/` and delimiter `/`",
    aws="`p/`, `p//`, `p/1`, `p/a/`",
    source=_LIST,
)
def _folders(emulator: Emulator) -> str:
    keys = ["p/", "p/1", "p/a/1", "p/a/b/2", "p//x", "q"]
    (page,) = _pages(emulator, keys, Prefix="p/", Delimiter="/")
    return ", ".join(f"`{entry}`" for entry in _entries(page))


@LISTINGS.question(
    "continuation",
    "Seven keys, some in a folder, by delimiter, three at a time",
    aws="`a` `b` `c/` · `d` `e`",
    source=_LIST,
)
def _continuation(emulator: Emulator) -> str:
    keys = ["a", "b", "c/1", "c/2", "c/3", "d", "e"]
    pages = _pages(emulator, keys, Delimiter="/", MaxKeys=3)
    return " · ".join(" ".join(f"`{entry}`" for entry in _entries(page)) for page in pages)


@LISTINGS.question("key-count", "KeyCount of two keys and a folder of two", aws="3", source=_LIST)
def _key_count(emulator: Emulator) -> str:
    (page,) = _pages(emulator, ["a", "b", "c/1", "c/2"], Delimiter="/")
    return str(page["KeyCount"])


@LISTINGS.question(
    "awkward-continuation",
    "Keys with spaces, `+`, `%`, `&`, `{`, `é` and emoji, one at a time",
    aws="each once, in order",
    source=_LIST,
)
def _awkward_continuation(emulator: Emulator) -> str:
    keys = ["a b", "a+b", "a%20b", "a&b=c", "a\U0001f30a", "a<b>", "b", "{", "é"]
    try:
        pages = _pages(emulator, keys, MaxKeys=1)
    except ClientError as error:
        return refusal(error)
    listed = [key for page in pages for key in _entries(page)]
    if listed == sorted(keys, key=str.encode):
        return "each once, in order"
    return "some are left out" if set(listed) < set(keys) else "some come twice"


@LISTINGS.question(
    "most-keys",
    "How many of 1,003 keys come at once, if 5,000 are asked for",
    aws="1000",
    source=_LIST,
)
def _most_keys(emulator: Emulator) -> str:
    with emulator.bucket() as bucket, ThreadPoolExecutor(8) as threads:

        def put(number: int) -> None:
            emulator.s3.put_object(Bucket=bucket, Key=f"{number:04}", Body=b"")

        list(threads.map(put, range(1003)))
        try:
            return str(emulator.s3.list_objects_v2(Bucket=bucket, MaxKeys=5000)["KeyCount"])
        finally:
            for start in (0, 500, 1000):
                some = [{"Key": f"{number:04}"} for number in range(start, start + 500)]
                emulator.s3.delete_objects(
                    Bucket=bucket,
                    Delete={"Objects": some},  # type: ignore[typeddict-item]
                )


@LISTINGS.question("start-after", "`a`, `b` and `c`, after `b`", aws="`c`", source=_LIST)
def _start_after(emulator: Emulator) -> str:
    (page,) = _pages(emulator, ["a", "b", "c"], StartAfter="b")
    return ", ".join(f"`{entry}`" for entry in _entries(page))


@LISTINGS.question(
    "bad-token",
    "A continuation token that S3 never gave out",
    aws=None,
    source=_LIST,
)
def _bad_token(emulator: Emulator) -> str:
    try:
        _pages(emulator, ["a", "b"], ContinuationToken="not a token")
    except ClientError as error:
        return refusal(error)
    return "200"
