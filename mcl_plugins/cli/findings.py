"""What a check has found, in a sentence, with the remedy."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Literal

Level = Literal['ok', 'note', 'fault']
_SUBJECT = 11  # characters of the column of subjects
_INDENT = '\n' + ' ' * (7 + _SUBJECT)


@dataclass(frozen=True)
class Finding:
    """What is said of a subject.

    Attributes:
        level: ``'ok'``; ``'note'`` for what works but may surprise; ``'fault'`` for what stops a
            training or spoils it.
        subject: a word or two, such as ``'data'``.
        text: the sentence.
        remedy: what to do, if there is something.

    Example:
        >>> print(Finding('fault', 'data', 'no images.', 'set data_root'))
        fault  data       no images.
                          -> set data_root
    """

    level: Level
    subject: str
    text: str
    remedy: str = ''

    def __str__(self) -> str:
        """Return the lines of the finding."""
        lines = f'{self.level:<7}{self.subject:<{_SUBJECT - 1}} {self.text}'
        if self.remedy:
            lines += f'\n-> {self.remedy}'
        return lines.replace('\n', _INDENT)


class Findings(list[Finding]):
    """Findings that are printed as they are made.

    Args:
        silent: print nothing, as on all processes but the first.
    """

    def __init__(self, silent: bool = False) -> None:
        super().__init__()
        self.silent = silent

    def add(self, *findings: Finding) -> None:
        """Print and keep findings."""
        self.extend(findings)
        if not self.silent:
            print(*findings, sep='\n', flush=True)

    def conclude(self) -> None:
        """Say how many faults there are.

        Raises:
            SystemExit: with status 1 if there is one.
        """
        faults = sum(finding.level == 'fault' for finding in self)
        if not self.silent:
            print(f'\n{faults or "No"} fault{"s" * (faults != 1)}.', flush=True)
        if faults:
            sys.exit(1)
