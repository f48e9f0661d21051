"""What is trained: the learned reader of urgency and intent. Adapters for the language model are a later issue."""
