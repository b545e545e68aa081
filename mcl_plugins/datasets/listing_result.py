"""What was found under a folder of images."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from ..utils.images import is_utf8, printable


@dataclass
class Listing:
    """What was found under a folder.

    Attributes:
        images: paths of the images relative to the folder, with ``/``, sorted.
        left_out: number of files by suffix and reason.
        folders: sorted names of the folder's own sub-folders, without hidden ones.
        changed: when each folder was last changed, in nanoseconds, by its path within this one.
        kept: where the list was read from and of which date it is; empty if it was made just now.
        labels: number of the class of each image, where archives have it; None otherwise.
        classes: names of the classes, where archives have them.
    """

    images: list[str] = field(default_factory=list)
    left_out: Counter[tuple[str, str]] = field(default_factory=Counter)
    folders: list[str] = field(default_factory=list)
    changed: dict[str, int] = field(default_factory=dict)
    kept: str = ''
    labels: list[int] | None = None
    classes: list[str] | None = None

    def leave_out(self, name: str, reason: str) -> None:
        """Count a file that is left out."""
        self.left_out[PurePosixPath(name).suffix.lower() or 'no suffix', reason] += 1

    def describe_names(self) -> str:
        r"""Say if names are no UTF-8; an empty string if all are.

        Example:
            >>> Listing(images=['caf\udce9.jpg']).describe_names()
            '1 name is no UTF-8 text and shown with escapes: caf\\udce9.jpg.'
        """
        odd = [name for name in self.images if not is_utf8(name)]
        if not odd:
            return ''
        names = f'{len(odd)} names are' if len(odd) > 1 else '1 name is'
        more = ', ...' * (len(odd) > 1)
        return f'{names} no UTF-8 text and shown with escapes: {printable(odd[0])}{more}.'

    def describe_kept(self) -> str:
        """Say if the list was kept from an earlier start; an empty string if not.

        Example:
            >>> Listing(kept='.train.listing.json of 2026-11-29 10:00').describe_kept()
            'From the list .train.listing.json of 2026-11-29 10:00; no folder has changed since.'
        """
        return f'From the list {printable(self.kept)}; no folder has changed since.' * bool(
            self.kept
        )

    def describe_left_out(self) -> str:
        """Describe the files that are left out; an empty string if there are none.

        Example:
            >>> listing = Listing()
            >>> listing.leave_out('a/notes.txt', 'not an image suffix')
            >>> listing.describe_left_out()
            'Left out: 1 .txt (not an image suffix).'
        """
        if not self.left_out:
            return ''
        parts = (
            f'{count} {printable(suffix)} ({reason})'
            for (suffix, reason), count in sorted(self.left_out.items())
        )
        return f'Left out: {", ".join(parts)}.'
