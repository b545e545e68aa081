# ccMIM ViT-B/16 as the released code runs it: four batches of 1024 per optimizer step, lambda 0.1,
# everything in float32.
_base_ = 'vit-b.py'

model = dict(contrast_head=dict(loss_weight=0.1))
optim_wrapper = dict(type='OptimWrapper', accumulative_counts=4)
