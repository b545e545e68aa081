"""The soak run: what is sampled, and what counts as growth."""

import os
import threading
from pathlib import Path

import pytest

from mcl_plugins.cli import soak
from mcl_plugins.cli.soak import QUANTITIES, format_table, measure, sample_files, sample_processes


@pytest.fixture
def samples():
    """Everything stays but the log."""
    still = dict.fromkeys(QUANTITIES, 7.0)
    return [
        {**still, 'step': step, 'seconds': step, 'log': step / 4} for step in range(20, 401, 20)
    ]


def test_a_thread_and_a_descriptor_are_counted(tmp_path):
    before, end = sample_processes(), threading.Event()
    thread = threading.Thread(target=end.wait)
    thread.start()
    with (tmp_path / 'file').open('w'):
        during = sample_processes()
    end.set()
    thread.join()
    assert during['threads'] == before['threads'] + 1
    assert during['descriptors'] == before['descriptors'] + 1
    page = os.sysconf('SC_PAGE_SIZE')
    resident = int(Path('/proc/self/statm').read_text().split()[1]) * page / 2**20
    assert during['memory of the process'] == pytest.approx(resident, rel=0.1)


def test_files_are_measured_by_kind(tmp_path):
    log = tmp_path / '2026/vis_data'
    log.mkdir(parents=True)
    for name, size in (('x.log', 1000), ('scalars.json', 2000), ('events.out.tfevents.1', 3000)):
        (log / name).write_bytes(bytes(size))
    for epoch in (5, 10):
        (tmp_path / f'epoch_{epoch}.pth').write_bytes(bytes(4000))
    found = sample_files(tmp_path, tmp_path / '2026')
    assert found == {
        'newest checkpoint': 4.0,
        'checkpoints kept': 2,
        'log': 1.0,
        'scalars.json': 2.0,
        'TensorBoard': 3.0,
    }


@pytest.mark.parametrize('name', ['descriptors', 'threads', 'memory of the workers'])
def test_growth_after_the_warm_up_is_a_fault(samples, name):
    for entry in samples:
        entry[name] += min(entry['step'], 100)  # caches fill
    assert not any(row['grows'] for row in measure(samples).values())
    for entry in samples:
        entry[name] += entry['step'] / 50
    rows = measure(samples)
    assert [key for key, row in rows.items() if row['grows']] == [name]
    assert rows[name]['growth'] == pytest.approx(20)
    table = format_table(rows, samples)
    assert '| log, kB | 50.0 | 100.0 | 250.0 |' in table


def test_a_system_without_proc_is_refused_before_the_training(tmp_path, monkeypatch):
    is_dir = Path.is_dir

    def is_dir_elsewhere(path, **options):
        return str(path) != '/proc/self' and is_dir(path, **options)

    monkeypatch.setattr(Path, 'is_dir', is_dir_elsewhere)
    monkeypatch.setattr(soak, 'soak', lambda *_: pytest.fail('it trains'))
    message = r'^mcl soak reads memory and descriptors from /proc, which Linux has\.$'
    with pytest.raises(ValueError, match=message):
        soak.main(['--work-dir', str(tmp_path / 'work')])
