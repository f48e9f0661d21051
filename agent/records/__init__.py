"""What is kept of conversations: redacted, sealed, for a time that a policy sets, and gone when somebody says so."""
