"""Sources, contract, split and profile of the data."""
