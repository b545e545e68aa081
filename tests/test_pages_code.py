"""The code in the pages: Python runs, and each shell command is one that its own parser accepts.

The shell blocks are run by bash, with stand-ins for all programs that write down how they were
called. So variables, loops and line ends are the shell's business.
"""

import inspect
import os
import re
import shlex
import subprocess
from functools import cache
from unittest.mock import create_autospec, patch

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmpretrain.registry import MODELS
from PIL import Image

from conftest import ROOT, SMALL
from mcl_plugins.checkpoint.files import save_file
from mcl_plugins.cli import app, train
from mcl_plugins.cli.evaluate import knn
from mcl_plugins.cli.options import merge_options
from mcl_plugins.cli.parsers.base import find_parser
from mcl_plugins.utils.places import find_config
from parsers import parser_of

PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text()
    for path in (
        ROOT / 'README.md',
        ROOT / 'CONTRIBUTING.md',
        *sorted(ROOT.glob('docs/*.md')),
        *sorted(ROOT.glob('configs/*/README.md')),
    )
}
FENCE = re.compile(r'^```([^\n]*)\n(.*?)^```', re.DOTALL | re.MULTILINE)
PROGRAMS = ('mcl', 'python', 'pip', 'pre-commit', 'mkdir', 'ln')
TRAINED = {'dist_train.sh': 'train', 'dist_test.sh': 'test', 'dist_evaluate.sh': None}
DEMOS = {
    'quickstart.sh': 'quickstart',
    'transfer_demo.sh': 'transfer-demo',
    'own_data_demo.sh': 'own-data-demo',
    'pocket_benchmark.sh': 'pocket',
    'soak.sh': 'soak',
}
NO_ARGUMENTS = ('setup_env.sh', 'run_tests.sh', 'docs.sh')


def blocks(*languages):
    """Language line and content of the blocks of each page, with a name for the test."""
    return [
        pytest.param(line, code, id=f'{page}-{number}')
        for page, text in PAGES.items()
        for number, (line, code) in enumerate(FENCE.findall(text))
        if line.split()[:1] and line.split()[0] in languages
    ]


# Shell


@pytest.fixture(scope='module')
def stage(tmp_path_factory):
    """A folder like the checkout, in which each program and script writes down its words."""
    folder = tmp_path_factory.mktemp('checkout')
    for path in ROOT.iterdir():
        if path.name not in ('tools', '.venv', 'data', 'work_dirs'):
            (folder / path.name).symlink_to(path)
    (folder / 'bin').mkdir()
    for path in [
        *(folder / 'bin' / name for name in PROGRAMS),
        *(folder / script.relative_to(ROOT) for script in (ROOT / 'tools').rglob('*.sh')),
    ]:
        path.parent.mkdir(parents=True, exist_ok=True)
        name = path.name if path.parent.name == 'bin' else path.relative_to(folder)
        path.write_text(f'#!/bin/bash\nprintf "%s\\x1f" {name} "$@" >> calls\necho >> calls\n')
        path.chmod(0o755)
    (folder / '.venv/bin').mkdir(parents=True)
    (folder / '.venv/bin/activate').touch()
    (folder / 'bin/bash').symlink_to('/bin/bash')
    return folder


def calls_of(code, stage):
    """Run a block, and return the words of each command that it calls."""
    code = re.sub(r'\[[A-Z_]+ \.\.\.\]', '', code)  # [WORK_DIR ...], further ones
    code = re.sub(r'<[a-z0-9 ]+>', 'PLACEHOLDER', code)  # <address of machine 0>
    (stage / 'calls').write_text('')
    result = subprocess.run(
        ['/bin/bash', '-eu', '-c', code],
        cwd=stage,
        env={**os.environ, 'PATH': str(stage / 'bin')},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    lines = (stage / 'calls').read_text().splitlines()
    return [line.split('\x1f')[:-1] for line in lines]


@pytest.mark.parametrize(('line', 'code'), blocks('bash', 'shell'))
def test_shell_commands_are_those_that_their_parsers_accept(line, code, stage):
    calls = calls_of(code, stage)
    assert calls
    for words in calls:
        check_call(words)
        for word in words:
            path = word.partition('=')[2] or word
            if re.match(r'(configs|tests|tools|docs|zoo)/', path):
                assert (ROOT / path).exists(), f'{path} of {shlex.join(words)} does not exist'


def check_call(words):
    """Let the parser of the command that is called read its arguments."""
    program, *rest = words
    script = program.removeprefix('tools/')
    if program == 'mcl':
        read(*split_name(rest))
    elif program == 'python' and rest[0].startswith('tools/'):
        (name,) = re.findall(r"run_command\('(.+)'\)", (ROOT / rest[0]).read_text())
        second_word = name.split()[1:] == rest[1:2]  # as of zoo.py update
        read(name, rest[1 + second_word :])
    elif program == 'python':
        assert rest[:2] == ['-m', 'pytest'] and len(rest) == 3, rest
    elif script == 'dist_evaluate.sh':
        read(rest[0], [*rest[1:3], *rest[4:]])
    elif script == 'dist_test.sh':
        read('test', [*rest[:2], *rest[3:]])
    elif script in TRAINED:
        assert rest[1].isdecimal()  # the number of processes
        read('train', [rest[0], *rest[2:]])
    elif script == 'slurm_train.sh':
        _, _, config, work_dir, *more = [word for word in rest if word != '--requeue']
        read('train', [config, '--work-dir', work_dir, *more])
    elif script == 'mimco_two_stage.sh':
        assert find_config(f'mimco/{rest[0]}.py')
        read('reproduce', ['mimco', 'row', '--processes', *rest[1:]])
    elif script == 'benchmark/gpu.sh':
        read('bench gpu', ['--tests', 'tests', *rest])
    elif script in DEMOS:
        read(DEMOS[script], rest)
    else:
        assert script in (*NO_ARGUMENTS, *PROGRAMS), f'no check of {shlex.join(words)}'
        assert script not in NO_ARGUMENTS or set(rest) <= {'--with-ops'}, words


def split_name(words):
    """The name of a command of ``mcl``, one word or two, and its arguments."""
    for count in (1, 2):
        if (name := ' '.join(words[:count])) in app.COMMANDS:
            return name, words[count:]
    raise AssertionError(f'there is no command {shlex.join(words)}')


def read(name, words):
    """Parse arguments; a config of the package has to be there, and has to have its options."""
    try:
        arguments = find_parser(app.COMMANDS[name])(words)
    except SystemExit:
        pytest.fail(f'{name} {shlex.join(words)} is refused')
    config = getattr(arguments, 'config', None)
    if config is None or config.isupper() or str(config) in written_by_pages():
        return
    options = getattr(arguments, 'cfg_options', None) or {}
    settings = Config(read_config(config).to_dict())
    for key in options:
        parent, _, last = key.rpartition('.')
        found = settings
        for part in filter(None, parent.split('.')):
            assert part in found, f'{config} has no {key}'
            found = found[part]
        assert parent or last in settings, f'{config} has no {key}'
    merge_options(settings, options)


@cache
def read_config(name):
    return Config.fromfile(find_config(name))


@cache
def written_by_pages():
    """The configs that a page has as a block, or that ``mcl init own`` writes."""
    named = {
        line.split()[1]
        for text in PAGES.values()
        for line, _ in FENCE.findall(text)
        if len(line.split()) > 1
    }
    own = {f'own/{name}.py' for name in ('pretrain', 'classify', 'segment', 'detect')}
    return named | own


@pytest.mark.parametrize('page', PAGES)
def test_commands_within_sentences_are_there_and_have_their_options(page):
    for span in re.findall(r'`([^`]+)`', FENCE.sub('', PAGES[page])):
        words = span.split()
        if words[:1] != ['mcl'] or len(words) == 1 or words[1].startswith(('-', 'COMMAND')):
            continue
        group = any(name.startswith(f'{words[1]} ') for name in app.COMMANDS)
        if len(words) == 2 and group and words[1] not in app.COMMANDS:
            continue
        name, rest = split_name(words[1:])
        if name == 'torchrun':
            continue  # PyTorch's own arguments
        known = parser_of(name)._option_string_actions
        for option in (word.strip('[]').partition('=')[0] for word in rest):
            assert not option.startswith('--') or option in known, f'{span}: no {option}'


# Python


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """A folder with the files that the blocks speak of; the encoder is a small one."""
    rng = np.random.default_rng(0)
    (tmp_path / 'photos').mkdir()
    for name in ('cat.jpg', 'dog.png', 'photos/0.jpg', 'photos/1.jpg'):
        pixels = rng.integers(0, 256, (40, 48, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / name)
    model = MODELS.build(SMALL)
    model.init_weights()
    content = {
        'meta': {'cfg': Config(dict(model=SMALL)).pretty_text},
        'state_dict': model.state_dict(),
    }
    (tmp_path / 'work_dirs/conmim/vit-b').mkdir(parents=True)
    save_file(content, tmp_path / 'work_dirs/conmim/vit-b/epoch_800.pth')
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ('line', 'code'),
    [block for block in blocks('python') if not block.id.startswith('CONTRIBUTING')],
)  # which has a test of its own
def test_python_blocks_run(line, code, desk):
    """A config is read; other code runs, with trainings and evaluations that need ImageNet away."""
    if code.startswith('_base_'):
        (desk / 'config.py').write_text(code)
        assert Config.fromfile(desk / 'config.py').model
        return
    with (
        patch.object(train, 'train', create_autospec(train.train)) as trained,
        patch.object(knn, 'evaluate_knn', create_autospec(knn.evaluate_knn)),
        torch.device('meta' if 'get_model' in code else 'cpu'),  # a ViT-B without its weights
    ):
        exec(compile(code, 'page', 'exec'), {})
        for call in trained.call_args_list:
            inspect.signature(train.configure).bind(*call.args, **call.kwargs)
            assert find_config(call.args[0])
