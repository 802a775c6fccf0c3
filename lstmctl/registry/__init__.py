"""The registry: models, their versions and tags, and the checkpoints of training. The directory is the database."""
