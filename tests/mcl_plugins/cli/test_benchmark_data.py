"""The stages of a data path add up, and the verdict follows from the rates."""

import re

import numpy as np
import pytest
from PIL import Image

from conftest import ROOT
from mcl_plugins.cli.benchmark import data
from mcl_plugins.cli.benchmark.data import Speed
from mcl_plugins.cli.benchmark.stages import Stopwatch
from mcl_plugins.utils.decoding import ImageDecoder

STAGES = {'read', 'decode', 'crop', 'PackInputs', 'data set', 'collate'}


@pytest.fixture
def words(tmp_path):
    rng = np.random.default_rng(0)
    (tmp_path / 'train').mkdir()
    for index in range(6):
        image = Image.fromarray(rng.integers(0, 256, (48, 64, 3), np.uint8))
        image.save(tmp_path / f'train/{index}.jpg')
    config = str(ROOT / 'configs/quickstart/conmim.py')
    root = f'train_dataloader.dataset.data_root={tmp_path}'
    return [config, '--images', '8', '--batch-size', '4', '--cfg-options', root]


def test_stages_step_and_verdict_are_printed(words, capsys, monkeypatch):
    """By a clock that only decoding moves; that of the step is the machine's."""
    clock = [0.0]
    decode = ImageDecoder.__call__

    def slow(self, *args, **kwargs):
        clock[0] += 0.02
        return decode(self, *args, **kwargs)

    monkeypatch.setattr(ImageDecoder, '__call__', slow)
    monkeypatch.setattr(data, 'Stopwatch', lambda: Stopwatch(lambda: clock[0]))
    data.main([*words, '--steps', '1', '--device', 'cpu'])
    said = capsys.readouterr().out
    lines = re.findall(r'^(\w[\w ]*?) +([\d.]+)(?: +\d+%)?$', said, re.MULTILINE)
    rows = {name: float(value) for name, value in lines}
    assert rows.keys() == STAGES | {'transfer', 'augmentation on device', 'step'}
    assert {name: rows[name] for name in STAGES} == {**dict.fromkeys(STAGES, 0), 'decode': 20}
    summary = r'([\d.]+) images/s per core; step ([\d.]+) images/s; ([\d.e-]+) cores feed it'
    core, step, needed = map(float, re.search(summary, said).groups())
    assert core == pytest.approx(1000 / sum(rows[name] for name in STAGES), rel=0.01)
    assert step == pytest.approx(1000 / rows['step'], rel=0.01)
    assert needed == pytest.approx(step / core, rel=0.01)
    assert said.splitlines()[-1].startswith(('Data-bound: ', 'Not data-bound: '))


def test_a_rate_from_elsewhere_needs_no_model(words, capsys):
    data.main([*words, '--step-rate', '1e9'])
    said = capsys.readouterr().out
    assert 'augmentation' not in said and 'step 1000000000.0 images/s' in said
    assert 'Data-bound: the step takes 1e+09 images/s' in said.splitlines()[-1]


def test_stages_do_not_count_those_within_them():
    clock = [0.0]
    watch = Stopwatch(lambda: clock[0])

    def work(seconds):
        clock[0] += seconds

    with watch.stage('all'):
        work(1)
        for _ in range(2):
            with watch.stage('outer'):
                work(2)
                watch.timed('inner', work)(4)
        with pytest.raises(ZeroDivisionError), watch.stage('failed'):
            work(8 / 0)
    assert watch.seconds == {'all': 1, 'outer': 4, 'inner': 8, 'failed': 0}


@pytest.mark.parametrize(
    ('step', 'workers', 'words'),
    [
        (300, 8, 'Not data-bound: the step takes 300 images/s, for which 0.6 cores are needed'),
        (3000, 2, 'has 2 workers: set train_dataloader.num_workers=6.'),
        (3000, 1, 'has 1 worker: set train_dataloader.num_workers=6.'),
        (500, 0, 'Data-bound: without workers 50% of the time is loading; .*num_workers=1'),
        (50, 0, '^Not data-bound: without workers 9.09% of the time is loading.$'),
        (1, 0, '^Not data-bound: without workers 0.20% '),
        (9000, 32, 'this machine has 16 for each process; of their time 75% is decode'),
    ],
)
def test_verdicts(step, workers, words):
    speed = Speed({'read': 0.0005, 'decode': 0.0015}, step=step, workers=workers, cores=16)
    assert speed.core == pytest.approx(500)
    assert re.search(words, speed.verdict())


@pytest.mark.parametrize(
    ('launched', 'given', 'cores'),
    [(None, None, 64), ('8', None, 8), ('2', None, 32), (None, 8, 8), ('128', None, 1)],
)
def test_processes_share_the_cores(launched, given, cores, monkeypatch):
    """Those that run here, however many GPUs there are."""
    monkeypatch.delenv('LOCAL_WORLD_SIZE', raising=False)
    if launched:
        monkeypatch.setenv('LOCAL_WORLD_SIZE', launched)
    monkeypatch.setattr(data.os, 'sched_getaffinity', lambda _: range(64), raising=False)
    monkeypatch.setattr(data.torch.cuda, 'device_count', lambda: 4)
    assert data.cores_of_process(given) == cores
