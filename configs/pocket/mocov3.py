# MoCo v3 in the pocket benchmark: Masked MoCo with whole images, two crops and BatchNorm.
# bash tools/pocket_benchmark.sh --only mocov3 runs and evaluates it.
_base_ = 'masked_moco.py'

norm_cfg = dict(_delete_=True, type='mcl_plugins.SyncBN')
model = dict(
    class_attention=None,
    projector=dict(norm_cfg=norm_cfg),
    predictor=dict(norm_cfg=norm_cfg),
    num_chunks=1)
del norm_cfg
custom_hooks = []  # kappa compares the chunks of an image: with one chunk there is none
train_dataloader = dict(
    dataset=dict(
        pipeline=[
            dict(
                type='mcl_plugins.LoadRandomResizedCrop',
                scale=32,
                crop_ratio_range=[(0.5, 1.0), (0.5, 1.0)]),
            dict(type='PackInputs'),
        ]))
optim_wrapper = dict(optimizer=dict(lr=1e-3))
