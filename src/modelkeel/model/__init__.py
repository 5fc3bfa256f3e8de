"""The model: training log, evaluation, bundle, registry."""
