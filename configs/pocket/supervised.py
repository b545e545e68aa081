# Supervised training on all labels in the pocket benchmark: an upper bound for what follows from
# few of them. bash tools/pocket_benchmark.sh --only supervised runs and evaluates it.
_base_ = 'classify_vit.py'

model = dict(backbone=dict(init_cfg=None))
train_dataloader = dict(batch_size=64, drop_last=True)
auto_scale_lr = dict(base_batch_size=64)
optim_wrapper = dict(optimizer=dict(lr=5e-4))
