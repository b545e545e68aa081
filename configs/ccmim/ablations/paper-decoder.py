# Two blocks of decoder, as the paper says; MAE and the code have eight (no number in the paper).
_base_ = '../vit-b_300e.py'

model = dict(decoder=dict(decoder_depth=2))
