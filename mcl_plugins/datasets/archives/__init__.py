"""Images in archives: WebDataset's tar shards, and Hugging Face's Parquet and Arrow files.

An image in an archive has an address that MMEngine's ``fileio`` reads, such as
``tar:///data/train-000000.tar#1536+39211/cat/1.jpg``. So it goes where the path of a file goes.
"""

from .find import find_archives, list_archives
from .sampler import ShardSampler

__all__ = ['ShardSampler', 'find_archives', 'list_archives']
