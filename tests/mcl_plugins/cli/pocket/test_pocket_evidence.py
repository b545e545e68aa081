"""What is in the tree agrees: records, page, curves, encoders; and the digits are hard."""

import json
import re

import numpy as np
import pytest
import torch
import yaml
from mmengine.config import Config
from PIL import Image

from conftest import ROOT
from mcl_plugins.checkpoint.digest import sha256_of
from mcl_plugins.checkpoint.files import save_file
from mcl_plugins.cli.data.make_hard_digits import make
from mcl_plugins.cli.evaluate.frozen import find_classifier
from mcl_plugins.cli.evaluate.knn import evaluate_knn
from mcl_plugins.cli.pocket.claims import CLAIMS
from mcl_plugins.cli.pocket.collect import collect
from mcl_plugins.cli.pocket.curves import add_curves, read_curves
from mcl_plugins.cli.pocket.effects import differences, values, verdict
from mcl_plugins.cli.pocket.page import (
    claims_table,
    dense_table,
    fill,
    losses_table,
    page,
    pages,
    score,
)
from mcl_plugins.cli.pocket.plots import draw_kappa, draw_losses
from mcl_plugins.cli.pocket.protocol import NEIGHBOURS, RATES
from mcl_plugins.cli.pocket.records import read_kept
from mcl_plugins.cli.pocket.rows import DATA, ROWS
from mcl_plugins.cli.pocket.tables import IMAGES
from mcl_plugins.evaluation.knn import knn_predict

ZOO = ROOT / 'zoo'
ENCODERS = sorted(ZOO.glob('*.safetensors'))
MODELS = yaml.safe_load((ZOO / 'metafile.yml').read_text())['Models']


@pytest.fixture(scope='module')
def digits(tmp_path_factory):
    root = tmp_path_factory.mktemp('digits')
    make(root)
    return root


def read(folder):
    """Pixels (N, 1024) of the middle of all images in class folders, and labels (N,)."""
    files = sorted(folder.glob('*/*.jpg'))
    images = torch.stack([torch.from_numpy(np.array(Image.open(file))) for file in files])
    return images[:, 4:36, 4:36].flatten(1) / 255, torch.tensor(
        [int(file.parent.name) for file in files]
    )


def test_pixels_do_not_solve_the_digits(digits):
    (train, train_labels), (test, labels) = (read(digits / part) for part in ('train', 'test'))
    found = knn_predict(test, train, train_labels, ks=(NEIGHBOURS,))[NEIGHBOURS]
    accuracy = 100 * (found == labels).float().mean()
    assert 40 < accuracy < 60
    assert f'is right in {accuracy:.1f} %' in ' '.join(page().read_text().split())


def test_flat_digits_are_the_same_digits_at_the_same_places(digits, tmp_path, capsys):
    make(tmp_path, flat=True)
    capsys.readouterr()
    make(tmp_path, flat=True)
    assert capsys.readouterr().out == f'{tmp_path} is complete\n'
    files, others = (
        sorted(file.relative_to(root) for file in root.glob('*/*/*.jpg'))
        for root in (digits, tmp_path)
    )
    assert files == others
    for file in files[::100]:
        flat, textured = (
            np.array(Image.open(root / file)).astype(float) for root in (tmp_path, digits)
        )
        ink = flat > (np.median(flat) + flat.max()) / 2
        ground = abs(flat - np.median(flat)) < 10
        assert ground.mean() > 0.5 and flat[ground].std() < 4 < textured[ground].std()
        assert textured[ink].mean() - textured[ground].mean() > 50


def test_the_same_grays_are_in_all_images(digits, tmp_path):
    make(tmp_path, flat=True, same_grays=True)
    files = sorted(tmp_path.glob('*/*/*.jpg'))[::100]
    images = np.stack([np.array(Image.open(file)) for file in files])
    grounds = np.median(images, axis=(1, 2))
    assert np.ptp(grounds) <= 1 and grounds.mean() == pytest.approx(127.5 - 50, abs=1)
    drawn = [np.median(Image.open(digits / file.relative_to(tmp_path))) for file in files]
    assert np.ptp(drawn) > 30
    # The brightest of a digit is ink alone in most of them.
    inks = np.percentile(images, 99, axis=(1, 2))
    assert np.median(inks) == pytest.approx(127.5 + 50, abs=10)


def test_no_scan_is_in_two_parts(digits):
    scans = [
        {file.name.partition('_')[0] for file in (digits / part).glob('*/*')}
        for part in ('train', 'val', 'test')
    ]
    assert [len(part) for part in scans] == [1197, 200, 400]
    assert len(set.union(*scans)) == 1797


def test_lists_of_labels_are_nested_and_balanced(digits):
    few, more = ((digits / f'labels_{count}_3.txt').read_text().splitlines() for count in (50, 200))
    assert set(few) < set(more) and len(more) == 200
    assert [sum(line.endswith(f' {digit}') for line in few) for digit in range(10)] == [5] * 10
    assert all((digits / 'train' / line.split()[0]).is_file() for line in more)


@pytest.mark.parametrize('file', pages(), ids=lambda file: file.stem)
def test_the_pages_show_the_records(file):
    text = file.read_text(encoding='utf-8')
    assert '<!-- table: ' in text and fill(text) == text, 'run: mcl pocket --report'
    for picture in re.findall(r'\]\((pocket-benchmark/[^)]+)\)', text):
        assert (file.parent / picture).is_file(), picture


def test_losses_are_those_of_the_curves_at_shares_of_the_training(tmp_path, monkeypatch):
    monkeypatch.setattr('mcl_plugins.cli.pocket.curves.zoo', lambda: tmp_path)
    file = tmp_path / 'curves/mae_digits.csv'
    for seed, offset in ((0, 0.0), (1, 0.2)):
        course = [[10, 20, 50, 100, 200], [value + offset for value in (4.0, 3.0, 2.0, 1.0, 0.5)]]
        add_curves(file, seed, {'loss': course, 'loss_pixel': course})
    assert losses_table('digits').splitlines()[2] == (
        '| MAE | `loss_pixel` | 4.1 | 4.1 | 3.1 | 2.1 | 1.1 | 0.6 | 200 | 2 |'
    )
    assert 'Not run yet: supervised, all labels; SimMIM;' in losses_table('digits')
    axes = draw_losses('digits').axes[0]
    assert len(axes.lines) == 2 and axes.get_legend().get_texts()[0].get_text() == 'loss_pixel'


def test_kappa_is_drawn_of_the_rows_that_have_chunks(tmp_path, monkeypatch):
    monkeypatch.setattr('mcl_plugins.cli.pocket.curves.zoo', lambda: tmp_path)
    course = [[10, 20], [50.0, 80.0]]
    add_curves(tmp_path / 'curves/mae_digits.csv', 0, {'loss': course})
    assert draw_kappa('digits') is None
    kappas = {f'kappa_{place}': course for place in ('representation', 'projection')}
    add_curves(tmp_path / 'curves/masked_moco_digits.csv', 0, kappas)
    axes = [axes for axes in draw_kappa('digits').axes if axes.axison]
    assert [panel.get_title() for panel in axes] == ['Masked MoCo']
    assert [line.get_label() for line in axes[0].lines] == sorted(kappas)
    assert axes[0].lines[0].get_ydata().tolist() == course[1]


@pytest.mark.parametrize('data', DATA.values(), ids=DATA)
def test_each_row_has_its_best_rate(data):
    """Of equals the smallest, as the page says; and no row is in a table without its trials."""
    records, main = read_kept('choice', data.name), read_kept('main', data.name)
    measured = {name.rpartition('/')[0] for name in main}
    for row in (row for row in ROWS.values() if row.config):
        found = {rate: score(records, row.name, rate) for rate in RATES}
        assert row.name not in measured or None not in found.values(), row.name
        if None not in found.values():
            best = max(sorted(found), key=found.get)
            config = Config.fromfile(ROOT / f'configs/pocket/{row.config}.py')
            assert data.rates.get(row.name, config.optim_wrapper.optimizer.lr) == best, row.name


def test_each_encoder_is_small_and_the_one_of_its_record():
    records = json.loads((ZOO / 'records/main_digits.json').read_text())
    assert [ROOT / model['Weights'] for model in sorted(MODELS, key=lambda m: m['Weights'])] == (
        ENCODERS
    )
    assert sum(file.stat().st_size for file in ENCODERS) <= 12 * 2**20
    for model in MODELS:
        file = ROOT / model['Weights']
        digest = sha256_of(file)
        record = records[model['Record'].partition(', ')[2]]
        assert model['SHA256'] == digest == record['sha256'], file
        assert file.stat().st_size <= 2**20 and (ROOT / model['Config']).is_file()
        assert b'data_root' not in file.read_bytes(), 'paths of a machine'
        assert read_curves(ZOO / f'curves/{record["row"]}_digits.csv')


@pytest.mark.parametrize('name', ['cmae', 'conmim', 'mimco-swin'])  # one of each family
def test_an_encoder_reproduces_its_number(name, digits, tmp_path):
    file = ZOO / f'{name}-pocket.safetensors'
    record = json.loads((ZOO / 'records/main_digits.json').read_text())
    wanted = record[f'{name}/0']['metrics']['knn']
    options = {f'{part}_dataloader.dataset.data_root': str(digits) for part in ('train', 'val')}
    found = evaluate_knn(
        find_classifier(file), file, ks=(NEIGHBOURS,), work_dir=tmp_path, cfg_options=options
    )
    assert found == {f'knn_{NEIGHBOURS}': wanted}


def test_only_own_configs_are_read(tmp_path):
    outside = tmp_path / 'evil.py'
    outside.write_text('raise SystemExit\n')
    for name in (str(outside), '../setup.cfg', 'no/such.py', 7, None):
        save_file(
            {'state_dict': {'a': torch.zeros(1)}, 'meta': {'classifier': name}}, tmp_path / 'x.pth'
        )
        with pytest.raises(ValueError, match='does not say with which classifier'):
            find_classifier(tmp_path / 'x.pth')


def test_runs_are_collected_beside_those_in_the_tree(tmp_path, monkeypatch):
    monkeypatch.setattr('mcl_plugins.cli.pocket.records.zoo', lambda: tmp_path / 'zoo')
    monkeypatch.setattr('mcl_plugins.cli.pocket.curves.zoo', lambda: tmp_path / 'zoo')
    for seed in range(2):
        folder = tmp_path / f'runs/main/cells/mae/{seed}'
        folder.mkdir(parents=True)
        record = {
            'seed': seed,
            'budget': IMAGES,
            'metrics': {'knn': 10.0 + seed},
            'curves': {'loss': [[1.0], [2.0]]},
        }
        (folder / 'record.json').write_text(json.dumps(record))
        collect(tmp_path / 'runs')
        (folder / 'record.json').unlink()  # of another machine, later
    kept = json.loads((tmp_path / 'zoo/records/main_cells.json').read_text())
    assert values(kept, 'mae', 'knn') == {0: 10.0, 1: 11.0}
    assert (
        'curves' not in kept['mae/0']
        and len(read_curves(tmp_path / 'zoo/curves/mae_cells.csv')) == 2
    )


@pytest.mark.parametrize(
    ('effects', 'sign', 'words'),
    [
        ([-3.0, -4.0, -5.0], -1, 'agrees'),  # t = 6.9, beyond 2.92
        ([-3.0, -4.0, -5.0], 1, 'disagrees'),
        ([-1.0, -4.0, -7.0], -1, 'within noise'),  # t = 2.3
        ([-9.0], -1, 'one seed'),
    ],
)
def test_verdicts(effects, sign, words):
    assert verdict(effects, sign) == words


def test_runs_of_another_length_are_not_collected(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr('mcl_plugins.cli.pocket.records.zoo', lambda: tmp_path / 'zoo')
    folder = tmp_path / 'runs/main/digits/cmae/0'
    folder.mkdir(parents=True)
    (folder / 'record.json').write_text(json.dumps({'budget': 200_000, 'metrics': {'knn': 60.0}}))
    assert collect(tmp_path / 'runs') == []
    assert 'left out, of 200000 images; the table has 60000' in capsys.readouterr().out


def test_the_records_of_the_claims_are_of_their_options():
    for name, record in read_kept('claims', 'digits').items():
        claim = CLAIMS[name.rpartition('/')[0]]
        assert record['options'] == json.loads(json.dumps(claim.options)), name


def test_a_claim_may_be_another_row_or_compared_with_another_or_judged_by_linear(monkeypatch):
    def record(fine_tuned, linear):
        return {'metrics': {'finetune_200': fine_tuned, 'linear': linear, 'knn': 10.0}}

    kept = {'claims': {}, 'main': {}}
    for seed in range(3):
        kept['main'] |= {f'{row}/{seed}': record(50.0, 20.0) for row in ('mimco-swin', 'ccmim')}
        kept['claims'][f'mimco-swin_patch-only/{seed}'] = record(40.0 + seed, 20.0)
        kept['claims'][f'mimco-swin_patch-l1/{seed}'] = record(39.0 + seed, 20.0)
        kept['claims'][f'ccmim_lambda-0/{seed}'] = record(50.0 + 9 * (-1) ** seed, 25.0)
        kept['main'][f'moby/{seed}'] = record(52.0 + seed, 19.0)
    monkeypatch.setattr('mcl_plugins.cli.pocket.page.read_kept', lambda table, data: kept[table])
    lines = claims_table('digits').splitlines()
    (line,) = [line for line in lines if 'patch-l1' in line]
    assert line.startswith('| MimCo, Swin, patch-l1, to patch-only | worse (Table 7:')
    assert '| -1.0 ± 0.0 | +0.0 ± 0.0 | +0.0 ± 0.0 | 3 | agrees |' in line
    (line,) = [line for line in lines if 'lambda-0' in line]
    assert line.endswith('| +3.0 ± 10.4 | +5.0 ± 0.0 | +0.0 ± 0.0 | 3 | disagrees |')
    (line,) = [line for line in lines if line.startswith('| MimCo, Swin, teacher-alone')]
    assert line.endswith('| +3.0 ± 1.0 | -1.0 ± 0.0 | +0.0 ± 0.0 | 3 | disagrees |')


def test_effects_are_those_of_paired_seeds():
    claim = CLAIMS['cmae_weight-2']
    changed = {f'{claim.name}/{seed}': {'metrics': {'knn': 1.0 * seed}} for seed in (0, 1, 2)}
    base = {f'cmae/{seed}': {'metrics': {'knn': 5.0}} for seed in (1, 2, 3)}
    assert differences(changed, claim.name, base, claim.row, 'knn') == [-4.0, -3.0]


def test_a_gain_is_that_of_paired_seeds(monkeypatch):
    metric = 'UperNet, mIoU'
    records = {
        f'{row}/{seed}': {'metrics': {metric: value}, 'seconds': {'pretraining': 1.0}}
        for row, found in (('vit-random', (50.0, 52.0, 40.0)), ('vit-cmae', (53.0, 56.0)))
        for seed, value in enumerate(found)
    }
    monkeypatch.setattr('mcl_plugins.cli.pocket.page.read_kept', lambda table, data: records)
    lines = dense_table('scenes').splitlines()
    assert 'CMAE, ViT, minus random weights, ViT: UperNet mIoU +3.5 ± 0.7 (better).' in lines
    assert 'MimCo, Swin, minus random weights, Swin: not run yet.' in lines
