# SimMIM in the pocket benchmark: mmpretrain's, on the Swin of moby.py.
# bash tools/pocket_benchmark.sh --only simmim runs and evaluates it.
_base_ = [
    '../_base_/datasets/digits.py',
    '../_base_/schedules/mae.py',
    '../_base_/default_runtime.py',
]

data_preprocessor = dict(
    type='SelfSupDataPreprocessor',
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    to_rgb=True)
model = dict(
    type='SimMIM',
    backbone=dict(
        type='SimMIMSwinTransformer',
        arch=dict(embed_dims=60, depths=(2, 2), num_heads=(2, 4)),
        img_size=32,
        patch_cfg=dict(kernel_size=4, stride=4),
        drop_path_rate=0.0,
        out_indices=(1,),
        stage_cfgs=dict(block_cfgs=dict(window_size=4))),
    neck=dict(type='SimMIMLinearDecoder', in_channels=120, encoder_stride=8),
    head=dict(
        type='SimMIMHead',
        patch_size=4,
        loss=dict(type='PixelReconstructionLoss', criterion='L1', channel=3)),
)

# Units of 8 px, as large as the tokens of the last stage.
train_dataloader = dict(
    num_workers=0,
    dataset=dict(
        data_root='data/pocket/digits',
        pipeline=[
            dict(type='mcl_plugins.LoadRandomResizedCrop', scale=32, crop_ratio_range=(0.5, 1.0)),
            dict(
                type='SimMIMMaskGenerator',
                input_size=32,
                mask_patch_size=8,
                model_patch_size=4,
                mask_ratio=0.6),
            dict(type='PackInputs'),
        ]))
optim_wrapper = dict(optimizer=dict(lr=5e-4))
auto_scale_lr = dict(base_batch_size=96)
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-3, begin=0, end=2, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', begin=2, eta_min=0.0, convert_to_iter_based=True),
]
