# Masked MoCo ViT-B/16, 60 epochs: 81.7 after 60 of fine-tuning (paper, Table 4, light augmentation;
# derived from the text's +0.3 over the strong one). The warm-up is ours.
_base_ = 'vit-b_300e.py'

train_cfg = dict(max_epochs=60)
