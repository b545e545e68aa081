# Table 6, ViT-B, 300 epochs, fine-tuned with drop path 0.2 and layer decay 0.65: 83.86.
_base_ = '../transfer/in1k-finetune_vit-b.py'

model = dict(backbone=dict(drop_path_rate=0.2))
