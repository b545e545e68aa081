# Table 1a, the whole image online (MoCo v3): 88.2 after fine-tuning, 78.7 linear.
_base_ = '../vit-s_in100_200e.py'

model = dict(num_chunks=1)
custom_hooks = []  # kappa is a comparison of an image's chunks
