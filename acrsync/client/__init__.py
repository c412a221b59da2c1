"""The HTTP client of the ACRCloud Console API; only this package imports `requests`.

`Client` replaces `acrclient.Client` (same constructor, methods and answers) and also manages buckets. It is public:
import it from here. No method deletes files, fingerprints or channels, and none will be added.
"""

from acrsync.client.api import Client
from acrsync.client.errors import InvalidCall
from acrsync.client.shapes import Bucket, BucketPage, GetBmCsProjectsResultsParams, StreamResult

__all__ = ["Bucket", "BucketPage", "Client", "GetBmCsProjectsResultsParams", "InvalidCall", "StreamResult"]
