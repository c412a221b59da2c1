"""Initial rows: the vendor's documented list, and generated ones for tests."""

from collections.abc import Iterator

from acrsync.emulator.store import Bucket

EU = "eu-west-1"
REGIONS = (EU, "us-west-2", "ap-southeast-1")
TYPES = ("File", "Live", "LiveRec", "LiveTimeshift")

# Console API, "List Buckets": the sample answer. It has unusual values: a template that is null or empty, labels with
# one empty text, a region in which no bucket can be created, a node that is absent, empty or set.
_SAMPLE = """
14791|test             |Live         |eu-west-1|TV   |null|1|0|0   |absent          |2020-07-16 11:09:20
14556|adsfasdf         |LiveTimeshift|eu-west-1|     |    |1|0|0   |absent          |2020-06-24 11:07:00
12310|eu_shared_bucket2|LiveRec      |eu-west-1|Radio|    |1|0|0   |absent          |2019-10-30 07:54:56
12309|eu_shared_bucket |LiveRec      |eu-west-1|Radio|    |1|0|0   |                |2019-10-30 07:53:58
1159 |us_bucket        |File         |global   |Music|    |0|7|1487|absent          |2016-05-11 06:49:55
1116 |offline-bucket   |File         |eu-west-1|Music|    |2|0|0   |10.12.12.236-850|2016-05-01 07:10:16
"""


def _sample_row(line: str) -> Bucket:
    id_, name, type_, region, label, template, net_type, num, size, node, created_at = map(str.strip, line.split("|"))
    return Bucket(
        id=int(id_),
        name=name,
        type=type_,
        region=region,
        labels=(label,),
        metadata_template=None if template == "null" else template,
        net_type=int(net_type),
        files=int(num),
        seconds=int(size),
        node=None if node == "absent" else node,
        created_at=created_at,
        updated_at=created_at,  # the sample does not show it
    )


VENDOR_ROWS = tuple(_sample_row(line) for line in _SAMPLE.strip().splitlines())

# Reference 1.5: the vendor's own bucket, which projects of every account can use. GUESS: all but id and name.
ACRCLOUD_MUSIC = Bucket(id=23, uid=1, name="ACRCloud Music", type="File", region="global", access_permission="public")


def invented_rows(count: int) -> Iterator[Bucket]:
    """Yield `count` buckets named bucket-00001 and so on, of all regions and types, with ids from 20001."""
    for number in range(1, count + 1):
        yield Bucket(
            id=20_000 + number,
            name=f"bucket-{number:05}",
            type=TYPES[number % len(TYPES)],
            region=REGIONS[number % len(REGIONS)],
            labels=("Music", f"Set {number % 7}"),
            metadata_template='{"artist":{"default":"abc"}}' if number % 5 == 0 else "",
            net_type=number % 3,
        )
