# MimCo on a Swin in the pocket benchmark; its teacher is moby.py's encoder, trained on half of the
# images. bash tools/pocket_benchmark.sh --only mimco-swin runs and evaluates both.
_base_ = '../quickstart/mimco.py'

arch = dict(embed_dims=60, depths=(2, 2), num_heads=(2, 4))
model = dict(
    backbone=dict(arch=arch, patch_size=4),
    teacher=dict(
        backbone=dict(arch=arch, patch_size=4, init_cfg=dict(checkpoint='')),
        how_to_get='run bash tools/pocket_benchmark.sh --only mimco-swin, which trains one'),
    patch_contrast=dict(projector=dict(in_channels=120)),
    image_contrast=dict(projector=dict(in_channels=120)))
del arch
train_dataloader = dict(num_workers=0, dataset=dict(data_root='data/pocket/digits'))
optim_wrapper = dict(optimizer=dict(lr=5e-4))
