"""The one HTTP client of the ACRCloud Console API, and the one door to `requests`.

A drop-in for `acrclient.Client` (same constructor, methods and answers) that also manages buckets. It is a public
class: import it from here. No method deletes files, fingerprints or channels, and none will be added.
"""

from acrsync.client.api import Client
from acrsync.client.errors import InvalidCall
from acrsync.client.shapes import Bucket, BucketPage, GetBmCsProjectsResultsParams, StreamResult

__all__ = ["Bucket", "BucketPage", "Client", "GetBmCsProjectsResultsParams", "InvalidCall", "StreamResult"]
