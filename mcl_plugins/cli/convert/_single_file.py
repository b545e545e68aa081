"""The conversion command for methods whose released checkpoint is one file."""

from __future__ import annotations

import re
from argparse import Namespace
from collections.abc import Callable, Sequence
from pathlib import Path

from torch import Tensor

from ...checkpoint.files import extract_state_dict, load_file, save_file
from ...checkpoint.renaming import Names

# What DDP and torch.compile put before the names of a model's tensors.
_WRAPPERS = re.compile(r'^((module|_orig_mod)\.)+')


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a checkpoint by the names that they had without DDP.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: it is not a checkpoint.
    """
    tensors = extract_state_dict(load_file(path))
    return {_WRAPPERS.sub('', name): tensor for name, tensor in tensors.items()}


def convert_file(
    names: Names,
    released_key: str,
    source: Path,
    target: Path,
    to_released: bool = False,
    describe: Callable[[dict[str, Tensor]], dict] = lambda _: {},
) -> None:
    """Convert a released checkpoint to this package's layout, or back, and print what was written.

    Args:
        names: table of names of the method.
        released_key: key under which the released code stores its tensors.
        source: file to convert.
        target: file to write.
        to_released: convert back: ``source`` is a file of this package, ``target`` gets the
            released layout.
        describe: from the converted tensors to the ``meta`` of the file.

    Raises:
        FileNotFoundError: the source does not exist.
        ValueError: the source is not a checkpoint of the method.
    """
    tensors = read_tensors(source)
    if to_released:
        content = {released_key: names.to_released(tensors)}
    else:
        converted = names.from_released(tensors)
        content = {'state_dict': converted, 'meta': describe(converted)}
    save_file(content, target)
    print(f'{target}: {len(tensors)} tensors from {source}')


def command(
    convert: Callable[..., None], parse_args: Callable[[Sequence[str] | None], Namespace]
) -> Callable[[Sequence[str] | None], None]:
    """Return the ``main`` of a method's module, which converts the file of the command line."""

    def main(argv: Sequence[str] | None = None) -> None:
        convert(**vars(parse_args(argv)))

    return main
