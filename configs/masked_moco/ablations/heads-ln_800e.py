# Table 3, LayerNorm heads without class attention: 91.8 after fine-tuning, 76.7 linear.
_base_ = '../vit-s_in100_800e.py'

model = dict(class_attention=None)
