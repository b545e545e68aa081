"""What each config names so that a training keeps its files and guards in any Runner."""

from collections.abc import Iterator

import pytest
from zoo import ROOT, read

NAMES = sorted(
    path.relative_to(ROOT / 'configs').as_posix()
    for path in (ROOT / 'configs').glob('[!_]*/**/*.py')
)


def types(part) -> Iterator[str]:
    """The types of a part of a config and of all that is in it."""
    if isinstance(part, dict):
        yield from (part['type'],) if isinstance(part.get('type'), str) else ()
        part = list(part.values())
    if isinstance(part, list | tuple):
        for item in part:
            yield from types(item)


@pytest.mark.parametrize('method', sorted({name.partition('/')[0] for name in NAMES}))
def test_files_and_guards_do_not_hang_on_the_runner(method):
    for name in NAMES:
        if not name.startswith(f'{method}/'):
            continue
        config = read(ROOT / 'configs' / name)
        hooks = config.default_hooks
        assert hooks.checkpoint.type == 'mcl_plugins.CheckpointHook', name
        assert hooks.schedule.type == 'mcl_plugins.ScheduleHook', name
        assert hooks.finite_loss.type == 'mcl_plugins.FiniteLossHook', name
        loaders = [config.get(f'{split}_dataloader') for split in ('train', 'val', 'test')]
        # The datasets for mmseg name a file that cannot be read themselves.
        plain = {'default_collate'}
        if config.default_scope != 'mmseg':
            plain.add('LoadImageFromFile')
        assert not plain & set(types(loaders)), name
