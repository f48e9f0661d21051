"""Clinical calculators: formulas and scores that are data, each with its source, its limits and published examples.

No number in an answer comes from a language model: it is read from what was said, checked, and computed here.
"""
