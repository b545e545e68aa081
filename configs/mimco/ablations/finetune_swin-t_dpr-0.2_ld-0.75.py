# Table 6, Swin-T, 100 epochs, fine-tuned with drop path 0.2 and layer decay 0.75: 80.94.
_base_ = '../transfer/in1k-finetune_swin-t.py'

model = dict(backbone=dict(drop_path_rate=0.2))
