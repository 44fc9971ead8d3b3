"""What a vendor changes for one node of eight cards."""

train_batch_size = 64
