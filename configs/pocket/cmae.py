# CMAE in the pocket benchmark. bash tools/pocket_benchmark.sh --only cmae runs and evaluates it.
_base_ = '../quickstart/cmae.py'

data_preprocessor = dict(
    views=[[], [
        dict(
            type='mcl_plugins.ColorJitter',
            brightness=0.4, contrast=0.4, saturation=0.0, hue=0.0, prob=0.8),
        dict(type='mcl_plugins.GaussianBlur', prob=0.5, sigma=(0.1, 1.0)),
    ]])
train_dataloader = dict(num_workers=0, dataset=dict(data_root='data/pocket/digits'))
optim_wrapper = dict(optimizer=dict(lr=1e-3))
