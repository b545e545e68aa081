# A decoder of two blocks, as the paper says; the released code and MAE have eight.
_base_ = '../vit-b_300e.py'

model = dict(decoder=dict(decoder_depth=2))
