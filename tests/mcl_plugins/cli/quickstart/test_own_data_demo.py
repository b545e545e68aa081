"""The demonstration on solar cells, on drawn ones: a dark stripe is the defect."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mcl_plugins.cli.data import solar_cells
from mcl_plugins.cli.quickstart import own_data

SHORT = {'train_cfg.max_epochs': 5, 'default_hooks.checkpoint.interval': 5}


@pytest.fixture(scope='module')
def workspace(tmp_path_factory):
    """A folder with data/solar-cells of 160 drawn cells."""
    root = tmp_path_factory.mktemp('workspace')
    rng = np.random.default_rng(0)
    with zipfile.ZipFile(root / 'cells.whl', 'w') as archive:
        lines = []
        for index in range(160):
            pixels = rng.integers(120, 200, (48, 48)).astype(np.uint8)
            if index % 4 > 1:
                pixels[:, 20:28] = 10
            content = io.BytesIO()
            Image.fromarray(pixels).save(content, 'png')
            name = f'images/cell{index + 1:04d}.png'
            archive.writestr(f'{solar_cells.INSIDE}/{name}', content.getvalue())
            lines.append(f'{name} {(index % 4) / 3} {"mono" if index % 8 < 4 else "poly"}')
        archive.writestr(f'{solar_cells.INSIDE}/labels.csv', '\n'.join(lines))
        archive.writestr('elpv.dist-info/LICENSE.md', '')
    data = root / 'data/solar-cells'
    data.mkdir(parents=True)
    solar_cells.write(data, root / 'cells.whl')
    return root


def area(scores, defective):
    """The share of pairs whose defective cell has the higher score, in percent; half of ties."""
    pairs = scores[defective][:, None] - scores[~defective]
    return 50 * (1 + np.sign(pairs).mean())


def test_demonstration(workspace, monkeypatch, capsys):
    monkeypatch.setattr(own_data, 'workspace', lambda: workspace)
    monkeypatch.setattr(own_data, 'call', lambda *words: None)
    monkeypatch.setattr(own_data, 'REGIMES', (25,))
    monkeypatch.setattr(own_data, 'SEEDS', 2)
    full = own_data.train

    def short(config, cfg_options, **options):
        return full(config, cfg_options={**cfg_options, **SHORT}, **options)

    monkeypatch.setattr(own_data, 'train', short)
    areas, score = [], own_data.score_defects

    def scored(runner):
        scores, dataset = score(runner), runner.val_dataloader.dataset
        classes = [dataset.get_data_info(index)['gt_label'] for index in range(len(dataset))]
        areas.append(area(scores, np.array(classes) == solar_cells.CLASSES.index('defective')))
        return scores

    monkeypatch.setattr(own_data, 'score_defects', scored)
    results = own_data.run_own_data_demo()
    folder = Path(results['work_dir'])
    assert folder == workspace / 'work_dirs/own_data_demo'
    rows = results['AUC']['25']
    assert set(rows) == set(own_data.STARTS) and all(len(values) == 2 for values in rows.values())
    assert [value for values in rows.values() for value in values] == pytest.approx(areas, abs=0.01)
    for picture in ('roc.png', 'attention.png'):
        with Image.open(folder / picture) as image:
            assert np.asarray(image.convert('L')).std() > 5
    own_data.print_results(results)
    shown = capsys.readouterr().out
    assert '25 labels of a class' in shown and 'than the spread of' in shown


def test_a_gain_within_the_spread_is_not_a_win():
    rows = {
        'random': [70.0, 72.0, 74.0],
        'supervised': [60.0, 60.5, 61.0],
        'pretrained': [73.0, 73.5, 74.0],
    }
    assert own_data.judge(rows) == {
        'random': {'points': 1.5, 'spread': 2.0, 'wins': False},
        'supervised': {'points': 13.0, 'spread': 0.5, 'wins': True},
    }
