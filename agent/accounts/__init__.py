"""Who may do what: accounts with roles, passwords, sessions, API keys, and identities of other sign-ons."""
