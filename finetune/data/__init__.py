"""Training data: drafts of every kind, and one build that shows, checks, cleans, decontaminates and splits them."""
