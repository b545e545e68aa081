"""The images of a training that could not be read, in a file that all of its processes write."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ..utils.images import printable
from ..utils.writing import write_text

FILE_NAME = 'bad_images.txt'
_SHOWN = 10  # in a message


def default_limit(images: int) -> int:
    """Return how many images of a training set are replaced: five per million, at least 10.

    Example:
        >>> default_limit(1_281_167), default_limit(14_000_000)
        (10, 70)
    """
    return max(10, 5 * images // 1_000_000)


@dataclass
class BadImages:
    """The list of the images that could not be read.

    The file has one line per image: its path, a tab, and the reason. Processes and workers append
    whole lines. What counts is the number of different images in it, of all epochs and of the runs
    before a resumption; those that have been repaired or removed since then leave it.

    Args:
        file: the list.
        limit: number of images that may be in it.

    Example:
        >>> import tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> bad = BadImages(Path(folder.name) / 'bad_images.txt', limit=1)
        >>> bad.add('cat.jpg', 'empty file')
        >>> bad.add('cat.jpg', 'empty file')  # in the next epoch
        >>> list(bad.read())
        ['cat.jpg']
    """

    file: Path
    limit: int
    added: set[str] = field(default_factory=set)

    def add(self, path: str, reason: object) -> None:
        """Add an image.

        Raises:
            ValueError: the list has more than ``limit`` images; the message has the first.
        """
        name = printable(path)
        if name in self.added:
            return
        self.added.add(name)
        if name not in self.read():
            words = ' '.join(printable(str(reason)).split())
            line = f'{name}\t{words}\n'.encode()
            target = os.open(self.file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
            try:
                os.write(target, line)
            finally:
                os.close(target)
        found = self.read()
        if len(found) > self.limit:
            shown = '\n'.join(f'  {name}: {why}' for name, why in list(found.items())[:_SHOWN])
            raise ValueError(
                f'{len(found)} images of the training set cannot be read, more than the '
                f'{self.limit} that may be replaced by others:\n{shown}\nThe whole list is '
                f'{self.file}. Repair or remove them, or set '
                'train_dataloader.dataset.max_bad_images to a larger number.'
            )

    def recheck(self, is_bad: Callable[[str], bool]) -> list[str]:
        """Take images out of the list; no other process may write to it meanwhile.

        Args:
            is_bad: whether an image is still there and cannot be read.

        Returns:
            The images that are not bad.
        """
        found = self.read()
        mended = [name for name in found if not is_bad(name)]
        if mended:
            lines = [f'{name}\t{why}\n' for name, why in found.items() if name not in mended]
            write_text(self.file, ''.join(lines))
        return mended

    def read(self) -> dict[str, str]:
        """Return the images of the list, with the reasons."""
        try:
            lines = self.file.read_text(encoding='utf-8').splitlines()
        except FileNotFoundError:
            return {}
        entries = (line.partition('\t') for line in lines)
        return {name: reason for name, _, reason in entries}
