"""The rows of the tables on the methods' pages, read from the pages."""

from __future__ import annotations

import difflib
import os.path
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...utils.places import home

OURS = 'this package'
_LINK = re.compile(r'\]\(([^):]+\.py)\)')
_SIZE = re.compile(r'(?:conv-)?(?:vit|swin|deit)-[sbtl]')
_TRANSFER = re.compile(
    r'/transfer/|/(?:in1k|in100|inat1[89]|flowers102)-(?:finetune|linear)'
    r'|/(?:finetune_|coco-|ade20k-)'
)


@dataclass(frozen=True)
class Row:
    """A row of a table.

    Attributes:
        method: name of the folder of configs.
        name: how a user names the row: the heading of the table up to a colon, and its describing
            cells.
        section: heading of the table.
        cells: all cells by the heading of their column.
        configs: the configs of its chain, relative to ``configs/``, pre-training first; empty for a
            row that is quoted from the paper.
        line: number of its line on the page, counted from 0.
    """

    method: str
    name: str
    section: str
    cells: dict[str, str]
    configs: tuple[str, ...]
    line: int

    @property
    def slug(self) -> str:
        """The name as that of a folder; a long one is cut and ends with a checksum."""
        text = re.sub(r'[^a-z0-9.]+', '-', self.name.lower()).strip('-')
        return text if len(text) <= 80 else f'{text[:71]}-{zlib.crc32(text.encode()):08x}'


def page_of(method: str) -> Path:
    """Return the page of a method.

    Raises:
        FileNotFoundError: there is no such method; the message names all.
    """
    configs = home() / 'configs'
    page = configs / method / 'README.md'
    if not page.is_file() or method == 'quickstart':
        raise FileNotFoundError(
            f'There is no method {method!r}; choose from {", ".join(methods_with_rows())}.'
        )
    return page


def methods_with_rows() -> list[str]:
    """Return the names of the folders whose pages have tables of results."""
    pages = (home() / 'configs').glob('*/README.md')
    return sorted(page.parent.name for page in pages if page.parent.name != 'quickstart')


def read_rows(method: str) -> list[Row]:
    """Read all rows of a method's tables of results, in the order of the page.

    A table of results is one with the column "this package". Configs that a row leaves out are
    those of the text of its section, or of the next larger one.

    Example:
        >>> row = read_rows('conmim')[0]
        >>> row.name, row.configs[0]
        ('table 1: ViT-S/16, 300 epochs, 224 px', 'conmim/vit-s.py')
    """
    lines = page_of(method).read_text(encoding='utf-8').splitlines()
    rows: list[Row] = []
    texts: dict[int, list[str]] = {}  # links of the text of the open sections, by level
    heading, level = '', 0
    columns: list[str] = []
    for number, line in enumerate(lines):
        if line.startswith('#'):
            level = len(line) - len(line.lstrip('#'))
            heading = line.lstrip('# ')
            end = next(
                (n for n, other in enumerate(lines[number + 1 :], number + 1) if other[:1] == '#'),
                len(lines),
            )
            prose = [text for text in lines[number + 1 : end] if not text.startswith('|')]
            texts = {depth: links for depth, links in texts.items() if depth < level}
            texts[level] = _links('\n'.join(prose), method)
        elif not line.startswith('|'):
            columns = []
        elif not columns:
            columns = _cells(line)
        elif OURS in columns and not set(line) <= set('|-: '):
            cells = dict(zip(columns, _cells(line), strict=True))
            own = _links(line, method)
            open_texts = [texts[depth] for depth in sorted(texts, reverse=True)]
            name = _name(heading, cells)
            again = sum(row.name.partition(' (')[0] == name for row in rows)
            rows.append(
                Row(
                    method,
                    f'{name} ({again + 1})' if again else name,
                    heading,
                    cells,
                    _complete(own, open_texts),
                    number,
                )
            )
    return rows


def find_row(method: str, name: str) -> Row:
    """Find a row by its name; parts of its cells are enough if no other row has them.

    Raises:
        FileNotFoundError: the method does not exist.
        ValueError: no row or several rows have this name; the message lists similar ones.
    """
    rows = read_rows(method)
    wanted = _plain(name)
    exact = [row for row in rows if _plain(row.name) == wanted]
    found = exact or [row for row in rows if _fits(wanted, _plain(row.name))]
    if len(found) == 1:
        return found[0]
    if found:
        near = [row.name for row in found]
        problem = f'{len(near)} rows are called {name!r}'
    else:
        near = difflib.get_close_matches(name, [row.name for row in rows], n=5, cutoff=0.3)
        near = near or [row.name for row in rows[:5]]
        problem = f'{method} has no row {name!r}'
    shown = '\n'.join(f'  {text}' for text in near[:12])
    raise ValueError(f'{problem}; name one of these, or see mcl reproduce --list:\n{shown}')


def is_transfer(config: str) -> bool:
    """Whether a config trains on a benchmark, from another training's checkpoint."""
    return _TRANSFER.search(config) is not None


def _complete(own: Sequence[str], texts: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Add what the text says: the pre-training, or the transfers, that a row does not link to."""
    before = [config for config in own if not is_transfer(config)]
    after = [config for config in own if is_transfer(config)]
    if not own:
        return ()
    sizes = {size[0] for config in own if (size := _SIZE.search(config))}

    def from_text(transfers: bool) -> list[str]:
        for links in texts:
            found = [c for c in links if is_transfer(c) == transfers]
            fitting = [
                c for c in found if not (size := _SIZE.search(c)) or not sizes or size[0] in sizes
            ]
            if fitting:
                return list(dict.fromkeys(fitting))
        return []

    if not before and not any('random' in config for config in after):
        before = from_text(transfers=False)[:1] if not _complete_alone(after) else []
    elif before and not after and not any('scratch' in config for config in before):
        after = from_text(transfers=True)
    return tuple(dict.fromkeys([*before, *after]))


def _complete_alone(configs: Sequence[str]) -> bool:
    """Whether the checkpoint that a chain starts from is another code's, not on the page."""
    return all('/baselines/' in config for config in configs)


def _links(text: str, method: str) -> list[str]:
    paths = (os.path.normpath(f'{method}/{link}') for link in _LINK.findall(text))
    return [path.replace(os.sep, '/') for path in dict.fromkeys(paths)]


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip('|').split('|')]


def _name(heading: str, cells: dict[str, str]) -> str:
    """The heading up to a colon, and the cells before the first one of results."""
    described = []
    for column, cell in cells.items():
        if re.match(f'paper|README|{OURS}|configs?$', column):
            break
        described.append(cell)
    return f'{heading.partition(":")[0].lower()}: {", ".join(described)}'


def _plain(name: str) -> str:
    return re.sub(r'[\s"“”]+', ' ', name.lower().replace(' px', '')).strip()


def _fits(wanted: str, name: str) -> bool:
    """Whether all parts of a wanted name occur in a row's name, the table as its beginning."""
    table, _, rest = wanted.rpartition(':')
    parts = [part.strip() for part in rest.split(',') if part.strip()]
    return name.startswith(table) and all(part in name for part in parts)
