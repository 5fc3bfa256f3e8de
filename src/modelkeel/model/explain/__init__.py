"""Why a model says what it says of a row: exact contributions, reason codes, a counterfactual."""
