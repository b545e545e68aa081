"""Tables of images as Hugging Face has them: Arrow files, and Parquet files by way of these.

Of an Arrow file the system reads what is asked for. A Parquet file is compressed in groups of
rows, each of which would have to be read for a single image. So it is written once as an Arrow
file, as Hugging Face's ``datasets`` does.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mmengine.fileio import BaseStorageBackend, register_backend
from mmengine.logging import print_log

from ...utils.images import printable
from ...utils.writing import atomic_write
from ..listing_cache import places, turn
from ..listing_result import Listing
from .address import Address, parse_address

_ROWS = 256  # that are converted at once
_NAMES = ('image', 'img', 'jpg', 'jpeg', 'png', 'webp')  # of columns, where no features are stated


@register_backend('arrow', prefixes='arrow')
class ArrowBackend(BaseStorageBackend):
    """MMEngine's access to the images in the rows of Arrow and Parquet files."""

    def get(self, filepath: str) -> bytes:
        """Return the content of an image file.

        Raises:
            OSError: the row has no image, or there is no such row.
        """
        address = parse_address(str(filepath))
        contents = open_table(address.archive).contents
        content = contents[address.start].as_py() if address.start < len(contents) else None
        if content is None:
            raise OSError(f'Row {address.start} of {printable(address.archive)} has no image.')
        return content

    def get_text(self, filepath: str, encoding: str = 'utf-8') -> str:
        """Return the content as text."""
        return self.get(filepath).decode(encoding)


@dataclass(frozen=True)
class ImageTable:
    """The columns of a table, which are in memory only while they are used.

    Attributes:
        contents: of the image files, binary.
        names: of the image files, or None.
        labels: numbers of the classes, or None.
        classes: names of the classes, or None.
    """

    contents: Any
    names: Any
    labels: Any
    classes: list[str] | None


def list_arrow(archive: str) -> Listing:
    """List the images of a table.

    Args:
        archive: path of an Arrow or Parquet file.

    Returns:
        ``images`` are addresses; ``labels`` and ``classes`` are those of the table, if it has any.

    Raises:
        ImportError: pyarrow is not installed.
        ValueError: the file cannot be read, or has no column of images.
    """
    table = open_table(archive)
    rows = len(table.contents)
    names = [None] * rows if table.names is None else table.names.to_pylist()
    listing = Listing(classes=table.classes)
    listing.images = [
        str(Address('arrow', archive, row, 0, name or str(row))) for row, name in enumerate(names)
    ]
    if table.labels is not None:
        listing.labels = table.labels.to_pylist()
    return listing


@cache
def open_table(archive: str) -> ImageTable:
    """Open an Arrow or Parquet file; raises as :func:`list_arrow`."""
    if find_spec('pyarrow') is None:
        raise ImportError(f'{printable(archive)} needs another library: pip install pyarrow.')
    import pyarrow as pa  # noqa: PLC0415  optional

    try:
        file = _as_arrow(archive) if archive.endswith('.parquet') else Path(archive)
        source = pa.memory_map(str(file))
        try:
            table = pa.ipc.open_stream(source).read_all()  # as datasets writes it
        except pa.ArrowInvalid:
            table = pa.ipc.open_file(source).read_all()
    except pa.ArrowException as error:
        raise ValueError(f'{printable(archive)} cannot be read as a table: {error}') from error
    return _find_columns(table, archive)


def _find_columns(table: Any, archive: str) -> ImageTable:
    """Find the columns by the features that Hugging Face states, or by their names."""
    stated = json.loads((table.schema.metadata or {}).get(b'huggingface', b'{}'))
    features = (stated.get('info') or {}).get('features') or {}

    def find(kind: str, names: tuple[str, ...]) -> str | None:
        of_kind = [name for name, feature in features.items() if feature.get('_type') == kind]
        known = [name for name in (*of_kind, *names) if name in table.column_names]
        return known[0] if known else None

    image, label = find('Image', _NAMES), find('ClassLabel', ('label', 'cls'))
    fields = _fields(table.column(image)) if image else {}
    if 'bytes' not in fields:
        raise ValueError(
            f'{printable(archive)} has no column of image files, only '
            f'{", ".join(table.column_names)}. It must be called "image" and have the content of '
            'the files, as Hugging Face stores it.'
        )
    return ImageTable(
        fields['bytes'],
        fields.get('path'),
        table.column(label) if label else None,
        features.get(label, {}).get('names'),
    )


def _fields(column: Any) -> dict[str, Any]:
    """Return the fields of a column of structures; of binary values, these as ``'bytes'``."""
    import pyarrow as pa  # noqa: PLC0415  optional

    if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
        return {'bytes': column}
    if not pa.types.is_struct(column.type):
        return {}
    return {
        field.name: pa.chunked_array(
            [chunk.field(field.name) for chunk in column.chunks], type=field.type
        )
        for field in column.type
    }


def _as_arrow(archive: str) -> Path:
    """Return the Arrow file of a Parquet file, which is written if there is none of that date.

    It is kept where the list of a large folder is: beside the file, or in ``~/.cache/mcl_plugins``.
    """
    path = os.path.realpath(archive)
    changed = Path(path).stat().st_mtime_ns
    with turn(path):
        kept = places(path, 'arrow')
        for file in kept:
            if file.is_file() and file.stat().st_mtime_ns == changed:
                return file
        file = kept[0 if os.access(Path(path).parent, os.W_OK) else 1]
        print_log(f'{printable(archive)} is written as {printable(file)}, once.', logger='current')
        _convert(path, file)
        os.utime(file, ns=(changed, changed))
    return file


def _convert(parquet: str, arrow: Path) -> None:
    """Write an Arrow file, some rows at a time."""
    import pyarrow as pa  # noqa: PLC0415  optional
    from pyarrow import parquet as pq  # noqa: PLC0415  optional

    source = pq.ParquetFile(parquet)
    with (
        atomic_write(arrow, Path(parquet).stat().st_size) as temporary,
        pa.OSFile(str(temporary), 'wb') as sink,
        pa.ipc.new_stream(sink, source.schema_arrow) as writer,
    ):
        for rows in source.iter_batches(_ROWS):
            writer.write_batch(rows)
