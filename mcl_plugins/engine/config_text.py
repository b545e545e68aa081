"""The formatted text of a Runner's config, which is needed often and formatted once."""

from __future__ import annotations

import copy

from mmengine.config import Config

_TEXTS: dict[str, str] = {}  # formatted, by what it was formatted from; of the last config only


class FormattedConfig(Config):
    """A ``Config`` that formats its text once and not each time it is asked for.

    That takes half a second, and MMEngine's Runner asks for it six times before the first
    iteration, and again for each checkpoint.
    """

    @classmethod
    def of(cls, config: Config) -> FormattedConfig:
        """Return the same config, which has the parts of the other one.

        Example:
            >>> FormattedConfig.of(Config(dict(seed=1))).pretty_text.strip()
            'seed = 1'
        """
        same = cls.__new__(cls)
        same.__dict__.update(copy.copy(config).__dict__)
        return same

    @property
    def pretty_text(self) -> str:
        """Formatted Python text."""
        content = repr(self._cfg_dict)
        if content not in _TEXTS:
            _TEXTS.clear()
            _TEXTS[content] = super().pretty_text
        return _TEXTS[content]
