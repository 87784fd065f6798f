"""How good the answers are: metrics with intervals over groups, judge, human review, monitoring."""
