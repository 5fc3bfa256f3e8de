"""The figures of the evaluation report."""
