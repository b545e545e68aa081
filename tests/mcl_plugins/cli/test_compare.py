"""mcl compare: entries of several seeds, bands, and what is said of them."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from mcl_plugins.cli.compare import describe, judge, main
from mcl_plugins.cli.entries import Entry, read_entries
from mcl_plugins.cli.logs import Run
from mcl_plugins.cli.pocket.curves import add_curves, read_curves
from mcl_plugins.cli.report.facts import differences, read_facts
from mcl_plugins.cli.visualize.curves import select_panels

STEPS = list(range(10, 110, 10))
BACK = 'inside the band at the end; outside at 3 steps, the last of them 30'


def write_run(folder, values, seed=0, rate=1e-3, steps=STEPS):
    """A work dir as a training leaves it: its scalars and its config."""
    log = folder / '20260101_000000' / 'vis_data' / 'scalars.json'
    log.parent.mkdir(parents=True)
    rows = [{'loss': value, 'step': step} for step, value in zip(steps, values, strict=True)]
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
    assert 'a  2 +- 1.41 at 100' in shown and 'optim_wrapper.optimizer.lr' in shown
    assert 'randomness' not in shown and 'c' in shown
    assert (tmp_path / 'x.png').stat().st_size > 10_000


@pytest.mark.parametrize(
    ('values', 'words'),
    [
        ([2.0] * 5 + [math.nan] * 5, 'not finite from step 60 on'),
        ([math.nan] * 10, 'not finite from step 10 on'),
        ([2.0] * 4 + [math.inf] * 2 + [2.0] * 4, 'inside the band at the end; outside at 2 steps'),
    ],
)
def test_what_is_not_finite_is_in_no_band(reference, tmp_path, values, words):
    first, own = read_entries([write_run(tmp_path / 'run', values)], 'conmim-pocket')
    assert judge(own, first, 'loss').startswith(words)


def test_a_reference_that_is_not_finite_has_no_band(tmp_path):
    folders = [
        write_run(tmp_path / 'a', [1.0] * 10, seed=0),
        write_run(tmp_path / 'b', [1.0] * 9 + [math.nan], seed=1),
        write_run(tmp_path / 'c', [1.0] * 10, rate=2e-3),
    ]
    first, own = read_entries(folders)
    assert judge(own, first, 'loss') == 'a has values that are not finite, hence no band'


@pytest.mark.parametrize(
    ('steps', 'values', 'words'),
    [
        ([61, 75, 89, 100], [2.0] * 4, 'inside the band'),  # nothing is known of it before
        (range(10, 160, 10), [2.0] * 10 + [99.0] * 5, 'inside the band, up to step 100'),
        ([110, 120], [2.0] * 2, 'run and conmim-pocket have no steps in common'),
    ],
)
def test_only_steps_that_both_have_are_compared(reference, tmp_path, steps, values, words):
    folder = write_run(tmp_path / 'run', values, steps=steps)
    first, own = read_entries([folder], 'conmim-pocket')
    assert judge(own, first, 'loss') == words


def test_seeds_without_common_steps_have_no_band(reference, tmp_path):
    early = write_run(tmp_path / 'early', [2.0] * 3, steps=[10, 20, 30])
    late = write_run(tmp_path / 'late', [2.0] * 2, seed=1, steps=[61, 100])
    entries = read_entries([early, late], 'conmim-pocket')
    assert judge(entries[1], entries[0], 'loss') == 'the runs of early have no steps in common'
    assert '    early          -' in describe(entries)


def test_a_seed_that_ended_early_is_said(tmp_path):
    folders = [write_run(tmp_path / str(seed), [3.0 - seed] * 10, seed) for seed in range(2)]
    died = write_run(tmp_path / 'died', [9.0, 8.0], seed=2, steps=STEPS[:2])
    lines = describe(read_entries([*folders, died]))
    assert '    0  4.333 +- 3.21 at 20' in lines
    assert f'  0: {died} ends at step 20, others at 100: mean and band end with it' in lines


def test_one_folder_counts_once_and_equal_seeds_are_said(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_run(tmp_path / 'a', [1.0] * 10)
    write_run(tmp_path / 'again', [1.0] * 10)
    (one,) = read_entries([tmp_path / 'a', Path('a'), Path('again/../a')])
    assert len(one.runs) == 1 and not one.remarks()
    (both,) = read_entries([tmp_path / 'a', tmp_path / 'again'])
    assert both.remarks() == ['2 runs have the seed 0: their spread is not that of seeds']


@pytest.mark.parametrize('encoder', ['mae.pth', None])
def test_a_resumed_seed_is_one_of_its_entry(tmp_path, encoder):
    """As ``mcl train --resume`` writes its config: the encoder's file is out of the model."""
    init = dict(type='Pretrained', checkpoint=encoder, prefix='backbone.')
    backbone = dict(depth=4, init_cfg=init) if encoder else dict(depth=4)
    noted = {'model.backbone.init_cfg.checkpoint': encoder} if encoder else {}
    texts = (
        f'model = dict(backbone={backbone})\n',
        f'model = dict(backbone=dict(depth=4))\nstart_files = {noted}\nresume = True\n'
        'resume_found = True\nload_from = "x.pth"\n',
    )
    for seed, text in enumerate(texts):
        file = write_run(tmp_path / str(seed), [1.0 + seed] * 10, seed) / 'config.py'
        file.write_text(file.read_text() + text)
    (entry,) = read_entries([tmp_path / '0', tmp_path / '1'])
    assert len(entry.runs) == 2 and entry.seeds == [0, 1]
    assert entry.settings.get('model.backbone.init_cfg.checkpoint') == encoder


def test_compare_and_report_know_the_same_settings(tmp_path):
    """What the way of running or a resumption adds is in neither, and all others are in both."""
    run = 'launcher = "pytorch"\nlog_level = "INFO"\ntrain_dataloader = dict({}batch_size=4)\n'
    texts = (
        run.format('pin_memory=True, persistent_workers=True, '),
        run.format('') + 'resume = True\nresume_found = True\nexperiment_name = "again"\n',
        run.format('').replace('4', '8'),
        run.format('') + 'load_from = "whole.pth"\n',
        run.format('')
        + 'resume = True\nload_from = "epoch_1.pth"\nstart_files = {"load_from": "whole.pth"}\n',
    )
    folders = [write_run(tmp_path / str(place), [1.0] * 10) for place in range(len(texts))]
    for folder, text in zip(folders, texts, strict=True):
        (folder / 'config.py').write_text((folder / 'config.py').read_text() + text)
    entries = read_entries(folders)
    assert [[run.name for run in entry.runs] for entry in entries] == [
        [str(folder) for folder in part] for part in (folders[:2], folders[2:3], folders[3:])
    ]
    first, again, batch, whole, resumed = (read_facts(folder, folder.name) for folder in folders)
    assert not differences(first, again.settings) and not differences(whole, resumed.settings)
    assert differences(first, batch.settings) == {'train_dataloader.batch_size': (8, 4)}
    assert differences(first, resumed.settings) == {'load_from': ('whole.pth', '(not set)')}


def test_a_loss_without_parts_is_compared_beside_one_with_a_part():
    plain, parted = (Run(name, {'loss': ([1], [1.0])}) for name in 'ab')
    parted.curves['loss_contrast'] = ([1], [1.0])
    assert select_panels([parted]) == ['loss_contrast']
    assert select_panels([plain, parted]) == ['loss', 'loss_contrast']
    with pytest.raises(ValueError, match='logged none of loss, top1'):
        describe([Entry('empty', [Run('empty', {})], {})])


def test_unknown_references_are_refused(reference, tmp_path):
    run = write_run(tmp_path / 'run', [1.0] * 10)
    with pytest.raises(ValueError, match=r"'conmin-pocket'; did you mean 'conmim-pocket'"):
        read_entries([run], 'conmin-pocket')
    with pytest.raises(FileNotFoundError, match='work dir of a training'):
        read_entries([tmp_path / 'none'], 'conmim-pocket')
