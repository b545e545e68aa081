# BYOL in the pocket benchmark: Masked BYOL with whole images and two crops.
# bash tools/pocket_benchmark.sh --only byol runs and evaluates it.
_base_ = 'masked_byol.py'

model = dict(num_chunks=1)
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
