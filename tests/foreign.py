"""Models of other libraries, and files as other codes write them."""

from argparse import Namespace

import timm
import torch
import torchvision
import transformers

from conftest import SMALL_SWIN, SMALL_VIT
from mcl_plugins.backbones import BEiTViT, DINOViT, SwinTransformer, VisionTransformer
from mcl_plugins.checkpoint.layouts.beit import TIMM_BEIT
from mcl_plugins.checkpoint.layouts.dino import DINOV3
from mcl_plugins.checkpoint.layouts.swin import RELEASED_SWIN
from mcl_plugins.checkpoint.layouts.vit import TIMM_VIT

ARCH = SMALL_VIT['arch']
SIZES = dict(arch=ARCH, img_size=32, patch_size=8)
SWIN = SMALL_SWIN
TIMM_SIZES = dict(embed_dim=48, depth=2, num_heads=3, img_size=32, patch_size=8, mlp_ratio=2)
HF_SIZES = dict(
    hidden_size=48,
    num_hidden_layers=2,
    num_attention_heads=3,
    intermediate_size=96,
    image_size=32,
    patch_size=8,
)
HF_SWIN = dict(
    image_size=32, patch_size=2, embed_dim=16, depths=[2, 2], num_heads=[2, 4], window_size=4
)
TIMM_SWIN = dict(
    embed_dim=16, depths=(2, 2), num_heads=(2, 4), window_size=4, patch_size=2, img_size=32
)


def randomised(model):
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0, 0.1) if parameter.ndim > 1 else parameter.uniform_(0.5, 1.5)
    return model.train(False) or model


def randomise_all_but_zeros(model):
    """Leave what is zero by design, the bias of DINOv3's keys."""
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    randomised(model)
    if isinstance(model, DINOViT):
        for layer, number in zip(model.layers, range(9), strict=False):
            assert not before[f'layers.{number}.attn.qkv.bias'][48:96].any()
            layer.attn.qkv.bias.data[48:96] = 0


def timm_model(name, **sizes):
    model = randomised(timm.create_model(name, **sizes))
    return model, model.forward_features


def hf_model(name, config, **kwargs):
    model = randomised(getattr(transformers, name)(config, **kwargs))
    return model, lambda images: model(images).last_hidden_state


def hf_mae():
    config = transformers.ViTMAEConfig(
        **HF_SIZES,
        mask_ratio=0.0,
        decoder_hidden_size=32,
        decoder_num_hidden_layers=1,
        decoder_num_attention_heads=2,
        decoder_intermediate_size=32,
    )
    model = randomised(transformers.ViTMAEForPreTraining(config))
    in_order = torch.arange(16.0).expand(2, 16)
    return model, lambda images: model.vit(images, noise=in_order).last_hidden_state


def torchvision_vit():
    model = randomised(torchvision.models.VisionTransformer(32, 8, 2, 3, 48, 96))

    def run(images):
        tokens = model._process_input(images)
        return model.encoder(torch.cat((model.class_token.expand(2, -1, -1), tokens), dim=1))

    return model, run


def torchvision_swin():
    model = randomised(torchvision.models.SwinTransformer([2, 2], 16, [2, 2], [2, 4], [4, 4]))
    return model, lambda images: model.norm(model.features(images))


def without_registers(model, run):
    """The class token and the patches, without the four registers between them."""
    return model, lambda images: run(images)[:, [0, *range(5, 21)]]


def dinov2_sizes():
    sizes = {name: size for name, size in HF_SIZES.items() if name != 'intermediate_size'}
    return dict(**sizes, mlp_ratio=2)


BEIT = dict(use_relative_position_bias=True)
SHARED = dict(use_shared_relative_position_bias=True, use_mean_pooling=False)
VIT, SWIN_224 = 'vit_base_patch16_224', 'swin_tiny_patch4_window7_224'
MODELS_IN = {
    'timm: ViT': ('plain ViT', lambda: timm_model(VIT, **TIMM_SIZES)),
    'timm: DINOv2': ('plain ViT', lambda: timm_model('vit_small_patch14_dinov2', **TIMM_SIZES)),
    'timm: BEiT': ('BEiT-like ViT', lambda: timm_model('beit_base_patch16_224', **TIMM_SIZES)),
    'timm: Swin': ('Swin transformer', lambda: timm_model(SWIN_224, **TIMM_SWIN)),
    'Hugging Face: ViT': (
        'plain ViT',
        lambda: hf_model('ViTModel', transformers.ViTConfig(**HF_SIZES)),
    ),
    'Hugging Face: ViTMAE': ('plain ViT', hf_mae),
    'Hugging Face: Dinov2': (
        'plain ViT',
        lambda: hf_model('Dinov2Model', transformers.Dinov2Config(**dinov2_sizes())),
    ),
    'Hugging Face: BEiT': (
        'BEiT-like ViT',
        lambda: hf_model('BeitModel', transformers.BeitConfig(**HF_SIZES, **BEIT)),
    ),
    'Hugging Face: BEiT, shared positions': (
        'BEiT-like ViT',
        lambda: hf_model(
            'BeitModel', transformers.BeitConfig(**HF_SIZES, **SHARED), add_pooling_layer=False
        ),
    ),
    'Hugging Face: Swin': (
        'Swin transformer',
        lambda: hf_model('SwinModel', transformers.SwinConfig(**HF_SWIN)),
    ),
    'Hugging Face: Dinov2, SwiGLU': (
        'plain ViT',
        lambda: hf_model(
            'Dinov2Model', transformers.Dinov2Config(**dinov2_sizes(), use_swiglu_ffn=True)
        ),
    ),
    'Hugging Face: Dinov2 with registers': (
        'ViT with registers',
        lambda: without_registers(
            *hf_model(
                'Dinov2WithRegistersModel',
                transformers.Dinov2WithRegistersConfig(**dinov2_sizes()),
            )
        ),
    ),
    'Hugging Face: DINOv3': (
        'ViT with registers',
        lambda: without_registers(
            *hf_model(
                'DINOv3ViTModel',
                transformers.DINOv3ViTConfig(**HF_SIZES, num_register_tokens=4),
            )
        ),
    ),
    **{
        f'timm: {title}': (
            'ViT with registers',
            lambda name=name: without_registers(*timm_model(name, **TIMM_SIZES)),
        )
        for title, name in {
            'DINOv2 with registers': 'vit_small_patch14_reg4_dinov2',
            'DINOv3': 'vit_small_patch16_dinov3',
            'DINOv3 with biases': 'vit_small_patch16_dinov3_qkvb',
        }.items()
    },
    'torchvision: ViT': ('plain ViT', torchvision_vit),
    'torchvision: Swin': ('Swin transformer', torchvision_swin),
}


# Released files as their codes write them: what is around the encoder, and the method's names.
def mae(encoder):
    tensors = TIMM_VIT.to_theirs(encoder.state_dict())
    other = {'decoder_embed.weight': torch.ones(2, 2), 'mask_token': torch.ones(1, 1, 32)}
    return {'model': {**tensors, **other}, 'args': Namespace(lr=1), 'epoch': 8}


def mocov3(encoder):
    tensors = TIMM_VIT.to_theirs(encoder.state_dict())
    online = {f'module.base_encoder.{name}': tensor for name, tensor in tensors.items()}
    target = {f'module.momentum_encoder.{name}': 2 * tensor for name, tensor in tensors.items()}
    head = {'module.base_encoder.head.0.weight': torch.ones(2, 2)}
    return {'state_dict': {**online, **target, **head}, 'arch': 'vit_small'}


def dino(encoder):
    tensors = TIMM_VIT.to_theirs(encoder.state_dict())
    teacher = {f'backbone.{name}': tensor for name, tensor in tensors.items()}
    student = {f'module.backbone.{name}': 2 * tensor for name, tensor in tensors.items()}
    head = {'module.head.mlp.0.weight': torch.ones(2, 2)}
    return {'student': {**student, **head}, 'teacher': teacher, 'args': Namespace(out_dim=3)}


def beit(encoder):
    return {'model': TIMM_BEIT.to_theirs(encoder.state_dict())}


def simmim_vit(encoder):
    tensors = TIMM_BEIT.to_theirs(encoder.state_dict())
    decoder = {'decoder.0.weight': torch.ones(3, 3, 1, 1)}
    return {'model': {**{f'encoder.{k}': v for k, v in tensors.items()}, **decoder}}


def simmim_swin(encoder):
    tensors = RELEASED_SWIN.to_theirs(encoder.state_dict())
    mask = {'encoder.layers.0.blocks.1.attn_mask': torch.zeros(4, 16, 16)}
    return {'model': {**{f'encoder.{k}': v for k, v in tensors.items()}, **mask}}


def moby(encoder):
    tensors = RELEASED_SWIN.to_theirs(encoder.state_dict())
    online = {f'encoder.{name}': tensor for name, tensor in tensors.items()}
    target = {f'encoder_k.{name}': 2 * tensor for name, tensor in tensors.items()}
    return {'model': {**online, **target, 'queue1': torch.ones(3, 4)}}


def lightning(encoder):
    tensors = TIMM_VIT.to_theirs(encoder.state_dict())
    return {'state_dict': {f'model.module.encoder.{k}': v for k, v in tensors.items()}}


def dinov3(encoder):
    tensors = DINOV3.to_theirs(encoder.state_dict())
    # to_theirs takes the first of several names, which is that of DINOv2.
    tensors['storage_tokens'] = tensors.pop('register_tokens')
    for name in [name for name in tensors if name.endswith('qkv.bias')]:
        mask = torch.ones_like(tensors[name])
        mask[48:96] = float('nan')  # as the released code leaves it
        tensors[f'{name}_mask'] = mask
    return {**tensors, 'rope_embed.periods': torch.ones(4)}


def timm_training(encoder):
    tensors = TIMM_VIT.to_theirs(encoder.state_dict())
    ema = {name: 2 * tensor for name, tensor in tensors.items()}
    return {'state_dict': tensors, 'state_dict_ema': ema, 'optimizer': {'state': {}}}


def relative():
    options = dict(use_shared_rel_pos_bias=True, use_rel_pos_bias=False)
    return BEiTViT(**SIZES, **options, out_type='raw', final_norm=True)


def rotary():
    model = DINOViT(**SIZES, rotary=True, norm_cfg=dict(type='LN', eps=1e-5))
    with torch.no_grad():
        for layer in model.layers:
            layer.attn.qkv.bias[48:96] = 0
    return model


def swin():
    return SwinTransformer(**SWIN)


def plain():
    return VisionTransformer(**SIZES, out_type='raw')


RELEASED = {
    'MAE': (plain, mae),
    'DINO, full checkpoint': (plain, dino),
    'DINOv3': (rotary, dinov3),
    'MoCo v3': (plain, mocov3),
    'BEiT': (relative, beit),
    "SimMIM's ViT": (relative, simmim_vit),
    "SimMIM's Swin": (swin, simmim_swin),
    'MoBY': (swin, moby),
    'a Lightning training': (plain, lightning),
    'a timm training': (plain, timm_training),
}
