"""One turn: privacy, triage, policy, intake, retrieval, generation, verification, audit."""
