"""Training, evaluation and export of the model that the package ships (extra: moderation[train])."""
