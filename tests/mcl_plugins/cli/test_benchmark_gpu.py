"""The run on a GPU: its plan, its worker, its record and its table; at a tiny size on this CPU."""

import json
import multiprocessing
import os
import time
from pathlib import Path

import pytest
import torch

from conftest import ROOT
from mcl_plugins.cli.benchmark import gpu
from mcl_plugins.cli.benchmark.on_gpu import worker as workers
from mcl_plugins.cli.benchmark.on_gpu.checks import gpu_tests
from mcl_plugins.cli.benchmark.on_gpu.page import HEADING, make_section, write_page
from mcl_plugins.cli.benchmark.on_gpu.plan import METHODS, PEERS, Measurement, plan
from mcl_plugins.cli.benchmark.on_gpu.record import Record
from processes import script

PAGE, RECORD = ROOT / 'docs/performance.md', ROOT / 'docs/performance-gpu.json'
CHOSEN = ['golden/mocov3', 'checks/ConMIM', 'mmpretrain/SimMIM', 'ours/CMAE']


def test_the_run_from_end_to_end_at_a_tiny_size(tmp_path, capsys, monkeypatch):
    record = tmp_path / 'gpu.json'
    result = script('benchmark/gpu.sh', '--tiny', '--json', record, '--only', *CHOSEN)
    assert result.returncode == 0, result.stdout + result.stderr
    assert '[1/6, ' in result.stdout and 'golden/mocov3_a: passed' in result.stdout
    content = json.loads(record.read_text())
    results = content['results']
    assert content['tiny'] and content['torch'] == torch.__version__
    assert results['golden/mocov3_a']['loss'] < 1e-4
    checks = results['checks/ConMIM ViT-B/16']
    assert 0 < checks['bf16'] < 0.02 and checks['syncs'] == 0
    # Four blocks: a CPU has a fused kernel for the teacher, but none for a bias that is trained.
    assert checks['kernels']['aten::_scaled_dot_product_flash_attention_for_cpu'] == 4
    assert checks['unfused'] == 4
    measured = {name: found for name, found in results.items() if 'ms' in found}
    assert set(measured) == {
        'mmpretrain/SimMIM Swin-T/eager',
        *(f'ours/CMAE ViT-B/16/{variant}' for variant in ('eager', 'checkpointed', 'compiled')),
    }
    for found in measured.values():
        assert 0 < found['preprocess_ms'] < found['ms'] and found['images'] == 4
    # A run of the same conditions measures nothing again, one of others is refused.
    monkeypatch.setattr(workers.Worker, 'run', None)
    again = gpu.measure_all(record, ROOT / 'tests', tiny=True, only=CHOSEN)
    assert again == content
    with pytest.raises(ValueError, match=r'batch=4, and this run has batch=2: name another file'):
        gpu.measure_all(record, ROOT / 'tests', batch_size=2, tiny=True, only=CHOSEN)
    with pytest.raises(ValueError, match='at the tiny size: the page has figures of GPUs'):
        gpu.main(['--json', str(record), '--page', str(PAGE)])


@pytest.mark.parametrize(
    ('body', 'outcome', 'passed'),
    [
        ('pytest.skip()', 'skipped', True),
        ('assert False', 'failed', False),
        ('pass', 'passed', False),  # without a GPU it should not have run
    ],
)
def test_a_test_that_fails_is_a_failed_check(tmp_path, body, outcome, passed):
    file = tmp_path / f'test_that_is_{outcome}.py'
    file.write_text(
        f'import pytest\ndef test_of_a_gpu():\n    {body}\ndef test_other(): assert 0\n'
    )
    found = gpu_tests(str(file), torch.device('cpu'))
    assert found == {'passed': passed, 'outcomes': {outcome: 1}}


def test_a_gpu_is_needed_at_the_full_size(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    with pytest.raises(ValueError, match='no GPU here; --tiny'):
        gpu.measure_all(tmp_path / 'gpu.json', ROOT / 'tests')


def test_the_plan_has_each_method_in_each_variant():
    names = [measurement.name for measurement in plan(ROOT / 'tests')]
    assert len(names) == len(set(names)) == 8 + 1 + 4 * len(METHODS) + len(PEERS)
    assert names.index('checks/ConMIM ViT-B/16') < names.index('ours/ConMIM ViT-B/16/eager')
    assert {subject.nearest for subject in METHODS} - {''} == {subject.name for subject in PEERS}


def answer(connection, device):
    """A worker that is told what to do."""
    connection.send('ready')
    while True:
        kind, arguments = connection.recv()
        if kind == 'sleep':
            time.sleep(60)
        elif kind == 'die':
            os._exit(9)
        connection.send({'device': device, 'process': os.getpid(), **arguments})


def test_a_measurement_that_hangs_or_dies_is_noted_and_the_others_go_on(monkeypatch):
    monkeypatch.setattr(workers, '_CONTEXT', multiprocessing.get_context('fork'))
    monkeypatch.setattr(workers, 'serve', answer)
    worker = workers.Worker('cpu')
    try:
        first, second, slow, third, dead, fourth = (
            worker.run(Measurement(kind, kind, {'number': number}), 0.5 if kind == 'sleep' else 60)
            for number, kind in enumerate(('a', 'b', 'sleep', 'c', 'die', 'd'))
        )
    finally:
        worker.close()
    assert first == {'device': 'cpu', 'process': first['process'], 'number': 0}
    assert second['process'] == first['process'] != third['process'] != fourth['process']
    assert slow == {'error': 'took more than 0.5 seconds'}
    assert dead == {'error': 'its process ended with status 9'}


def test_time_that_is_up_leaves_measurements_for_the_next_run(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(workers.Worker, 'run', lambda *_: {'passed': True})
    arguments = (tmp_path / 'gpu.json', ROOT / 'tests')
    monkeypatch.setattr(gpu, 'LEAST', float('inf'))
    gpu.measure_all(*arguments, tiny=True, only=['golden'])
    assert 'No time left: 8 are missing. The same command goes on.' in capsys.readouterr().out
    monkeypatch.setattr(gpu, 'LEAST', 0.0)
    assert len(gpu.measure_all(*arguments, tiny=True, only=['golden'])['results']) == 8


def test_errors_are_measured_again(tmp_path):
    found = dict(card='NVIDIA H100', torch='2.11.0', mcl_plugins='1', batch=128, tiny=False)
    record = Record(tmp_path / 'gpu.json', found)
    record.add('a', {'ms': 1.0})
    record.add('b', {'error': 'OutOfMemoryError'})
    record = Record(tmp_path / 'gpu.json', found)
    assert record.is_done('a') and not record.is_done('b') and not record.is_done('c')


def test_the_table_of_a_record(tmp_path):
    """100 images in 200 ms with 98.95 TFLOP, on a card whose peak is 989.5 TFLOP a second."""
    eager = dict(images=100, ms=200.0, preprocess_ms=5.0, gib=20.25, tflop=98.95)
    results = {
        'golden/conmim_a': {'passed': True},
        'checks/ConMIM ViT-B/16': {'passed': False},
        'ours/CMAE ViT-B/16/eager': eager,
        'ours/CMAE ViT-B/16/checkpointed': {'error': 'OutOfMemoryError: CUDA out of memory'},
        'ours/CMAE ViT-B/16/compiled': {**eager, 'ms': 100.0, 'tflop': None},
        'mmpretrain/MAE ViT-B/16/eager': {**eager, 'ms': 300.0},
    }
    record = dict(
        card='NVIDIA H100 80GB HBM3', torch='2.11.0', mcl_plugins='0.2.0', batch=100, tiny=False,
        date='2026-11-29', results=results,
    )  # fmt: skip
    page = tmp_path / 'page.md'
    page.write_text(f'# The step\n\n{HEADING}\n\nNot measured.\n')
    write_page(page, record)
    text = page.read_text()
    assert text.startswith(f'# The step\n\n{HEADING}\n\nNVIDIA H100 80GB HBM3, 2026-11-29, PyTorch')
    assert '2 checks, failed: checks/ConMIM ViT-B/16. ' in text
    row = '| CMAE ViT-B/16 | 500 | 50% | 20.2 | (OutOfMemoryError: CUDA out of memory) | - | '
    assert f'{row}1,000 | 20.2 | 2.5% | 1.50 x MAE ViT-B/16 |\n' in text
    assert '| ConMIM ViT-B/16 | not measured | - |' in text
    write_page(page, record)
    assert page.read_text() == text


def test_the_page_has_the_table_of_the_record():
    record = json.loads(RECORD.read_text()) if RECORD.is_file() else None
    assert PAGE.read_text().endswith(make_section(record))


def test_a_page_needs_its_section(tmp_path):
    page = Path(tmp_path / 'page.md')
    page.write_text('# The step\n')
    with pytest.raises(ValueError, match=f'no section {HEADING!r}'):
        write_page(page, dict(card='A100', tiny=False, results={}, torch='', mcl_plugins='',
                              batch=1, date=''))  # fmt: skip
