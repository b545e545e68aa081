"""Every config of every method: it builds in a fresh process, takes a step, and is documented."""

import json
import math
import re
import subprocess
import sys
from pathlib import Path

import pytest
import step
from modelindex.load_model_index import load
from zoo import OTHER_FOLDERS, ROOT, Zoo, read

from mcl_plugins.cli.methods import methods, table

# A method is a folder of configs with a page.
METHODS = sorted(
    page.parent.name
    for page in (ROOT / 'configs').glob('*/README.md')
    if page.parent.name not in OTHER_FOLDERS
)
ZOOS = {method: Zoo(method) for method in METHODS}
CONFIGS = [f'{method}/{name}' for method, zoo in ZOOS.items() for name in zoo.names]
# Segmentation and detection take their steps in tests of their own.
DENSE = {f'{method}/{name}' for method, zoo in ZOOS.items() for name in zoo.dense}
# Algorithms of mmpretrain whose other parts the steps do not shrink: test_variants builds them.
OTHERS = re.compile('/baselines/(beit|cae|mocov2|simmim)_')
STEPS = [name for name in CONFIGS if name not in DENSE and not OTHERS.search(name)]
VARIANTS = [f'{method}/{name}' for method, zoo in ZOOS.items() for name in zoo.variants]
PROCESSES = 2
# First and last rate of a training: what the papers or the released codes say.
RATES = {
    'ccmim': (1.5e-8, 0),
    'cmae': (1.5e-8, 0),
    'conmim': (5e-8, 1e-5),
    'conmim/vit-l': (7.5e-8, 1e-5),
    'masked_byol': (1.5e-8, 0),
    'masked_moco': (1.5e-8, 0),
    'masked_byol/transfer': (2e-7, 1e-6),
    'masked_moco/transfer': (2e-7, 1e-6),
    'masked_byol/transfer/in100-linear': (1e-4, 0),
    'masked_moco/transfer/in100-linear': (1e-4, 0),
    'mimco': (5e-7, 5e-6),
    'moby': (5e-7, 5e-6),
    'mocov3': (2.4e-7, 0),
    'moby/transfer': (5e-7, 5e-6),
    'mocov3/transfer/in1k-linear': (12, 0),
    'mocov3/transfer/in1k-finetune': (1e-6, 1e-5),
    'mimco/transfer': (1e-6, 1e-6),
    'mimco/ablations/finetune': (1e-6, 1e-6),
    'ccmim/transfer': (2e-7, 1e-6),
    'ccmim/transfer/in1k-linear': (1e-5, 0),
    'ccmim/transfer/inat': (3e-8, 1e-6),
    'ccmim/transfer/flowers102': (3e-8, 1e-6),
    'cmae/transfer': (1e-7, 1e-6),
    'cmae/transfer/in1k-linear': (1e-5, 0),
    'cmae/transfer/in1k-finetune_vit-b_300e': (2e-7, 1e-6),
    'conmim/transfer': (1e-6, 1e-6),
    # From random weights: DeiT's and Swin's
    'conmim/baselines/in1k-scratch': (1e-6, 1e-5),
    'masked_moco/baselines/in100-scratch': (1e-6, 1e-5),
    'mimco/baselines/in1k-scratch': (1e-6, 1e-5),
    'moby/baselines/in1k-scratch': (1e-6, 1e-5),
    'conmim/baselines/in1k-finetune_beit': (1e-6, 1e-6),
    'conmim/baselines/in1k-finetune_dino': (1e-6, 1e-5),
    'ccmim/baselines/in1k-finetune_cae': (2e-7, 1e-6),
    'ccmim/baselines/inat': (3e-8, 1e-6),
    'ccmim/baselines/flowers102': (3e-8, 1e-6),
    'conmim/readings/in1k-finetune': (1e-6, 1e-6),
    'ccmim/readings/in1k-finetune_vit-b_base': (4e-7, 1e-6),
    'ccmim/readings/in1k-finetune_vit-b_absolute': (1e-7, 1e-6),
    'cmae/readings/in1k-finetune': (2e-7, 1e-6),
    'cmae/transfer/in1k-finetune_vit-s_300e': (2e-7, 1e-6),
    'cmae/transfer/in1k-finetune_vit-l_300e': (2e-7, 1e-6),
}


def test_every_folder_of_configs_is_a_method_with_a_page():
    folders = {path.name for path in (ROOT / 'configs').iterdir() if path.is_dir()}
    assert folders - OTHER_FOLDERS == set(METHODS)


def test_the_top_page_links_to_every_method():
    """Its table of methods has a row for each."""
    rows = [line for line in (ROOT / 'README.md').read_text().splitlines() if line.startswith('|')]
    for method in METHODS:
        assert any(f'](configs/{method}/README.md)' in row for row in rows), method


@pytest.fixture(scope='module')
def steps():
    """What ``step.py`` says of each config, from a few fresh processes: an import takes seconds."""
    files = [str(ROOT / 'configs' / name) for name in STEPS]
    runs = [
        subprocess.Popen(
            [sys.executable, step.__file__, *files[i::PROCESSES]],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for i in range(PROCESSES)
    ]
    results, errors = {}, ''
    for run in runs:
        out, err = run.communicate(timeout=400)
        lines = [json.loads(line) for line in out.splitlines() if line.startswith('{"config"')]
        results.update(
            {Path(r['config']).relative_to(ROOT / 'configs').as_posix(): r for r in lines}
        )
        errors += err
    return results, errors


@pytest.mark.parametrize('name', STEPS)
def test_takes_a_step(steps, name):
    results, errors = steps
    assert name in results, errors
    assert 'error' not in results[name], results[name]['error']


@pytest.mark.parametrize('name', STEPS)
def test_learning_rate_ends_where_the_paper_says(steps, name):
    result = steps[0][name]
    assert 'error' not in result, 'see test_takes_a_step'
    start, end = RATES[max((key for key in RATES if name.startswith(key)), key=len)]
    assert result['lr_first'] == pytest.approx(start, rel=1e-3)
    # The last step is one before the cosine's end, where the rate would be the floor.
    config = read(ROOT / 'configs' / name)
    cosine = config.param_scheduler[-1]
    length = config.train_cfg.max_epochs - cosine.begin
    if cosine.get('convert_to_iter_based'):
        length *= step.EPOCH
    peak = result['lr_peak']
    last = end + (peak - end) * (1 + math.cos(math.pi * (length - 1) / length)) / 2
    assert result['lr_last'] == pytest.approx(last, rel=1e-3, abs=1e-9 * peak)


# Pages about the configs


@pytest.mark.parametrize('method', METHODS)
def test_readme_links_to_every_config_and_to_nothing_else(method):
    links = re.findall(r'\]\(([^)]+)\)', (ZOOS[method].folder / 'README.md').read_text())
    local = {link for link in links if '://' not in link and not link.startswith('../')}
    assert local == set(ZOOS[method].names)


@pytest.mark.parametrize('method', METHODS)
def test_files_that_a_page_names_are_written_by_their_configs(method):
    """``work_dirs/mimco/vit-b/epoch_100.pth`` is the last file of ``configs/mimco/vit-b.py``."""
    page = (ZOOS[method].folder / 'README.md').read_text()
    files = re.findall(r'work_dirs/(\S+?)/(epoch|iter)_(\d+)\.pth', page)
    assert files
    for name, unit, number in files:
        config = ROOT / 'configs' / f'{name}.py'
        assert config.is_file(), name
        assert read(config).train_cfg[f'max_{unit}s'] == int(number), name


@pytest.mark.parametrize('name', VARIANTS)
def test_readme_and_config_state_the_same_number(name):
    method, _, file = name.partition('/')
    code = (ROOT / 'configs' / name).read_text()
    header = ' '.join(re.match('(# .*\n)+', code)[0].split('\n# '))
    stated = re.search(r'(\d\d\.\d\d?|fails|collapses|figure only|no number)', header)
    assert stated, header
    readme = (ROOT / 'configs' / method / 'README.md').read_text()
    sections = re.split(r'^(?=#)', readme, flags=re.MULTILINE)
    rows = [  # tables of retrieval have other numbers of the same runs
        row
        for section in sections
        if 'retrieval' not in section.partition('\n')[0]
        for row in section.splitlines()
        if f'({file})' in row
    ]
    assert rows, 'not in the README'
    shown = [stated[1] in re.split(r' *[|/] *', row) for row in rows]
    # They also stand in rows of their transfers and of other methods, with other numbers.
    shared = file.startswith(('baselines/', 'readings/'))
    assert any(shown) if shared else all(shown), rows


def test_model_index_loads_and_its_files_exist():
    index = load(str(ROOT / 'model-index.yml'))
    index.build_models_with_collections()
    assert not index.check_errors
    names = [model.name for model in index.models]
    assert len(set(names)) == len(names)
    for model in index.models:
        assert not model.check_errors
        assert model.name == model.name.lower()
        assert (ROOT / model.config).is_file(), model.config
        assert set(model.data.get('Downstream') or []) <= set(names)
        training = read(ROOT / model.config).train_cfg
        stated = {key: model.metadata.data.get(key) for key in ('Epochs', 'Iterations')}
        configured = dict(Epochs=training.get('max_epochs'), Iterations=training.get('max_iters'))
        assert stated == configured, model.name
    assert {ROOT / 'configs' / n for n in CONFIGS if n not in VARIANTS} == {
        ROOT / model.config for model in index.models
    }
    for collection in index.collections:
        assert (ROOT / collection.readme).is_file()


def test_the_readme_has_the_table_of_the_methods():
    """The table is what ``mcl methods`` prints."""
    assert table() in (ROOT / 'README.md').read_text()
    assert {method.folder for method in methods()} == set(METHODS)


def test_a_metafile_without_its_row_is_named(tmp_path):
    folder = tmp_path / 'mine'
    folder.mkdir()
    (folder / 'README.md').write_text('# Mine')
    (folder / 'metafile.yml').write_text('Collections: [{Name: Mine, Summary: {Source: us}}]')
    with pytest.raises(ValueError, match=r'mine.metafile.yml: .* Status, Architectures, Configs'):
        methods(tmp_path)
