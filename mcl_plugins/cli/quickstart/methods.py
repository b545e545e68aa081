"""The methods that the quickstart knows: those that have the two configs that it needs."""

from __future__ import annotations

from pathlib import Path

from mmengine.config import Config

from ...utils.places import home
from ..arguments import did_you_mean

FOLDER = home() / 'configs' / 'quickstart'


def methods() -> dict[str, Path]:
    """Pre-training configs by method: ``<method>.py`` beside a ``<method>_finetune.py``."""
    files = sorted(FOLDER.glob('*.py'))
    return {file.stem: file for file in files if finetune_config(file).is_file()}


def finetune_config(config: Path) -> Path:
    """The fine-tuning config that belongs to a pre-training config."""
    return config.with_name(f'{config.stem}_finetune.py')


def config_of(method: str) -> Path:
    """The pre-training config of a method.

    Args:
        method: one of :func:`methods`; or, for a method of one's own, the path of its config,
            ``<method>.py``, with ``<method>_finetune.py`` beside it.

    Raises:
        FileNotFoundError: there is no such method, or the path has no fine-tuning config beside it.
    """
    known = methods()
    if method in known:
        return known[method]
    path = Path(method).absolute()
    if path.suffix != '.py':
        raise FileNotFoundError(
            f'The quickstart has no method {method!r}{did_you_mean(method, known)} It has '
            f'{", ".join(known)}; for one of your own give the path of its config.'
        )
    for file in (path, finetune_config(path)):
        if not file.is_file():
            raise FileNotFoundError(f'The quickstart needs {str(file)!r}, which does not exist.')
    return path


def title_of(config: Path) -> str:
    """How a method is called: the heading of its page, or the name of its class.

    Args:
        config: of its pre-training.
    """
    page = home() / 'configs' / config.stem / 'README.md'
    if page.is_file():
        return page.read_text(encoding='utf-8').partition('\n')[0].lstrip('# ')
    return Config.fromfile(config).model.type.rpartition('.')[2]
