"""A sound record of privacy, of a system that decides about people."""

PRIVACY = """schema = "privacy/1"
[processing]
controller = "Bank, Main Street 1"
protection_officer = "officer@bank.example"
purposes = ["decide on applications"]
subjects = ["applicants"]
legal_basis = "contract, Art 6(1)(b)"
recipients = ["nobody else"]
transfers = "there are none"
security = ["encrypted at rest"]
[[retention]]
data = "applications"
days = 1825
basis = "limitation of claims"
[rights]
information = "a notice with the form"
access = "by letter, within a month"
erasure = "the key of a person is destroyed"
contest = "an officer looks again"
[assessment]
necessity = "no milder means"
proportionality = "the gain outweighs it"
consultation = "consumer board, 2026-10"
officer_advice = "agreed, 2026-10-12"
"""
