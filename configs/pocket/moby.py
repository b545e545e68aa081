# MoBY in the pocket benchmark, on a Swin of two stages, 8x8 and 4x4 tokens.
# bash tools/pocket_benchmark.sh --only moby runs and evaluates it.
_base_ = '../quickstart/mimco_teacher.py'

model = dict(
    backbone=dict(
        arch=dict(embed_dims=60, depths=(2, 2), num_heads=(2, 4)), patch_size=4),
    projector=dict(in_channels=120))
train_dataloader = dict(num_workers=0, dataset=dict(data_root='data/pocket/digits'))
optim_wrapper = dict(optimizer=dict(lr=5e-4))
