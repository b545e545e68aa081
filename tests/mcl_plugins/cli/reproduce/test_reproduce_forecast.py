"""The hours of a chain, from measured steps and from counted work."""

import json

import pytest
import torch

from mcl_plugins.cli.common import read_config
from mcl_plugins.cli.reproduce import forecast
from mcl_plugins.cli.reproduce.forecast import count, matrix_rate, measure
from mcl_plugins.cli.reproduce.plan import TEACHER, Stage, plan
from mcl_plugins.cli.reproduce.rows import find_row
from mcl_plugins.cli.reproduce.run import reproduce
from mcl_plugins.cli.reproduce.stages import Launch
from mcl_plugins.utils.places import find_config


def stage_of(name, option=None, source=None):
    return Stage(name, f'{name}.py', 'train', option, source, False)


def test_hours_follow_from_a_measured_step(tmp_path, monkeypatch):
    cost = dict(step=0.5, iterations=7200, processes=8, images=64, device='NVIDIA H200')
    began = []

    def write(config, out, options, launch):
        began.append(options)
        out.write_text(json.dumps(cost))

    monkeypatch.setattr(forecast, 'run_preflight', write)
    out, launch, given = tmp_path / 'a.json', Launch(8), {'a.b': 1}
    found = measure(stage_of('1-a'), tmp_path / 'c.py', 3_686_400, given, out, launch)
    assert found.hours == 1 and not found.least
    assert str(found) == (
        '1-a: 4 million images, 1 hours: measured, 0.5 s for 8 x 64 images (NVIDIA H200)'
    )
    assert began == [given]
    measure(stage_of('1-a'), tmp_path / 'c.py', 1, given, out, launch)
    assert len(began) == 1, 'what was begun before is not begun again'
    # Weights that an earlier stage is going to train are not there yet.
    later = stage_of('2-b', 'load_from', '1-a')
    measure(later, tmp_path / 'c.py', 1, given, tmp_path / 'b.json', launch)
    assert began[-1] == {'a.b': 1, 'load_from': None}
    student = stage_of('2-b', TEACHER, '1-a')
    assert measure(student, tmp_path / 'c.py', 1, {}, tmp_path / 'c.json', launch) is None


def test_hours_follow_from_counted_work(monkeypatch):
    """ViT-S at 224 px has 4.6 billion multiplications and additions (DeiT's paper)."""
    monkeypatch.setattr(forecast, 'matrix_rate', lambda: 1e14)
    config = read_config(find_config('cmae/baselines/mae_vit-s.py'))
    assert count(stage_of('1-a'), config, 8).hours is None, "mmpretrain's own methods"
    config = read_config(find_config('conmim/vit-s.py'))
    found = count(stage_of('1-a'), config, devices=8)
    images = 300 * 1_281_167
    assert found.images == images and found.least
    projector = 197 * (384 * 4096 + 4096 * 4096 + 4096 * 256)
    # Forward passes of student and teacher, and a backward pass that takes twice as long.
    work = 4 * 2 * (4.6e9 + projector)
    assert found.hours * 3600 * 8 * 1e14 == pytest.approx(images * work, rel=0.03)


def test_the_rate_is_that_of_products_of_matrices(monkeypatch):
    """Its clock advances by a tenth of a second each time it is read."""
    ticks = iter(range(100))
    monkeypatch.setattr(forecast.time, 'perf_counter', lambda: next(ticks) / 10)
    monkeypatch.setattr(torch, 'mm', lambda a, b: a)
    assert matrix_rate(0.45) == pytest.approx(2 * 1024**3 * 4 / 0.6)


def test_a_chain_is_begun_before_it_runs(tmp_path, capfd):
    """Preflight of each training, in a process of its own, and then the chain."""
    row = find_row('ccmim', 'pictures: MAE')
    (stage,) = plan(row, lambda config: read_config(find_config(config)))
    file = reproduce('ccmim', row.name, work_dir=tmp_path, tiny=True, preflight=True)
    said = capfd.readouterr().out
    assert said.index('No faults.') < said.index(': measured, ') < said.index(f'{stage.name}: ccm')
    cost = json.loads((file.parent / 'preflight' / f'{stage.name}.json').read_text())
    assert cost['processes'] == 1 and cost['images'] == 4 and cost['iterations'] == 3
