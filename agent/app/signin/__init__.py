"""Signing in and out, and the password: pages without scripts."""
