# ccMIM in minutes on a CPU: a small ViT on 96 px crops of solar cells, gray, without labels.
# bash tools/own_data_demo.sh runs it and evaluates the result.
_base_ = [
    '../_base_/models/ccmim.py',
    '../_base_/datasets/cells.py',
    '../_base_/schedules/mae.py',
    '../_base_/default_runtime.py',
]

data_preprocessor = dict(mean=[116.0], std=[57.0], bgr_to_rgb=False)
model = dict(
    backbone=dict(
        arch=dict(
            _delete_=True, embed_dims=96, num_layers=4, num_heads=3, feedforward_channels=384),
        img_size=96,
        patch_size=12,
        in_channels=1),
    decoder=dict(
        num_patches=64,
        patch_size=12,
        in_chans=1,
        embed_dim=96,
        decoder_embed_dim=64,
        decoder_depth=2,
        decoder_num_heads=2),
    projector=dict(in_channels=96, hid_channels=192, out_channels=64),
    pixel_head=dict(patch_size=12, in_channels=1))

optim_wrapper = dict(optimizer=dict(lr=1e-3))
auto_scale_lr = dict(base_batch_size=64)
train_cfg = dict(max_epochs=40)
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-3, begin=0, end=4, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', begin=4, eta_min=0.0, convert_to_iter_based=True),
]
default_hooks = dict(logger=dict(interval=30), checkpoint=dict(interval=40))
