"""Find the methods of the quickstart: those that have the two configs that it needs."""

from __future__ import annotations

from pathlib import Path

from mmengine.config import Config

from ...utils.places import home
from ..arguments import did_you_mean

FOLDER = home() / 'configs' / 'quickstart'


def methods() -> dict[str, Path]:
    """Return the pre-training configs by method: ``<method>.py`` with ``<method>_finetune.py``."""
    files = sorted(FOLDER.glob('*.py'))
    return {file.stem: file for file in files if finetune_config(file).is_file()}


def finetune_config(config: Path) -> Path:
    """Return the fine-tuning config that belongs to a pre-training config."""
    return config.with_name(f'{config.stem}_finetune.py')


def find_method_config(method: str) -> Path:
    """Return the pre-training config of a method.

    Args:
        method: a name of :func:`methods`, or the path of the config of your own method,
            ``<method>.py``, with ``<method>_finetune.py`` beside it.

    Raises:
        FileNotFoundError: the method is unknown, or there is no fine-tuning config beside the path.
    """
    known = methods()
    if method in known:
        return known[method]
    path = Path(method).absolute()
    if path.suffix != '.py':
        raise FileNotFoundError(
            f'The quickstart has no method {method!r}{did_you_mean(method, known)} It has '
            f'{", ".join(known)}; for your own method give the path of its config.'
        )
    for file in (path, finetune_config(path)):
        if not file.is_file():
            raise FileNotFoundError(f'The quickstart needs {str(file)!r}, which does not exist.')
    return path


def read_title(config: Path) -> str:
    """Return the name of a method: the heading of its page, or the name of its class.

    Args:
        config: config of its pre-training.
    """
    page = home() / 'configs' / config.stem / 'README.md'
    if page.is_file():
        return page.read_text(encoding='utf-8').partition('\n')[0].lstrip('# ')
    return Config.fromfile(config).model.type.rpartition('.')[2]
