"""Questions about objects: what is there once it was put, and what is said of what is not."""

from __future__ import annotations

import base64
import hashlib
import unicodedata
from concurrent.futures import ThreadPoolExecutor

from botocore.exceptions import ClientError

from safelight.conformance.emulator import Emulator
from safelight.conformance.question import Topic, outcome

OBJECTS = Topic("objects", "Objects")

AWKWARD = (
    "photos/with space.jpg",
    "photos/  two  spaces .jpg",
    "photos/1+1.jpg",
    "photos/100%.jpg",
    "photos/50%25.jpg",
    "photos/%2F%2e%2e.jpg",
    "photos/" + unicodedata.normalize("NFC", "café.jpg"),
    "photos/" + unicodedata.normalize("NFD", "café.jpg"),
    'photos/o\'hara "the cat" `x` <b>&amp;.jpg',
    "photos/#?&=;:@,$!*()[]{}|^~.jpg",
    "photos/\U0001f30a\U0001f469\u200d\U0001f680.jpg",
    "photos/two\nlines\r.jpg",
    "photos/tab\tbell\x07.jpg",
    "photos/\x7f\u202e.jpg",
    "photos/the end..jpg.",
    "photos/back\\slash.jpg",
    "photos//tram.jpg",
    "photos/folder marker/",
    "photos/" + "é" * 500 + "/" + "a" * 12 + ".jpg",
)
"""Keys that S3 takes and that code which is careless with URLs, XML or paths does not."""

_GUIDE = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/"
_API = "https://docs.aws.amazon.com/AmazonS3/latest/API/"
_ERRORS = _API + "ErrorResponses.html"


def said(keys: list[str]) -> str:
    """Keys in an answer: readable, none too long."""
    return ", ".join(
        f"`{key!r}`" if len(key) < 60 else f"one of {len(key)} letters" for key in keys
    )


@OBJECTS.question(
    "read-after-write",
    "A read or a listing that begins once a put, an overwrite or a delete has ended, 20 times",
    aws="sees it",
    source=_GUIDE + "Welcome.html#ConsistencyModel",
)
def _read_after_write(emulator: Emulator) -> str:
    s3 = emulator.s3
    with emulator.bucket() as bucket:

        def look(key: str) -> tuple[bytes | None, list[str]]:
            listed = s3.list_objects_v2(Bucket=bucket, Prefix=key).get("Contents", [])
            try:
                body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
            except s3.exceptions.NoSuchKey:
                body = None
            return body, [entry["ETag"] for entry in listed]

        def live(number: int) -> str:
            key = f"a/{number}"
            for body in (b"first", b"second, and longer"):
                etag = s3.put_object(Bucket=bucket, Key=key, Body=body)["ETag"]
                if look(key) != (body, [etag]):
                    return "does not see a put"
            s3.delete_object(Bucket=bucket, Key=key)
            return "sees it" if look(key) == (None, []) else "does not see a delete"

        with ThreadPoolExecutor(4) as threads:
            return ", ".join(sorted(set(threads.map(live, range(20)))))


@OBJECTS.question(
    "awkward-keys",
    f"{len(AWKWARD)} keys with spaces, `+`, `%`, quotes, control characters, emoji, 1,024 bytes",
    aws="each is put, read and listed as it is",
    source=_GUIDE + "object-keys.html",
)
def _awkward_keys(emulator: Emulator) -> str:
    lost = []
    with emulator.bucket() as bucket:
        for key in AWKWARD:
            body = key.encode()
            try:
                emulator.s3.put_object(Bucket=bucket, Key=key, Body=body)
                found = emulator.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
                listed = emulator.s3.list_objects_v2(Bucket=bucket, Prefix=key)["Contents"]
                whole = found == body and [entry["Key"] for entry in listed] == [key]
            except (ClientError, KeyError):
                whole = False
            if not whole:
                lost.append(key)
    return f"not {said(lost)}" if lost else "each is put, read and listed as it is"


@OBJECTS.question(
    "climbing-key",
    "`photos/a/../b.jpg` is put; what is listed",
    aws="`photos/a/../b.jpg`",
    source=_GUIDE + "object-keys.html",
)
def _climbing_key(emulator: Emulator) -> str:
    with emulator.bucket() as bucket:
        try:
            emulator.s3.put_object(Bucket=bucket, Key="photos/a/../b.jpg", Body=b"")
        except ClientError as error:
            return f"refused: {error.response['ResponseMetadata']['HTTPStatusCode']}"
        found = emulator.s3.list_objects_v2(Bucket=bucket).get("Contents", [])
        return ", ".join(f"`{entry['Key']}`" for entry in found) or "nothing"


@OBJECTS.question(
    "key-too-long",
    "PutObject under a key of 1,025 bytes",
    aws="400 KeyTooLongError",
    source=_ERRORS,
)
def _key_too_long(emulator: Emulator) -> str:
    with emulator.bucket() as bucket:
        return outcome(lambda: emulator.s3.put_object(Bucket=bucket, Key="a" * 1025, Body=b""))


@OBJECTS.question(
    "get-missing", "GetObject of a key that is not there", aws="404 NoSuchKey", source=_ERRORS
)
def _get_missing(emulator: Emulator) -> str:
    with emulator.bucket() as bucket:
        return outcome(lambda: emulator.s3.get_object(Bucket=bucket, Key="a"))


@OBJECTS.question(
    "head-missing",
    "HeadObject of a key that is not there",
    aws="404",
    source=_API + "API_HeadObject.html",
)
def _head_missing(emulator: Emulator) -> str:
    with emulator.bucket() as bucket:
        return outcome(lambda: emulator.s3.head_object(Bucket=bucket, Key="a"))


@OBJECTS.question(
    "no-bucket",
    "GetObject from a bucket that is not there",
    aws="404 NoSuchBucket",
    source=_ERRORS,
)
def _no_bucket(emulator: Emulator) -> str:
    return outcome(lambda: emulator.s3.get_object(Bucket="question-not-there", Key="a"))


@OBJECTS.question(
    "delete-missing",
    "DeleteObject of a key that is not there",
    aws="204",
    source=_API + "API_DeleteObject.html",
)
def _delete_missing(emulator: Emulator) -> str:
    with emulator.bucket() as bucket:
        return outcome(lambda: emulator.s3.delete_object(Bucket=bucket, Key="a"))


@OBJECTS.question(
    "range-of-nothing",
    "GetObject of the first 10 bytes of an empty object",
    aws="416 InvalidRange",
    source=_ERRORS,
)
def _range_of_nothing(emulator: Emulator) -> str:
    with emulator.bucket() as bucket:
        emulator.s3.put_object(Bucket=bucket, Key="a", Body=b"")
        return outcome(lambda: emulator.s3.get_object(Bucket=bucket, Key="a", Range="bytes=0-9"))


@OBJECTS.question(
    "etag",
    "The ETag of an object that was put",
    aws="the MD5 of its bytes",
    source=_API + "API_Object.html",
)
def _etag(emulator: Emulator) -> str:
    md5 = hashlib.md5(b"a photo", usedforsecurity=False).hexdigest()
    with emulator.bucket() as bucket:
        etag = emulator.s3.put_object(Bucket=bucket, Key="a", Body=b"a photo")["ETag"]
    return "the MD5 of its bytes" if etag == f'"{md5}"' else "something else"


@OBJECTS.question(
    "etag-multipart",
    "The ETag of one that was uploaded in one part",
    aws="ends in `-1`",
    source=_API + "API_Object.html",
)
def _etag_multipart(emulator: Emulator) -> str:
    with emulator.bucket() as bucket:
        etag = upload_in_parts(emulator, bucket, "a")
    return "ends in `-1`" if etag.strip('"').endswith("-1") else "does not end in `-1`"


def upload_in_parts(emulator: Emulator, bucket: str, key: str, **conditions: str) -> str:
    """A multipart upload of one part; its ETag.  The conditions are the completion's."""
    s3 = emulator.s3
    upload = s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
    part = s3.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=1, Body=b"a photo")
    more: dict[str, str] = dict(conditions)
    done = s3.complete_multipart_upload(
        Bucket=bucket,
        Key=key,
        UploadId=upload,
        MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]},
        **more,  # type: ignore[arg-type]
    )
    return done["ETag"]


@OBJECTS.question(
    "broken-upload",
    "PutObject whose bytes are not those of its Content-MD5",
    aws="400 BadDigest",
    source=_ERRORS,
)
def _broken_upload(emulator: Emulator) -> str:
    other = hashlib.md5(b"other", usedforsecurity=False).digest()
    md5 = base64.b64encode(other).decode()
    with emulator.bucket() as bucket:
        return outcome(
            lambda: emulator.s3.put_object(Bucket=bucket, Key="a", Body=b"a", ContentMD5=md5)
        )


@OBJECTS.question(
    "headers",
    "Content-Type, Cache-Control and metadata of an object, once it is read",
    aws="as they were put",
    source=_API + "API_PutObject.html",
)
def _headers(emulator: Emulator) -> str:
    with emulator.bucket() as bucket:
        emulator.s3.put_object(
            Bucket=bucket, Key="a", Body=b"a", ContentType="image/avif",
            CacheControl="public, max-age=31536000, immutable", Metadata={"taken-by": "me"},
        )  # fmt: skip
        found = emulator.s3.head_object(Bucket=bucket, Key="a")
    kept = (found["ContentType"], found.get("CacheControl"), found["Metadata"])
    wanted = ("image/avif", "public, max-age=31536000, immutable", {"taken-by": "me"})
    return "as they were put" if kept == wanted else "changed"
