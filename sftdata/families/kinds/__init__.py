"""The four kinds of sample: extraction, writing, evidence, refusal."""
