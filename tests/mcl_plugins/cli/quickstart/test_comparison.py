"""The demonstrations compare their trainings as ``mcl compare`` does."""

import json

import numpy as np
from PIL import Image

from mcl_plugins.cli.quickstart.comparison import compare_starts


def write_run(folder, offset):
    file = folder / 'vis_data/scalars.json'
    file.parent.mkdir(parents=True)
    rows = [
        {'step': step, 'loss': 3.0 - 0.1 * step + offset, 'accuracy/top1': 10.0 * step}
        for step in range(1, 9)
    ]
    file.write_text('\n'.join(map(json.dumps, rows)))
    return folder.parent


def test_the_first_start_is_the_reference(tmp_path):
    runs = {
        start: [
            write_run(tmp_path / f'{start}-{seed}' / 'now', offset + 0.01 * seed)
            for seed in range(2)
        ]
        for start, offset in (('random', 0.0), ('pretrained', -1.0))
    }
    said = compare_starts(runs, tmp_path / 'curves.png')
    assert 'against random weights' in said
    assert '    loss: below the band from step 1 on' in said
    assert '    accuracy/top1: inside the band' in said
    assert any(line.split()[-5:-2] == ['1.205', '+-', '0.00707'] for line in said)
    with Image.open(tmp_path / 'curves.png') as image:
        assert np.asarray(image).std() > 5


def test_one_seed_has_no_band(tmp_path):
    runs = {start: [write_run(tmp_path / start / 'now', 0.0)] for start in ('random', 'pretrained')}
    said = compare_starts(runs, tmp_path / 'curves.png')
    assert '    loss: random weights has one run, hence no band' in said
