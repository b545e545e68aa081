"""Handlers by which MMEngine reads ``.yaml`` and ``.pkl`` files without running anything in them.

MMEngine's own read YAML with tags that call functions, and pickles that do. Datasets and models of
its libraries read lists of images, results and metadata through them, by the suffix of the file.
"""

from __future__ import annotations

from typing import Any

import yaml
from mmengine.fileio import register_handler
from mmengine.fileio.handlers import PickleHandler, YamlHandler

from .plain_pickle import loads

# Both read plain values alone; libyaml's takes a tenth of the time, where PyYAML was built with it.
_LOADER = getattr(yaml, 'CSafeLoader', yaml.SafeLoader)


class PlainYamlHandler(YamlHandler):
    """MMEngine's, without the tags of Python objects."""

    def load_from_fileobj(self, file: Any, **kwargs: Any) -> Any:
        """Read plain values.

        Raises:
            ValueError: the file has a tag of another type, or is no YAML.
        """
        try:
            return yaml.load(file, Loader=_LOADER)
        except yaml.YAMLError as error:
            raise ValueError(f'a YAML file is not of plain values: {error}') from error


class PlainPickleHandler(PickleHandler):
    """MMEngine's, for plain values and arrays only; writing is the same."""

    def load_from_fileobj(self, file: Any, **kwargs: Any) -> Any:
        """Read plain values; see :func:`~.plain_pickle.loads`."""
        return loads(file.read())


def use_plain_handlers() -> None:
    """Let MMEngine read YAML and pickle files with these handlers in this process."""
    register_handler(['yaml', 'yml'])(PlainYamlHandler)
    register_handler(['pickle', 'pkl'])(PlainPickleHandler)
