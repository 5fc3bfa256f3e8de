"""Data over time: profiles, drift, the accepted reference, personal data and poisoning."""
