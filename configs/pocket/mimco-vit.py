# MimCo on a ViT in the pocket benchmark; its teacher is mocov3.py's encoder, trained on half of the
# images. bash tools/pocket_benchmark.sh --only mimco-vit runs and evaluates both.
_base_ = 'mimco-swin.py'

arch = dict(embed_dims=96, num_layers=4, num_heads=3, feedforward_channels=384)
model = dict(
    backbone=dict(
        _delete_=True, type='mcl_plugins.SimMIMViT', arch=arch, img_size=32, patch_size=8),
    teacher=dict(
        backbone=dict(
            _delete_=True,
            type='mcl_plugins.VisionTransformer',
            arch=arch,
            img_size=32,
            patch_size=8,
            out_type='featmap',
            init_cfg=dict(type='Pretrained', checkpoint='', prefix='backbone.')),
        how_to_get='run bash tools/pocket_benchmark.sh --only mimco-vit, which trains one'),
    patch_contrast=dict(projector=dict(in_channels=96)),
    image_contrast=dict(projector=dict(in_channels=96)))
del arch
optim_wrapper = dict(optimizer=dict(lr=1e-3))
