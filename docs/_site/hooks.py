"""Build the site from the files of the repository, each in its own place.

A link from one page to another, or to a config, is then the same in the repository and in the site.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[2]
PAGES = ('README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'docs/*.md', 'configs/*/README.md')
LINK = re.compile(r'\]\(([^):#\s]+)')  # to a file: without a scheme


def on_files(files: Files, config: Any) -> Files:
    """Add the pages, and the files that they link to."""
    for path in sorted({*pages(), *linked_files()}):
        name = path.relative_to(ROOT).as_posix()
        files.append(File.generated(config, name, abs_src_path=str(path)))
    return files


def pages() -> Iterator[Path]:
    """All pages of the site."""
    for pattern in PAGES:
        yield from ROOT.glob(pattern)


def linked_files() -> Iterator[Path]:
    """Configs, scripts and pictures that pages link to."""
    for page in pages():
        for link in LINK.findall(page.read_text(encoding='utf-8')):
            target = (page.parent / link).resolve()
            if target.is_file() and target.is_relative_to(ROOT):
                yield target
