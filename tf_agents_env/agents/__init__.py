"""The algorithms that train the controller, one per file; `agent_settings` has their interface."""
