"""Sections of a page that a command writes."""

from __future__ import annotations

import re
from pathlib import Path

from ...utils.writing import write_text


def write_section(page: Path, section: str) -> None:
    """Write a section into a page, in place of the one with its heading.

    Raises:
        ValueError: the page has no section with this heading.
    """
    write_text(page, replace_section(page.read_text(encoding='utf-8'), section))


def replace_section(text: str, section: str) -> str:
    r"""Return a page with a section in place of the one with its heading.

    Raises:
        ValueError: the page has no section with this heading.

    Example:
        >>> replace_section('# A\n\n## B\n\nold\n\n## C\n', '## B\n\nnew\n')
        '# A\n\n## B\n\nnew\n\n## C\n'
    """
    heading = section.partition('\n')[0]
    pattern = re.compile(rf'^{re.escape(heading)}\n.*?(?=^## |\Z)', re.DOTALL | re.MULTILINE)
    if not pattern.search(text):
        raise ValueError(f'The page has no section {heading!r}.')
    return pattern.sub(lambda match: section + '\n' * (match.end() < len(text)), text, count=1)
