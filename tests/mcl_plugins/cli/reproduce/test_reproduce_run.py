"""Shrunken chains run to their end, go on where they stopped, and leave a record."""

import json
import math
import shutil

import pytest
import yaml
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmpretrain.registry import DATASETS, MODELS

from mcl_plugins.checkpoint.digest import sha256_of
from mcl_plugins.checkpoint.files import load_file
from mcl_plugins.cli.common import read_config
from mcl_plugins.cli.reproduce import chain, stages, zoo
from mcl_plugins.cli.reproduce.data_check import check_data
from mcl_plugins.cli.reproduce.record import config_digest
from mcl_plugins.cli.reproduce.rows import find_row, methods_with_rows, read_rows
from mcl_plugins.cli.reproduce.run import reproduce
from mcl_plugins.cli.reproduce.stages import Launch, run_training
from mcl_plugins.utils import places
from mcl_plugins.utils.places import find_config
from mcl_plugins.version import __version__

EMPTY = '\N{EN DASH}'  # of a row that was not run
ROW = 'table 1: ViT-B/16, 300 epochs, 224 px'
RUN = 'mcl_plugins.cli.reproduce.chain.run_training'


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp('rows')


@pytest.fixture(scope='module')
def stopped(folder):
    """The row's chain, stopped in its second training and called again.

    Returns:
        The file of the record, and the trainings that were started.
    """
    started = []

    def once(config, work_dir, *args, **options):
        started.append(work_dir.name)
        if len(started) == 2:
            raise SystemExit(75)
        return run_training(config, work_dir, *args, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RUN, once)
        with pytest.raises(SystemExit):
            reproduce('conmim', ROW, work_dir=folder, tiny=True)
        return reproduce('conmim', ROW, work_dir=folder, tiny=True), started


@pytest.fixture
def started(monkeypatch):
    """The trainings that a test starts."""
    names = []

    def note(config, work_dir, *args, **options):
        names.append(work_dir.name)
        return run_training(config, work_dir, *args, **options)

    monkeypatch.setattr(RUN, note)
    return names


def accuracy_of(config, checkpoint):
    """The share of its test images that a classifier gets right, in percent, one by one."""
    config = Config.fromfile(config)
    model = MODELS.build({**config.model, 'data_preprocessor': config.data_preprocessor}).eval()
    model.load_state_dict(load_file(checkpoint)['state_dict'])
    dataset = DATASETS.build(config.test_dataloader.dataset)
    right = []
    for sample in map(dataset.__getitem__, range(len(dataset))):
        (found,) = model.test_step(pseudo_collate([sample]))
        right.append(found.pred_label.item() == sample['data_samples'].gt_label.item())
    return 100 * sum(right) / len(right)


def test_a_chain_goes_on_where_it_stopped(folder, stopped):
    """The second training fails; the next call keeps the first and ends with a record."""
    file, started = stopped
    assert started == ['1-vit-b_300e', '2-in1k-finetune_vit-b', '2-in1k-finetune_vit-b']

    record = json.loads(file.read_text())
    first, second = record['stages'].values()
    assert record['shown'] == ['2-in1k-finetune_vit-b'] and record['tiny']
    (config,) = file.parent.glob('configs/*_2-in1k-finetune_vit-b.py')
    found = accuracy_of(config, file.parent / second['checkpoint'])
    assert second['metrics'] == {'accuracy/top1': pytest.approx(found, abs=0.01)}
    assert list(second['curves']) == ['accuracy/top1']
    for stage in (first, second):
        assert stage['sha256'] == sha256_of(file.parent / stage['checkpoint'])
        assert stage['config_sha256'] == config_digest(read_config(find_config(stage['config'])))
        assert stage['seed'] == 0 and stage['processes'] == 1
        assert stage['machine']['devices'] == ['CPU'] and stage['machine']['instructions']
    # The classifier started from the EMA encoder of the pre-training.
    used = load_file(file.parent / first['checkpoint'])['state_dict']
    assert any(key.startswith('ema.backbone.') for key in used)
    with pytest.raises(ValueError, match='--tiny run, whose numbers mean nothing'):
        zoo.update(file)
    with pytest.raises(ValueError, match='a chain with other options'):
        reproduce('conmim', ROW, work_dir=folder, tiny=True, options={'randomness.seed': 1})


def test_a_stage_of_another_row_is_not_run_again(folder, stopped, started):
    """The first row of the ablations is ConMIM's main row of 300 epochs."""
    other, _ = stopped
    ablation = 'tables 4 to 9: 4 to 9, none'
    file = reproduce('conmim', ablation, work_dir=folder, tiny=True)
    assert started == [] and file != other
    first, second = (json.loads(path.read_text())['stages'] for path in (other, file))
    for name, stage in second.items():
        assert stage['shared'] == f'conmim/{other.parent.name}'
        assert stage['sha256'] == first[name]['sha256']
        assert stage['metrics'] == first[name]['metrics']
        assert (file.parent / stage['checkpoint']).samefile(
            other.parent / first[name]['checkpoint']
        )
    # With another seed nothing is the same.
    seed = {'randomness.seed': 1}
    again = reproduce('conmim', ablation, work_dir=folder / 'seed', tiny=True, options=seed)
    assert started == list(second)
    assert [stage['seed'] for stage in json.loads(again.read_text())['stages'].values()] == [1, 1]


def test_teacher_student_and_retrieval(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = reproduce('mimco', 'table 4: 100 epochs', work_dir=folder, tiny=True)
    record = json.loads(file.read_text())
    assert list(record['stages']) == ['1-swin-t', '2-swin-t', '3-in1k-finetune_swin-t']
    metrics = record['stages']['3-in1k-finetune_swin-t']['metrics']
    assert {'roxford5k medium mAP', 'rparis6k hard mAP'} <= metrics.keys()
    assert list(file.parent.glob('3-in1k-finetune_swin-t/*/*.log'))
    assert not list(tmp_path.iterdir()), 'something is written to the current folder'


def test_a_retrieval_writes_to_the_folder_that_it_is_given(tmp_path, monkeypatch):
    given = []

    def evaluate(config, checkpoint, data, work_dir, protocol):
        given.append((data, work_dir, protocol))
        return {'medium mAP': 50.0}

    monkeypatch.setattr(stages, 'evaluate_retrieval', evaluate)
    found = stages.run_retrieval('a.py', 'a.pth', tmp_path, work_dir=tmp_path / 'row')
    assert found == {'roxford5k medium mAP': 50.0, 'rparis6k medium mAP': 50.0}
    assert given == [(tmp_path / name, tmp_path / 'row', 'dino') for name in stages.SETS]


@pytest.mark.parametrize(
    ('method', 'name', 'metrics'),
    [
        ('ccmim', 'table 3: ViT-B/16, MAE, 300 epochs', {'mIoU'}),
        ('masked_moco', 'table 6: none, random weights', {'coco/bbox_mAP', 'coco/segm_mAP'}),
    ],
)
def test_segmentation_and_detection(folder, method, name, metrics):
    pytest.importorskip('mmdet')
    record = json.loads(reproduce(method, name, work_dir=folder, tiny=True).read_text())
    *_, last = record['stages'].values()
    assert last['metrics'].keys() == metrics


def test_a_sweep_lists_all_and_keeps_the_best(folder):
    name = 'table 1: ViT-B/16, DeiT: supervised, random weights, 224 px'
    sweep = ('optim_wrapper.optimizer.lr', ['1e-3', '1e-5'])
    file = reproduce('conmim', name, work_dir=folder, tiny=True, sweep=sweep)
    (stage,) = json.loads(file.read_text())['stages'].values()
    assert list(stage['sweep']) == sweep[1]
    assert stage['metrics'] == stage['sweep'][stage['best']]
    assert stage['metrics']['accuracy/top1'] == max(
        metrics['accuracy/top1'] for metrics in stage['sweep'].values()
    )
    assert f'_lr={stage["best"]}' in stage['checkpoint']


@pytest.fixture
def go(tmp_path, monkeypatch):
    """Run the chain of a row that starts from a file; nothing is trained.

    Returns:
        A function of file, sweep and metrics by value, which returns the record.
    """
    found = {}

    def train(config, work_dir, options, launch, report=True):
        work_dir.mkdir(parents=True)
        (work_dir / 'epoch_1.pth').write_bytes(b'x')
        return work_dir / 'epoch_1.pth'

    def test(config, last, folder, given, tta, launch):
        return found.get(folder.name.rpartition('=')[2], {'accuracy/top1': 50.0})

    monkeypatch.setattr(chain, 'run_training', train)
    monkeypatch.setattr(chain, 'run_test', test)
    row = find_row('ccmim', 'table 4: ViT-B/16, DINO, Flowers-102')

    def run(start, sweep=None, metrics=None, slug=row.slug, processes=0, **options):
        found.update(metrics or {})
        folder = tmp_path / row.method / slug
        own = chain.Chain(row, folder, False, Launch(processes), tmp_path / start, options)
        for stage in own.stages:
            own.run(stage, sweep if stage == own.last_training else None)
        return json.loads(own.write_record().read_text())

    return run


RATE = 'optim_wrapper.optimizer.lr'


def test_the_result_of_another_start_or_sweep_is_not_shown(go):
    assert next(iter(go('A.pth')['starts'].values())).endswith('A.pth')
    go('A.pth')  # goes on
    with pytest.raises(ValueError, match='a chain with other starts'):
        go('B.pth')
    with pytest.raises(ValueError, match=rf'--sweep {RATE}=1e-3,1e-4: .* result of no sweep'):
        go('A.pth', (RATE, ['1e-3', '1e-4']))


def shared(record):
    return ['shared' in stage for stage in record['stages'].values()]


def test_the_result_of_another_file_of_the_same_name_is_not_shown(go, tmp_path):
    """Neither in its own folder nor in that of another row."""
    start = tmp_path / 'A.pth'
    start.write_bytes(b'first')
    first = go('A.pth')
    assert all(shared(go('A.pth', slug='twin')))
    shutil.copy(start, tmp_path / 'copy.pth')
    assert all(shared(go('copy.pth', slug='copy')))  # the content counts, not its place
    start.write_bytes(b'second')
    with pytest.raises(
        ValueError, match=r'of another .*A\.pth, with the hash a7937b64b8ca and not'
    ):
        go('A.pth')
    assert not any(shared(go('A.pth', slug='other')))
    start.unlink()
    assert go('A.pth') == first  # of a finished chain


def test_the_result_of_other_processes_is_not_that_of_another_row(go, capsys):
    """The effective batch, and with it the learning rate, is that of all processes."""
    go('A.pth', processes=4)
    assert all(shared(go('A.pth', slug='twin', processes=4)))
    assert not any(shared(go('A.pth', slug='other', processes=2)))
    capsys.readouterr()
    stages = go('A.pth', processes=2)['stages'].values()  # goes on, and says so
    assert {stage['processes'] for stage in stages} == {4}
    assert capsys.readouterr().out.count('done before, on 4 processes') == len(stages)


def test_a_result_of_another_version_says_so(go, capsys, monkeypatch):
    """It stays, because it took days; who wants it anew is told what is old."""
    stages = go('A.pth')['stages']
    capsys.readouterr()
    go('A.pth')
    assert 'with mcl_plugins' not in capsys.readouterr().out
    monkeypatch.setattr(chain, '__version__', '9.9')
    go('A.pth')
    go('A.pth', slug='twin')  # takes the result over
    said = capsys.readouterr().out
    assert said.count(f', with mcl_plugins {__version__} (this is 9.9)') == 2 * len(stages)


def test_the_checkpoints_of_a_chain_stay_in_its_folder(go):
    """Those of all rows would have one folder for each name of a stage."""
    with pytest.raises(ValueError, match=r'out_dir=/disk: the checkpoints of a chain stay'):
        go('A.pth', **{chain.OUT_DIR: '/disk'})


def test_a_sweep_goes_on_with_its_own_values_alone(go):
    go('A.pth', (RATE, ['1e-3', '1e-4']))
    go('A.pth', (RATE, ['1e-3', '1e-4']))
    with pytest.raises(ValueError, match=rf'the result of {RATE}=1e-3,1e-4; choose another'):
        go('A.pth', (RATE, ['1e-5', '1e-6']))


@pytest.mark.parametrize('diverged', [{'accuracy/top1': math.nan}, {}])
def test_a_run_that_has_diverged_is_not_the_best_of_a_sweep(go, diverged):
    metrics = {'1e-3': diverged, '1e-4': {'accuracy/top1': 80.0}}
    *_, stage = go('A.pth', (RATE, ['1e-3', '1e-4']), metrics)['stages'].values()
    assert stage['best'] == '1e-4' and stage['metrics'] == {'accuracy/top1': 80.0}


def test_a_sweep_in_which_all_have_diverged_has_no_best(go):
    metrics = {value: {'accuracy/top1': math.nan} for value in ('1e-3', '1e-4')}
    with pytest.raises(ValueError, match='has no metric to choose by'):
        go('A.pth', (RATE, ['1e-3', '1e-4']), metrics)


def test_missing_data_stop_before_the_first_training():
    configs = {
        name: read_config(find_config(name))
        for name in ('conmim/vit-b.py', 'conmim/transfer/in1k-finetune_vit-b.py')
    }
    with pytest.raises(FileNotFoundError, match=r'data/imagenet/train \(for conmim/vit-b.py, con'):
        check_data(configs)


def test_a_row_needs_its_test_data_and_takes_archives(tmp_path):
    """Unlike a training alone, whose test data may come later."""
    config = read_config(find_config('conmim/transfer/in1k-finetune_vit-b.py'))
    for name in ('train', 'val', 'test'):
        config[f'{name}_dataloader'].dataset.data_root = str(tmp_path)
    for name in ('train', 'val'):
        (tmp_path / f'{name}-000000.tar').touch()
    check_data({'fine': config}, {'fine': 's3://bucket/encoder.pth'})
    config.test_dataloader.dataset.data_prefix = 'later'
    with pytest.raises(FileNotFoundError, match=f'{tmp_path}/later .for fine.'):
        check_data({'fine': config})


def test_a_chain_that_starts_from_another_code_needs_its_file(folder, monkeypatch):
    """The one that its config names, or that of --start."""
    monkeypatch.setattr('mcl_plugins.cli.reproduce.data_check.missing_data', lambda _: {})
    name = 'table 4: ViT-B/16, DINO, Flowers-102'
    for start in ('data/dino_vitbase16_pretrain.pth', 'mine.pth'):
        given = None if start.startswith('data') else start
        with pytest.raises(FileNotFoundError, match=f'{start} .for 1-flowers102-finetune_dino'):
            reproduce('ccmim', name, work_dir=folder, start=given)


def test_a_checkpoint_stands_for_the_first_training(stopped, tmp_path, started):
    """The encoder of another chain, in place of a pre-training of days."""
    before, _ = stopped
    stage = json.loads(before.read_text())['stages']['1-vit-b_300e']
    encoder = before.parent / stage['checkpoint']
    other = dict(work_dir=tmp_path, tiny=True)
    file = reproduce('conmim', ROW, **other, start=encoder)
    assert started == ['2-in1k-finetune_vit-b']
    first, _ = json.loads(file.read_text())['stages'].values()
    assert first['given'] == str(encoder) and first['sha256'] == sha256_of(encoder)
    assert (file.parent / first['checkpoint']).samefile(encoder)
    for start, said in ((None, 'trained'), (tmp_path / 'b.pth', 'b.pth')):
        with pytest.raises(ValueError, match=f'whose 1-vit-b_300e is {encoder}, not .*{said}'):
            reproduce('conmim', ROW, **other, start=start)
    record = json.loads(file.read_text()) | {'tiny': False}
    file.write_text(json.dumps(record))
    with pytest.raises(ValueError, match='was given for stage 1-vit-b_300e'):
        zoo.update(file)


def test_a_checkpoint_that_stands_for_a_training_has_to_exist(folder, monkeypatch):
    monkeypatch.setattr('mcl_plugins.cli.reproduce.data_check.missing_data', lambda _: {})
    with pytest.raises(FileNotFoundError, match=r'mine.pth .for 1-vit-b_300e'):
        reproduce('conmim', ROW, work_dir=folder / 'whole', start='mine.pth')
    with pytest.raises(ValueError, match='starts from no file, and nothing follows'):
        reproduce('mimco', 'table 1: Swin-T, supervised, 300', work_dir=folder, start='a.pth')


@pytest.fixture
def copied_home(tmp_path, monkeypatch):
    """The package's configs in a folder that a test may change."""
    shutil.copytree(places.home() / 'configs', tmp_path / 'configs')
    for module in ('utils.places', 'cli.reproduce.rows', 'cli.reproduce.zoo'):
        monkeypatch.setattr(f'mcl_plugins.{module}.home', lambda: tmp_path)
    return tmp_path


def make_record(folder, **changes):
    row = find_row('conmim', ROW)
    stages = {
        f'{number}-stage': {
            'config': config,
            'config_sha256': config_digest(read_config(find_config(config))),
            'metrics': {} if number == 1 else {'accuracy/top1': 83.46},
        }
        for number, config in enumerate(row.configs, start=1)
    }
    content = dict(method='conmim', row=row.name, tiny=False, stages=stages, shown=['2-stage'])
    file = folder / 'record.json'
    file.write_text(json.dumps({**content, **changes}))
    return file


def test_a_record_fills_the_page_and_the_metafile(copied_home):
    zoo.update(make_record(copied_home))
    assert find_row('conmim', ROW).cells['this package'] == '83.5'
    others = [row for row in read_rows('conmim') if row.cells['this package'] != EMPTY]
    assert [row.name for row in others] == [ROW], 'only its own row'
    models = yaml.safe_load((copied_home / 'configs/conmim/metafile.yml').read_text())['Models']
    filled = {model['Name']: model['Results'] for model in models if model['Results']}
    task = {'Task': 'Image Classification', 'Dataset': 'ImageNet-1k'}
    assert filled == {
        'vit-b_conmim-300e-pre_in1k': [{**task, 'Metrics': {'Top 1 Accuracy': 83.46}}]
    }
    assert (
        copied_home / 'configs/conmim/records' / f'{find_row("conmim", ROW).slug}.json'
    ).is_file()


def test_a_record_of_a_changed_config_is_refused(copied_home):
    file = make_record(copied_home)
    config = copied_home / 'configs/conmim/vit-b_300e.py'
    config.write_text(config.read_text().replace('300)', '301)'))
    with pytest.raises(ValueError, match='has changed since the row was run'):
        zoo.update(file)


def test_no_number_stands_in_a_table_without_its_record():
    for method in methods_with_rows():
        for row in read_rows(method):
            record = places.home() / 'configs' / method / 'records' / f'{row.slug}.json'
            assert row.cells['this package'] == EMPTY or record.is_file(), row.name
