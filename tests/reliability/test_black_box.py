"""The black box of a step that is not finite, on one rank of two, and its replay."""

import json
import os
from pathlib import Path

import pytest
import torch
from faulty import BLACK, Squares
from mmengine.hooks import Hook
from test_finite_steps import configure

from mcl_plugins.checkpoint.files import load_file, save_file
from mcl_plugins.cli.replay import main, replay
from mcl_plugins.engine.runner import Runner
from mcl_plugins.utils.known_parts import check_parts
from processes import run_on_two_processes

# Where the fault is -> the module to be named, and whether its output or its gradient.
NAMED = {
    'block': ('encoder.blocks.1', 'output'),
    'between': ('encoder.blocks.1', 'output'),
    'method': ('encoder', 'output'),
    'loss': ('head', 'output'),
    'gradient': ('encoder.blocks.1', 'gradient'),
    'weight': ('encoder.blocks.0.linear', 'output'),
}
ITERATION = BLACK // 4 + 1  # two processes, two images each


def train_on_a_rank(rank, folder):
    """Train with each fault; the black image is among those of rank 1."""
    for fault in NAMED:
        config = configure(Path(folder, fault), 'none' if fault == 'weight' else fault)
        config.launcher = 'pytorch'
        config.default_hooks.checkpoint.update(by_epoch=False, interval=1)
        config.train_cfg = dict(by_epoch=False, max_iters=8)
        config.train_dataloader.sampler.type = 'InfiniteSampler'
        runner = Runner.from_cfg(config)
        if fault == 'weight' and rank == 1:  # of one process only, as a broken memory makes it
            runner.register_hook(Spoil())
        with pytest.raises(FloatingPointError) as error:
            runner.train()
        text = str(error.value)
        assert f'at iteration {ITERATION}' in text and 'on rank 1' in text, (fault, text)
        Path(folder, fault, f'said_{rank}').write_text(text)


class Spoil(Hook):
    """Makes a weight no number before the third iteration."""

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter + 1 == ITERATION:
            with torch.no_grad():
                runner.model.module.encoder.blocks[0].linear.weight[0, 0] = torch.nan


@pytest.fixture(scope='module')
def stopped(tmp_path_factory):
    """Six trainings on two processes."""
    folder = tmp_path_factory.mktemp('stopped')
    run_on_two_processes(train_on_a_rank, str(folder))
    return folder


@pytest.mark.parametrize('fault', NAMED)
def test_the_first_module_and_the_rank_are_named(stopped, fault):
    folder = stopped / fault
    assert (folder / 'said_0').read_text() == (folder / 'said_1').read_text()
    report = json.loads((folder / 'black_box/report.json').read_text())
    assert (report['finding']['module'], report['finding']['what']) == NAMED[fault]
    assert report['rank'] == 1 and report['iteration'] == ITERATION and report['processes'] == 2
    assert len(report['scalars']['train/loss']) == ITERATION - 1


@pytest.mark.parametrize('fault', NAMED)
def test_the_last_good_checkpoint_stays_and_none_is_written(stopped, fault):
    names = {file.name for file in (stopped / fault).glob('*.pth')}
    assert names == {f'iter_{step}.pth' for step in range(1, ITERATION)}
    last = load_file(stopped / fault / f'iter_{ITERATION - 1}.pth')['state_dict']
    box = load_file(stopped / fault / 'black_box/model.pth')['state_dict']
    for name, value in last.items():  # the weights before the step
        assert torch.equal(value.nan_to_num(), box[name].nan_to_num()), name


def test_the_box_has_the_batch_of_each_rank(stopped):
    images = Squares(range(16))
    for rank, indices in ((0, (8, 10)), (1, (9, 11))):
        content = load_file(stopped / f'block/black_box/rank_{rank}.pth')
        (part,) = content['passes']
        assert part['files'] == [f'images/{index}.jpg' for index in indices]
        for image, index in zip(part['batch']['inputs'], indices, strict=True):
            assert image.dtype == torch.uint8 and torch.equal(image, images[index]['inputs'])
        assert set(part['generators']) >= {'python', 'numpy', 'torch'}


@pytest.mark.parametrize('fault', [fault for fault in NAMED if fault != 'weight'])
def test_replay_names_the_module_again(stopped, fault):
    finding = replay(stopped / fault / 'black_box', rank=1, modules=['faulty'])
    assert (finding.module, finding.what) == NAMED[fault]
    assert replay(stopped / fault / 'black_box', rank=0, modules=['faulty']) is None


def test_the_command_says_what_it_found(stopped, capsys):
    words = [str(stopped / 'block/black_box'), '--import', 'faulty']
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == 0
    said = capsys.readouterr().out
    assert 'Repeated: the first output that is not finite is that of encoder.blocks.1' in said
    with pytest.raises(SystemExit) as end:
        main([*words, '--rank', '0'])
    assert end.value.code == 1 and 'the step is finite' in capsys.readouterr().out


def test_the_parts_of_the_methods_are_known():
    """A hostile name is refused; those of the configs are not, SyncBN and mmdet's nms too."""
    names = ('mcl_plugins.SyncBN', 'SyncBN', 'LN', 'GELU', 'NonLinearNeck', 'ClsDataPreprocessor')
    check_parts([dict(type=name) for name in (*names, 'RoIAlign', 'Mixup')])
    for name in ('os.mkdir', 'torch.load', 'mmengine.hub.get_config', 'TIMMBackbone', 'LinearLR'):
        with pytest.raises(ValueError, match='is not a part of a model'):
            check_parts(dict(type='ConMIM', neck=[dict(type=name)]))


def copy_of(box, folder):
    folder.mkdir()
    for file in box.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    return folder


HOSTILE = {
    'a function as a part': "model = dict(type='os.mkdir', path={proof!r})",
    'a function inside': (
        "model = dict(type='Faulty', data_preprocessor=dict(type='os.mkdir', path={proof!r}))"
    ),
    'a command': "import os\nos.mkdir({proof!r})\nmodel = dict(type='Faulty')",
    'a value that runs': "import os\nmodel = dict(type='Faulty', fault=os.mkdir({proof!r}))",
    'a module of that name': "model = dict(type='Faulty', _scope_='antigravity')",
    'an import': "custom_imports = dict(imports=['antigravity'])\nmodel = dict(type='antigravity')",
    'a model of the net': "model = dict(type='HuggingFaceClassifier', model_name={proof!r})",
}


@pytest.mark.parametrize('text', HOSTILE.values(), ids=HOSTILE)
def test_nothing_in_a_config_of_a_box_runs(stopped, tmp_path, text):
    box, proof = copy_of(stopped / 'block/black_box', tmp_path / 'box'), tmp_path / 'proof'
    (box / 'config.py').write_text(text.format(proof=str(proof)))
    try:
        replay(box, 1, modules=['faulty'])
    except ValueError as error:
        assert str(box) in str(error)
    assert not proof.exists() and 'antigravity' not in __import__('sys').modules


class Runs:
    """Makes a folder when it is unpickled."""

    def __init__(self, proof):
        self.proof = proof

    def __reduce__(self):
        return os.mkdir, (str(self.proof),)


@pytest.mark.parametrize('name', ['rank_1.pth', 'model.pth'])
def test_nothing_in_a_file_of_a_box_runs(stopped, tmp_path, name):
    box, proof = copy_of(stopped / 'block/black_box', tmp_path / 'box'), tmp_path / 'proof'
    save_file({'passes': [], 'buffers': {}, 'state_dict': Runs(proof)}, box / name)
    with pytest.raises(ValueError, match=rf'{name} was not loaded'):
        replay(box, 1, modules=['faulty'])
    assert not proof.exists()


def test_damaged_boxes_are_refused_in_words(stopped, tmp_path):
    with pytest.raises(FileNotFoundError, match=r'is no black box: it has no report\.json'):
        main([str(tmp_path)])
    box = copy_of(stopped / 'block/black_box', tmp_path / 'box')
    with pytest.raises(FileNotFoundError, match=r'rank_5\.pth does not exist.* 2 processes'):
        replay(box, 5)
    with pytest.raises(ValueError, match="names 'Faulty'.*--import"):
        replay(box, 1)
    save_file({'passes': [3], 'buffers': {}}, box / 'rank_1.pth')
    with pytest.raises(ValueError, match=r'rank_1\.pth was not written by this package'):
        replay(box, 1, modules=['faulty'])
    (box / 'report.json').write_text('{"iteration": 3}')
    with pytest.raises(ValueError, match="has no 'rank'"):
        replay(box, 1)
