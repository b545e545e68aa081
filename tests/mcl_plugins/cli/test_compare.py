"""mcl compare: entries of several seeds, bands, and what is said of them."""

import json

import numpy as np
import pytest

from mcl_plugins.cli.compare import describe, judge, main, read_entries
from mcl_plugins.cli.pocket.curves import add_curves, read_curves

STEPS = list(range(10, 110, 10))
BACK = 'inside the band at the end; outside at 3 steps, the last of them 30'


def write_run(folder, values, seed=0, rate=1e-3):
    """A work dir as a training leaves it: its scalars and its config."""
    log = folder / '20260101_000000' / 'vis_data' / 'scalars.json'
    log.parent.mkdir(parents=True)
    rows = [{'loss': value, 'step': step} for step, value in zip(STEPS, values, strict=True)]
    log.write_text(''.join(json.dumps(row) + '\n' for row in rows))
    config = f'optim_wrapper = dict(optimizer=dict(lr={rate}))\nrandomness = dict(seed={seed})\n'
    (folder / 'config.py').write_text(config + f'work_dir = {str(folder)!r}\n')
    return folder


@pytest.fixture
def reference(tmp_path, monkeypatch):
    """Curves of three seeds: 1, 2 and 3 at every step, so the band is 0 to 4."""
    monkeypatch.setattr('mcl_plugins.cli.pocket.curves.zoo', lambda: tmp_path / 'zoo')
    file = tmp_path / 'zoo/curves/conmim_digits.csv'
    for seed in range(3):
        add_curves(file, seed, {'loss': [STEPS, [1.0 + seed] * len(STEPS)]})
    return file


def test_curves_of_a_seed_replace_its_earlier_ones(reference):
    add_curves(reference, 1, {'loss': [[5], [7.0]]})
    runs = {run.name: run.curves['loss'] for run in read_curves(reference)}
    assert runs['seed 1'] == ([5], [7.0]) and runs['seed 2'] == (STEPS, [3.0] * len(STEPS))


@pytest.mark.parametrize(
    ('values', 'words'),
    [
        ([3.9] * 10, 'inside the band'),
        ([4.1] * 10, 'above the band from step 10 on'),
        ([2.0] * 6 + [-0.1] * 4, 'below the band from step 70 on'),
        ([9.0] * 3 + [2.0] * 7, BACK),
        ([9.0, 2.0] + [9.0] * 8, 'above the band from step 30 on'),
    ],
)
def test_words(reference, tmp_path, values, words):
    first, own = read_entries([write_run(tmp_path / 'run', values)], 'conmim-pocket')
    assert judge(own, first, 'loss') == words
    assert f'    loss: {words}' in describe([first, own])


def test_a_shorter_run_is_compared_as_far_as_it_went(reference, tmp_path):
    folder = tmp_path / 'run'
    log = folder / '20260101_000000' / 'vis_data' / 'scalars.json'
    log.parent.mkdir(parents=True)
    log.write_text('{"loss": 2.0, "step": 10}\n{"loss": 9.0, "step": 25}\n')
    first, own = read_entries([folder], 'conmim-pocket')
    assert judge(own, first, 'loss') == 'above the band from step 20 on'


def test_runs_that_differ_in_the_seed_are_one_entry(tmp_path, capsys):
    folders = [
        write_run(tmp_path / 'a', [1.0] * 10, seed=0),
        write_run(tmp_path / 'b', [3.0] * 10, seed=1),
        write_run(tmp_path / 'c', [2.0] * 10, seed=0, rate=2e-3),
    ]
    both, other = read_entries(folders)
    assert [len(both.runs), len(other.runs)] == [2, 1]
    steps, mean, spread = both.band('loss')
    assert steps.tolist() == STEPS and np.allclose(mean, 2) and np.allclose(spread, 2**0.5)
    main([str(folder) for folder in folders] + ['--out', str(tmp_path / 'x.png')])
    shown = capsys.readouterr().out
    assert 'a  2 +- 1.41' in shown and 'optim_wrapper.optimizer.lr' in shown
    assert 'randomness' not in shown and 'c' in shown
    assert (tmp_path / 'x.png').stat().st_size > 10_000


def test_unknown_references_are_refused(reference, tmp_path):
    run = write_run(tmp_path / 'run', [1.0] * 10)
    with pytest.raises(ValueError, match=r"'conmin-pocket'; did you mean 'conmim-pocket'"):
        read_entries([run], 'conmin-pocket')
    with pytest.raises(FileNotFoundError, match='work dir of a training'):
        read_entries([tmp_path / 'none'], 'conmim-pocket')
