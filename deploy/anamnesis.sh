#!/bin/sh
exec python -m agent.cli "$@"
