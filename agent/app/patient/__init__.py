"""The patient's page, what is the person's own on it: consent, data, thumbs, leaving; and the parts of a turn that go with them."""
