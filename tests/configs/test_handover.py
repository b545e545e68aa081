"""Every pre-training checkpoint goes into the classifiers that the README pairs it with, whole.

At full size: the models are on the meta device, and the tensors of the file, of the right shapes,
share one number.
"""

import functools
import json
import re
import warnings

import pytest
import torch
from mmengine.runner.checkpoint import load_checkpoint
from mmpretrain.registry import MODELS
from zoo import OTHER_FOLDERS, ROOT, Zoo, read

from mcl_plugins.backbones import VisionTransformer
from mcl_plugins.checkpoint.files import save_file
from mcl_plugins.checkpoint.layouts.vit import TIMM_VIT
from mcl_plugins.utils.compat import LinspaceOnHost

CONFIGS = ROOT / 'configs'
METHODS = sorted({path.name for path in CONFIGS.iterdir()} - OTHER_FOLDERS)
LINK = re.compile(r'\]\(([^):]+\.py)\)')
TABLE = 'relative_position_bias_table'
FRESH = 'ln2.'  # the norm after mean pooling is the classifier's own


def source_of(name):
    """The config that a config has its model from: itself, or a base if it does not touch it."""
    path = CONFIGS / name
    while True:
        code = re.sub('#.*', '', path.read_text())
        base = re.search(r"^_base_ = '(.+\.py)'$", code, re.MULTILINE)
        if 'model' in code or 'load_from' in code or not base:
            return path
        path = (path.parent / base[1]).resolve()


@functools.cache
def config_of(name):
    return read(source_of(name))


def is_transfer(name):
    return (
        '/transfer/' in name
        or '/finetune_' in name
        or re.search('/(in1k-finetune|inat1[89]|flowers102|coco|ade20k)', name) is not None
    )


def is_classifier(name):
    return is_transfer(name) and config_of(name).model.type == 'ImageClassifier'


def named_file(name):
    """The checkpoint of another code that a config starts from; '' if it names none."""
    init = config_of(name).model.backbone.get('init_cfg') or {}
    return init.get('checkpoint', '')


def second_stage(name):
    """Whether it goes on from a whole classifier, of a smaller image size."""
    return config_of(name).get('load_from') == ''


# What the READMEs pair


def linked(text, method):
    """Configs that a piece of a README links to: pre-training, transfer."""
    paths = ((CONFIGS / method / link).resolve() for link in LINK.findall(text))
    names = [path.relative_to(CONFIGS).as_posix() for path in paths]
    return [n for n in names if not is_transfer(n)], [n for n in names if is_transfer(n)]


def pairs_of(method):
    """(pre-training, classifier) by the rows of a README; what a row leaves out, the text says.

    That is the text of its section, or of the next larger one.
    """
    pairs, texts = set(), {}
    for section in re.split(r'^(?=#+ )', (CONFIGS / method / 'README.md').read_text(), flags=re.M):
        lines, level = section.splitlines(), len(section) - len(section.lstrip('#'))
        texts = {depth: text for depth, text in texts.items() if depth < level}
        texts[level] = linked('\n'.join(n for n in lines if not n.startswith('|')), method)
        for row in (linked(line, method) for line in lines if line.startswith('|')):
            before, after = (
                named or next((texts[d][kind] for d in sorted(texts)[::-1] if texts[d][kind]), [])
                for kind, named in enumerate(row)
            )
            if any(row):
                after = [name for name in after if is_classifier(name) and not named_file(name)]
                pairs |= {(a, b) for a in before for b in after}
    # A text may name the configs of several sizes.
    return {(a, b) for a, b in pairs if size(a) in (None, size(b))}


def size(name):
    """``vit-b``, ``swin-t`` and the like in the name of a config."""
    found = re.search(r'(conv-)?(vit|swin|deit)-[sbtl]', name)
    return found and found[0]


@pytest.mark.parametrize('method', METHODS)
def test_every_classifier_has_a_pre_training(method):
    names = {f'{method}/{name}' for name in Zoo(method).names}
    classifiers = {name for name in names if is_classifier(name) and not named_file(name)}
    assert {after for _, after in pairs_of(method)} >= classifiers


# From one to the other


def architecture(name):
    """What the tensors of a config's checkpoint depend on."""
    model = config_of(name).model.to_dict()
    if model['type'] == 'ImageClassifier':
        return json.dumps([model['backbone'], second_stage(name)])
    return json.dumps([model['type'], model['backbone'], sorted(k for k in model if not model[k])])


def build(model):
    with torch.device('meta'), LinspaceOnHost():
        return MODELS.build(model)


def classifier(name, checkpoint=None):
    model = config_of(name).model
    init_cfg = checkpoint and {**model.backbone.init_cfg, 'checkpoint': str(checkpoint)}
    return build({**model, 'backbone': {**model.backbone, 'init_cfg': init_cfg}})


def write(model, path):
    """A checkpoint with tensors of the model's shapes, in next to no space."""
    tensors = {
        name: torch.zeros((), dtype=value.dtype).expand(value.shape)
        for name, value in model.state_dict().items()
    }
    save_file({'meta': {}, 'state_dict': tensors}, path)
    return path


@pytest.fixture
def _quiet():
    with warnings.catch_warnings():
        warnings.filterwarnings('ignore', '.*copying from a non-meta parameter')
        yield


@pytest.mark.usefixtures('_quiet')
@pytest.mark.parametrize('method', METHODS)
def test_the_checkpoint_fits(tmp_path, method):
    distinct = {(architecture(a), architecture(b)): (a, b) for a, b in sorted(pairs_of(method))}
    assert distinct
    models, files = {}, {}
    for (tensors, _), (before, after) in distinct.items():
        if second_stage(after):
            first = classifier(after.replace('_384', ''))
            path = write(first, tmp_path / 'classifier.pth')
            load_checkpoint(classifier(after), str(path), strict=True)
            continue
        if tensors not in files:
            config = config_of(before)
            model = {'data_preprocessor': config.get('data_preprocessor'), **config.model}
            models[tensors] = build(model)
            files[tensors] = write(models[tensors], tmp_path / f'{len(files)}.pth')
        encoder = classifier(after, files[tensors]).backbone
        whole = {name for name in encoder.state_dict() if not name.startswith(FRESH)}
        if TABLE in encoder.task_tensors:  # fine-tuning adds relative positions to CAE's absolute
            whole = {name for name in whole if not name.endswith(TABLE)}
        assert taken(encoder) == whole, (before, after)
        prefix = config_of(after).model.backbone.init_cfg.prefix
        source = models[tensors].get_submodule(prefix.removesuffix('.'))
        assert heads(encoder) == heads(source), (before, after)


DINO = 'data/dino_vitbase16_pretrain.pth'
STARTS = {
    name: file
    for method in METHODS
    for name in (f'{method}/{part}' for part in Zoo(method).names)
    if is_transfer(name) and (file := named_file(name))
}


def test_no_other_file_than_dinos_is_named():
    assert len(STARTS) == 7 and set(STARTS.values()) == {DINO}


@pytest.mark.usefixtures('_quiet')
@pytest.mark.parametrize('name', STARTS)
def test_the_released_file_of_dino_fits(tmp_path, name):
    """It has the names of timm's ViT-B/16 at 224 px, and no prefix."""
    with torch.device('meta'), LinspaceOnHost():
        released = VisionTransformer('base', img_size=224, patch_size=16, out_type='raw')
    tensors = TIMM_VIT.to_theirs(released.state_dict())
    assert {'blocks.11.attn.qkv.bias', 'pos_embed', 'norm.weight'} < set(tensors)
    save_file({key: torch.zeros(()).expand(t.shape) for key, t in tensors.items()}, tmp_path / 'd')
    backbone = config_of(name).model.backbone
    init_cfg = {**backbone.init_cfg, 'checkpoint': str(tmp_path / 'd')}
    encoder = build({**backbone, 'init_cfg': init_cfg})
    names = taken(encoder)
    added = (*encoder.task_modules, *encoder.task_tensors)
    missing = [key for key in encoder.state_dict() if key not in names]
    assert all(key.startswith(added) or key.endswith(added) for key in missing), missing
    assert 'layers.11.ffn.layers.1.weight' in names and 'pos_embed' in names


def heads(encoder):
    """Attention heads of all blocks, which do not show in the shapes of the tensors."""
    return [module.num_heads for module in encoder.modules() if hasattr(module, 'num_heads')]


def taken(encoder):
    """Names of the tensors that an encoder takes from its checkpoint."""
    names, load_state_dict = set(), encoder.load_state_dict

    def spy(state, **kwargs):
        names.update(state)
        return load_state_dict(state, **kwargs)

    encoder.load_state_dict = spy
    encoder.init_weights()
    return names
