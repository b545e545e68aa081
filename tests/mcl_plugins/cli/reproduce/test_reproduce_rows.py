"""Every row of every table can be named, and its chain is what the page says."""

from functools import cache

import pytest

from mcl_plugins.cli.common import read_config
from mcl_plugins.cli.reproduce.plan import ENCODER, TEACHER, plan
from mcl_plugins.cli.reproduce.rows import (
    find_row,
    is_transfer,
    methods_with_rows,
    page_of,
    read_rows,
)
from mcl_plugins.cli.reproduce.run import print_rows
from mcl_plugins.utils.places import find_config

ROWS = [row for method in methods_with_rows() for row in read_rows(method)]


@cache
def read(config):
    return read_config(find_config(config))


def test_every_row_of_every_table_is_listed(capsys):
    """A table with the column "this package" has a row a line, whatever its heading."""
    print_rows(methods_with_rows())
    listed = capsys.readouterr().out.splitlines()
    lines = []
    for method in methods_with_rows():
        inside = False
        for line in page_of(method).read_text().splitlines():
            if line.startswith('|') and 'this package |' in line:
                inside = True
            elif not line.startswith('|'):
                inside = False
            elif inside and set(line) - set('|-: '):
                lines.append(line)
    assert len(listed) == len(lines) == len(ROWS)
    assert (
        'conmim "table 3: ViT-B/16, DINO"   (starts from data/dino_vitbase16_pretrain.pth)'
        in listed
    )
    assert 'conmim "table 1: ViT-B/16, 300 epochs, 224 px"' in listed
    assert sum(line.endswith('in this package)') for line in listed) == sum(
        not row.configs for row in ROWS
    )


def test_names_and_folders_are_unique_and_find_their_row():
    assert len({(row.method, row.name) for row in ROWS}) == len(ROWS)
    assert len({(row.method, row.slug) for row in ROWS}) == len(ROWS)
    assert all(len(row.slug) <= 80 for row in ROWS)
    for row in ROWS[::7]:
        assert find_row(row.method, row.name) == row


def test_the_row_that_the_issue_names():
    row = find_row('conmim', 'table 1: ViT-B/16, 300 epochs, 224')
    assert row.configs == ('conmim/vit-b_300e.py', 'conmim/transfer/in1k-finetune_vit-b.py')


def test_rows_with_configs_begin_with_a_pre_training():
    """Except those whose encoder is another code's, or random."""
    for row in ROWS:
        for config in row.configs:
            assert find_config(config).is_file()
        if row.configs and is_transfer(row.configs[0]):
            config = row.configs[0]
            assert 'random' in config or '/baselines/' in config, row


@pytest.mark.parametrize(
    ('method', 'name', 'problem'),
    [
        ('conmim', 'table 1: ViT-G', r"no row 'table 1: ViT-G'; name one of these"),
        ('conmim', 'table 1: ViT-B/16', r"rows are called 'table 1: ViT-B/16'; name one"),
    ],
)
def test_other_names_are_explained(method, name, problem):
    with pytest.raises(ValueError, match=problem):
        find_row(method, name)


def test_other_methods_are_explained():
    with pytest.raises(FileNotFoundError, match=r"no method 'mae'; choose from ccmim, cmae"):
        read_rows('mae')


def chain(method, name):
    stages = plan(find_row(method, name), read)
    return [(stage.config, stage.option, stage.source, stage.kind) for stage in stages]


def test_teacher_student_and_fine_tuning():
    assert chain('mimco', 'table 1: Swin-T, 100 epochs, 700') == [
        ('moby/swin-t.py', None, None, 'train'),
        ('mimco/swin-t.py', TEACHER, '1-swin-t', 'train'),
        ('mimco/transfer/in1k-finetune_swin-t.py', ENCODER, '2-swin-t', 'train'),
    ]


def test_linear_classification_and_fine_tuning_start_from_the_same_file():
    assert [source for _, _, source, _ in chain('ccmim', 'table 1: ViT-B/16, 300 epochs')] == [
        None,
        '1-vit-b_300e',
        '1-vit-b_300e',
    ]


def test_intermediate_classifiers_come_first():
    stages = chain('conmim', 'table 2: ViT-S/16, 300 epochs, then ImageNet')
    assert [source for _, _, source, _ in stages] == [None, '1-vit-s', '2-in1k-finetune_vit-s']
    stages = chain('conmim', 'table 1: ViT-B/16, 800 epochs, 384 px')
    assert stages[-1][1:3] == ('load_from', '2-in1k-finetune_vit-b')


def test_retrieval_uses_the_frozen_encoder():
    *_, (_, option, source, kind) = chain('mimco', 'table 4: 100 epochs')
    assert (option, source, kind) == (ENCODER, '2-swin-t', 'retrieval')


def test_random_weights_and_other_codes():
    assert chain('masked_moco', 'table 6: none, random weights') == [
        ('masked_moco/transfer/coco-vitdet_vit-b_50e_random.py', None, None, 'train')
    ]
    ((_, option, source, _),) = chain('conmim', 'table 3: ViT-B/16, DINO')
    assert (option, source) == (ENCODER, None)
    with pytest.raises(ValueError, match='quoted from the paper'):
        chain('cmae', 'tables 1 and 2: ViT-B/16, PeCo, 800 epochs')
