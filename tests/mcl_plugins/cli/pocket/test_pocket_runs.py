"""The runs of the pocket benchmark: what is planned, done once, shared and recorded."""

import json
import shutil
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from mmengine.runner import Runner
from mmpretrain.registry import MODELS
from PIL import Image

from mcl_plugins.cli.parsers.pocket import run as parse_args
from mcl_plugins.cli.pocket import dense, tables
from mcl_plugins.cli.pocket import run as module
from mcl_plugins.cli.pocket.claims import CLAIMS
from mcl_plugins.cli.pocket.dense import DENSE_METRICS, DENSE_ROWS, measure_dense
from mcl_plugins.cli.pocket.measure import evaluate
from mcl_plugins.cli.pocket.protocol import BATCH, finetuning, pretraining
from mcl_plugins.cli.pocket.records import Run, folder_of, is_done, read, write
from mcl_plugins.cli.pocket.rows import DATA, ROWS, Data, count_images
from mcl_plugins.cli.pocket.run import run_pocket
from mcl_plugins.cli.pocket.tables import DATA_OF, IMAGES, TABLES, plan
from mcl_plugins.engine.run_lock import InUseError
from mcl_plugins.targets import allow_random_teachers


@pytest.fixture
def measured(monkeypatch):
    """The runs that were measured; nothing is trained."""
    seen = []

    def measure(row, data, images, seed, folder, options, labels, part):
        seen.append((row.name, seed, images, options, labels, part))
        return {'metrics': {'knn': 50.0}, 'seconds': {'pretraining': 1.0}, 'seed': seed}

    monkeypatch.setattr(tables, 'measure', measure)
    monkeypatch.setattr(module, 'make_images', lambda data: None)
    # What is in the tree does not count here.
    monkeypatch.setattr('mcl_plugins.cli.pocket.records.read_kept', lambda table, data: {})
    return seen


def test_what_has_a_record_is_not_run_again(measured, tmp_path):
    options = dict(data=['digits'], only=['mae', 'conmim'], work_dir=tmp_path)
    run_pocket(seeds=1, **options)
    assert [entry[:2] for entry in measured] == [('mae', 0), ('conmim', 0)]
    done = run_pocket(seeds=2, **options)
    assert [entry[:2] for entry in measured[2:]] == [('mae', 1), ('conmim', 1)]
    assert done == [Run('main', 'digits', 'mae', 1), Run('main', 'digits', 'conmim', 1)]
    run_pocket(seeds=1, images=99, **options)  # other images or options are another run
    assert [entry[:3] for entry in measured[4:]] == [('mae', 0, 99), ('conmim', 0, 99)]
    assert read(Run('main', 'digits', 'mae', 0), tmp_path)['budget'] == 99
    run = Run('main', 'digits', 'mae', 0)
    assert is_done(run, 99, {}, tmp_path) and not is_done(run, 99, {'model.ratio': 0.5}, tmp_path)
    write(run, {'budget': 99, 'options': {'a': (1, 2)}}, tmp_path)
    assert is_done(run, 99, {'a': (1, 2)}, tmp_path) and not is_done(run, 99, {}, tmp_path)


def test_a_run_of_another_process_is_left_to_it(measured, tmp_path, monkeypatch, capsys):
    def taken(folder):
        raise InUseError('busy')

    monkeypatch.setattr(module, 'hold', taken)
    done = run_pocket(data=['digits'], only=['mae'], seeds=1, work_dir=tmp_path)
    assert not done and not measured
    assert 'main/digits/mae/0: another process is at it' in capsys.readouterr().out


def test_a_run_that_fails_leaves_no_record_and_the_others_are_done(
    measured, tmp_path, monkeypatch, capsys
):
    measure = tables.measure

    def fail(row, *more):
        if row.name == 'mae':
            raise ValueError('broken')
        return measure(row, *more)

    monkeypatch.setattr(tables, 'measure', fail)
    with pytest.raises(RuntimeError, match='1 runs failed, as said above: main/digits/mae/0'):
        run_pocket(data=['digits'], only=['mae', 'conmim'], seeds=1, work_dir=tmp_path)
    assert 'ValueError: broken' in capsys.readouterr().err
    assert not list(folder_of(Run('main', 'digits', 'mae', 0), tmp_path).iterdir())
    assert read(Run('main', 'digits', 'conmim', 0), tmp_path)


def test_unknown_rows_are_refused_before_anything_runs(measured, tmp_path):
    with pytest.raises(ValueError, match="--only conmin: .* did you mean 'conmim'"):
        run_pocket(data=['digits'], only=['mae', 'conmin'], work_dir=tmp_path)
    assert not measured


def test_tables():
    main = plan('main', 'digits', seeds=3)
    assert len(main) == 3 * len(ROWS) and [job.run.seed for job in main] == sorted(
        job.run.seed for job in main
    )
    claims = plan('claims', 'digits', seeds=1)
    own = {name for name, claim in CLAIMS.items() if not claim.other}
    assert {job.run.row for job in claims} == own and len(own) >= 24
    trials = plan('choice', 'digits', seeds=1)
    assert {job.part for job in trials} == {'val'}
    # Each row has the same number of trials, of seeds that no table has.
    assert len(trials) == 3 * sum(row.config is not None for row in ROWS.values())
    assert not {job.run.seed for job in trials} & {job.run.seed for job in main}


def test_equal_work_sets_the_number_of_images(monkeypatch):
    """MAE's work: a row of twice its work an image sees half of the images, a teacher's counted."""
    kept = {
        'mae/0': dict(images=100, gflops=200.0),
        'conmim/0': dict(images=100, gflops=400.0),
        'mimco-vit/0': dict(images=50, gflops=350.0, teacher=dict(images=50, gflops=450.0)),
        'random-vit/0': dict(images=0, gflops=0.0),
    }
    monkeypatch.setattr(tables, 'read_kept', lambda table, data: kept)
    jobs = plan('work', 'digits', seeds=2)
    assert [(job.run.row, job.run.seed, job.images) for job in jobs] == [
        (row, seed, images)
        for seed in range(2)
        for row, images in (('conmim', IMAGES // 2), ('mimco-vit', IMAGES // 4))
    ]
    with pytest.raises(ValueError, match='--images 9: --table work'):
        plan('work', 'digits', seeds=1, images=9)
    monkeypatch.setattr(tables, 'read_kept', lambda table, data: {})
    with pytest.raises(ValueError, match='needs the record of --table main.s mae on cells'):
        plan('work', 'cells', seeds=1)


def test_dense_rows_train_each_network_from_their_encoder(monkeypatch, tmp_path):
    seen = []

    def pretrain(config, folder, label, seed):
        seen.append((config.stem, seed))
        return folder / 'encoder.pth'

    def fine_tune(task, folder, checkpoint, seed):
        seen.append((task.name, checkpoint and checkpoint.name, seed))
        return dict.fromkeys(task.metrics, 12.5)

    monkeypatch.setattr(dense, 'pretrain', pretrain)
    monkeypatch.setattr(dense, 'fine_tune', fine_tune)
    records = [measure_dense(row, 2, tmp_path / row.name) for row in DENSE_ROWS.values()]
    vit = [('UperNet', 'encoder.pth', 2), ('ViTDet', 'encoder.pth', 2)]
    assert seen == [
        *[(name, None, seed) for name, _, seed in vit],
        ('scenes_cmae', 2),
        *vit,
        ('Mask R-CNN', None, 2),
        ('scenes_mimco', 2),
        ('Mask R-CNN', 'encoder.pth', 2),
    ]
    assert {name for record in records for name in record['metrics']} == set(DENSE_METRICS)


def test_tables_have_their_data():
    for table in TABLES:
        assert parse_args(['--table', table]).data is None
        assert parse_args(['--data', *DATA_OF[table]]).data == list(DATA_OF[table])
    with pytest.raises(ValueError, match='--data cells: --table dense is on scenes'):
        run_pocket('dense', data=['cells'])
    with pytest.raises(ValueError, match='--images 5: --table dense'):
        run_pocket('dense', images=5)


@pytest.fixture(scope='module')
def small(tmp_path_factory):
    """The two data sets with 70 images of noise."""
    noise = np.random.default_rng(0)
    found = {}
    for data in DATA.values():
        root = tmp_path_factory.mktemp(data.name)
        (root / 'val').mkdir()
        for index in range(70):
            file = root / 'train' / str(index % data.classes) / f'{index}.jpg'
            file.parent.mkdir(parents=True, exist_ok=True)
            side = 40 * data.scale
            Image.fromarray(noise.integers(0, 256, (side, side), dtype=np.uint8)).save(file)
        found[data.name] = _Small(**vars(data), root=root)
    return found


class _Small(Data):
    def __init__(self, root, **fields):
        super().__init__(**fields)
        object.__setattr__(self, 'root', root)

    @property
    def folder(self):
        return self.root


def encoder_of(config):
    config.model.backbone.init_cfg = None
    return MODELS.build(config.model.backbone)


@pytest.mark.parametrize('data', DATA)
@pytest.mark.parametrize('row', [row for row in ROWS.values() if row.config])
def test_the_encoder_fits_its_classifier_and_a_megabyte(small, row, data):
    config = pretraining(row, small[data], BATCH, seed=0)
    model, classifier = (
        encoder_of(part) for part in (config, finetuning(row, small[data], None, '50', seed=0))
    )
    state, wanted = model.state_dict(), classifier.state_dict()
    new = {name for name in wanted if name not in state}
    assert all(name.startswith('ln2.') or 'relative_position' in name for name in new)
    assert all(state[name].shape == wanted[name].shape for name in wanted if name not in new)
    size = sum(2 * parameter.numel() for parameter in model.parameters())
    limit = 2**20 if data == 'digits' else 2**20 * 1.1  # only those of the digits are kept
    assert 0.8e6 < size < limit
    assert config.model.backbone.img_size == {'digits': 32, 'cells': 64}[data]


def step(config):
    """Go from the files to the gradients: the parts of three libraries fit each other."""
    model = {**config.model, 'data_preprocessor': config.data_preprocessor}
    if 'teacher' in model:
        backbone = {**model['teacher']['backbone'], 'init_cfg': None}
        model['teacher'] = {**model['teacher'], 'backbone': backbone, 'how_to_get': ''}
    model = MODELS.build(model)
    allow_random_teachers(model)
    config.train_dataloader.batch_size = 16
    batch = next(iter(Runner.build_dataloader(config.train_dataloader)))
    loss, _ = model.parse_losses(model(**model.data_preprocessor(batch, True), mode='loss'))
    loss.backward()
    assert torch.isfinite(loss)
    moved = {name for name, parameter in model.named_parameters() if parameter.grad is not None}
    assert any(name.startswith('backbone.') for name in moved)


def test_accuracies_of_unequal_classes_are_mean_recalls(small, tmp_path, monkeypatch):
    monkeypatch.setattr('mcl_plugins.cli.pocket.protocol.FINETUNE_STEPS', 2)
    root = small['cells'].folder
    for index, file in enumerate(sorted((root / 'train').glob('*/*.jpg'))):
        for part, label in (('train', index % 2), ('test', int(index < 7))):
            (tmp_path / f'cells/{part}/{label}').mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, tmp_path / f'cells/{part}/{label}/{file.name}')
    seen = []

    def classes(data):
        seen.append(data.val_labels)
        return torch.cat([torch.zeros(63), torch.ones(4), torch.zeros(3)]).long()

    for name in ('knn_classes', 'linear_classes'):
        monkeypatch.setattr(f'mcl_plugins.cli.pocket.measure.{name}', classes)
    data = _Small(**vars(DATA['cells']), root=tmp_path / 'cells')
    found = evaluate(ROWS['random-vit'], data, None, 0, tmp_path, ('all',), 'test')
    assert seen[0].tolist() == [0] * 63 + [1] * 7
    assert found['knn'] == found['linear'] == round(100 * (1 + 4 / 7) / 2, 4)  # 95.7 % are right
    (log,) = tmp_path.glob('finetune/*/vis_data/scalars.json')
    last = json.loads(log.read_text().splitlines()[-1])
    assert found['finetune_all'] == round(last['single-label/recall'], 4) != last['accuracy/top1']


def test_a_data_set_may_have_its_own_rates(small):
    data = replace(DATA['cells'], rates={'mocov3': 0.123})
    small = _Small(**vars(data), root=small['cells'].folder)
    rates = {
        row: pretraining(ROWS[row], small, BATCH, 0).optim_wrapper.optimizer.lr
        for row in ('mocov3', 'mae')
    }
    assert rates == {'mocov3': 0.123, 'mae': 0.0005}
    trial = pretraining(ROWS['mocov3'], small, BATCH, 0, {'optim_wrapper.optimizer.lr': 1.0})
    assert trial.optim_wrapper.optimizer.lr == 1.0


@pytest.mark.parametrize('row', [row for row in ROWS.values() if row.config])
def test_a_step_of_each_row(small, row):
    step(pretraining(row, small['digits'], BATCH, seed=0))


def test_the_budget_is_that_of_images(small):
    config = pretraining(ROWS['mae'], small['digits'], 3 * BATCH - 1, seed=5)
    assert config.train_cfg.max_epochs == 3 and config.randomness.seed == 5
    assert count_images(small['digits'].folder / 'train') == 70
    warm_up, cosine = config.param_scheduler
    assert (warm_up.end, cosine.begin, cosine.end) == (1, 1, 3)
    assert config.custom_hooks[-1].type == 'mcl_plugins.ProbeHook'


OWN_RUNS = {name: claim for name, claim in CLAIMS.items() if not claim.other}


def settings_of(config):
    return json.dumps(config.to_dict(), sort_keys=True)


@pytest.fixture(scope='module')
def plain(small):
    """The settings of a row without a claim's, which several claims change."""
    return cache(lambda row: settings_of(pretraining(ROWS[row], small['digits'], BATCH, 0)))


@pytest.mark.parametrize('claim', OWN_RUNS.values(), ids=OWN_RUNS)
def test_a_claim_changes_its_row_and_makes_a_step(small, plain, claim):
    changed = pretraining(ROWS[claim.row], small['digits'], BATCH, 0, claim.options)
    assert settings_of(changed) != plain(claim.row)
    step(changed)
