"""The case's own settings, which a vendor's may overrule."""

train_batch_size = 32
learning_rate = 0.05
max_steps = 3000
eval_interval_samples = 9600
target_embedding_average = 0.92
log_freq = 10
seed = 1234
step_milliseconds = 2.0

mutable_params = ["train_batch_size", "learning_rate", "max_steps", "log_freq", "seed", "step_milliseconds"]
