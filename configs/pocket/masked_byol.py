# Masked BYOL in the pocket benchmark. bash tools/pocket_benchmark.sh --only masked_byol runs and
# evaluates it.
_base_ = '../quickstart/masked_byol.py'

colours = [
    dict(
        type='mcl_plugins.ColorJitter',
        brightness=0.4, contrast=0.4, saturation=0.0, hue=0.0, prob=0.8),
    dict(type='mcl_plugins.GaussianBlur', prob=0.5, sigma=(0.1, 1.0)),
]
data_preprocessor = dict(
    views=[colours, [*colours, dict(type='mcl_plugins.Solarize', prob=0.2)]])
del colours
train_dataloader = dict(num_workers=0, dataset=dict(data_root='data/pocket/digits'))
optim_wrapper = dict(optimizer=dict(lr=2e-3))
