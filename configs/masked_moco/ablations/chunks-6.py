# Table 1a, 6 chunks: 89.6 after fine-tuning, 77.3 linear.
_base_ = '../vit-s_in100_200e.py'

model = dict(num_chunks=6)
