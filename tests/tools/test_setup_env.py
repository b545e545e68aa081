"""What setup_env.sh refuses, in one clear line each, before it installs anything."""

import os
import shutil
import subprocess

import pytest

from conftest import ROOT


@pytest.fixture
def clone(tmp_path):
    """The files that setup_env.sh reads, in a folder without .venv."""
    files = ('tools/setup_env.sh', 'tools/requirements.lock', 'setup.cfg', 'mcl_plugins/version.py')
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def program(folder, name, text):
    """An executable shell script that stands for a program."""
    path = folder / name
    path.write_text(f'#!/bin/sh\n{text}\n')
    path.chmod(0o755)
    return path


def run(clone, *arguments, **env):
    return subprocess.run(
        ['bash', str(clone / 'tools/setup_env.sh'), *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **env},
        timeout=60,
    )


def refused(result, clone):
    assert result.returncode == 1 and not (clone / '.venv').exists()
    (line,) = result.stderr.strip().splitlines()
    assert line.startswith('setup_env: ')
    return line


def test_no_python(clone):
    line = refused(run(clone, PYTHON='/no/such/python3.11'), clone)
    assert '/no/such/python3.11 was not found' in line and 'PYTHON=' in line


@pytest.mark.parametrize('version', ['3.9', '3.13'])
def test_another_python(clone, version):
    python = program(clone, 'python', f'echo {version}')
    line = refused(run(clone, PYTHON=str(python)), clone)
    assert f'is Python {version}; the pinned versions are for Python 3.10, 3.11 and 3.12' in line


def test_a_python_that_does_not_run(clone):
    python = program(clone, 'python', 'exit 127')
    assert 'does not run' in refused(run(clone, PYTHON=str(python)), clone)


@pytest.mark.parametrize('version', ['3.10', '3.11', '3.12'])
def test_no_disk_space(clone, version):
    python = program(clone, 'python', f'echo {version}')
    program(clone, 'df', 'echo header; echo "disk 100 99 2097152 99% /"')
    path = f'{clone}:{os.environ["PATH"]}'
    assert 'only 2 GB free' in refused(run(clone, PYTHON=str(python), PATH=path), clone)


def test_no_compiler(clone):
    python = program(clone, 'python', 'echo 3.11')
    program(clone, 'df', 'echo header; echo "disk 100 99 99999999 99% /"')
    env = dict(PYTHON=str(python), CXX='/no/such/c++', PATH=f'{clone}:{os.environ["PATH"]}')
    line = refused(run(clone, '--with-ops', **env), clone)
    assert 'no C++ compiler (/no/such/c++)' in line and 'without --with-ops' in line


def test_unknown_option(clone):
    assert "unknown option '--ops'" in refused(run(clone, '--ops'), clone)
