"""Files whose names begin with DDP's or torch.compile's wrappers are converted like all others."""

import pytest
import torch
from conversion import released

from mcl_plugins.checkpoint.files import load_file, save_file
from mcl_plugins.cli.convert.ccmim import convert_ccmim
from mcl_plugins.cli.convert.cmae import convert_cmae
from mcl_plugins.cli.convert.conmim import convert_conmim
from mcl_plugins.cli.convert.moby import convert_moby
from mcl_plugins.cli.convert.mocov3 import convert_mocov3

CONVERTERS = {
    'ccmim': convert_ccmim,
    'cmae': convert_cmae,
    'conmim': convert_conmim,
    'moby': convert_moby,
    'mocov3': convert_mocov3,
}


def tensors_of(method):
    if method != 'conmim':
        return released(method)
    extra = {'lm_head.weight': torch.ones(2)}  # which the converter leaves out
    return {'cls_token': torch.ones(1), 'blocks.0.norm1.weight': torch.ones(3), **extra}


def same(first, second):
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize('wrapper', ['module.', '_orig_mod.', 'module._orig_mod.'])
@pytest.mark.parametrize('method', CONVERTERS)
def test_wrapped_names_are_converted_both_ways(tmp_path, method, wrapper):
    convert, original = CONVERTERS[method], tensors_of(method)
    files = {}
    for kind, start in (('bare', ''), ('wrapped', wrapper)):
        source = tmp_path / f'{kind}.pth'
        save_file({'model': {f'{start}{k}': v for k, v in original.items()}}, source)
        options = dict(teacher=source) if method == 'conmim' else {}
        convert(source, tmp_path / f'{kind}-ours.pth', **options)
        files[kind] = load_file(tmp_path / f'{kind}-ours.pth')['state_dict']
    same(files['bare'], files['wrapped'])

    ours = {f'{wrapper}{k}': v for k, v in files['bare'].items()}
    save_file({'state_dict': ours}, tmp_path / 'ours.pth')
    back = {}
    for kind, source in (('bare', 'bare-ours.pth'), ('wrapped', 'ours.pth')):
        convert(tmp_path / source, tmp_path / f'{kind}-back.pth', to_released=True)
        (back[kind],) = load_file(tmp_path / f'{kind}-back.pth').values()
    same(back['bare'], back['wrapped'])
