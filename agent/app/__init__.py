"""The chat in the browser: a composition root, which nothing imports but `anamnesis serve`."""
