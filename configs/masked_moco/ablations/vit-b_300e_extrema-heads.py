# Heads as in ExtreMA's released code (biases, GELU, no norm after the last layer): no number.
_base_ = '../vit-b_300e.py'

projector = dict(_delete_=True, type='mcl_plugins.ExtreMANeck', hid_channels=4096, out_channels=256)
model = dict(
    projector=dict(**projector, in_channels=768, num_layers=3),
    predictor=dict(**projector, in_channels=256, num_layers=2),
)
del projector
