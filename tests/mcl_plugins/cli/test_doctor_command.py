"""mcl doctor names what does not fit, with the command that mends it, and works in its absence."""

import os
import shutil
import subprocess
import sys
from collections import namedtuple

import pytest
import torch

from conftest import ROOT
from mcl_plugins.cli import doctor
from mcl_plugins.cli.findings import Finding, Findings
from mcl_plugins.utils import machine, versions


def faults(check):
    return [(found.subject, found.text, found.remedy) for found in check() if found.level != 'ok']


@pytest.fixture
def installed(monkeypatch):
    """Let libraries be of other versions, by the names of their distributions with _ for -."""
    real = versions.find_version

    def install(**distributions):
        found = {name.replace('_', '-'): version for name, version in distributions.items()}
        monkeypatch.setattr(versions, 'find_version', lambda name: found.get(name, real(name)))

    return install


def test_this_installation_is_said_to_work():
    findings = list(doctor.examine())
    assert not [found for found in findings if found.level == 'fault'], findings
    named = {found.subject for found in findings}
    assert {'Python', 'torch', 'mmcv', 'mmpretrain', 'torchvision', 'imports', 'threads'} <= named


def test_a_torchvision_of_another_torch_is_named_with_the_torch_that_it_needs(installed):
    assert not faults(doctor._pairs)
    installed(torch='2.13.0')
    ((subject, text, remedy),) = faults(doctor._pairs)
    assert subject == 'torchvision' and 'but torch 2.13.0 is installed' in text
    pinned = versions.find_version('torchvision')
    assert pinned in text and remedy.startswith('pip install "torch==2.')


def test_absent_and_foreign_versions_are_named(installed):
    installed(torch='2.99', onedl_mmcv=None, onedl_mmdetection=None, transformers='5.1')
    found = {subject: (text, remedy) for subject, text, remedy in faults(doctor._libraries)}
    assert found.keys() == {'torch', 'mmcv', 'mmdet', 'transformers'}
    assert '2.99; mcl_plugins works with >=2.6,<2.14.' in found['torch'][0]
    assert found['mmcv'][0] == 'not installed.' and 'onedl-mmcv' in found['mmcv'][1]
    assert 'detection needs it' in found['mmdet'][0]
    assert "'transformers<5'" in found['transformers'][1]


def test_two_wheels_with_the_same_files_are_named(installed):
    installed(mmengine='0.10.7', opencv_python='4.9', opencv_python_headless='4.9')
    found = faults(doctor._doubles)
    assert [subject for subject, *_ in found] == ['twice', 'OpenCV']
    assert 'pip uninstall -y onedl-mmengine mmengine' in found[0][2]
    assert found[1][2].startswith('pip uninstall -y opencv-python opencv-python-headless;')


def test_ops_of_another_torch_are_named(monkeypatch):
    def fail(name):
        if name == 'mmcv._ext':
            raise ImportError('undefined symbol: _ZN3c10')
        return torch

    monkeypatch.setattr(doctor, 'import_module', fail)
    ((_, text, remedy),) = faults(doctor._ops)
    assert 'do not fit this torch: undefined symbol' in text and '--with-ops' in remedy


def test_a_library_that_cannot_be_imported_ends_the_imports(monkeypatch):
    def fail(name):
        raise RuntimeError('operator torchvision::nms does not exist')

    monkeypatch.setattr(doctor, '_import_quietly', fail)
    ((subject, text, remedy),) = faults(doctor._imports)
    assert subject == 'torchvision' and 'nms does not exist' in text and 'setup_env' in remedy


def test_little_shared_memory_and_a_small_quota_are_named(monkeypatch, tmp_path):
    usage = namedtuple('usage', 'free')
    monkeypatch.setattr(shutil, 'disk_usage', lambda _: usage(64 * 2**20))
    ((_, text, remedy),) = faults(doctor._shared_memory)
    assert text.startswith('0.1 GiB free in /dev/shm') and '--shm-size' in remedy
    quota = tmp_path / 'cpu.max'
    quota.write_text('50000 100000\n')
    monkeypatch.setattr(machine, 'CGROUP', tmp_path)
    ((_, text, remedy),) = faults(doctor._threads)
    assert 'may use 0.5 of' in text and remedy == 'export OMP_NUM_THREADS=1'
    quota.write_text('max 100000\n')
    assert not faults(doctor._threads)


def test_a_driver_without_gpu_is_a_fault(monkeypatch, tmp_path):
    monkeypatch.setattr('torch.cuda.is_available', lambda: False)
    monkeypatch.setattr(doctor, '_DRIVER', tmp_path)
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '')
    ((_, text, remedy),) = faults(doctor._devices)
    assert 'finds no GPU' in text and "CUDA_VISIBLE_DEVICES='' hides it" in remedy


def test_it_works_where_the_package_refuses_to_be_imported(tmp_path):
    """A torch of a wrong version, which cannot be imported either."""
    metadata = tmp_path / 'torch-9.9.dist-info/METADATA'
    metadata.parent.mkdir()
    metadata.write_text('Metadata-Version: 2.1\nName: torch\nVersion: 9.9\n')
    for module in ('numpy', 'torch'):
        (tmp_path / f'{module}.py').write_text('raise ImportError("no GLIBC")\n')
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    result = subprocess.run(
        [sys.executable, '-m', 'mcl_plugins', 'doctor'],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, 'PYTHONPATH': path},
    )
    assert result.returncode == 1, result.stderr
    assert 'fault  torch      9.9; mcl_plugins works with' in result.stdout
    assert 'but torch 9.9 is installed' in result.stdout
    assert 'fault  numpy      import numpy fails: ImportError: no GLIBC' in result.stdout
    assert '\n3 faults.' in result.stdout


def test_findings_are_printed_as_they_are_made(capsys):
    findings = Findings()
    findings.add(Finding('ok', 'data', 'there'), Finding('fault', 'disk', 'full.', 'free some'))
    with pytest.raises(SystemExit) as ended:
        findings.conclude()
    assert ended.value.code == 1
    assert capsys.readouterr().out == (
        'ok     data       there\nfault  disk       full.\n'
        '                  -> free some\n\n1 fault.\n'
    )
    silent = Findings(silent=True)
    silent.add(Finding('ok', 'data', 'there'))
    silent.conclude()
    assert capsys.readouterr().out == ''
