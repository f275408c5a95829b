"""An S3-compatible store on this machine: moto's server, in a thread of the tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from ambient.storage.s3 import S3Place

BUCKET: Final = "workspaces"


@dataclass(frozen=True)
class ObjectStore:
    """One that answers, with a bucket in it."""

    endpoint: str

    def key(self) -> dict[str, Any]:
        return {"access_key_id": "anybody", "secret_access_key": "anything"}

    def place(self, bucket: str = BUCKET, prefix: str = "") -> S3Place:
        return S3Place(bucket=bucket, endpoint=self.endpoint, prefix=prefix, **self.key())

    def settings(self) -> dict[str, Any]:
        return {
            "workspaces": "s3",
            "s3_bucket": BUCKET,
            "s3_endpoint": self.endpoint,
            "s3_access_key_id": "anybody",
            "s3_secret_access_key": "anything",
        }


@contextmanager
def object_store() -> Iterator[ObjectStore]:
    from moto.server import ThreadedMotoServer  # noqa: PLC0415  takes a second to import

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        found = ObjectStore(f"http://{host}:{port}")
        _make_bucket(found)
        yield found
    finally:
        server.stop()


def _make_bucket(store: ObjectStore) -> None:
    import boto3  # type: ignore[import-untyped]  # noqa: PLC0415  comes with moto

    client = boto3.client(
        "s3",
        endpoint_url=store.endpoint,
        region_name="us-east-1",
        aws_access_key_id="anybody",
        aws_secret_access_key="anything",
    )
    client.create_bucket(Bucket=BUCKET)
    client.close()
