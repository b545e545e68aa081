"""List the methods of the package, their networks and their benchmarks.

    mcl methods

The table is the one of the README. Its rows are read from ``configs/<method>/metafile.yml``, where
the ``Summary`` of the collection has the row of the method.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from ..utils.places import home
from . import markdown
from .parsers.general import methods as parse_args

COLUMNS = ('Status', 'Architectures', 'Configs')


@dataclass(frozen=True)
class Method:
    """A method of the package and its row of the table.

    Attributes:
        folder: name of the folder with its configs.
        title: heading of its page.
        source: authors, venue and year.
        summary: entries of the row by column.
    """

    folder: str
    title: str
    source: str
    summary: dict[str, str]

    def cells(self) -> list[str]:
        """Return the cells of the row."""
        name = f'[{self.title}](configs/{self.folder}/README.md) ({self.source})'
        return [name, *(self.summary[column] for column in COLUMNS)]


def main(argv: Sequence[str] | None = None) -> None:
    """Print the table."""
    parse_args(argv)
    print(table())


def table() -> str:
    """Return the table of all methods in Markdown, without a final line break."""
    return markdown.table(['Method', *COLUMNS], [method.cells() for method in methods()])


def methods(configs: Path | None = None) -> list[Method]:
    """Return the methods whose configs have a metafile.

    Args:
        configs: folder that contains the methods' folders; by default the package's own.

    Returns:
        The methods sorted by title, MimCo's teachers last.

    Raises:
        ValueError: a metafile lacks an entry of its row; the message names both.
    """
    files = sorted((configs or home() / 'configs').glob('*/metafile.yml'))
    found = [read(file) for file in files]
    return sorted(found, key=lambda method: ('teacher' in method.source, method.title.lower()))


def read(metafile: Path) -> Method:
    """Read a method from its metafile and the page beside it; see :func:`methods`."""
    collection = yaml.safe_load(metafile.read_text(encoding='utf-8'))['Collections'][0]
    summary = collection.get('Summary', {})
    missing = [name for name in ('Source', *COLUMNS) if not summary.get(name)]
    if missing:
        raise ValueError(
            f'{metafile}: the Summary of the collection lacks {", ".join(missing)}; see the '
            'metafiles of the other methods.'
        )
    page = metafile.with_name('README.md').read_text(encoding='utf-8')
    title = page.partition('\n')[0].lstrip('# ')
    return Method(metafile.parent.name, title, summary['Source'], summary)
