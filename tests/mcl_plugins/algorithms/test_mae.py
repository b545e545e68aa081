"""The masked autoencoder of any encoder is mmpretrain's MAE."""

import torch
from mmpretrain.registry import MODELS

VIT = dict(embed_dims=48, num_layers=2, num_heads=3, feedforward_channels=96)
DECODER = dict(
    decoder_depth=2,
    num_patches=16,
    patch_size=8,
    embed_dim=48,
    decoder_embed_dim=32,
    decoder_num_heads=2,
)
HEAD = dict(
    type='MAEPretrainHead',
    norm_pix=True,
    patch_size=8,
    loss=dict(type='PixelReconstructionLoss', criterion='L2'),
)


def test_loss_is_that_of_mmpretrains_mae_with_the_same_weights_and_mask():
    torch.manual_seed(0)
    ours = MODELS.build(
        dict(
            type='mcl_plugins.MaskedAutoencoder',
            backbone=dict(type='mcl_plugins.MaskedViT', arch=VIT, img_size=32, patch_size=8),
            decoder=dict(type='mcl_plugins.MaskedDecoder', **DECODER),
            pixel_head=HEAD,
            mask_generator=dict(type='mcl_plugins.RandomMask', mask_ratio=0.75),
        )
    )
    ours.init_weights()
    image = torch.randn(3, 3, 32, 32)
    mask = ours.draw_mask(image)
    ours.draw_mask = lambda _: mask
    theirs = MODELS.build(
        dict(
            type='MAE',
            backbone=dict(type='MAEViT', arch=VIT, img_size=32, patch_size=8, mask_ratio=0.75),
            neck=dict(type='MAEPretrainDecoder', in_chans=3, **DECODER),
            head=HEAD,
        )
    )
    theirs.init_weights()
    theirs.backbone.load_state_dict(ours.backbone.state_dict())
    theirs.neck.load_state_dict(ours.decoder.state_dict())

    def same_mask(tokens, _):
        kept = torch.gather(tokens, 1, mask.ids_keep[..., None].expand(-1, -1, tokens.shape[-1]))
        return kept, mask.mask.float(), mask.ids_restore

    theirs.backbone.random_masking = same_mask
    expected = theirs.loss(image, None)['loss']
    torch.testing.assert_close(ours.loss([image])['loss_pixel'], expected)
    pixels, drawn = ours.reconstruct(image)
    assert drawn is mask and pixels.shape == (3, 16, 192) and not pixels.requires_grad
