"""What decisions were worth: the table, the estimates, and how they are told."""
