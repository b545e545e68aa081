"""What the console shows of the log."""

from __future__ import annotations

import logging


class ConsoleFilter(logging.Filter):
    """Keep long texts (environment, config, hook lists) and noise out of the console.

    The log file still contains them. Tables of results are printed, whatever their length.
    Warnings are printed, except two that MMEngine's own checkpoint hook causes.

    Example:
        >>> record = logging.makeLogRecord({'msg': 'Exp name: vit-b', 'levelno': logging.INFO})
        >>> ConsoleFilter().filter(record)
        False
    """

    # Results: tables of the classes, and COCO's list of precisions and recalls.
    results = ('+-', '+=', '| ', 'Average Precision', 'Average Recall')
    noise = (
        'paramwise_options',
        'Exp name:',
        'Distributed training is not used',
        '"FileClient" will be deprecated',
        '"HardDiskBackend" is the alias',
    )

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is printed."""
        message = record.getMessage()
        short = message.count('\n') < 6 or record.levelno >= logging.WARNING
        shown = short or message.lstrip().startswith(self.results)
        return shown and not message.startswith(self.noise)
