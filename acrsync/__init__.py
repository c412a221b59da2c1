"""ACRCloud buckets as code: plan and apply a manifest of buckets."""

__version__ = "0.1.0"
