# Table 4: instance-level contrast on the mean of the patches, no masking: 82.26.
_base_ = '../vit-b_300e.py'

model = dict(
    mask_generator=None,
    head=dict(_delete_=True, type='mcl_plugins.InstanceContrastHead', temperature=0.1),
)
