# Table 1a, 4 chunks: 89.2 after fine-tuning, 79.2 linear.
_base_ = '../vit-s_in100_200e.py'

model = dict(num_chunks=4)
