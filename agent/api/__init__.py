"""The API and the server that chat and API share: a composition root, which nothing imports but `anamnesis serve`."""
