"""Nothing in a file runs, is followed or deleted, and no file ends the process.

Each reader gets the whole corpus in a process of its own, which shows a crash.
"""

import contextlib
import json
import os
import re
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmengine.logging import HistoryBuffer, MessageHub, MMLogger
from mmengine.registry import DefaultScope
from mmengine.runner.checkpoint import CheckpointLoader
from mmpretrain.registry import MODELS

from conftest import ROOT, SMALL
from hostile import ESCAPED, checkpoints, pickled_calls, pickles
from mcl_plugins.checkpoint import plain_pickle
from mcl_plugins.checkpoint.files import load_file
from mcl_plugins.checkpoint.latest import find_checkpoint
from mcl_plugins.checkpoint.loading import load_encoder
from mcl_plugins.checkpoint.sources import load_checkpoint, use_safe_checkpoints
from mcl_plugins.checkpoint.whole_model import check_classes, load_but_classes
from mcl_plugins.cli import fidelity
from mcl_plugins.cli.common import read_config
from mcl_plugins.cli.convert import ccmim, cmae, conmim, moby, mocov3
from mcl_plugins.cli.visualize.patterns import load_file as load_for_patterns
from mcl_plugins.cli.visualize.pictures import build_pretraining
from mcl_plugins.engine import CheckpointHook
from mcl_plugins.engine.runner import Runner
from mcl_plugins.evaluation.revisited import Revisited
from processes import FORKS

CONVERTERS = dict(ccmim=ccmim, cmae=cmae, conmim=conmim, moby=moby, mocov3=mocov3)


def whole_checkpoint():
    """A checkpoint of the small model, as a training writes it."""
    model = MODELS.build(SMALL)
    return {
        'meta': {'epoch': 1, 'iter': 4, 'cfg': 'model = dict()', 'seed': 0},
        'state_dict': model.state_dict(),
        'optimizer': {'state': {}, 'param_groups': []},
        'param_schedulers': [],
        'message_hub': {
            'log_scalars': {'train/loss': HistoryBuffer([1.0], [1])},
            'runtime_info': {},
            'resumed_keys': {},
        },
    }


def runner_of(config):
    runner = Runner.from_cfg(config)
    runner._train_loop = runner.build_train_loop(runner._train_loop)
    runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
    runner._resume = True
    return runner


def readers(folder, config):
    """The functions by which commands read a checkpoint, by command."""
    model = MODELS.build(SMALL)
    runner = runner_of(config)

    def resume_newest(file):
        work = folder / 'newest'
        work.mkdir(exist_ok=True)
        (work / 'epoch_1.pth').unlink(missing_ok=True)
        (work / 'epoch_1.pth').symlink_to(file)
        return find_checkpoint(work)

    return {
        'train --resume': lambda file: runner.resume(str(file), map_location='cpu'),
        'train --resume, newest': resume_newest,
        'train load_from, test': lambda file: runner.load_checkpoint(str(file)),
        'init_cfg, teacher, knn, linear, retrieval': lambda file: load_encoder(
            model.backbone, str(file), 'backbone.'
        ),
        'init_cfg of the whole model': lambda file: load_but_classes(model, str(file)),
        'classes': lambda file: check_classes(model, str(file)),
        "a library's init_cfg": lambda file: CheckpointLoader.load_checkpoint(str(file)),
        'masks, attention, tsne, reconstruction': lambda file: build_pretraining(
            Config({'model': SMALL, 'data_preprocessor': SMALL['data_preprocessor']}), file
        ),
        'patterns': load_for_patterns,
        'any': lambda file: load_checkpoint(str(file)),
        **{
            f'convert {name}': lambda file, module=module: module.main(
                [str(file), str(folder / 'converted.pth')]
            )
            for name, module in CONVERTERS.items()
        },
    }


def read_corpus(folder, config, results):
    """Read each file with each reader, and note what came of it after each."""
    torch.set_num_threads(1)
    MMLogger.get_instance('hostile', log_level='CRITICAL')
    use_safe_checkpoints()
    os.chdir(folder)
    files = {path.stem: path for path in sorted((folder / 'corpus').iterdir())}
    with DefaultScope.overwrite_default_scope('mmpretrain'), results.open('w') as notes:
        for reader, read in readers(folder, config).items():
            for name, file in files.items():
                notes.write(json.dumps([reader, name, 'started']) + '\n')
                notes.flush()
                try:
                    with contextlib.redirect_stdout(None):
                        read(file)
                    outcome = 'read'
                except Exception as error:
                    outcome = type(error).__name__
                notes.write(json.dumps([reader, name, outcome]) + '\n')


def in_a_process(function, *arguments):
    """Call a function in another process and return its exit status."""
    process = FORKS.Process(target=function, args=arguments)
    process.start()
    process.join(240)
    return process.exitcode


@pytest.fixture
def place(tmp_path):
    """A folder with files that must stay, and the proof that must not appear."""
    (tmp_path / 'corpus').mkdir()
    (tmp_path / 'victim.txt').write_text('stays')
    (tmp_path / 'victims').mkdir()
    (tmp_path / 'victims/one').write_text('stays')
    yield tmp_path
    for path in escaped(tmp_path):
        path.unlink(missing_ok=True)


def escaped(place):
    """What an archive has written in the folder, above it, or in or above a temporary one."""
    folders = place, Path(tempfile.gettempdir()), Path('/tmp'), Path.home()
    above = {parent for folder in folders for parent in (folder, *folder.parents)}
    found = {*place.rglob(ESCAPED), *Path(tempfile.gettempdir()).glob(f'*/{ESCAPED}')}
    return sorted(found | {path for parent in above if (path := parent / ESCAPED).exists()})


def harm(place):
    """What of the folder has been changed by reading."""
    kept = (place / 'victim.txt').is_file() and (place / 'victims/one').is_file()
    return [*(['deleted'] * (not kept)), *escaped(place), *place.rglob('was-here')]


def test_no_checkpoint_harms_any_reader(place, training_config):
    whole = whole_checkpoint()
    files = checkpoints(place / 'corpus', place / 'was-here', whole)
    assert len(files) >= 25
    results = place / 'results'
    status = in_a_process(read_corpus, place, training_config, results)
    lines = [json.loads(line) for line in results.read_text().splitlines()]
    assert status == 0, f'the process ended with {status} in {lines[-1]}'
    assert harm(place) == []
    outcomes = [line for line in lines if line[2] != 'started']
    assert len(outcomes) == len(files) * 15
    # A message names what is wrong; what is read in spite of it is data, and no call of anything.
    assert {line[2] for line in outcomes} == {'read', 'ValueError', 'DamagedFileError'}
    calls = {name.replace(' ', '-') for name in pickled_calls(place / 'was-here')}
    assert not [line for line in outcomes if line[1] in calls and line[2] == 'read']


def test_the_config_of_a_checkpoint_is_text(place, training_config):
    """MMEngine runs ``meta.config``; here neither it nor ``meta.cfg`` is."""
    Runner.from_cfg(training_config).train()
    file = Path(training_config.work_dir, 'epoch_1.pth')
    content = load_file(file)
    code = f'__import__("os").mkdir({str(place / "was-here")!r})\ngpu_ids = [0, 1]\n'
    content['meta'].update(config=code, cfg=code + content['meta']['cfg'])
    torch.save(content, file)
    training_config.update(resume=True, experiment_name='again')
    training_config.train_cfg.max_epochs = 2
    content['meta']['schedule']['epochs'] = 2
    torch.save(content, file)
    Runner.from_cfg(training_config).train()
    assert load_file(file.with_name('epoch_2.pth'))['meta']['epoch'] == 2
    assert harm(place) == []


@pytest.mark.parametrize(
    'note',
    [
        {'best_ckpt': '{place}/victim.txt', 'best_score': -1.0},
        {'best_ckpt': '{place}/victims', 'best_score': -1.0},
        {'best_ckpt': '{place}/victims/best_loss_epoch_1.pth', 'best_score': -1.0},
        {'best_ckpt': ['x'], 'best_score': -1.0},
        {'keep_ckpt_ids': ['../../victims', '1/../../../victim.txt', -1, 0, None, 1.5, [1]]},
        {'keep_ckpt_ids': 'all'},
        {'last_ckpt': '{place}/victim.txt'},
    ],
    ids=str,
)
def test_nothing_that_a_message_hub_names_is_deleted(place, note):
    (place / 'victims/best_loss_epoch_1.pth').write_text('stays')
    work = place / 'work'
    (work / 'epoch_').mkdir(parents=True)  # through which "epoch_/../../victim" would lead
    hub = MessageHub.get_instance(f'hostile {place.name}')
    for key, value in note.items():
        hub.update_info(key, value.format(place=place) if isinstance(value, str) else value)
    runner = SimpleNamespace(
        work_dir=str(work),
        logger=MMLogger.get_current_instance(),
        message_hub=hub,
        val_loop=None,
        epoch=0,
        iter=0,
        save_checkpoint=lambda folder, filename, *_, **__: Path(folder, filename).touch(),
    )
    hook = CheckpointHook(interval=1, max_keep_ckpts=1, save_best='loss', rule='greater')
    hook.before_train(runner)
    for runner.epoch in (1, 2, 3):
        meta = {'epoch': runner.epoch, 'iter': 0}
        hook._save_checkpoint_with_step(runner, runner.epoch, meta)
        hook._save_best_checkpoint(runner, {'loss': float(runner.epoch)})
    assert harm(place) == [] and (place / 'victims/best_loss_epoch_1.pth').is_file()
    names = sorted(path.name for path in work.glob('*.pth'))
    assert names == ['best_loss_epoch_3.pth', 'epoch_3.pth']
    assert (work / 'last_checkpoint').read_text() == 'epoch_3.pth'


def read_pickles(place, results):
    with results.open('w') as notes:
        for name, content in pickles(place / 'was-here').items():
            folder = place / 'roxford5k'
            folder.mkdir(exist_ok=True)
            (folder / 'gnd_roxford5k.pkl').write_bytes(content)
            notes.write(f'{name}\n')
            notes.flush()
            for read, argument in ((Revisited.read, folder), (plain_pickle.loads, content)):
                with contextlib.suppress(ValueError):
                    read(argument)
            notes.write('-\n')


def test_no_ground_truth_harms(place):
    results = place / 'results'
    status = in_a_process(read_pickles, place, results)
    assert status == 0, f'the process ended with {status} in {results.read_text().split()[-1]}'
    assert harm(place) == []


CONFIGS = {
    'tag.yaml': 'a: !!python/object/apply:os.mkdir ["{proof}"]',
    'name.yml': 'a: !!python/name:os.system',
    'module.yaml': 'a: !!python/module:antigravity',
    'type.json': '{{"model": {{"type": "os.mkdir", "path": "{proof}"}}}}',
    'base.json': '{{"_base_": "evil.py"}}',
    'import.yaml': 'custom_imports: {{imports: [evil]}}',
    'base.py': "_base_ = 'tag.yaml'",
    'bases.py': "_base_ = ['base.py']",
}


@pytest.mark.parametrize('name', CONFIGS)
def test_a_config_that_looks_like_data_is_not_read(place, name, monkeypatch):
    monkeypatch.syspath_prepend(str(place))
    proof = place / 'was-here'
    (place / 'evil.py').write_text(f'__import__("os").mkdir({str(proof)!r})')
    for other, text in CONFIGS.items():
        (place / other).write_text(text.format(proof=proof))
    with pytest.raises(ValueError, match='configs are Python files'):
        read_config(place / name)
    assert harm(place) == []


def test_golden_files_hold_no_objects(place):
    import numpy as np  # noqa: PLC0415

    from hostile import Hostile  # noqa: PLC0415

    objects = np.array([Hostile(place / 'was-here')], dtype=object)
    np.savez(place / 'golden.npz', method=objects)
    with pytest.raises(ValueError, match='allow_pickle|Object arrays'):
        fidelity.read(place / 'golden.npz')
    assert harm(place) == []


def test_a_pointer_leads_nowhere_else(place):
    """Neither to a URL, nor to another folder, nor through a link."""
    work, other = place / 'work', place / 'other'
    for folder in (work, other):
        folder.mkdir()
    for number in (1, 2):
        torch.save({'number': number}, work / f'epoch_{number}.pth')
    torch.save({}, other / 'epoch_9.pth')
    for text in (
        'https://evil.example/epoch_9.pth',
        f'{other}/epoch_9.pth',
        '../other/epoch_9.pth',
        'file:///etc/passwd',
        '\0',
        '..',
    ):
        (work / 'last_checkpoint').write_text(text)
        assert find_checkpoint(work) == str(work / 'epoch_2.pth'), text


# A reader that runs what it reads, and the few lines of the package that may have its name.
UNSAFE = re.compile(
    r'(?<!\.)\beval\(|\bexec\(|(?<!plain_)pickle\.loads?\(|yaml\.(?:unsafe_|full_)?load\(|(?<!`)weights_only=False'
    r'|np\.load\((?!.*allow_pickle=False)|torch\.hub\.load|Config\.fromstring|torch\.jit\.load'
)


# What an export has just written is a program, which is run once to compare it; the other lines
# are a message, a line for a model card, and a doctest on an array.
KNOWN = {
    'return yaml.load(file, Loader=_LOADER)',  # SafeLoader, or libyaml's
    "model = torch.jit.load(str(folder / 'encoder.pt'))",
    "model = torch.jit.load('{folder}/encoder.pt')",
    "f'{path} is a program, not a checkpoint: onnxruntime or torch.jit.load run it. Load '",
    ">>> names, features.shape, np.load(f'{folder}/cats.npy').shape",
}


def test_no_other_reader_runs_what_it_reads():
    found = [
        f'{file.relative_to(ROOT)}: {line.strip()}'
        for file in sorted((ROOT / 'mcl_plugins').rglob('*.py'))
        for line in file.read_text().splitlines()
        if UNSAFE.search(line) and line.strip() not in KNOWN
    ]
    assert found == []
