"""The command ``mcl``: ``mcl train CONFIG``, ``mcl knn CONFIG CHECKPOINT``, ``mcl --help``.

Each command is a module of this package with a function ``main(argv)``, and a function in
``parsers`` that reads its arguments. The module is imported only when its command is called and its
arguments have been read, so that the help and the messages for a misspelt command and for a wrong
argument need none of the libraries. The scripts in ``tools/`` run the same commands through
:func:`run_command`.
"""

from __future__ import annotations

import gc
import importlib
import sys
from collections.abc import Sequence
from functools import partial

from ..version import __version__
from .arguments import did_you_mean
from .parsers.base import FOLDER, docstring, find_parser

# Name of a command (one or two words) -> its module in this package.
COMMANDS = {
    'doctor': 'doctor',
    'preflight': 'preflight.run',
    'train': 'train',
    'test': 'test',
    'predict': 'predict',
    'knn': 'evaluate.knn',
    'linear': 'evaluate.linear',
    'retrieval': 'evaluate.retrieval',
    'report': 'report.run',
    'curves': 'visualize.curves',
    'compare': 'compare',
    'masks': 'visualize.masks',
    'reconstruction': 'visualize.reconstruction',
    'attention': 'visualize.attention',
    'tsne': 'visualize.tsne',
    'patterns': 'visualize.patterns',
    **{
        f'convert {file.stem}': f'convert.{file.stem}'
        for file in sorted((FOLDER / 'convert').glob('[!_]*.py'))
    },
    'init own': 'own.init',
    'export': 'export.run',
    'arrows': 'export.arrows',
    'fidelity': 'fidelity',
    'methods': 'methods',
    'replay': 'replay',
    'reproduce': 'reproduce.run',
    'zoo update': 'reproduce.zoo',
    'soak': 'soak',
    'pocket': 'pocket.run',
    'quickstart': 'quickstart.run',
    'transfer-demo': 'quickstart.transfer',
    'own-data-demo': 'quickstart.own_data',
    'data digits': 'data.make_digits',
    'data hard-digits': 'data.make_hard_digits',
    'data digit-retrieval': 'data.make_digit_retrieval',
    'data scenes': 'data.make_scenes',
    'data solar-cells': 'data.solar_cells',
    'data pack': 'data.pack',
    'bench step': 'benchmark.step',
    'bench count': 'benchmark.count',
    'bench flops': 'benchmark.flops',
    'bench cost': 'benchmark.cost',
    'bench gpu': 'benchmark.gpu',
    'bench data': 'benchmark.data',
    'bench data-path': 'benchmark.data_path',
    'bench scale': 'benchmark.scale',
    'torchrun': 'torchrun',
}

USAGE = """usage: mcl COMMAND [ARGUMENT ...]

{commands}

mcl COMMAND --help explains a command. CONFIG is a file, or the name of one of the package's own
configs: conmim/vit-b.py or mcl_plugins::conmim/vit-b.py. On several processes:
  mcl torchrun --nproc_per_node 8 -m mcl_plugins train CONFIG --launcher pytorch
"""


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command that the first one or two arguments name.

    Args:
        argv: arguments after ``mcl``; by default those of the process.

    Raises:
        SystemExit: with status 2 if there is no such command, otherwise with the command's own
        status.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    if words in (['-h'], ['--help']):
        print(USAGE.format(commands=_format_list(COMMANDS)))
        return
    if words == ['--version']:
        print(f'mcl_plugins {__version__}')
        return
    for count in (1, 2):
        name = ' '.join(words[:count])
        if name in COMMANDS:
            sys.argv[0] = f'mcl {name}'  # argparse shows it in the command's usage
            run_command(name, words[count:])
            return
    _explain(words)


def run_command(name: str, argv: Sequence[str] | None = None) -> None:
    """Run a command; it is the only task of this process.

    Args:
        name: name of the command, such as ``'train'`` or ``'convert conmim'``.
        argv: arguments of the command; by default those of the process.

    Raises:
        SystemExit: with status 1 after an error in the user's input, whose message is printed.
    """
    # The processes that torchrun starts import the libraries, and doctor tries to.
    if name in ('torchrun', 'doctor'):
        importlib.import_module(f'.{COMMANDS[name]}', __package__).main(argv)
        return
    find_parser(COMMANDS[name])(argv)  # --help and wrong arguments end here, before the imports
    # Looking for garbage in all that is imported takes a fourth of the time, and finds none.
    gc.disable()
    # Before the parts of this package that derive from mmpretrain, without its notices.
    compat = importlib.import_module('..utils.compat', __package__)
    compat.import_quietly('mmpretrain.models', 'mmpretrain.datasets')
    common = importlib.import_module('.common', __package__)
    module = importlib.import_module(f'.{COMMANDS[name]}', __package__)
    gc.freeze()  # MMEngine collects garbage for each data set
    gc.enable()
    common.run(partial(module.main, argv))


def summary(name: str) -> str:
    """Return the first line of a command's docstring without importing its module."""
    return docstring(COMMANDS[name]).partition('\n')[0]


def _format_list(names: Sequence[str] | dict[str, str]) -> str:
    width = max(map(len, names))
    return '\n'.join(f'  {name:{width}}  {summary(name)}' for name in names)


def _explain(words: list[str]) -> None:
    """Print the usage or suggest a similar command; exit with status 2 after an error."""
    group = [name for name in COMMANDS if words and name.startswith(f'{words[0]} ')]
    if group and words[1:] in (['-h'], ['--help']):
        print(f'usage: mcl {words[0]} COMMAND [ARGUMENT ...]\n\n{_format_list(group)}')
        return
    if not words:
        message = USAGE.format(commands=_format_list(COMMANDS))
    elif group:
        message = f'mcl {words[0]} has the commands\n{_format_list(group)}'
    else:
        # Suggest for the first word, and if nothing is similar for the first two words together.
        tried = ' '.join(words[:2])
        near = did_you_mean(words[0], {name.split()[0] for name in COMMANDS})
        near = did_you_mean(tried, COMMANDS) if near == '.' else near
        message = f'mcl: unknown command {words[0]!r}{near} mcl --help lists all commands.'
    print(message, file=sys.stderr)
    sys.exit(2)
