# ccMIM in minutes on a CPU: a small ViT on 32 px crops of handwritten digits.
# bash tools/quickstart.sh --method ccmim runs it and evaluates the result.
_base_ = [
    '../_base_/models/ccmim.py',
    '../_base_/datasets/digits.py',
    '../_base_/schedules/mae.py',
    '../_base_/default_runtime.py',
]

# The colours of a digit say nothing about its class, but would be the easiest feature to match.
# With one view they cannot differ between query and key, so the images are gray.
data_preprocessor = dict(views=[[dict(type='mcl_plugins.Grayscale', prob=1.0)]])

model = dict(
    backbone=dict(
        arch=dict(
            _delete_=True, embed_dims=96, num_layers=4, num_heads=3, feedforward_channels=384
        ),
        img_size=32,
        patch_size=8,
    ),
    decoder=dict(
        num_patches=16,
        patch_size=8,
        embed_dim=96,
        decoder_embed_dim=64,
        decoder_depth=2,
        decoder_num_heads=2,
    ),
    projector=dict(in_channels=96, hid_channels=192, out_channels=64),
    pixel_head=dict(patch_size=8),
)

optim_wrapper = dict(optimizer=dict(lr=1e-3))
auto_scale_lr = dict(base_batch_size=96)
train_cfg = dict(max_epochs=32)
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-3, begin=0, end=2, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', begin=2, eta_min=0.0, convert_to_iter_based=True),
]
default_hooks = dict(logger=dict(interval=20), checkpoint=dict(interval=32))
