"""mcl replay says which file of a black box it cannot use, and what to do."""

import pytest
from mmpretrain.registry import MODELS

from conftest import SMALL_VIT
from mcl_plugins.cli.replay import main
from mcl_plugins.engine.finite import black_box


@pytest.fixture
def box(tmp_path):
    """What a ViT left: a step without passes, because only reading it is tested."""
    folder = tmp_path / 'black_box'
    folder.mkdir()
    black_box.write_rank(folder, 0, [])
    black_box.write_model(folder, MODELS.build(SMALL_VIT).state_dict(), config_of())
    black_box.write_report(folder, dict(iteration=3, rank=0, processes=1, infos={}))
    return folder


def config_of(**changes):
    return f'model = {SMALL_VIT | changes}\n'


def other_arch(**changes):
    return config_of(arch=SMALL_VIT['arch'] | changes)


def test_a_whole_box_is_read(box, capsys):
    with pytest.raises(SystemExit) as end:
        main([str(box)])
    assert end.value.code == 1  # nothing of no pass is not finite
    said = capsys.readouterr().out
    assert 'Repeating iteration 3 on the batch of rank 0 ...' in said
    assert said.endswith('Repeated: the step is finite.\n')


@pytest.mark.parametrize(
    ('name', 'text', 'kind', 'message'),
    [
        ('report.json', '{"iteration": 3,', ValueError, r'report\.json is damaged: .* line 1 colu'),
        ('config.py', None, FileNotFoundError, r'config\.py does not exist; is the black box comp'),
        (
            'config.py',
            config_of(type='OwnViT'),
            ValueError,
            r"config\.py was not used: the config names 'OwnViT', which is not .* with --import\.",
        ),
        (
            'config.py',
            other_arch(num_layers=3),
            ValueError,
            r"model\.pth does not fit the model of config\.py: it lacks 'layers\.2\.",
        ),
        (
            'config.py',
            other_arch(feedforward_channels=48),
            ValueError,
            r'model\.pth does not fit the model of config\.py: Error.* for MaskedViT',
        ),
    ],
    ids=['report', 'no config', 'unknown part', 'missing tensor', 'other width'],
)
def test_a_damaged_box_is_named_by_its_file(box, name, text, kind, message):
    (box / name).unlink()
    if text is not None:
        (box / name).write_text(text)
    with pytest.raises(kind, match=f'^{box}/{message}'):
        main([str(box)])
