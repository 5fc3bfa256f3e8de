"""Charter and system record of a credit decision."""

CHARTER = """
schema = "charter/1"
[decision]
statement = "Approve or decline a credit application."
subject = "applicant"
actions = ["approve", "decline"]
volume_per_month = 1000
[owner]
accountable = "owner@example.com"
[outcome]
label = "risk"
delay_days = 365
[outcome.classes]
"1" = "repaid"
"0" = "not repaid"
[value]
unit = "EUR"
payoff = [
  { action = "approve", outcome = "1", amount = 100.0, source = "controlling" },
  { action = "approve", outcome = "0", amount = -500.0, source = "controlling" },
  { action = "decline", outcome = "1", amount = 0.0, source = "controlling" },
  { action = "decline", outcome = "0", amount = 0.0, source = "controlling" },
]
[baseline]
policy = "approve"
[target]
metric = "uplift_per_decision"
at_least = 5.0
by = 2999-06-30
confidence = 0.9
"""
SYSTEM = """
schema = "system/1"
[identity]
name = "credit-risk"
purpose = "Helps to decide on credit applications."
owner = "owner@example.com"
[use]
output_use = "decides_about_people"
domain = "credit"
personal_data = "personal"
jurisdictions = ["EU"]
"""
