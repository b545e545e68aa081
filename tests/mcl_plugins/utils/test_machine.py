"""Cores and memory are those that a container leaves; control groups come in two versions."""

import os
from pathlib import Path

import pytest

from mcl_plugins.utils import machine

GIB = 2**30


@pytest.fixture
def cgroup(tmp_path, monkeypatch):
    """A folder of control files, which the test writes."""
    monkeypatch.setattr(machine, 'CGROUP', tmp_path)
    monkeypatch.setattr(os, 'sched_getaffinity', lambda _: range(8), raising=False)

    def write(**files):
        for name, content in files.items():
            path = tmp_path / name.replace('__', '/').replace('_dot_', '.')
            path.parent.mkdir(exist_ok=True)
            path.write_text(f'{content}\n')

    return write


def test_all_of_the_machine_without_a_container(cgroup):
    assert machine.core_quota() is None and machine.usable_cores() == 8
    lines = dict(line.split(':') for line in Path('/proc/meminfo').read_text().splitlines())
    stated = 1024 * int(lines['MemAvailable'].split()[0])
    assert machine.available_memory() == pytest.approx(stated, rel=0.2)


@pytest.mark.parametrize(
    ('allowed', 'cores'), [('max 100000', 8), ('250000 100000', 2), ('50000 100000', 1)]
)
def test_cores_of_a_container(cgroup, allowed, cores):
    cgroup(cpu_dot_max=allowed)
    assert machine.usable_cores() == cores


@pytest.mark.parametrize(('quota', 'cores'), [(-1, 8), (300000, 3)])
def test_cores_of_the_first_version(cgroup, quota, cores):
    cgroup(cpu__cpu_dot_cfs_quota_us=quota, cpu__cpu_dot_cfs_period_us=100000)
    assert machine.usable_cores() == cores


@pytest.mark.parametrize(
    'files',
    [
        dict(
            memory_dot_max=GIB,
            memory_dot_current=GIB // 2,
            memory_dot_stat=f'anon 5\ninactive_file {GIB // 4}',
        ),
        dict(
            memory__memory_dot_limit_in_bytes=GIB,
            memory__memory_dot_usage_in_bytes=GIB // 2,
            memory__memory_dot_stat=f'cache 5\ntotal_inactive_file {GIB // 4}',
        ),
    ],
)
def test_memory_of_a_container(cgroup, files):
    """The page cache counts as used, but is given back."""
    cgroup(**files)
    assert machine.available_memory() == 3 * GIB // 4


def test_a_container_without_limit_leaves_all(cgroup):
    free = machine.available_memory()
    cgroup(memory_dot_max='max', memory_dot_current=GIB, memory_dot_stat='anon 5')
    assert machine.available_memory() == pytest.approx(free, rel=0.2)
