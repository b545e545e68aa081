"""Whether the data of a chain are there, before days of training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config

from ...datasets.archives import find_archives

OF_TRAINING = ('train_dataloader', 'val_dataloader')
LOADERS = (*OF_TRAINING, 'test_dataloader')


def check_data(configs: Mapping[str, Config], starts: Mapping[str, str] | None = None) -> None:
    """Check the folders and files that the data sets of configs name, and the first checkpoints.

    Args:
        configs: config of each stage.
        starts: checkpoints from which stages start that follow no other stage.

    Raises:
        FileNotFoundError: some do not exist; the message lists all of them with their stages.
    """
    missing = missing_data(configs)
    for stage, file in (starts or {}).items():
        if not _is_there(file):
            missing.setdefault(file, []).append(stage)
    if missing:
        shown = '\n'.join(f'  {path} (for {", ".join(names)})' for path, names in missing.items())
        raise FileNotFoundError(
            f'These data do not exist, so the row cannot be run to its end:\n{shown}\n'
            "Put them there, or link to them; the methods' pages describe the folders. A "
            'checkpoint of another place is given with --start FILE.'
        )


def missing_data(
    configs: Mapping[str, Config], loaders: Sequence[str] = LOADERS
) -> dict[str, list[str]]:
    """Return the folders and files that do not exist, each with the stages that need it.

    Archives in the place of a folder count as it. Addresses of other storage backends
    (``s3://...``) are not looked up.

    Args:
        configs: config of each stage.
        loaders: names of the loaders whose data are looked for.
    """
    missing: dict[str, list[str]] = {}
    for stage, config in configs.items():
        for path in _paths(config, loaders):
            if not _is_there(path):
                missing.setdefault(path, []).append(stage)
    return missing


def _is_there(place: str) -> bool:
    if '://' in place or Path(place).exists():
        return True
    try:
        return bool(find_archives(place))
    except ValueError:
        return True  # archives of several kinds, of which the data set says what to do


def _paths(config: Config, loaders: Sequence[str]) -> list[str]:
    """What a stage reads, in the order of its loaders, each path once."""
    found: list[str] = []
    for name in loaders:
        dataset = (config.get(name) or {}).get('dataset')
        if dataset:
            found += _paths_of(dataset)
    target = (config.model.get('target_generator') or {}).get('init_cfg')
    if isinstance(target, dict) and target.get('checkpoint'):
        found.append(target['checkpoint'])
    return list(dict.fromkeys(found))


def _paths_of(dataset: Any) -> list[str]:
    """What the data set of a config reads."""
    root = dataset.get('data_root') or ''
    images = dataset.get('data_prefix') or {}
    if dataset.get('ann_file'):
        return [_join(root, dataset['ann_file'])]
    if not images and dataset.get('split') and 'ImageNet' in dataset.type:
        images = dataset['split']  # as the data set does
    folders = [images] if isinstance(images, str) else [part for part in images.values() if part]
    return [_join(root, folder) for folder in folders] or [root or '.']


def _join(root: str, name: str) -> str:
    """Join a path or an address and a name, which may be a whole path or address itself.

    Example:
        >>> _join('s3://bucket/imagenet/', 'train'), _join('data', '/images')
        ('s3://bucket/imagenet/train', '/images')
    """
    if '://' in name:
        return name
    if '://' in root:
        return f'{root.rstrip("/")}/{name}'
    return str(Path(root) / Path(name).expanduser())
